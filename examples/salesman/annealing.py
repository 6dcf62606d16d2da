"""
The solver: simulated annealing in the space of tours that no exchange of two or three edges shortens.

A step is:

1. Perturbation: two neighbouring pieces of the tour, of 1 to 50 cities each, change places. That breaks three edges, not far from each
   other.
2. Repair: while an exchange of two or three edges, among them 2-opt and Or-opt, makes the tour shorter, it is made. Only cities at the
   ends of changed edges are looked at, they wait in a queue, and only near neighbours are tried for new edges.
3. Acceptance: the new tour is kept if it is not longer, or with probability exp(-difference / temperature); else the step is undone, by a
   log. So a step costs what it changes, and not what the tour is long.
4. Cooling: the temperature falls from step to step, within a unit in a straight line from `hot` to `cold`; from unit to unit the
   orchestrator says.

What else was tried, with 1,000 random cities, one to three seconds of one core, and four seeds each: this comes within 0.06 to 0.15 % of
the tour that LKH finds. Repair with 2-opt and Or-opt alone makes four times as many steps, and comes within 0.12 to 0.23 %. A
perturbation of four edges (the double bridge) comes within 0.12 to 0.18 % in one second, shorter pieces do worse. Plain annealing without
repair was not tried.

Sources: S. Kirkpatrick, C. Gelatt and M. Vecchi, "Optimization by simulated annealing", Science 220, 1983 (acceptance, cooling). O.
Martin, S. Otto and E. Felten, "Large-step Markov chains for the traveling salesman problem", Complex Systems 5, 1991 (perturb, repair,
then accept). S. Lin, "Computer solutions of the traveling salesman problem", Bell System Technical Journal 44, 1965 (exchanges of three
edges). I. Or, "Traveling salesman-type combinatorial problems", Northwestern University, 1976 (Or-opt). J. Bentley, "Fast algorithms for
geometric traveling salesman problems", ORSA Journal on Computing 4, 1992 (neighbour lists, queue of cities). D. Applegate, W. Cook and A.
Rohe, "Chained Lin-Kernighan for large traveling salesman problems", INFORMS Journal on Computing 15, 2003 (perturbations that stay local).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from examples.salesman.kernel import BEST, MAX_MOVES, ROUTES, run
from examples.salesman.landscape import Landscape
from examples.salesman.tour import Tour

MAX_SEED: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Annealed:
    """What a unit has come to."""

    current: Tour
    """Where the chain stands: it goes on from here. Often longer than the best."""
    best: Tour
    """The shortest it has seen, never longer than the tour it began with."""
    length: int
    """Of the best."""
    routes: int
    """Routes evaluated: candidate tours whose difference in length to the present tour was computed, whether they were taken or not."""


class Chain:
    """
    A unit, computed piece by piece: in how many pieces makes no difference to what it comes to.

    Args:
        tour: a permutation of the cities; it is copied.
        hot: temperature at the beginning [units of length], not negative.
        cold: temperature at the end, likewise.
        steps: how many there are in all.
        seed: 0 … 2**32 - 1. The same arguments give the same result, in JavaScript too.
    """

    def __init__(self, landscape: Landscape, tour: Tour, hot: float, cold: float, steps: int, seed: int) -> None:
        size = landscape.size
        self.steps = steps
        self.done = 0
        """Steps that were made."""
        self._landscape = landscape
        self._hot, self._cold = float(hot), float(cold)
        self._tour = np.array(tour, np.int32)
        self._best = self._tour.copy()
        self._positions = np.empty(size, np.int32)
        self._positions[self._tour] = np.arange(size, dtype=np.int32)
        self._queue = np.concatenate([self._tour, np.zeros(5, np.int32)])  # at the end there is room for an exchange that was found
        self._queued = np.ones(size, np.bool_)
        self._moves = np.empty((MAX_MOVES + 3, 2), np.int32)
        length = landscape.length(self._tour)
        self._state = np.array([first_random(seed), length, length, 0, size], np.int64)

    @property
    def routes(self) -> int:
        """Routes evaluated so far."""
        return int(self._state[ROUTES])

    def run(self, steps: int) -> bool:
        """Make that many more steps, or as many as are left; other threads run meanwhile. Return whether all have been made."""
        until = min(self.done + steps, self.steps)
        landscape = self._landscape
        run(
            landscape.distances, landscape.neighbours, landscape.near, self._tour, self._positions, self._best, self._queue, self._queued,
            self._moves, self._state, self._hot, self._cold, self.steps, self.done, until,
        )  # fmt: skip
        self.done = until
        return until == self.steps

    def result(self) -> Annealed:
        """Return what it has come to so far."""
        return Annealed(self._tour.copy(), self._best.copy(), int(self._state[BEST]), self.routes)


def anneal(landscape: Landscape, tour: Tour, hot: float, cold: float, steps: int, seed: int) -> Annealed:
    """Compute a unit: `steps` steps from `tour`, while the temperature goes from `hot` to `cold`. See `Chain` for the arguments."""
    chain = Chain(landscape, tour, hot, cold, steps, seed)
    chain.run(steps)
    return chain.result()


def first_random(seed: int) -> int:
    """Return the first state of the generator. Seeds that lie side by side are spread (A. Appleby's finalizer of MurmurHash3); never 0."""
    mixed = seed ^ 0x9E3779B9
    mixed = ((mixed ^ (mixed >> 16)) * 0x85EBCA6B) & MAX_SEED
    mixed = ((mixed ^ (mixed >> 13)) * 0xC2B2AE35) & MAX_SEED
    return (mixed ^ (mixed >> 16)) or 1
