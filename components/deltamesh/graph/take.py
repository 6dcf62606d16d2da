"""The node of `take`: the first keys of its source."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from deltamesh.graph.node import NOTHING, Change, Node
from deltamesh.graph.order import TOP, Order, first_of, is_before
from deltamesh.values import IndexKey

if TYPE_CHECKING:
    from deltamesh.graph.collection import Take
    from deltamesh.graph.graph import Graph
    from deltamesh.graph.group import Group
    from deltamesh.values import Values


class TakeNode(Node):
    """Keeps which keys are the first; is told only of changes at or before the last of them."""

    __slots__ = ("boundary", "limit", "members", "source", "window")

    def __init__(self, graph: Graph, number: int, description: Take, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources)
        self.source = sources[0]
        self.limit = description.limit
        self.members: set[IndexKey] = set()
        self.window = Order(self.members)
        self.boundary: Any = TOP
        """The last key of the window if it is full: what comes after it does not matter."""
        if self.limit > 0:
            insort(self.source.takes, self, key=lambda take: -take.limit)

    def close(self) -> None:
        if self.limit > 0:
            self.source.takes.remove(self)

    def reaches(self, keys: Iterable[IndexKey]) -> bool:
        """Whether one of some keys of the source is in the window, or would be if it was there. `keys` is iterated several times."""
        boundary = self.boundary
        try:
            for key in keys:
                if not boundary < key:
                    return True
        except TypeError:  # keys that Python cannot compare
            return not is_before(boundary, first_of(keys))
        return False

    def build(self) -> None:
        self._refill()
        self._set_boundary()

    def settle(self) -> None:
        touched = self._touched()
        changes = self._replaced() if len(touched) > 2 * self.limit else self._shifted(touched)
        self._set_boundary()
        self.changes = changes or NOTHING

    def _touched(self) -> list[IndexKey]:
        """Return the changed keys that are in the window or might have to be."""
        changes, members, boundary = self.source.changes, self.members, self.boundary
        try:
            return [key for key in changes if key in members or key < boundary]
        except TypeError:  # keys that Python cannot compare
            return [key for key in changes if key in members or is_before(key, boundary)]

    def _replaced(self) -> dict[IndexKey, Change]:
        """Take the first keys anew; return what has changed. For many changes."""
        source, former = self.source, self.members
        first = list(islice(source.keys_between(None, TOP), self.limit))
        self.members = set(first)
        self.window = Order(self.members)
        changes = {key: source.changes[key] for key in first if key in former and key in source.changes}
        changes.update({key: ((), tuple(source.values_of(key)), None) for key in first if key not in former})
        changes.update({key: (source.values_before(key), (), None) for key in former if key not in self.members})
        return changes

    def _shifted(self, touched: list[IndexKey]) -> dict[IndexKey, Change]:
        """Take in and out the keys that have changed; return what has changed. For few changes."""
        source = self.source
        changes: dict[IndexKey, Change] = {}
        entered: set[IndexKey] = set()
        for key in touched:
            if key in self.members:
                changes[key] = source.changes[key]
                if key not in source:
                    self._remove(key)
            elif key in source:
                self._add(key)
                entered.add(key)
        entered.update(self._refill())
        while len(self.members) > self.limit:
            key = self.window.last()
            self._remove(key)
            if key in entered:
                entered.discard(key)
            else:
                changes[key] = (source.values_before(key), (), None)
        for key in entered:
            changes[key] = ((), tuple(source.values_of(key)), None)
        return changes

    def _set_boundary(self) -> None:
        self.boundary = self.window.last() if self.limit > 0 and len(self.members) == self.limit else TOP

    def _refill(self) -> list[IndexKey]:
        """Take keys of the source from behind the window while there is room; return them."""
        missing = self.limit - len(self.members)
        if missing <= 0:
            return []
        keys = self.source.keys_between(self.window.last(), TOP, after=True) if self.members else self.source.keys_between(None, TOP)
        found = list(islice(keys, missing))
        for key in found:
            self._add(key)
        return found

    def _add(self, key: IndexKey) -> None:
        self.members.add(key)
        self.window.note(key)

    def _remove(self, key: IndexKey) -> None:
        self.members.discard(key)
        self.window.note(key)

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
