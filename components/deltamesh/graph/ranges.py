"""
Which ranges contain a key: so that a change reaches the slices that it concerns, among thousands that it does not.

Ranges of a single key are looked up. Longer ones are kept sorted by start, with the furthest end of each half above
it (an interval tree laid out in an array, rebuilt when it has grown by an eighth), so that finding costs O(log n) for
each range found.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from deltamesh.graph.order import bound_order
from deltamesh.values import IndexKey

Owner = TypeVar("Owner")
_Interval = tuple[Any, Any, Owner]


class Ranges(Generic[Owner]):
    """Ranges with their owners. An owner may have several."""

    def __init__(self) -> None:
        self._single: dict[IndexKey, list[Owner]] = {}
        self._recent: list[_Interval[Owner]] = []  # not in the tree yet
        self._sorted: list[_Interval[Owner]] = []
        self._starts: list[Any] = []
        self._furthest: list[Any] = []  # node i of the tree: the greatest end below it
        self._leaves = 1
        self._gone: dict[int, Owner] = {}  # by identity: removed, but perhaps still in the tree

    def add(self, owner: Owner, start: Any, end: Any) -> None:
        """Add the range from `start` to `end`, both included, neither after the other."""
        if bound_order(start) == bound_order(end):
            self._single.setdefault(start, []).append(owner)
            return
        self._recent.append((bound_order(start), bound_order(end), owner))
        if len(self._recent) > 32 + len(self._sorted) // 8:
            self._rebuild()

    def discard(self, owner: Owner, start: Any, end: Any) -> None:
        """Remove a range that was added; with its first long range all long ranges of `owner` go."""
        if bound_order(start) == bound_order(end):
            self._single[start].remove(owner)
            if not self._single[start]:
                del self._single[start]
            return
        self._recent = [each for each in self._recent if each[2] is not owner]
        self._gone[id(owner)] = owner
        if len(self._gone) > 32 + len(self._sorted) // 2:
            self._rebuild()

    def owners_of(self, key: IndexKey) -> Iterator[Owner]:
        """Iterate over the owners of the ranges that contain `key`; one with several such ranges may come twice."""
        yield from self._single.get(key, ())
        if not self._recent and not self._sorted:
            return
        order = bound_order(key)
        for start, end, owner in self._recent:
            if start <= order <= end:
                yield owner
        if self._sorted:
            yield from self._below(1, 0, self._leaves, bisect_right(self._starts, order), order)

    def _below(self, node: int, first: int, width: int, stop: int, order: Any) -> Iterator[Owner]:
        """Find, among `width` intervals from `first` and before `stop`, those that end at or after `order`."""
        if first >= stop or self._furthest[node] is None or self._furthest[node] < order:
            return
        if width == 1:
            owner = self._sorted[first][2]
            if id(owner) not in self._gone:
                yield owner
            return
        half = width // 2
        yield from self._below(2 * node, first, half, stop, order)
        yield from self._below(2 * node + 1, first + half, half, stop, order)

    def _rebuild(self) -> None:
        alive = [each for each in self._sorted if id(each[2]) not in self._gone]
        self._sorted = sorted(alive + self._recent, key=lambda each: (each[0], each[1]))
        self._recent = []
        self._gone = {}
        self._starts = [each[0] for each in self._sorted]
        self._leaves = 1
        while self._leaves < len(self._sorted):
            self._leaves *= 2
        self._furthest = [None] * (2 * self._leaves)
        for index, each in enumerate(self._sorted):
            self._furthest[self._leaves + index] = each[1]
        for node in range(self._leaves - 1, 0, -1):
            left, right = self._furthest[2 * node], self._furthest[2 * node + 1]
            self._furthest[node] = left if right is None or (left is not None and left >= right) else right
