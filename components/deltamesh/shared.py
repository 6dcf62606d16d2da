"""
The leader's side of the shared graph, without any wiring: transactions in, deltas out.

Changes are collected until `flush`, so that the transactions that arrive together leave as one delta.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from deltamesh.errors import InvalidTransaction, TooLarge
from deltamesh.graph import Commit, Graph, Watch, Writes, in_order
from deltamesh.service import Service
from deltamesh.stream import Delta, Position, Publisher, Track, decode, encode, parts
from deltamesh.values import IndexKey, Values, index_key

MAX_ENTRIES: Final = 100_000
"""Entries that one transaction from outside may have."""

MAX_CHANGES: Final = 8 << 20
"""Bytes of JSON text that one transaction from outside may have: so each of its entries fits into a message to a follower."""

HISTORY_DELTAS: Final = 10_000
HISTORY_SIZE: Final = 32 << 20
"""Deltas, and characters of entries, that are kept so that followers can resume."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Entries at a position, to be sent in parts."""

    position: Position
    since: int | None
    """None: the whole content. A revision: what changed since."""
    texts: Iterator[str]
    """JSON text of entries with keys `[collection, key]`, at least one."""


class SharedGraph:
    """Runs the shared graph of `service`, beginning at `position` with empty inputs."""

    def __init__(self, service: Service, position: Position) -> None:
        self.graph = Graph(service.inputs, on_error=service.on_error)
        self.graph.revision = position.revision
        self._watches: dict[Watch, str] = {self.graph.watch(collection): name for name, collection in service.shared_collections().items()}
        self._track = Track(position.epoch, position.revision)
        self._publisher = Publisher(self._track, max_deltas=HISTORY_DELTAS, max_size=HISTORY_SIZE)
        self._changed: dict[IndexKey, Values] = {}  # by (collection, key), since the last flush

    @property
    def position(self) -> Position:
        """Where the graph is: after the last transaction."""
        return self._track.position

    def load(self, writes: Writes) -> None:
        """Take in entries that a journal has kept, as part of the present revision, before anything is published."""
        self.graph.write(writes, revision=self.graph.revision)

    def commit(self, writes: Writes) -> Commit:
        """
        Apply a transaction.

        Raises:
            UnknownName, InvalidTransaction, Rejected: as `Graph.write`; nothing has changed.
        """
        commit = self.graph.write(writes)
        self._track.move(commit.revision)
        for watch, delta in commit.deltas.items():
            name = self._watches[watch]
            for key, values in delta:
                self._changed[index_key((name, key))] = values
        return commit

    def flush(self) -> Delta | None:
        """Return one delta for the transactions since the last flush, None if there were none."""
        if self._publisher.position == self._track.position:
            return None
        changed, self._changed = self._changed, {}
        return self._publisher.publish(encode([(key, changed[key]) for key in in_order(changed)]))

    def announce(self) -> Delta:
        """Return the event that tells the position, for times without transactions."""
        return self._publisher.announce()

    def snapshot(self, position: Position | None, part_size: int) -> Snapshot:
        """
        Return what leads a follower from `position` to the present one, the whole content if that cannot be told.

        Requires: everything is flushed. The texts are made while they are iterated, from content that does not change.
        """
        if position is not None and (resumed := self._publisher.since(position)) is not None:
            texts = iter([resumed]) if len(resumed) <= part_size else parts(decode(resumed).items(), part_size)
            return Snapshot(self.position, position.revision, texts)
        content = [(name, watch.entries()) for watch, name in self._watches.items()]
        entries = (((name, key), values) for name, listed in content for key, values in listed)
        return Snapshot(self.position, None, parts(entries, part_size))


def decode_changes(changes: Any) -> Any:
    """
    Return the structure of changes that come as JSON text, or as a structure already.

    Raises:
        InvalidTransaction: the text is not JSON, or the structure has no JSON form.
        TooLarge: they have more than `MAX_CHANGES` bytes as JSON text.
    """
    try:
        text = changes.encode() if isinstance(changes, str) else msgspec.json.encode(changes)
        if len(text) > MAX_CHANGES:
            raise TooLarge("bytes of one transaction", len(text), MAX_CHANGES, "split it")
        return msgspec.json.decode(text) if isinstance(changes, str) else changes
    except (msgspec.MsgspecError, RecursionError, TypeError, ValueError) as error:
        raise InvalidTransaction(f"changes are not JSON: {error}") from error


def parse_writes(changes: Any) -> dict[str, list[tuple[Any, Any]]]:
    """
    Return `[[input, [[key, [value, …]], …]], …]` as `Graph.write` takes it.

    Raises:
        InvalidTransaction: it is not of that shape.
        TooLarge: it has more than `MAX_ENTRIES` entries.
    """
    if not isinstance(changes, list | tuple):
        raise InvalidTransaction(f"changes are [[input, [[key, [value, …]], …]], …], not {changes!r:.80}")
    writes: dict[str, list[tuple[Any, Any]]] = {}
    count = 0
    for index, change in enumerate(changes):
        if not isinstance(change, list | tuple) or len(change) != 2 or not isinstance(change[0], str):
            raise InvalidTransaction(f"[input, entries] is expected, not {change!r:.80}", place=f"changes[{index}]")
        name, entries = change
        if not isinstance(entries, list | tuple):
            raise InvalidTransaction(f"entries are [[key, [value, …]], …], not {entries!r:.80}", place=f"changes[{index}], {name}")
        count += len(entries)
        if count > MAX_ENTRIES:
            raise TooLarge("entries of one transaction", count, MAX_ENTRIES, "split it")
        listed = writes.setdefault(name, [])
        for number, entry in enumerate(entries):
            if not isinstance(entry, list | tuple) or len(entry) != 2 or not isinstance(entry[1], list | tuple):
                raise InvalidTransaction(f"[key, [value, …]] is expected, not {entry!r:.80}", place=f"{name}, entry {number}")
            listed.append((entry[0], entry[1]))
    return writes
