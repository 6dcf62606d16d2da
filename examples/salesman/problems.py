"""The problems that are searched or were lately: found by name, with their distances, which are computed once and kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container
from dataclasses import replace
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as TwistedTimeoutError
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from examples.salesman import known
from examples.salesman.excerpt import excerpt
from examples.salesman.landscape import Landscape
from examples.salesman.problem import Problem
from examples.salesman.service import app
from examples.salesman.start import nearest_neighbour_tour
from examples.salesman.tour import Tour
from examples.salesman.world import NoWorld, world

KEPT: Final = 16
"""Problems that workers can ask for, and whose distances are kept, beyond those that are being searched: the last ones."""

MAX_KEPT: Final = 40_000_000
"""Distances that are kept for problems that are not being searched [4 B each]."""


class Problems:
    """What is kept of problems, by their ids."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._problems: OrderedDict[str, Problem] = OrderedDict()
        self._landscapes: OrderedDict[str, tuple[Landscape, Tour]] = OrderedDict()

    def get(self, id: str) -> Problem | None:
        """Return a problem that is kept."""
        return self._problems.get(id)

    async def find(self, wanted: Problem | str | int) -> tuple[Problem, int | None]:
        """
        Return a problem, an instance by its name, or so many cities of the world, and the length of the shortest tour if that is known.

        Another problem that is called like an instance is called its owner's.

        Raises:
            ApplicationError: no_such_instance, no_world.
        """
        if isinstance(wanted, int):
            try:
                wanted = await deferToThread(world, wanted)
            except NoWorld as error:
                raise app.error("no_world", str(error)) from error
        if isinstance(wanted, str):
            instance = known.named(wanted)
            if instance is None:
                names = ", ".join([each.problem.name for each in known.instances()])
                raise app.error("no_such_instance", f"there is no instance {excerpt(wanted)}, only {names}", name=excerpt(wanted))
            return instance.problem, instance.optimum
        instance = known.named(wanted.name)
        if instance is not None and instance.problem.id != wanted.id:
            wanted = replace(wanted, name=f"{wanted.name} (own)")
        return wanted, known.optimum_of(wanted.id)

    def keep(self, problem: Problem) -> None:
        """Keep a problem until `forget`: it is the last one that was asked for."""
        self._problems[problem.id] = problem
        self._problems.move_to_end(problem.id)

    async def prepared(self, problem: Problem, seconds: float) -> tuple[Landscape, Tour]:
        """
        Return the distances of a problem and a first tour; to compute them takes 0.4 s for 3,000 cities, in a thread.

        Raises:
            ApplicationError: no_time, if it takes more than `seconds`.
        """
        found = self._landscapes.get(problem.id)
        if found is not None:
            self._landscapes.move_to_end(problem.id)
            return found
        waiting: Deferred[tuple[Landscape, Tour]] = Deferred()

        def finished(outcome: Any) -> None:
            if not isinstance(outcome, Failure):
                self._landscapes[problem.id] = outcome  # even if nobody waits for it any longer: the next one need not
            if not waiting.called:
                waiting.callback(outcome)

        deferToThread(_prepare, problem).addBoth(finished)
        waiting.addTimeout(max(0.0, seconds), self._reactor)
        try:
            return await waiting
        except TwistedTimeoutError as error:
            text = f"the budget was over before the distances between {len(problem)} cities were computed: allow more"
            raise app.error("no_time", text, retry=True) from error

    def forget(self, searched: Container[str]) -> None:
        """Keep what is searched, and of the rest only the last."""
        idle = [id for id in self._problems if id not in searched]
        for id in idle[: max(0, len(idle) - KEPT)]:
            del self._problems[id]
        kept = 0
        for id in reversed(list(self._landscapes)):
            if id not in searched:
                kept += self._landscapes[id][0].size ** 2
                if kept > MAX_KEPT or id not in self._problems:
                    del self._landscapes[id]


def _prepare(problem: Problem) -> tuple[Landscape, Tour]:
    landscape = Landscape(problem)
    return landscape, nearest_neighbour_tour(landscape)
