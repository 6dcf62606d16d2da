"""Figures of what took how long."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value that `percent` of all values do not exceed; of fewer than 100 values the 99th percentile is the largest."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def times(values: Sequence[float]) -> dict[str, float | int]:
    """Return number, median, 99th percentile and maximum of durations [s]."""
    if not values:
        return {"num": 0}
    p50, p99, most = [round(each, 3) for each in (percentile(values, 50), percentile(values, 99), max(values))]
    return {"num": len(values), "p50": p50, "p99": p99, "max": most}
