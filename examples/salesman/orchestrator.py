"""
Spreads searches over the workers that there are: the procedure `solve`.

    python -m examples.salesman.orchestrator

Wiring only. What a search wants is in `search`, who can compute it in `farm`, whose turn it is in `units`. A search never waits for
anybody: it is answered when its budget is over, whatever workers, the leader or the followers of the service do.
"""

from __future__ import annotations

import secrets
import time
from argparse import Namespace
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from deltamesh.cli import log, loop
from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.connection.identity import identity
from deltamesh.connection.wamp import CallOptions, SubscribeOptions, TransportLost, WampError
from deltamesh.errors import ApplicationError, DeltameshError, NotTaken
from examples import feeding
from examples.salesman import known
from examples.salesman.board import Board
from examples.salesman.display import Display
from examples.salesman.excerpt import excerpt
from examples.salesman.farm import BadLoad, Farm
from examples.salesman.problem import Problem
from examples.salesman.problems import Problems
from examples.salesman.request import Options, checked_budget, checked_options, checked_problem
from examples.salesman.search import BadResult, Search
from examples.salesman.sending_away import SendingAway
from examples.salesman.service import app
from examples.salesman.solving import Solving
from examples.salesman.units import HELD, Flight, Units

ANNEAL: Final = app.uris.action("anneal")
PROBLEM: Final = app.uris.action("problem")
SOLVE: Final = app.uris.action("solve")
ON_LOAD: Final = app.uris.action("on_load")
ON_LEAVE: Final = "wamp.session.on_leave"

MAX_SEARCHES: Final = 12
"""Searches at the same time. Each holds the distances of its problem: 36 MB for the largest."""

MAX_OF_CALLER: Final = 4
"""Searches of one session at the same time."""

TICK: Final = 0.05
"""Pause between two looks at what has become due [s]."""

NOBODY: Final = 0.2
"""Pause after the router has said that there is no worker at all [s]."""

STANDBY: Final = 0.5
"""Pause between two looks whether another orchestrator is still there [s]."""


