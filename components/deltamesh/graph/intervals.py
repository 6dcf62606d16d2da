"""A fixed set of intervals that can be asked which of them contain a point, in O(log n) for each one found."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

Owner = TypeVar("Owner")

Interval = tuple[Any, Any, Owner]
"""From, to (both included), and whose it is."""


class Intervals(Generic[Owner]):
    """Intervals sorted by start; above them, as a binary tree laid out in an array, the furthest end of each half."""

    __slots__ = ("_furthest", "_leaves", "_starts", "intervals")

    def __init__(self, intervals: list[Interval[Owner]]) -> None:
        self.intervals = sorted(intervals, key=lambda each: each[0])
        self._starts = [start for start, _, _ in self.intervals]
        self._leaves = 1 << (len(intervals) - 1).bit_length() if intervals else 1
        furthest: list[Any] = [()] * (2 * self._leaves)  # () is before every end; those of node i are 2i and 2i + 1
        for index, (_, end, _) in enumerate(self.intervals):
            furthest[self._leaves + index] = end
        for node in range(self._leaves - 1, 0, -1):
            furthest[node] = max(furthest[2 * node], furthest[2 * node + 1])
        self._furthest = furthest

    def __len__(self) -> int:
        return len(self.intervals)

    def containing(self, point: Any) -> Iterator[Owner]:
        """Iterate over the owners of the intervals that contain `point`."""
        stop = bisect_right(self._starts, point)
        waiting = [(1, 0, self._leaves)]  # nodes of the tree: number, first interval below it, how many
        while waiting:
            node, first, width = waiting.pop()
            if first >= stop or self._furthest[node] < point:
                continue
            if width == 1:
                yield self.intervals[first][2]
            else:
                half = width // 2
                waiting.append((2 * node + 1, first + half, half))
                waiting.append((2 * node, first, half))
