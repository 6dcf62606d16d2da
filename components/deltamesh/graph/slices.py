"""The node of `slice`, `slices` and `prefix`: a window on its source that stores nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from deltamesh.graph.node import NOTHING, Node
from deltamesh.graph.order import TOP, is_before
from deltamesh.graph.ranges import Ranges
from deltamesh.values import IndexKey

if TYPE_CHECKING:
    from deltamesh.graph.collection import Slices
    from deltamesh.graph.graph import Graph
    from deltamesh.graph.group import Group
    from deltamesh.values import Values


class SlicesNode(Node):
    """Is told of the keys within its ranges only, through the source's `slices`."""

    __slots__ = ("ranges", "source", "touched")

    def __init__(self, graph: Graph, number: int, description: Slices, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources)
        self.source = sources[0]
        self.ranges = description.ranges
        self.touched: list[IndexKey] = []
        """Changed keys of the source that lie within the ranges; filled by the source."""
        if self.source.slices is None:
            self.source.slices = Ranges()
        self.source.slices.add(self, self.ranges)

    def close(self) -> None:
        assert self.source.slices is not None
        self.source.slices.remove(self, self.ranges)

    def build(self) -> None:
        """Nothing is stored."""

    def settle(self) -> None:
        changed = self.source.changes
        self.changes = {key: changed[key] for key in self.touched} or NOTHING
        self.touched = []

    def get(self, key: IndexKey) -> Values | Group | None:
        return self.source.get(key) if self._covers(key) else None

    def __contains__(self, key: object) -> bool:
        return self._covers(key) and key in self.source

    def __len__(self) -> int:
        return self.count_between(None, TOP)

    def keys(self) -> Iterable[IndexKey]:
        return self.keys_between(None, TOP)

    def keys_between(self, low: Any, high: Any, *, after: bool = False) -> Iterator[IndexKey]:
        for first, last in self._within(low, high):
            yield from self.source.keys_between(first, last, after=after and first is low)

    def count_between(self, low: Any, high: Any) -> int:
        return sum([self.source.count_between(first, last) for first, last in self._within(low, high)])

    def _within(self, low: Any, high: Any) -> Iterator[tuple[Any, Any]]:
        """Iterate over the parts of the ranges that lie between the bounds; the first starts with `low` itself if it can."""
        for start, end in self.ranges:
            first = start if is_before(low, start) else low
            last = end if is_before(end, high) else high
            if not is_before(last, first):
                yield first, last

    def _covers(self, key: Any) -> bool:
        """Whether a range has the key: they are in order and do not meet, so only the last one that begins before it. Cost: logarithmic."""
        first, end = 0, len(self.ranges)
        while first < end:
            middle = (first + end) // 2
            if is_before(key, self.ranges[middle][0]):
                end = middle
            else:
                first = middle + 1
        return first > 0 and not is_before(self.ranges[first - 1][1], key)
