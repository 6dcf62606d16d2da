"""
Nodes: descriptions at work. What every kind of node has, and how a change travels from one to the next.

*Theory of operation.* A revision visits the nodes that a change concerns in the order in which they were made, and a
node is made after what it reads, so each is visited once. A visit (`settle`) brings the node up to date and leaves
in `changes` what happened to its keys; `announce` then queues the nodes that this concerns:

- `dependents`, which take any change (map, reduce, merge, size);
- `slices`, only those that contain a changed key;
- `takes`, only those whose keys are touched;
- `readers` of the changed keys, for what mappers looked up.

*Changes.* `changes[key]` is the values that went and the values that came. Of a key with many values it names only
those concerned, so that a reducer's work does not grow with the number of values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from deltamesh.graph.failure import Failure, describe
from deltamesh.graph.order import Order
from deltamesh.graph.ranges import Ranges
from deltamesh.graph.reader import SIZE, Reader
from deltamesh.values import ABSENT, IndexKey, Values, plain_key, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Description
    from deltamesh.graph.graph import Graph
    from deltamesh.graph.group import Group
    from deltamesh.graph.watch import Watch

Change: TypeAlias = tuple[tuple[Any, ...], tuple[Any, ...], Any]
"""(values that went, values that came, something that only the node itself knows about)"""

NOTHING: Final[dict[Any, Any]] = {}
"""The changes of a node that was not visited. Never written to."""


class Node:
    """Common to all nodes. `number` grows in the order of making; sources have smaller numbers."""

    __slots__ = (
        "changes",
        "dependents",
        "description",
        "failures",
        "graph",
        "is_queued",
        "known_size",
        "num_failed",
        "num_recomputed",
        "num_unchanged",
        "num_users",
        "number",
        "readers",
        "slices",
        "sources",
        "takes",
        "watches",
    )

    def __init__(self, graph: Graph, number: int, description: Description, sources: list[Node]) -> None:
        self.graph = graph
        self.number = number
        self.description = description
        self.sources = sources
        self.num_users = 0
        """Nodes and watches that hold this node; at 0 it goes."""
        self.is_queued = False
        self.changes: dict[IndexKey, Change] = NOTHING
        self.dependents: dict[Node, None] = {}  # an ordered set
        self.slices: Ranges[Any] | None = None  # made for the first slice
        self.takes: list[Any] = []  # take nodes, the longest first
        self.readers: dict[Any, Reader | set[Reader]] = {}
        self.known_size: int | None = None
        """The number of keys at the last revision, if somebody has asked for it (reads `SIZE`)."""
        self.watches: dict[Watch, None] = {}
        self.failures: dict[IndexKey, Failure] = {}
        self.num_recomputed = 0
        """Keys computed, ever."""
        self.num_unchanged = 0
        """Keys computed with an equal result, so that nothing followed."""
        self.num_failed = 0
        """Keys whose computation raised, ever."""

    # What readers of a node call

    get: Callable[[IndexKey], Values | Group | None]
    """Return the values of a key; None or none if it is not there."""

    def values_of(self, key: IndexKey) -> Values | Group:
        """Return the values of `key`, `ABSENT` if it is not there."""
        return self.get(key) or ABSENT

    def __contains__(self, key: object) -> bool:
        raise AssertionError("every node but a lazy one knows its keys")

    def __len__(self) -> int:
        raise AssertionError("every node but a lazy one has a size")

    def __bool__(self) -> bool:
        return True

    def keys(self) -> Iterable[IndexKey]:
        """Return all keys, in any order."""
        raise AssertionError("every node but a lazy one has keys")

    def keys_between(self, low: Any, high: Any, *, after: bool = False) -> Iterator[IndexKey]:
        """Iterate in order from `low` (without it if `after`) up to and including `high`."""
        raise AssertionError("every node but a lazy one has ordered keys")

    def count_between(self, low: Any, high: Any) -> int:
        """Return the number of keys from `low` to `high`, both included."""
        raise AssertionError("every node but a lazy one has ordered keys")

    def values_before(self, key: IndexKey) -> Values:
        """Return the values that `key` had before this revision, in any order. For the few who need all of them."""
        values = list(self.values_of(key))
        went, came, _ = self.changes.get(key, ((), (), None))
        for value in came:
            del values[next(index for index, each in enumerate(values) if same(each, value))]
        return Values((*values, *went))

    # What the graph calls

    def build(self) -> None:
        """Compute everything from the sources, which are up to date."""
        raise AssertionError("every node can be built")

    def settle(self) -> None:
        """Bring this node up to date with the changes of its sources, and leave `changes`."""
        raise AssertionError("every node can be settled")

    def fail(self, key: IndexKey, error: Exception) -> None:
        """List `key` as failed. Its reads stay tracked: a change of them is the occasion to try again."""
        self.failures[key] = Failure(self.description.label(), plain_key(key), describe(error))
        self.num_failed += 1
        self.graph.failed.append((self, key))

    def close(self) -> None:
        """Let go of what this node is attached to."""
        for source in self.sources:
            source.dependents.pop(self, None)

    def announce(self) -> None:
        """Queue the nodes that the changes of this one concern."""
        if self.dependents:
            for node in self.dependents:
                if not node.is_queued:
                    self.graph.enqueue(node)
        if self.readers:
            self._queue_readers()
        for take in self.takes:
            if not take.reaches(self.changes):
                break  # nor does any that takes less
            if not take.is_queued:
                self.graph.enqueue(take)
        if self.slices is not None:
            for key in self.changes:
                for node in self.slices.owners_of(key):
                    node.touched.append(key)
                    if not node.is_queued:
                        self.graph.enqueue(node)

    def _queue_readers(self) -> None:
        readers, changes = self.readers, self.changes
        # whichever is shorter is gone through
        keys: Iterable[Any] = changes if len(changes) <= len(readers) else filter(changes.__contains__, readers)
        if self.known_size is not None and len(self) != self.known_size:
            self.known_size = len(self)
            keys = [*keys, SIZE]
        for key in keys:
            found: Any = readers.get(key)
            if found is None:
                continue
            for reader in found if type(found) is set else (found,):
                node = reader.node
                if node is not self:  # a lazy node looks after its own readers
                    node.reread[reader.entry] = reader
                    if not node.is_queued:
                        self.graph.enqueue(node)

    def add_reader(self, key: Any, reader: Reader) -> None:
        """Remember that `reader` looked up `key`. One reader stands for itself, several are a set."""
        found = self.readers.setdefault(key, reader)
        if type(found) is set:
            found.add(reader)
        elif found is not reader:
            self.readers[key] = {found, reader}  # type: ignore[arg-type]
        elif key is SIZE:
            self.known_size = len(self)

    def drop_reader(self, key: Any, reader: Reader) -> None:
        """Forget that `reader` looked up `key`."""
        found = self.readers[key]
        if type(found) is set:
            found.discard(reader)
        if type(found) is not set or not found:
            del self.readers[key]
            if key is SIZE:
                self.known_size = None


class StoredNode(Node):
    """A node that keeps its entries, and their order once somebody asks for it."""

    __slots__ = ("entries", "get", "order")

    def __init__(self, graph: Graph, number: int, description: Description, sources: list[Node], follows: list[Node]) -> None:
        super().__init__(graph, number, description, sources)
        self.entries: dict[IndexKey, Values | Group] = {}
        self.get = self.entries.get
        self.order: Order | None = None
        for source in follows:  # any change of these concerns this node
            source.dependents[self] = None

    def __contains__(self, key: object) -> bool:
        return key in self.entries

    def __len__(self) -> int:
        return len(self.entries)

    def keys(self) -> Iterable[IndexKey]:
        return self.entries

    def keys_between(self, low: Any, high: Any, *, after: bool = False) -> Iterator[IndexKey]:
        return self._ordered().between(low, high, after=after)

    def count_between(self, low: Any, high: Any) -> int:
        return self._ordered().count(low, high)

    def _ordered(self) -> Order:
        if self.order is None:
            self.order = Order(self.entries)
        return self.order

    def put(self, key: IndexKey, values: Values | Group) -> None:
        """Set the values of a key; none remove it."""
        entries, order = self.entries, self.order
        if order is not None and bool(values) != (key in entries):
            order.note(key)
        if values:
            entries[key] = values
        else:
            entries.pop(key, None)
        if order is not None:
            order.trim()
