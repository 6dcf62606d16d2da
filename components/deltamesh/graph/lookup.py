"""What a mapper gets for an extra collection: reading by key, and every read is tracked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from deltamesh.graph.node import SIZE, Node, Reader
from deltamesh.values import ABSENT, JSON, IndexKey, NotOne, index_key

_REQUIRED: Final = object()


class Lookup:
    """
    Read another collection from within a function of the graph.

    When a key that was read changes, or appears, the function is run again. Valid only while the function runs.
    """

    __slots__ = ("_get", "_node", "_reads", "_seen")

    def __init__(self, node: Node) -> None:
        self._node = node
        self._get = node.get
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
        values = self._get(key) or ABSENT
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
        return self._get(key) or ABSENT

    def __contains__(self, key: Any) -> bool:
        key = index_key(key)
        self._seen.append(key)
        return bool(self._get(key))

    def size(self) -> int:
        """Return the number of keys. Run again when it changes."""
        size = len(self._node)  # which a lazy collection refuses
        self._seen.append(SIZE)
        return size

    # For the node that computes

    def begin(self) -> list[Any]:
        """Start to track anew, within another computation; give what is returned to `end`."""
        seen, self._seen = self._seen, []
        return seen

    def end(self, seen: list[Any]) -> list[Any]:
        """Go on with the computation that `begin` interrupted. Returns the keys read since."""
        read, self._seen = self._seen, seen
        return read

    def commit(self, node: Node, entry: IndexKey) -> None:
        """Track for `entry` of `node` what was read, and start to track anew."""
        seen = self._seen
        if tuple(seen) != self._reads.get(entry, ()):
            self.track(node, entry, seen)
        if seen:
            seen.clear()

    def track(self, node: Node, entry: IndexKey, read: list[Any]) -> None:
        """Let changes of the keys in `read`, and of nothing else, reach `entry` of `node`."""
        before = self._reads.get(entry, ())
        now = tuple(read) if len(read) < 2 else tuple(dict.fromkeys(read))
        if now == before:
            return
        reader: Reader = (node, entry)
        for key in now if not before else dict.fromkeys(now).keys() - before:
            self._node.add_reader(key, reader)
        for key in before if not now else dict.fromkeys(before).keys() - now:
            self._node.drop_reader(key, reader)
        if now:
            self._reads[entry] = now
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

    def reads_of(self, entry: IndexKey) -> tuple[Any, ...]:
        """Return the keys that `entry` has read, in the order of first reading; `SIZE` among them if it was asked for."""
        return self._reads.get(entry, ())

    @property
    def node(self) -> Node:
        """The node that is read."""
        return self._node

    @property
    def entries(self) -> Iterable[IndexKey]:
        """The entries that have read something."""
        return self._reads
