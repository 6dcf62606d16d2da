"""One call of `solve`: its search, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred

from examples.salesman.board import Board
from examples.salesman.improvement import improvements
from examples.salesman.problem import Problem
from examples.salesman.request import Options
from examples.salesman.search import Search
from examples.salesman.tour import Tour

NEWS: Final = 0.2
"""Least time between two progressive results, and between two looks at what is shown [s]."""

PATIENCE: Final = 0.5
"""Time after which a search that no worker has computed anything for does a little by itself [s]."""

SIGN_OF_LIFE: Final = 5.0
"""Longest time between two progressive results [s]: clients give up calls that are silent."""


class Solving:
    """
    A search for a caller. Times given to methods are those of the clock with which it began [s].

    Args:
        number: counts up from search to search.
        optimum: length of the shortest tour, if it is known.
        began: on the clock that only goes forward.
        date: Unix time [s].
    """

    def __init__(
        self,
        id: str,
        number: int,
        problem: Problem,
        optimum: int | None,
        budget: float,
        options: Options,
        caller: int | None,
        began: float,
        date: float,
    ) -> None:
        self.id = id
        self.number = number
        self.problem = problem
        self.optimum = optimum
        self.budget = budget
        self.options = options
        self.caller = caller
        self.began = began
        self.date = date
        self.state = "running"
        self.search: Search | None = None
        """None as long as the distances are not known."""
        self.ended: Deferred[None] = Deferred()
        """Fires when there is nothing more to wait for."""
        self._improving: Iterator[Tour | None] | None = None
        self._told: tuple[float, int | None] = (began, None)
        self._num_shown = 0
        self._shown_at = -1.0

    def begin(self, search: Search) -> None:
        """The distances are known: search."""
        self.search = search
        self._improving = improvements(search.landscape, search.best)

    def end(self) -> None:
        """There is nothing more to wait for."""
        if not self.ended.called:
            self.ended.callback(None)

    def waits_in_vain(self, now: float) -> bool:
        """Whether no worker has computed anything for it for a while, nor anything that must be the same with the same seed."""
        has_waited = now - self.began >= min(PATIENCE, self.budget / 4)
        return self.search is not None and not self.search.units and self.options.rounds is None and has_waited

    def improve(self, now: float, among: int) -> None:
        """Do a little without workers: some milliseconds for all searches `among` which it is one."""
        if self.search is not None and self._improving is not None:
            for tour in islice(self._improving, max(1, min(200, 100_000 // self.search.landscape.size) // among)):
                if tour is not None:
                    self.search.offer(tour, now - self.began)

    # -- what the caller is told

    def news(self, now: float) -> dict[str, Any] | None:
        """Return a progressive result, if there is something new."""
        if self.search is None:
            return None
        at, length = self._told
        if now - at < (NEWS if self.search.best_length != length else SIGN_OF_LIFE) and length is not None:
            return None
        self._told = (now, self.search.best_length)
        return self.report(now)

    def report(self, now: float) -> dict[str, Any]:
        """Return how far it is."""
        assert self.search is not None
        return {
            "search": self.id,
            "seconds": round(now - self.began, 3),
            "length": self.search.best_length,
            "routes": self.search.routes,
            "tour": self.search.best_text,
        }

    def result(self, now: float) -> dict[str, Any]:
        """Return the final result."""
        assert self.search is not None
        search = self.search
        return {
            **self.report(now),
            "state": self.state,
            "optimum": self.optimum,
            "gap": self._gap(search.best_length),
            "start": search.start_length,
            "units": search.units,
            "refused": search.refused,
            "workers": len(search.workers),
        }

    # -- what everybody is shown

    def show(self, board: Board, now: float) -> None:
        """Put all that is shown of it on the board, if there may be something new."""
        if self.state == "running" and now - self._shown_at < NEWS:
            return
        self._shown_at = now
        board.put("searches", self.id, self._shown(now))
        if self.search is None:
            return
        search = self.search
        if (board.get("routes", self.id) or {}).get("tour") != search.best_text:
            seconds = search.progress[-1][0]
            route = {"search": self.id, "problem": self.problem.id, "tour": search.best_text, "length": search.best_length}
            board.put("routes", self.id, {**route, "seconds": round(seconds, 3)})
        for number in range(max(0, self._num_shown - 1), len(search.progress)):  # the last one shown may have been replaced
            seconds, length = search.progress[number]
            board.put("progress", (self.id, number), [round(seconds, 3), length])
        self._num_shown = len(search.progress)

    def _shown(self, now: float) -> dict[str, Any]:
        elapsed = now - self.began
        problem, search = self.problem, self.search
        shown = {
            "id": self.id,
            "number": self.number,
            "state": self.state,
            "problem": {"id": problem.id, "name": problem.name, "kind": problem.kind, "size": len(problem), "optimum": self.optimum},
            "options": msgspec.to_builtins(self.options),
            "budget": self.budget,
            "began": round(self.date, 3),
            "seconds": round(elapsed, 1 if self.state == "running" else 3),
        }
        if search is None:
            nothing = dict.fromkeys(("length", "start", "gap", "rate", "temperature"))
            return {**shown, **nothing, "routes": 0, "chains": 0, "units": 0, "refused": 0, "overdue": 0, "workers": 0, "points": 0}
        rate = search.rate(elapsed)
        return {
            **shown,
            "length": search.best_length,
            "start": search.start_length,
            "gap": self._gap(search.best_length),
            "routes": search.routes,
            "rate": None if rate is None else round(rate),
            "temperature": None if search.temperature is None else round(search.temperature, 4),
            "chains": search.chains,
            "units": search.units,
            "refused": search.refused,
            "overdue": search.overdue,
            "workers": len(search.workers),
            "points": len(search.progress),
        }

    def _gap(self, length: int) -> float | None:
        return None if self.optimum is None else round(length / self.optimum - 1, 6)
