"""
One search: chains of units that cool down together, and the best tour that came of them.

A chain is one history of annealing. At most one of its units is under way at a time, so a search that several workers compute has several
chains. They share the temperature, which falls with the part of the budget that is over, however fast or slow the workers are. While it is
hot they go their own ways, then they combine (`schedule`), and the last units begin with the best tour. With `rounds` nothing depends on
time: each chain has its units and stays alone, so that the same seed gives the same route.

Nothing here knows workers, clocks or randomness. Results come from strangers: every tour is checked and every length recomputed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from statistics import median
from typing import Any, Final

from examples.salesman.excerpt import excerpt
from examples.salesman.landscape import Landscape
from examples.salesman.request import Options
from examples.salesman.schedule import COLD, COMBINE, HOT, UNIT_STEPS, temperature, unit_steps
from examples.salesman.tour import BadTour, Tour, read_tour, tour_text

UNIT: Final = 0.25
"""Computing time of a unit [s]: long against the way to a worker and back, short against a budget."""

MAX_UNIT: Final = 0.5
"""Computing time after which a worker that is slower than others stops [s]."""

LEAST_UNIT: Final = 0.02
"""Computing time below which a unit is not worth its way [s]."""

SHORTEST: Final = 0.001
"""Computing time that is believed at least [s]."""

CLOCKS: Final = 0.01
"""How far the clock of a worker may be from ours after a unit [s]."""

OBSERVED: Final = 15
"""Workers whose last results say how many steps a second are to be expected: their median."""

SMALLEST: Final = 0.5
LARGEST: Final = 20.0
"""Bounds of the steps of a unit, in units of `UNIT_STEPS`. What workers say of their speed is not known to be true: those that claim to
be slow do not make the units of others small, and units that are too large for a worker end by their limit."""

LAST: Final = 0.95
"""Part of the budget after which units begin with the best tour: it is as cold as that by then."""

MAX_CHAINS: Final = 64

SPACING: Final = (0.1, 0.02)
"""Least time between two points of the progress: [s], and as a part of the time that is over. A search of 600 s has 300 points at most."""

RECENT: Final = 3.0
"""Time over which routes a second are counted [s]."""

MARGIN: Final = 0.1
"""How much later than it should be an answer may come before its unit is done again [s]."""

ROUTES_PER_STEP: Final = 20_000
"""Routes that a step can evaluate, generously. What a worker claims beyond that is not counted."""


class BadResult(ValueError):
    """What a worker has answered is not a result of its unit; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """The piece of work that is handed to a worker."""

    chain: int
    number: int
    """How many units of its chain were done before."""
    tour: str
    length: int
    """Of `tour`."""
    hot: float
    cold: float
    """Temperatures at its begin and end, in units of length."""
    steps: int
    seed: int
    limit: float
    """Computing time after which the worker stops [s]."""
    patience: float
    """Time after which it is done again [s]."""
    grace: float
    """Time beyond that in which nobody is to blame: somebody who does not know the problem has to get it and to measure it [s]."""

    def arguments(self, problem: str) -> dict[str, Any]:
        """Return the keyword arguments of `anneal`."""
        temperatures = {"hot": self.hot, "cold": self.cold}
        return {"problem": problem, "tour": self.tour, **temperatures, "steps": self.steps, "seed": self.seed, "limit": self.limit}


@dataclass(slots=True, eq=False)
class _Chain:
    number: int
    current: str
    length: int
    """Of `current`."""
    best_length: int
    """Of the best tour that it has come to."""
    units: int = 0
    under_way: Unit | None = None


