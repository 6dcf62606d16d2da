"""A tour to begin with: always to the nearest city that has not been visited."""

from __future__ import annotations

import numpy as np

from examples.salesman.landscape import Landscape
from examples.salesman.tour import Tour

FAR = np.iinfo(np.int32).max


def nearest_neighbour_tour(landscape: Landscape, first: int = 0) -> Tour:
    """Return the tour that goes from `first` always to the nearest city that is left; it is about 25 % too long. Cost: quadratic."""
    tour = np.empty(landscape.size, np.int32)
    visited = np.zeros(landscape.size, np.bool_)
    city = first
    for position in range(landscape.size):
        tour[position] = city
        visited[city] = True
        city = int(np.where(visited, FAR, landscape.distances[city]).argmin())
    return tour
