"""
A farm in simulated time: a router's queue, workers of every temper, and the parts of the orchestrator that know no clock.

    farm = SimulatedFarm(seed=1)
    farm.add(slots=2)
    farm.search(landscape, budget=3.0)
    farm.run(until=3.0)
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, islice
from random import Random
from typing import Any, Final

from examples.salesman.farm import Farm
from examples.salesman.improvement import improvements
from examples.salesman.landscape import Landscape
from examples.salesman.request import Options
from examples.salesman.search import BadResult, Search
from examples.salesman.start import nearest_neighbour_tour
from examples.salesman.tour import read_tour, tour_text
from examples.salesman.units import Flight, Units

TICK: Final = 0.05
WAY: Final = 0.004
"""Time of a message [s]."""

TEMPERS: Final = ("honest", "lazy", "hasty", "slow", "liar", "swallower", "sleeper", "boaster")
"""A lazy one stops at once, a hasty one claims to have computed, a slow one waits and claims to be slow; a liar lies about the length, a
swallower answers nothing, a sleeper only when a unit is cancelled, and a boaster takes no units."""

SILENT: Final = ("swallower", "sleeper")


@dataclass(eq=False)
class SimulatedWorker:
    session: int
    slots: int
    speed: float
    """Steps a second."""
    temper: str
    flights: set[Flight] = field(default_factory=set)
    is_frozen: bool = False
    busy: float = 0.0
    """Time that it has computed, of all slots [s]."""


class SimulatedFarm:
    def __init__(self, seed: int, *, comes_back: bool = False) -> None:
        self.random = Random(seed)
        self.now = 0.0
        self.comes_back = comes_back
        """Whether whoever is sent away comes back at once, as somebody else."""
        self.farm = Farm()
        self.units = Units()
        self.searches: list[tuple[Search, float]] = []
        self.workers: dict[int, SimulatedWorker] = {}
        self.queue: deque[Flight] = deque()
        self.sent_away: list[SimulatedWorker] = []
        self.ended: dict[Search, float] = {}
        self.late = 0
        """Results of honest workers that came after their search had ended."""
        self.most_in_flight = self.longest_queue = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._inquired = -1.0
        self.at(0.0, self._tick)

    def at(self, when: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), action))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self.now, _, action = heapq.heappop(self._events)
            action()
        self.now = until

    # -- who comes and goes

    def add(self, slots: int = 1, speed: float = 100_000.0, temper: str = "honest") -> SimulatedWorker:
        worker = SimulatedWorker(next(self._order) + 1_000, slots, speed, temper)
        self.workers[worker.session] = worker
        self.at(self.now, lambda: self._load(worker))
        return worker

    def remove(self, worker: SimulatedWorker) -> None:
        """Its session ends: the router gives its units to others."""
        if self.workers.pop(worker.session, None) is not None:
            for flight in self.units.held:
                self._drop(flight)
            self.farm.leave(worker.session)
            worker.flights = {flight for flight in worker.flights if self.units.is_under_way(flight)}
            self.queue.extendleft(worker.flights)
            self._dispatch()

    def search(self, landscape: Landscape, budget: float, **options: Any) -> Search:
        search = Search(landscape, nearest_neighbour_tour(landscape), budget, Options(**options), seed=7)
        self.searches.append((search, self.now))
        self.at(self.now + search.end, lambda: self._end(search))
        self._hand_out()
        return search

    # -- the orchestrator

    def _end(self, search: Search) -> None:
        self.searches = [each for each in self.searches if each[0] is not search]
        self.ended[search] = self.now
        for flight in self.units.of(search):
            self._drop(flight)
        self._hand_out()

    def _tick(self) -> None:
        self.farm.expire(self.now)
        for flight in self.units.outlived(self.now):
            self._drop(flight)
        for flight in self.units.hold(self.now):
            flight.search.give_up(flight.unit)
        if not self.units.held:
            self.farm.acquit()
        if (self.units.held or self.farm.has_strangers) and self.now - self._inquired >= 1.0:
            self._look()
        self._hand_out()
        self.at(self.now + TICK, self._tick)

    def _look(self) -> None:
        self._inquired = self.now
        callees = [worker.session for worker in self.workers.values() if worker.temper != "boaster"]
        self.farm.know(callees)
        if self.units.held:
            for session in self.farm.unanswered(callees, self.units.is_missing_one(self.now)):
                self._send_away(session)

    def _hand_out(self) -> None:
        while (flight := self.units.hand_out(self.searches, self.farm.slots, self.farm.capacity, self.now)) is not None:
            assert len(self.units) <= self.farm.capacity
            self.most_in_flight = max(self.most_in_flight, len(self.units))
            self.queue.append(flight)
            self._dispatch()
            self.longest_queue = max(self.longest_queue, len(self.queue))

    def _drop(self, flight: Flight) -> None:
        self.units.landed(flight)
        if flight in self.queue:
            self.queue.remove(flight)
        for worker in self.workers.values():
            if worker.temper == "sleeper":
                worker.flights.discard(flight)

    def _answered(self, flight: Flight, result: Any, worker: SimulatedWorker) -> None:
        if not self.units.landed(flight):
            self.late += worker.temper == "honest" and flight.search in self.ended
            return
        if flight.search in self.ended:
            return
        began = next(began for search, began in self.searches if search is flight.search)
        try:
            flight.search.take(flight.unit, result, self.now - flight.begun, self.now - began, worker.session)
        except BadResult:
            self.farm.refused(worker.session)
            self._send_away(worker.session)
        else:
            self.farm.accepted(worker.session)
        self._hand_out()

    def _send_away(self, session: int) -> None:
        worker = self.workers.get(session)
        if worker is not None:
            for flight in self.units.held:
                self._drop(flight)
            self.sent_away.append(worker)
            self.remove(worker)
            if self.comes_back:
                self.at(self.now + 0.1, lambda: self.add(worker.slots, worker.speed, worker.temper))

    # -- the router and the workers

    def _dispatch(self) -> None:
        while self.queue:
            free = [worker for worker in self.workers.values() if len(worker.flights) < worker.slots and worker.temper != "boaster"]
            if not free:
                return
            worker = min(free, key=lambda each: (len(each.flights) / each.slots, self.random.random()))
            flight = self.queue.popleft()
            worker.flights.add(flight)
            if worker.temper not in SILENT:
                self._compute(worker, flight)

    def _compute(self, worker: SimulatedWorker, flight: Flight) -> None:
        unit = flight.unit
        steps = min(unit.steps, max(1, int(worker.speed * unit.limit)))
        seconds = steps / worker.speed if worker.temper == "honest" else 0.3 if worker.temper == "slow" else 0.0005
        if worker.temper == "honest":
            result = _result(flight, steps, seconds)
        else:
            same = {"current": unit.tour, "best": unit.tour, "length": unit.length - (worker.temper == "liar"), "routes": 0}
            result = {**same, "steps": {"lazy": 0, "slow": 1}.get(worker.temper, unit.steps), "seconds": seconds}

        def done() -> None:
            if worker.is_frozen:
                self.at(self.now + 0.1, done)
                return
            worker.flights.discard(flight)
            worker.busy += seconds
            if worker.session in self.workers:
                self._answered(flight, result, worker)
                self._dispatch()

        self.at(self.now + seconds + 2 * WAY, done)

    def _load(self, worker: SimulatedWorker) -> None:
        if worker.session not in self.workers:
            return
        if not worker.is_frozen:
            load = {"name": "simulated", "kind": "node", "host": "here", "concurrency": worker.slots, "busy": 0, "cpu": None}
            if self.farm.report(worker.session, {**load, "routes": 0, "units": 0}, self.now) and self.now - self._inquired >= 1.0:
                self._look()
            self._hand_out()
        self.at(self.now + 1.0, lambda: self._load(worker))


def _result(flight: Flight, steps: int, seconds: float) -> dict[str, Any]:
    """Return a right result: the tour with a few exchanges."""
    landscape = flight.search.landscape
    tour = read_tour(flight.unit.tour, landscape.size)
    for better in islice(improvements(landscape, tour), 3):
        tour = tour if better is None else better
    text = tour_text(tour)
    result = {"current": text, "best": text, "length": landscape.length(tour), "routes": 10 * steps, "steps": steps}
    return {**result, "seconds": seconds, "worker": "simulated"}
