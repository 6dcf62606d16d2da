"""What the orchestrator can do itself while there is no worker: 2-opt, a little at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from examples.salesman.landscape import Landscape
from examples.salesman.tour import Tour


def improvements(landscape: Landscape, tour: Tour) -> Iterator[Tour | None]:
    """
    Yield better and better tours, each made of the one before by the best exchange of two edges, one of which begins at a given city.

    Between two of them it yields None, after each city that it has looked at in vain. It ends when no exchange makes the tour shorter. A
    step is linear in the number of cities: 0.1 ms for 3,000.
    """
    distances, size = landscape.distances, landscape.size
    tour = tour.copy()
    fruitless = position = 0
    while fruitless < size:
        after = np.roll(tour, -1)
        here, following = tour[position], after[position]
        gains = distances[here, following] + distances[tour, after] - distances[here, tour] - distances[following, after]
        gains[position] = 0
        other = int(gains.argmax())
        if gains[other] > 0:
            first, last = sorted([position, other])
            tour[first + 1 : last + 1] = tour[first + 1 : last + 1][::-1]
            fruitless = 0
            yield tour.copy()
        else:
            fruitless += 1
            position = (position + 1) % size
            yield None