class Orchestrator:
    """One orchestrator. A second one waits until the first is gone, since only one can register `solve`."""

    log = Logger(namespace="salesman")

    def __init__(self, connection: Connection) -> None:
        self.farm = Farm()
        self.units = Units()
        self.board = Board()
        self._connection = connection
        self._display = Display(Mesh(connection, app.uris.prefix, patience=2.0), self.board)
        self._solving: dict[str, Solving] = {}
        self._problems = Problems(connection.reactor)
        self._sending_away = SendingAway(self.farm, connection, ANNEAL, self._callees_known, self._let_go)
        self._calls: dict[Flight, Deferred[None]] = {}
        self._nobody_until = self._failed = 0.0
        self._last_number = 0
        self._is_waiting = False
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = connection.reactor
        connection.on_join(self._set_up)
        connection.on_lost(self._lost)

    async def stop(self) -> None:
        """End all searches with what they have, and tell it."""
        for solving in list(self._solving.values()):
            solving.state = "cancelled"
            solving.end()
        if self._ticking.running:
            self._ticking.stop()
        await self._display.stop()

    # -- joining

    async def _set_up(self, connection: Connection) -> None:
        session = connection.session
        if not await self._is_first(connection):
            return
        await connection.register(PROBLEM, self.problem)
        await session.subscribe(self._load, ON_LOAD, options=SubscribeOptions(details_arg="event"))
        await session.subscribe(self._left, ON_LEAVE)
        for instance in known.instances():
            self.board.put("problems", instance.problem.id, _listed(instance.problem, instance.optimum, is_known=True))
        self._display.begin()
        if not self._ticking.running:
            self._ticking.start(TICK)
        self.log.info("taking searches")

    async def _is_first(self, connection: Connection) -> bool:
        """Register `solve`, as soon as no other orchestrator has it; return False if the session was lost meanwhile."""
        session = connection.session
        while connection.session is session:
            try:
                await connection.register(SOLVE, self.solve)
            except WampError as error:
                if error.error != "wamp.error.procedure_already_exists":
                    raise
                if not self._is_waiting:
                    self.log.info("standing by: another orchestrator takes the searches")
                self._is_waiting = True
                await deferLater(connection.reactor, STANDBY, lambda: None)
            else:
                self._is_waiting = False
                return True
        return False

    def _lost(self) -> None:
        """The session is gone, and with it all callers, workers and units."""
        for session in list(self.farm.workers):
            self._gone(session)
        self.farm.know(None)
        for flight in self.units.held:
            self.units.landed(flight)
        for solving in list(self._solving.values()):
            solving.state = "lost"
            solving.end()

    # -- what others call

    async def solve(self, details: Any, problem: Any, budget_s: Any, options: Any = None) -> dict[str, Any]:
        """
        Search for a short tour until the budget is over; see README.md. Progressive results tell when it has become shorter.

        Raises:
            ApplicationError: bad_problem, bad_budget, bad_options, no_such_instance, no_world, no_time, too_many_searches.
        """
        began = self._now()
        budget, chosen, wanted = checked_budget(budget_s), checked_options(options), checked_problem(problem)
        self._check_room(details.caller)
        found, optimum = await self._problems.find(wanted)
        self._check_room(details.caller)
        solving = self._new(found, optimum, budget, chosen, details.caller, began)
        self._solving[solving.id] = solving
        telling = LoopingCall(self._tell, solving, details)
        telling.clock = self._connection.reactor
        try:
            landscape, start = await self._problems.prepared(found, began + budget - self._now())
            seed = secrets.randbits(32) if chosen.seed is None else chosen.seed
            solving.begin(Search(landscape, start, budget, chosen, seed))
            telling.start(TICK)
            self._hand_out()
            await self._over(solving)
            if solving.state == "running":
                solving.state = "done"
        except (CancelledError, ApplicationError):
            solving.state = "cancelled"
            raise
        finally:
            if telling.running:
                telling.stop()
            self._close(solving)
        return solving.result(self._now())

    async def problem(self, details: Any, id: Any) -> dict[str, Any]:
        """
        Return a problem that is being searched, or was lately.

        Raises:
            ApplicationError: no_such_problem.
        """
        found = self._problems.get(id) if isinstance(id, str) else None
        if found is None:
            raise app.error("no_such_problem", "nobody searches a tour of this problem", problem=excerpt(id))
        return found.to_json()

    async def _over(self, solving: Solving) -> None:
        """Return when the budget of a search is over, or there is nothing more to wait for."""
        assert solving.search is not None
        end = solving.began + solving.search.end
        deadline = self._connection.reactor.callLater(max(0.0, end - self._now()), solving.end)
        try:
            await solving.ended
        finally:
            if deadline.active():
                deadline.cancel()

    def _check_room(self, caller: int | None) -> None:
        if len(self._solving) >= MAX_SEARCHES:
            raise app.error("too_many_searches", f"{MAX_SEARCHES} searches are running already, which is all there may be", retry=True)
        if sum([solving.caller == caller for solving in self._solving.values()]) >= MAX_OF_CALLER:
            raise app.error("too_many_searches", f"{MAX_OF_CALLER} of your searches are running already", retry=True)

    def _new(self, problem: Problem, optimum: int | None, budget: float, options: Options, caller: int | None, began: float) -> Solving:
        date = time.time()
        self._last_number = max(self._last_number + 1, int(date * 1_000))
        solving = Solving(secrets.token_hex(8), self._last_number, problem, optimum, budget, options, caller, began, date)
        if self.board.get("problems", problem.id) is None:
            self.board.put("problems", problem.id, _listed(problem, optimum, is_known=False))
        self._problems.keep(problem)
        return solving

    def _close(self, solving: Solving) -> None:
        """A search has ended: nobody computes for it any longer."""
        del self._solving[solving.id]
        for flight in [] if solving.search is None else self.units.of(solving.search):
            self._drop(flight)
        solving.show(self.board, self._now())
        self._display.retire()
        self._problems.forget({each.problem.id for each in self._solving.values()})
        self._hand_out()

    # -- units

    def _hand_out(self) -> None:
        """Hand out units as long as there are some for somebody."""
        now = self._now()
        if now < self._nobody_until or self._connection.session is None:
            return
        running = [(each.search, each.began) for each in self._solving.values() if each.search is not None and not each.ended.called]
        slots, capacity = self.farm.slots, self.farm.capacity
        while (flight := self.units.hand_out(running, slots, capacity, now)) is not None:
            self._calls[flight] = Deferred.fromCoroutine(self._compute(flight))

    async def _compute(self, flight: Flight) -> None:
        """Have a unit computed by some worker."""
        solving = self._solving_of(flight)
        assert solving is not None, "units are handed out for searches that are running"
        try:
            await deferLater(self._connection.reactor, 0, lambda: None)  # so that its call is known here before it can end
            answer = await self._connection.call(ANNEAL, options=CallOptions(details=True), **flight.unit.arguments(solving.problem.id))
        except CancelledError:  # it was dropped
            return
        except (DeltameshError, ValueError) as error:  # ValueError: its message is a number that is too long to be written
            is_under_way = self.units.is_under_way(flight)
            if self._landed(flight) and is_under_way:
                self._not_computed(flight, error)
        else:
            solving = self._solving_of(flight)
            if self._landed(flight) and solving is not None:
                self._computed(flight, solving, answer.results[0] if answer.results else None, answer.callee or 0)
        self._hand_out()

    def _solving_of(self, flight: Flight) -> Solving | None:
        """Return whose unit it is; None if that search has ended."""
        return next((each for each in self._solving.values() if each.search is flight.search), None)

    def _landed(self, flight: Flight) -> bool:
        self._calls.pop(flight, None)
        return self.units.landed(flight)

    def _computed(self, flight: Flight, solving: Solving, result: Any, worker: int) -> None:
        now, search = self._now(), flight.search
        try:
            search.take(flight.unit, result, now - flight.begun, now - solving.began, worker)
        except BadResult as error:
            self.farm.refused(worker)
            self._sending_away.liar(worker, str(error))
            return
        self.farm.accepted(worker)
        if search.is_complete():
            solving.end()

    def _not_computed(self, flight: Flight, error: Exception) -> None:
        if isinstance(error, NotTaken) and not self.farm.callees:
            flight.search.put_back(flight.unit)
            self._nobody_until = self._now() + NOBODY
            return
        # Else somebody may only claim that nobody has taken it.
        flight.search.give_up(flight.unit)
        self._failed = self._now()
        self.log.debug("a unit was not computed: {type}", type=type(error).__name__)
        if self._connection.session is not None:
            self._sending_away.look(has_unanswered=True)

    def _drop(self, flight: Flight) -> None:
        """Nobody waits for a unit any longer."""
        self.units.landed(flight)
        call = self._calls.pop(flight, None)
        if call is not None and self._connection.session is not None:  # else it ends by itself
            call.cancel()

    def _let_go(self) -> None:
        """A worker goes: the router is not to give others what was given up and is kept."""
        for flight in self.units.held:
            self._drop(flight)

    # -- workers

    def _load(self, /, *args: Any, event: Any = None, **load: Any) -> None:
        """A worker tells its load."""
        session = None if event is None else event.publisher
        if session is None:
            self.log.warn("a load whose publisher the router does not disclose: its permissions lack it")
            return
        try:
            is_new = self.farm.report(session, load, self._now())
        except BadLoad as error:
            self.log.debug("session {session} reports no load: {error}", session=session, error=error)
            return
        worker = self.farm.worker(session)
        if worker is not None and self.farm.callees:
            self.board.put("workers", session, worker.shown())
        if is_new:
            self._sending_away.look(has_unanswered=False)
            self._nobody_until = 0.0
            self._hand_out()

    def _callees_known(self) -> None:
        """The farm has been told who takes units: show those."""
        workers = self.farm.workers
        for session, _ in list(self.board.entries("workers")):
            if session not in workers:
                self.board.drop("workers", session)
        for session, worker in workers.items():
            self.board.put("workers", session, worker.shown())
        self._hand_out()

    def _left(self, session: int, *args: Any, **kwargs: Any) -> None:
        """A session has ended."""
        if session in self.farm.callees:
            self._let_go()
        self._gone(session)

    def _gone(self, session: int) -> None:
        if self.farm.leave(session):
            self.board.drop("workers", session)

    # -- what becomes due

    def _tick(self) -> None:
        now = self._now()
        for session in self.farm.expire(now):
            self.board.drop("workers", session)
        for flight in self.units.outlived(now):
            self._drop(flight)
        for flight in self.units.hold(now):
            flight.search.give_up(flight.unit)
        if not self.units.held and now - self._failed > HELD:
            self.farm.acquit()
        if self._connection.session is not None and (self.units.held or self.farm.has_strangers):
            self._sending_away.look(bool(self.units.held), is_strike=self.units.is_missing_one(now))
        waiting = [each for each in self._solving.values() if each.waits_in_vain(now) or not self.farm.slots]
        for solving in self._solving.values():
            if solving in waiting:
                solving.improve(now, len(waiting))
            solving.show(self.board, now)
        self._hand_out()

    def _tell(self, solving: Solving, details: Any) -> None:
        """Tell the caller what is new, if it wants to know."""
        if details.progress is None or solving.ended.called:
            return
        news = solving.news(self._now())
        if news is not None:
            try:
                details.progress(news)
            except TransportLost:
                self.log.debug("the session was lost while telling of a search")

    def _now(self) -> float:
        return float(self._connection.reactor.seconds())


def _listed(problem: Problem, optimum: int | None, *, is_known: bool) -> dict[str, Any]:
    """Return a problem as the service keeps it."""
    return {**problem.to_json(), "size": len(problem), "optimum": optimum, "is_known": is_known}


async def main(options: Namespace) -> None:
    """Orchestrate until a signal comes."""
    connection = Connection(options.router, realm=options.realm, identity=identity())
    orchestrator = Orchestrator(connection)
    connection.start()
    try:
        await Deferred()
    finally:
        await orchestrator.stop()
        await connection.stop()


if __name__ == "__main__":
    options = feeding.arguments(__doc__).parse_args()
    log.begin("salesman.orchestrator")
    loop.run(lambda: main(options))
