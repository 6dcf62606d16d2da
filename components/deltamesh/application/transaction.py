"""What an action sees of the inputs: reading, and writing all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from deltamesh.graph import Input
from deltamesh.values import ABSENT, JSON, IndexKey, Values, freeze, index_key, plain_key

MAX_ENTRIES: Final = 100_000
"""Entries that one transaction from outside may have."""

MAX_CHANGES: Final = 8 << 20
"""Bytes of JSON text that one transaction from outside may have: so each of its entries fits into a message to a follower."""

_REQUIRED: Final = object()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, in the router's words."""

    session: int | None = None
    """WAMP session ID; None if the router does not disclose it."""
    authid: str | None = None
    authrole: str | None = None


class Role(str):
    """The role of who calls, in the router's words; empty if it does not disclose it."""

    __slots__ = ()


class Inputs(Protocol):
    """Where a transaction reads what is committed."""

    def values_of(self, name: str, key: Any) -> Values:
        """Return the values of a key of an input, none if it is not there."""
        ...


class Transaction:
    """Writes are kept until the action returns; then they are committed together. Reads see them at once."""

    def __init__(self, inputs: Inputs) -> None:
        self._inputs = inputs
        self._writes: dict[str, dict[IndexKey, Values]] = {}

    def read(self, collection: Input, key: Any) -> Values:
        """Return the values of `key`, none if it is not there."""
        key = index_key(key)
        written = self._writes.get(collection.name, {}).get(key)
        return self._inputs.values_of(collection.name, key) if written is None else written

    def one(self, collection: Input, key: Any, default: JSON = _REQUIRED) -> JSON:
        """
        Return the only value of `key`; `default`, if given, when it is not there.

        Raises:
            NotOne: the key has several values, or none and no default.
        """
        values = self.read(collection, key)
        return values.one() if default is _REQUIRED else values.one(default)

    def put(self, collection: Input, key: Any, *values: Any) -> None:
        """
        Set the values of `key`, at least one.

        Raises:
            values.NotJSON: the key or a value is not JSON.
        """
        if not values:
            raise TypeError("put() needs at least one value; delete() removes a key")
        index, frozen = index_key(key), Values([freeze(value) for value in values])
        self._writes.setdefault(collection.name, {})[index] = frozen

    def delete(self, collection: Input, key: Any) -> None:
        """Remove `key`, if it is there."""
        self._writes.setdefault(collection.name, {})[index_key(key)] = ABSENT

    def writes(self) -> Mapping[str, list[tuple[JSON, Values]]]:
        """Return what was written, as `Graph.write` takes it."""
        return {name: [(plain_key(key), values) for key, values in entries.items()] for name, entries in self._writes.items()}
