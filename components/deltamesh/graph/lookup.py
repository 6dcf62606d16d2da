"""What a mapper gets for an extra collection: reading by key, and every read is tracked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from deltamesh.graph.node import SIZE, Node, Reader
from deltamesh.values import ABSENT, JSON, PLAIN_KEYS, IndexKey, NotOne, index_key

_REQUIRED: Final = object()
_NOTHING: Final = object()


class Lookup:
    """
    Read another collection from within a function of the graph.

    When a key that was read changes, or appears, the function is run again. Valid only while the function runs.
    """

    __slots__ = ("_get", "_reads", "_seen", "node")

    def __init__(self, node: Node) -> None:
        self.node = node
        self._get = node.get
        self._seen: list[Any] = []  # keys read by the computation that runs now
        self._reads: dict[IndexKey, Any] = {}
        """By entry of the reading node: the key that it has read, or a list of several (which no key is)."""

    def one(self, key: Any, default: JSON = _REQUIRED) -> JSON:
        """
        Return the only value of `key`; `default`, if given, when it is not there.

        Raises:
            NotOne: the key has several values, or none and no default.
            NotJSON: the key is not JSON.
        """
        if type(key) not in PLAIN_KEYS:
            key = index_key(key)
        self._seen.append(key)
        get = self._get  # calling a slot costs more
        values = get(key) or ABSENT
        if len(values) == 1:
            return values[0]
        if default is _REQUIRED or values:
            raise NotOne(f"{self.node.description.label()} has {len(values)} values for key {key!r:.80}, one is expected")
        return default

    def all(self, key: Any) -> Sequence[JSON]:
        """Return the values of `key` in order, none if it is not there. Taking `len()` of it costs O(1)."""
        if type(key) not in PLAIN_KEYS:
            key = index_key(key)
        self._seen.append(key)
        get = self._get
        values = get(key)
        return ABSENT if values is None else values

    def __contains__(self, key: Any) -> bool:
        key = index_key(key)
        self._seen.append(key)
        return bool(self._get(key))

    def size(self) -> int:
        """Return the number of keys. Run again when it changes."""
        size = len(self.node)  # which a lazy collection refuses
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

    def commit(self, node: Any, entry: IndexKey) -> None:
        """Track for an entry of `node` what was read, and start to track anew."""
        seen = self._seen
        if len(seen) != 1 or self._reads.get(entry, _NOTHING) != seen[0]:
            self.track((node, entry), seen)
        seen.clear()

    def track(self, reader: Reader, read: list[Any]) -> None:
        """Let changes of the keys in `read`, and of nothing else, reach the entry that `reader` tells."""
        now = read if len(read) < 2 else list(dict.fromkeys(read))
        before = self.reads_of(reader[1])
        if now == before:
            return
        if not now:
            del self._reads[reader[1]]
        else:
            self._reads[reader[1]] = now[0] if len(now) == 1 else now
        added: Iterable[Any] = now
        dropped: Iterable[Any] = before
        if len(now) + len(before) > 2:  # else they have nothing in common
            added, dropped = dict.fromkeys(now).keys() - before, dict.fromkeys(before).keys() - now
        for key in added:
            self.node.add_reader(key, reader)
        for key in dropped:
            self.node.drop_reader(key, reader)

    def forget(self, reader: Reader) -> None:
        """Track nothing for `reader` any more."""
        self.track(reader, [])

    def close(self, node: Node) -> None:
        """Track nothing for `node` any more."""
        for entry in list(self._reads):
            self.forget((node, entry))

    def reads_of(self, entry: IndexKey) -> list[Any]:
        """Return the keys that `entry` has read, in the order of first reading; `SIZE` among them if it was asked for."""
        found = self._reads.get(entry, _NOTHING)
        if found is _NOTHING:
            return []
        return found if type(found) is list else [found]

    def entries(self) -> Iterable[IndexKey]:
        """Return the entries that have read something."""
        return self._reads
