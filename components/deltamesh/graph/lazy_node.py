"""The node of `lazy`: values computed when looked up, kept while somebody reads them. (The package has a function `lazy`.)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltamesh.graph.computed import ComputedNode
from deltamesh.graph.failure import CycleError
from deltamesh.graph.lookup import Lookup
from deltamesh.graph.node import NOTHING, Change, Node
from deltamesh.graph.reader import Reader
from deltamesh.graph.recursion import Cycle
from deltamesh.values import ABSENT, IndexKey, Values, freeze, plain_key, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Lazy
    from deltamesh.graph.graph import Graph


class LazyNode(ComputedNode):
    """
    Keeps what it was asked for, `entries`, absent results included, as long as it has readers.

    *Theory of operation.* When something changes, the kept keys concerned become *stale*, and so do all that were made
    from them. A stale key is computed again if something outside this collection that it read has changed; otherwise
    only if one of the keys of this collection that it read has really another value now, and else it stands as it was.
    """

    __slots__ = ("circular", "itself", "stale", "unread")

    def __init__(self, graph: Graph, number: int, description: Lazy, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, [], sources)
        self.get = self.values_of
        self.itself = Lookup(self, self.seen)
        self.arguments.insert(0, self.itself)
        self.stale: dict[IndexKey, tuple[Values, bool]] = {}
        """During a visit: former values, and whether something outside changed."""
        self.circular: set[IndexKey] = set()
        """Keys that fail because they depend on themselves."""
        self.unread: dict[IndexKey, None] = {}
        """Keys that have lost a reader. `sweep` drops those that nobody reads."""

    def build(self) -> None:
        """Nothing is computed before it is asked for."""

    def close(self) -> None:
        super().close()
        self.arguments.clear()  # as in `ComputedNode.close`: these hold this node, too
        del self.itself, self.get

    def __len__(self) -> int:
        raise TypeError("a lazy collection has no size: only keys that are looked up are known")

    def values_of(self, key: IndexKey) -> Values:
        found = self.entries.get(key)
        if found:
            return found  # type: ignore[return-value]
        if found is None:
            self.graph.recursion.compute((self, key))
            return self.entries[key]  # type: ignore[return-value]
        self.graph.recursion.check_circular((self, key))
        return ABSENT

    def settle(self) -> None:
        changed, self.reread = self.reread, {}
        self._take_out(changed)
        for key in list(self.stale):
            if any(reader.node is not self for reader in self.readers_of(key)):
                self.values_of(key)
        changes: dict[IndexKey, Change] = {}
        for key, (before, _) in self.stale.items():
            after = self.entries.get(key)
            if after is None:  # not needed by anything that is read from outside
                self.forget(key)
            elif not same(before, after):
                changes[key] = (before, tuple(after), None)
        self.stale = {}
        self.changes = changes or NOTHING

    def _take_out(self, changed: dict[IndexKey, Reader]) -> None:
        """Make stale what is kept of the keys whose reads have changed, and all that was made from them."""
        waiting = list(changed)
        while waiting:
            key = waiting.pop()
            if key in self.entries:
                self.stale[key] = (self.entries.pop(key), key in changed)  # type: ignore[assignment]
                waiting.extend([reader.entry for reader in self.readers_of(key) if reader.node is self])

    def compute(self, key: IndexKey) -> None:
        """
        Work out a key that is not kept, and keep it. Called through `Recursion` only.

        Raises:
            Cycle, TooDeep: to unwind; after a cycle the key is kept as failed, otherwise it is not.
        """
        former = self.stale.get(key)
        if former is not None and self._stands(key, *former):
            self.entries[key] = former[0]
            return
        self.num_recomputed += 1
        num_seen = len(self.seen)  # by the computation that this one interrupts
        try:
            values, cycle = self._run(key), None
        except Cycle as signal:
            values, cycle = ABSENT, signal
            self.fail(key, CycleError(f"{plain_key(key)!r:.80} depends on itself"))
            self.circular.add(key)
        else:
            self.circular.discard(key)
        finally:
            seen = self.seen[num_seen:]
            del self.seen[num_seen:]
        self.reading.setdefault(key, Reader(self, key)).track(seen)
        self.entries[key] = values
        if former is not None and same(former[0], values):
            self.num_unchanged += 1
        if cycle is not None:
            raise cycle

    def _run(self, key: IndexKey) -> Values:
        try:
            values = Values([freeze(value) for value in self.function(plain_key(key), *self.arguments)])
        except Exception as error:  # an application's function may raise anything; it is listed as failed
            self.fail(key, error)
            return ABSENT
        self.failures.pop(key, None)
        return values

    def _stands(self, key: IndexKey, before: Values, has_changed: bool) -> bool:
        """Whether the values of a stale key are what they were. Looks at its reads in their order, as it would itself."""
        if has_changed or key in self.circular:
            return False
        for read in self.reads_of(key):
            former = self.stale.get(read)
            if former is None:
                continue
            try:
                if not same(former[0], self.values_of(read)):
                    return False
            except Cycle:
                return False  # and met again when it is computed
        return True

    def reads_of(self, key: IndexKey) -> list[IndexKey]:
        """Return the keys of this collection that a key has read, in the order of reading."""
        reader = self.reading.get(key)
        return [] if reader is None else [read for lookup, read in reader.pairs() if lookup is self.itself]

    def readers_of(self, key: IndexKey) -> set[Reader]:
        """Return who reads a key."""
        found = self.readers.get(key)
        if found is None:
            return set()
        return found if type(found) is set else {found}  # type: ignore[arg-type]

    def drop_reader(self, key: IndexKey, reader: Reader) -> None:
        super().drop_reader(key, reader)
        if key not in self.readers or key in self.circular:
            if not self.unread:
                self.graph.to_sweep.append(self)
            self.unread[key] = None

    def forget(self, key: IndexKey) -> None:
        super().forget(key)
        self.circular.discard(key)

    def sweep(self) -> None:
        """Drop what nobody outside reads any more. Not while something is computed, which may be about to read it."""
        while self.unread:
            key, _ = self.unread.popitem()
            for each in self._unreachable(key):
                self.entries.pop(each, None)
                self.forget(each)

    def _unreachable(self, key: IndexKey) -> set[IndexKey]:
        """Return `key` and all that it was made for, or nothing if one of these is read from outside."""
        found, waiting = {key}, [key]
        while waiting:
            for reader in self.readers_of(waiting.pop()):
                if reader.node is not self:
                    return set()
                if reader.entry not in found:
                    found.add(reader.entry)
                    waiting.append(reader.entry)
        return found
