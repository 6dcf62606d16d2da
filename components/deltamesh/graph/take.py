"""The node of `take`: the first keys of its source."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from deltamesh.graph.node import NOTHING, Change, Node
from deltamesh.graph.order import TOP, Order, is_before
from deltamesh.values import ABSENT, IndexKey

if TYPE_CHECKING:
    from deltamesh.graph.collection import Take
    from deltamesh.graph.graph import Graph
    from deltamesh.graph.group import Group
    from deltamesh.values import Values


class TakeNode(Node):
    """Keeps which keys are the first; is told only of changes at or before the last of them."""

    __slots__ = ("limit", "members", "source", "window")

    def __init__(self, graph: Graph, number: int, description: Take, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources)
        self.source = sources[0]
        self.limit = description.limit
        self.window = Order()
        self.members: set[IndexKey] = set()  # the keys of the window
        insort(self.source.takes, self, key=lambda take: -take.limit)

    def close(self) -> None:
        self.source.takes.remove(self)

    def build(self) -> None:
        self._refill()

    def is_touched_from(self, first: IndexKey) -> bool:
        """Whether a change that begins at the key `first` concerns the window."""
        if self.limit == 0:
            return False
        return len(self.members) < self.limit or not is_before(self.window.last(), first)

    def settle(self) -> None:
        source = self.source
        boundary: Any = self.window.last() if len(self.members) == self.limit else TOP
        changes: dict[IndexKey, Change] = {}
        entered: set[IndexKey] = set()
        for key, change in source.changes.items():
            if key in self.members:
                changes[key] = change
                if key not in source:
                    self._remove(key)
            elif is_before(key, boundary) and key in source:
                self._add(key)
                entered.add(key)
        entered.update(self._refill())
        while len(self.members) > self.limit:
            key = self.window.last()
            self._remove(key)
            if key in entered:
                entered.discard(key)
            else:
                changes[key] = (source.values_before(key), ())
        for key in entered:
            changes[key] = ((), tuple(source.values_of(key)))
        self.changes = changes or NOTHING

    def _refill(self) -> list[IndexKey]:
        """Take keys of the source from behind the window while there is room; return them."""
        found: list[IndexKey] = []
        missing = self.limit - len(self.members)
        if missing > 0:
            keys = self.source.keys_between(self.window.last(), TOP, after=True) if self.members else self.source.keys_between(None, TOP)
            found.extend(islice(keys, missing))
        for key in found:
            self._add(key)
        return found

    def _add(self, key: IndexKey) -> None:
        self.window.add(key)
        self.members.add(key)

    def _remove(self, key: IndexKey) -> None:
        self.window.remove(key)
        self.members.discard(key)

    def get(self, key: IndexKey) -> Values | Group | None:
        return self.source.get(key) if key in self.members else None

    def __contains__(self, key: object) -> bool:
        return key in self.members

    def __len__(self) -> int:
        return len(self.members)

    def keys(self) -> Iterable[IndexKey]:
        return self.members

    def keys_between(self, low: Any, high: Any, *, after: bool = False) -> Iterator[IndexKey]:
        return self.window.between(low, high, after=after)

    def count_between(self, low: Any, high: Any) -> int:
        return self.window.count(low, high)
