"""What a mapper gets for an extra collection: reading by key, and every read is tracked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from deltamesh.graph.node import SIZE, Node, Reader
from deltamesh.values import JSON, IndexKey, NotOne, index_key

_REQUIRED: Final = object()


class Lookup:
    """
    Read another collection from within a function of the graph.

    When a key that was read changes, or appears, the function is run again. Valid only while the function runs.
    """

    __slots__ = ("_node", "_reads", "_seen", "_values_of")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._values_of = node.values_of
        self._seen: list[Any] = []  # keys read by the computation that runs now
        self._reads: dict[IndexKey, tuple[Any, ...]] = {}  # by entry of the reading node

    def one(self, key: Any, default: JSON = _REQUIRED) -> JSON:
        """
        Return the only value of `key`; `default`, if given, when it is not there.

        Raises:
            NotOne: the key has several values, or none and no default.
            NotJSON: the key is not JSON.
        """
        kind = type(key)
        if kind is not int and kind is not str:
            key = index_key(key)
        self._seen.append(key)
        values = self._values_of(key)
        if len(values) == 1:
            return values[0]
        if default is _REQUIRED or values:
            raise NotOne(f"{self._node.description.label()} has {len(values)} values for key {key!r:.80}, one is expected")
        return default

    def all(self, key: Any) -> Sequence[JSON]:
        """Return the values of `key` in order, none if it is not there. Taking `len()` of it costs O(1)."""
        kind = type(key)
        if kind is not int and kind is not str:
            key = index_key(key)
        self._seen.append(key)
        return self._values_of(key)

    def __contains__(self, key: Any) -> bool:
        key = index_key(key)
        self._seen.append(key)
        return bool(self._values_of(key))

    def size(self) -> int:
        """Return the number of keys. Run again whenever anything in the collection changes."""
        self._seen.append(SIZE)
        return len(self._node)

    # For the node that computes

    def begin(self) -> list[Any]:
        """Start to track anew; give what is returned to `restore` if computations can nest."""
        seen, self._seen = self._seen, []
        return seen

    def restore(self, seen: list[Any]) -> None:
        """Go on with the computation that `begin` interrupted."""
        self._seen = seen

    def commit(self, node: Node, entry: IndexKey) -> None:
        """Let changes of what was read since `begin`, and of nothing else, reach `entry` of `node`."""
        seen = tuple(self._seen)
        if len(seen) > 1:
            seen = tuple(dict.fromkeys(seen))
        before = self._reads.get(entry, ())
        if seen == before:
            return
        reader: Reader = (node, entry)
        for key in seen:
            if key not in before:
                self._node.add_reader(key, reader)
        for key in before:
            if key not in seen:
                self._node.drop_reader(key, reader)
        if seen:
            self._reads[entry] = seen
        else:
            del self._reads[entry]

    def forget(self, node: Node, entry: IndexKey) -> None:
        """Track nothing for `entry` any more."""
        for key in self._reads.pop(entry, ()):
            self._node.drop_reader(key, (node, entry))

    def close(self, node: Node) -> None:
        """Track nothing for `node` any more."""
        for entry in list(self._reads):
            self.forget(node, entry)

    def reads_of(self, entry: IndexKey) -> tuple[Node, tuple[Any, ...]]:
        """Return the node read and the keys that `entry` read of it."""
        return self._node, self._reads.get(entry, ())
