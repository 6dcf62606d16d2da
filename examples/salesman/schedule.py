"""
What works well: first and last temperature, size of a unit, and when chains combine. The temperatures are from trials with 318, 1,000 and
2,000 cities, where twice as much or half made no difference that two to four seeds show; when to combine was not tried by itself.

Chains go their own ways while it is hot, because that is when they find different valleys. From `COMBINE` of the budget on, a chain whose
current tour is longer than that of another one goes on from the current tour of the best (the best tour it has seen is colder than its
time).
"""

from __future__ import annotations

from typing import Final

HOT: Final = 0.5
"""First temperature, as a part of the mean distance between neighbours (`Landscape.neighbour_distance`)."""

COLD: Final = 0.03
"""Last temperature, likewise."""

COMBINE: Final = 0.5
"""Part of the budget after which chains combine."""

UNIT_STEPS: Final = 15_000
"""Steps of a unit: about a quarter of a second of one core with Python, half a second with JavaScript."""

MIN_STEPS: Final = 100
"""Fewer are not worth their message."""


def temperature(part: float, neighbour_distance: float, hot: float = HOT, cold: float = COLD) -> float:
    """Return the temperature [units of length] when `part` of the budget is over, 0 … 1. It falls exponentially."""
    return neighbour_distance * hot * (min(hot, cold) / hot) ** min(1.0, max(0.0, part))


def unit_steps(size: int) -> int:
    """
    Return how many steps a unit has if nothing is known of the worker: a function of the number of cities alone.

    A step hardly costs more with more cities. Of very few the best tour is found at once.
    """
    return max(MIN_STEPS, min(UNIT_STEPS, 150 * size))
