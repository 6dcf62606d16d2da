"""The node of `lazy`: values computed when looked up, kept while somebody reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deltamesh.graph.computed import ComputedNode
from deltamesh.graph.failure import CycleError
from deltamesh.graph.lookup import Lookup
from deltamesh.graph.node import NOTHING, Node, Reader
from deltamesh.values import ABSENT, IndexKey, Values, freeze, plain_key, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Lazy
    from deltamesh.graph.graph import Graph


class LazyNode(ComputedNode):
    """
    Keeps what it was asked for, `entries`, absent results included, as long as it has readers.

    All keys of a cycle fail, from wherever it is entered, so that the outcome does not depend on who asked first.
    """

    __slots__ = ("computing",)

    def __init__(self, graph: Graph, number: int, description: Lazy, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, [], sources)
        itself = Lookup(self)
        self.lookups.append(itself)
        self.arguments.insert(0, itself)
        self.computing: set[IndexKey] = set()

    def build(self) -> None:
        """Nothing is computed before it is asked for."""

    def __len__(self) -> int:
        raise TypeError("a lazy collection has no size: only keys that are looked up are known")

    def values_of(self, key: IndexKey) -> Values:
        found = self.entries.get(key)
        if found is None:
            found = self._compute(key)
        return found  # type: ignore[return-value]

    def settle(self) -> None:
        """Compute anew what was kept of the keys concerned, and of those that were made from them."""
        stale: dict[IndexKey, Any] = {}
        waiting = list(self.reread)
        self.reread = set()
        while waiting:
            key = waiting.pop()
            if key in stale or key not in self.entries:
                continue
            stale[key] = self.entries[key]
            waiting.extend([entry for node, entry in self._readers_of(key) if node is self])
        for key in stale:
            del self.entries[key]
        changes = {}
        for key, before in stale.items():
            if key not in self.readers:  # lost its last reader meanwhile
                self._drop(key)
                continue
            after = self.values_of(key)
            if same(before, after):
                self.num_unchanged += 1
            else:
                changes[key] = (before, after)
        self.changes = changes or NOTHING

    def drop_reader(self, key: Any, reader: Reader) -> None:
        super().drop_reader(key, reader)
        if key not in self.readers:
            self._drop(key)

    def _drop(self, key: IndexKey) -> None:
        self.entries.pop(key, None)
        self.forget(key)

    def _readers_of(self, key: IndexKey) -> set[Reader]:
        found = self.readers.get(key)
        if found is None:
            return set()
        return found if type(found) is set else {found}  # type: ignore[arg-type]

    def _compute(self, key: IndexKey) -> Values:
        if key in self.computing:
            raise _Cycle(key, f"{plain_key(key)!r:.80} depends on itself")
        self.computing.add(key)
        self.num_recomputed += 1
        interrupted = [lookup.begin() for lookup in self.lookups]
        cycle: _Cycle | None = None
        values = ABSENT
        try:
            values = Values([freeze(value) for value in self.function(plain_key(key), *self.arguments)])
        except Exception as error:  # an application's function may raise anything; it is listed as failed
            self.fail(key, error)
            cycle = error if isinstance(error, _Cycle) and error.key != key else None
        else:
            self.failures.pop(key, None)
        self.computing.discard(key)
        for lookup, seen in zip(self.lookups, interrupted, strict=True):
            lookup.commit(self, key)
            lookup.restore(seen)
        self.entries[key] = values
        if cycle is not None:  # the other keys of the cycle fail as well
            raise cycle
        return values


class _Cycle(CycleError):
    """Carries the key that closed the cycle."""

    def __init__(self, key: IndexKey, message: str) -> None:
        super().__init__(message)
        self.key = key
