"""
What a solver walks on: all distances of a problem, and the nearest neighbours of each city. Built once for a problem.

Distances are the integers of TSPLIB, G. Reinelt, "TSPLIB 95", University of Heidelberg, section 2. Lengths of tours are therefore exact.
With GEO they need cos and acos, whose last bit may differ between Python and JavaScript; the integer does only if a value is within 1e-11
of one, which no instance of ours has.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from examples.salesman.problem import Problem
from examples.salesman.tour import Tour

NEIGHBOURS: Final = 10
"""Nearest neighbours of each city that are tried. The edges of good tours are nearly all among them."""

PI: Final = 3.141592
"""TSPLIB's."""
EARTH: Final = 6378.388
"""TSPLIB's radius of the earth [km]."""


class Landscape:
    """The distances of a problem. Cost: quadratic in the cities, 0.3 s for 3,000."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.size: int = len(problem)
        self.distances: NDArray[np.int32] = distances(problem)
        """From each city to each."""
        self.neighbours: NDArray[np.int32] = _neighbours(self.distances)
        """Of each city the nearest others, the nearest first; of equally near ones that with the lower number first."""
        self.near: NDArray[np.int32] = np.take_along_axis(self.distances, self.neighbours, axis=1)
        """Of each city the distances to its neighbours."""

    def length(self, tour: Tour) -> int:
        """Return how long a tour is."""
        return int(self.distances[tour, np.roll(tour, -1)].sum(dtype=np.int64))

    def neighbour_distance(self) -> float:
        """Return the mean distance from a city to its nearest neighbours: the unit in which temperatures are chosen. At least 1."""
        return max(1.0, float(self.near[:, : NEIGHBOURS // 2].mean()))


def distances(problem: Problem) -> NDArray[np.int32]:
    """Return the distances between all cities, as TSPLIB defines them for the kind of the problem; 0 from a city to itself."""
    x, y = np.array(problem.cities, np.float64).T
    found = _geographic(x, y) if problem.kind == "GEO" else _plane(x, y, is_att=problem.kind == "ATT")
    np.fill_diagonal(found, 0)
    return found


def _plane(x: NDArray[np.float64], y: NDArray[np.float64], *, is_att: bool) -> NDArray[np.int32]:
    squares = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    if not is_att:
        return np.floor(np.sqrt(squares) + 0.5).astype(np.int32)
    exact = np.sqrt(squares / 10.0)
    rounded = np.floor(exact + 0.5)
    return np.where(rounded < exact, rounded + 1, rounded).astype(np.int32)


def _geographic(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.int32]:
    latitude, longitude = _radians(x), _radians(y)
    q1 = np.cos(longitude[:, None] - longitude)
    q2 = np.cos(latitude[:, None] - latitude)
    q3 = np.cos(latitude[:, None] + latitude)
    cosine = np.clip(0.5 * ((1.0 + q1) * q2 - (1.0 - q1) * q3), -1.0, 1.0)
    return np.floor(EARTH * np.arccos(cosine) + 1.0).astype(np.int32)


def _radians(coordinate: NDArray[np.float64]) -> NDArray[np.float64]:
    degrees = np.trunc(coordinate)
    return PI * (degrees + 5.0 * (coordinate - degrees) / 3.0) / 180.0


def _neighbours(distances: NDArray[np.int32]) -> NDArray[np.int32]:
    size = len(distances)
    count = min(NEIGHBOURS, size - 1)
    found = np.empty((size, count), np.int32)
    for city in range(size):
        keys = distances[city].astype(np.int64) * size + np.arange(size)
        keys[city] = np.iinfo(np.int64).max
        found[city] = np.sort(np.partition(keys, count - 1)[:count]) % size
    return found
