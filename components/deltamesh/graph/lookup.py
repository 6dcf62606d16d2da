"""What a mapper gets for an extra collection: reading by key, and every read is tracked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from deltamesh.graph.node import Node
from deltamesh.graph.reader import SIZE
from deltamesh.values import ABSENT, JSON, PLAIN_KEYS, NotOne, index_key

_REQUIRED: Final = object()


class Lookup:
    """
    Read another collection from within a function of the graph.

    When a key that was read changes, or appears, the function is run again. Valid only while the function runs.
    """

    __slots__ = ("_get", "_seen", "node")

    def __init__(self, node: Node, seen: list[Any]) -> None:
        """Read `node`, and append to `seen` each time this object and the key."""
        self.node = node
        self._get = node.get
        self._seen = seen

    def one(self, key: Any, default: JSON = _REQUIRED) -> JSON:
        """
        Return the only value of `key`; `default`, if given, when it is not there.

        Raises:
            NotOne: the key has several values, or none and no default.
            NotJSON: the key is not JSON.
        """
        if type(key) not in PLAIN_KEYS:
            key = index_key(key)
        seen = self._seen
        seen.append(self)
        seen.append(key)
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
        seen = self._seen
        seen.append(self)
        seen.append(key)
        get = self._get
        values = get(key)
        return ABSENT if values is None else values

    def __contains__(self, key: Any) -> bool:
        key = index_key(key)
        self._seen += (self, key)
        return bool(self._get(key))

    def size(self) -> int:
        """Return the number of keys. Run again when it changes."""
        size = len(self.node)  # which a lazy collection refuses
        self._seen += (self, SIZE)
        return size