class Search:
    """
    One search, from its first tour on.

    Args:
        start: the first tour.
        budget: [s]
        seed: all seeds of its units come from it.

    Times given to methods are seconds since it began.
    """

    def __init__(self, landscape: Landscape, start: Tour, budget: float, options: Options, seed: int) -> None:
        self.landscape = landscape
        self.budget = budget
        self.options = options
        self.seed = seed
        self.best = start
        self.best_length = self.start_length = landscape.length(start)
        self.best_text = tour_text(start)
        self.progress: list[tuple[float, int]] = [(0.0, self.best_length)]
        """[seconds, length]"""
        self.routes = self.units = self.refused = self.overdue = 0
        self.temperature: float | None = None
        self.workers: set[int] = set()
        self._best_chain = 0
        self._chains: dict[int, _Chain] = {}
        self._num_chains = 0
        self._start = (self.best_text, self.best_length)
        self._rates: dict[int, float] = {}
        """Steps a second of workers, the last heard of at the end."""
        self._recent: deque[tuple[float, int]] = deque()
        self._per_length = landscape.neighbour_distance()
        self._way = 0.03 + landscape.size / 100_000
        """Time that a unit needs for its way to a worker and back, generously [s]."""

    @property
    def end(self) -> float:
        """When to answer: a little before the budget is over."""
        return self.budget - min(0.02 * self.budget, 0.05)

    @property
    def chains(self) -> int:
        return len(self._chains)

    @property
    def in_flight(self) -> int:
        return sum([chain.under_way is not None for chain in self._chains.values()])

    def is_complete(self) -> bool:
        """Whether all rounds are done."""
        rounds = self.options.rounds
        return rounds is not None and self.units >= rounds

    def rate(self, now: float) -> float | None:
        """Return routes a second of late; None before the first unit."""
        while self._recent and self._recent[0][0] < now - RECENT:
            self._recent.popleft()
        if not self.units:
            return None
        return sum([routes for _, routes in self._recent]) / min(RECENT, max(now, UNIT))

    # -- units

    def next_unit(self, now: float, share: int, wait: float = 0.0) -> Unit | None:
        """
        Return the next unit to hand out, if there is one now.

        Args:
            share: units that this search may have under way; its chains become as many, if no option says how many there are.
            wait: how long the unit is going to wait for a worker [s].
        """
        limit = self.end - now - self._way - wait
        if limit < LEAST_UNIT:
            return None
        chain = self._next_chain(share)
        return None if chain is None else self._unit(chain, now, limit, wait)

    def _unit(self, chain: _Chain, now: float, limit: float, wait: float) -> Unit:
        rounds = self._rounds(chain)
        if rounds is not None:
            steps, expected = unit_steps(self.landscape.size), MAX_UNIT
            begin, end = chain.units / rounds, (chain.units + 1) / rounds
        else:
            expected = min(UNIT, limit)
            limit = min(MAX_UNIT, limit)
            steps = self._steps(expected)
            begin, end = now / self.end, (now + expected) / self.end
            if begin >= LAST:
                chain.current, chain.length = self.best_text, self.best_length
            elif begin >= COMBINE:
                self._combine(chain)
        hot, cold = self._temperature(begin), self._temperature(end)
        self.temperature = hot
        fetching = self.landscape.size / 1_500
        stops = limit + wait + self._way + MARGIN  # workers stop at the limit; once there is a result, some do know the problem
        patience = stops if rounds is None and self.units else 3 * (expected + wait) + 0.5 + fetching
        seed = self._unit_seed(chain)
        unit = Unit(chain.number, chain.units, chain.current, chain.length, hot, cold, steps, seed, limit, patience, fetching)
        chain.under_way = unit
        return unit

    def _next_chain(self, share: int) -> _Chain | None:
        fixed = self._fixed_chains()
        wanted = min(share, MAX_CHAINS) if fixed is None else fixed
        idle = [chain for chain in self._chains.values() if chain.under_way is None]
        if fixed is None:
            idle.sort(key=lambda chain: (chain.best_length, chain.number))
            while idle and len(self._chains) > wanted:
                del self._chains[idle.pop().number]
        idle = [chain for chain in idle if (rounds := self._rounds(chain)) is None or chain.units < rounds]
        if idle:
            return min(idle, key=lambda chain: (chain.units, chain.number))
        if len(self._chains) >= wanted:
            return None
        text, length = (self.best_text, self.best_length) if fixed is None else self._start
        chain = _Chain(self._num_chains, text, length, length, units=0 if fixed is not None else self._fewest())
        self._chains[chain.number] = chain
        self._num_chains += 1
        return chain

    def _fixed_chains(self) -> int | None:
        rounds = self.options.rounds
        if rounds is not None:
            return min(self.options.chains or 1, rounds)
        return self.options.chains

    def _fewest(self) -> int:
        return min([chain.units for chain in self._chains.values()], default=0)

    def _rounds(self, chain: _Chain) -> int | None:
        """Return how many units a chain has in all, if that is fixed."""
        rounds, chains = self.options.rounds, self._fixed_chains()
        if rounds is None or chains is None:
            return None
        return rounds // chains + (chain.number < rounds % chains)

    def _steps(self, seconds: float) -> int:
        """Return the steps of a unit that is to take so long."""
        usual = UNIT_STEPS * seconds / UNIT
        expected = median(self._rates.values()) * seconds if self._rates else usual
        return max(1, round(min(max(expected, SMALLEST * usual), LARGEST * usual)))

    def _observe(self, worker: int, rate: float) -> None:
        self._rates.pop(worker, None)
        self._rates[worker] = rate
        if len(self._rates) > OBSERVED:
            del self._rates[next(iter(self._rates))]

    def _temperature(self, part: float) -> float:
        hot = self.options.temperature or HOT
        if self.options.cooling == "linear":
            part = min(part, 1.0)
            return self._per_length * (hot + (min(COLD, hot) - hot) * part)
        return temperature(part, self._per_length, hot)

    def _unit_seed(self, chain: _Chain) -> int:
        number = chain.units if self.options.rounds is not None else self.units + self.refused + self.overdue
        return int.from_bytes(blake2b(f"{self.seed} {chain.number} {number}".encode(), digest_size=4).digest())

    # -- results

    def take(self, unit: Unit, result: object, waited: float, now: float, worker: int = 0) -> bool:
        """
        Take what a worker has answered for `unit`, `waited` seconds after it was handed out; return whether the best tour is a better one.

        It may have been given up: then its chain goes on from there if nobody else has done that unit meanwhile.

        Raises:
            BadResult: it is none. Nothing has changed; the chain will have the unit done again.
        """
        chain = self._freed(unit)
        try:
            current, length, best, best_length, routes, steps, seconds = self._checked(unit, result, waited)
        except BadResult:
            self.refused += 1
            raise
        is_next = chain is not None and chain.units == unit.number
        if self.options.rounds is not None and not is_next:
            return False
        self.units += 1
        self.workers.add(worker)
        self.routes += routes
        self._recent.append((now, routes))
        self._observe(worker, steps / max(seconds, SHORTEST))
        if chain is not None and is_next:
            chain.under_way = None
            chain.current, chain.length, chain.best_length = current, length, min(chain.best_length, best_length)
            chain.units += 1
        return self._offer(best, best_length, now, unit.chain)

    def give_up(self, unit: Unit) -> None:
        """Nobody has answered a unit in time: its chain will have it done again."""
        self._freed(unit)
        self.overdue += 1

    def put_back(self, unit: Unit) -> None:
        """A unit came to nobody, as there is no worker."""
        self._freed(unit)

    def offer(self, tour: Tour, now: float) -> bool:
        """Take a tour from elsewhere, which is one; return whether it is a better one."""
        return self._offer(tour, self.landscape.length(tour), now, 0)

    def _freed(self, unit: Unit) -> _Chain | None:
        chain = self._chains.get(unit.chain)
        if chain is not None and chain.under_way is unit:
            chain.under_way = None
        return chain

    def _combine(self, chain: _Chain) -> None:
        """Let a chain go on from where the best one is, if that has come to a shorter tour."""
        example = min(self._chains.values(), key=lambda each: (each.best_length, each.number))
        if example.best_length < chain.best_length:
            chain.current, chain.length, chain.best_length = example.current, example.length, example.best_length

    def _offer(self, tour: Tour, length: int, now: float, chain: int) -> bool:
        is_first = self.options.rounds is not None and length == self.best_length and chain < self._best_chain
        if length >= self.best_length and not is_first:
            return False
        is_better = length < self.best_length
        self.best, self.best_length, self.best_text, self._best_chain = tour, length, tour_text(tour), chain
        if is_better:
            least, part = SPACING
            if len(self.progress) > 1 and now - self.progress[-2][0] < max(least, part * now):
                self.progress.pop()
            self.progress.append((now, length))
        return is_better

    def _checked(self, unit: Unit, result: object, waited: float) -> tuple[str, int, Tour, int, int, int, float]:
        if not isinstance(result, Mapping):
            raise BadResult("a result is an object")
        steps, seconds, routes = result.get("steps"), result.get("seconds"), result.get("routes")
        if type(steps) is not int or not 0 <= steps <= unit.steps:
            raise BadResult(f"steps are a number from 0 to {unit.steps}, not {excerpt(steps)}")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= waited + CLOCKS:
            raise BadResult(f"seconds are a number from 0 to {waited:.3f}, the time it took, not {excerpt(seconds)}")
        if steps < unit.steps and seconds < unit.limit / 2:
            raise BadResult(f"it stopped after {steps} of {unit.steps} steps, long before its limit")
        if type(routes) is not int or routes < 0:
            raise BadResult(f"routes are a number from 0, not {excerpt(routes)}")
        text, best_text = result.get("current"), result.get("best")
        try:
            best = read_tour(best_text, self.landscape.size)
            current = best if text == best_text else read_tour(text, self.landscape.size)
        except BadTour as error:
            raise BadResult(str(error)) from error
        length, best_length = self.landscape.length(current), self.landscape.length(best)
        claimed = result.get("length")
        if not isinstance(claimed, int | float) or claimed != best_length:
            raise BadResult(f"the best tour is {best_length} long, not {excerpt(claimed)}")
        if best_length > min(unit.length, length):
            raise BadResult(f"the best tour is {best_length} long, longer than what it began with or ended with")
        return str(text), length, best, best_length, min(routes, ROUTES_PER_STEP * max(steps, 1)), steps, float(seconds)
