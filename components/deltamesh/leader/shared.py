"""
The leader's side of the shared graph, without any wiring: transactions in, deltas out.

Changes are collected until `flush`, so that the transactions that become durable together leave as one delta.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from deltamesh.application.service import Service
from deltamesh.application.transaction import MAX_CHANGES, MAX_ENTRIES
from deltamesh.errors import InvalidTransaction, TooLarge
from deltamesh.graph import Commit, Failure, Graph, Watch, Writes, in_order
from deltamesh.graph.writes import frozen_changes
from deltamesh.stream import Delta, Position, Publisher, Track, encode, grouped, parts
from deltamesh.stream.entries import NONE
from deltamesh.values import IndexKey, Values, index_key

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
    """
    Runs the shared graph of `service`, beginning at `position` with empty inputs.

    `commit` changes the graph only. What was committed since is seen by others with `flush`, or taken back by `undo`: so a
    leader can wait in between for its journal.
    """

    def __init__(self, service: Service, position: Position) -> None:
        self._inputs = service.inputs
        self.graph = Graph(service.inputs, on_error=service.on_error)
        self.graph.revision = position.revision
        self.ignored: set[str] = set()
        """Inputs that a journal has entries of and the service does not, or no longer. Nothing of them is here."""
        self._watches: dict[Watch, str] = {self.graph.watch(collection): name for name, collection in service.shared_collections().items()}
        self._track = Track(position.epoch, position.revision)
        self._publisher = Publisher(self._track, max_deltas=HISTORY_DELTAS, max_size=HISTORY_SIZE)
        # since the last flush:
        self._revisions: list[int] = []
        self._former: dict[str, dict[IndexKey, Values]] = {}  # by input: what its keys had
        self._changed: dict[IndexKey, Values] = {}  # by (collection, key)
        self._sealed: str | None = None  # the text of these, once it is made

    @property
    def position(self) -> Position:
        """Where others see the graph: after the last transaction that was flushed."""
        return self._track.position

    @property
    def revision(self) -> int:
        """Of the last transaction, flushed or not."""
        return self.graph.revision

    def load(self, writes: Writes) -> list[Failure]:
        """Take in entries that a journal has kept, as part of the present revision, before anything is published."""
        return self._take_in(writes, self.graph.revision).failures

    def apply(self, writes: Writes, revision: int) -> list[Failure]:
        """
        Take in a transaction that somebody has committed as `revision`, and flush it. Return what has failed in it.

        It is history, so it is not refused, whatever the service has now for its inputs and mappers.
        """
        commit = self._take_in(writes, revision)
        self._note(commit)
        self.flush()
        return commit.failures

    def _take_in(self, writes: Writes, revision: int) -> Commit:
        known = {name: entries for name, entries in writes.items() if name in self._inputs}
        self.ignored.update(writes.keys() - known.keys())
        return self._write_always(known, revision)

    def _write_always(self, writes: Writes, revision: int) -> Commit:
        """Write what was valid once, even if a mapper refuses it today."""
        on_error, self.graph.on_error = self.graph.on_error, "skip"
        try:
            return self.graph.write(writes, revision=revision)
        finally:
            self.graph.on_error = on_error

    def commit(self, writes: Writes) -> Commit:
        """
        Apply a transaction, until the next `flush` for this graph only.

        Raises:
            UnknownName, InvalidTransaction, Rejected: as `Graph.write`; nothing has changed.
        """
        frozen = {name: frozen_changes(name, entries) for name, entries in writes.items()}
        former = {name: [(key, self.graph.values_of(name, key)) for key in entries] for name, entries in frozen.items()}
        commit = self.graph.write({name: entries.items() for name, entries in frozen.items()})
        for name, entries in former.items():
            kept = self._former.setdefault(name, {})
            for key, values in entries:
                kept.setdefault(key, values)
        self._note(commit)
        return commit

    def _note(self, commit: Commit) -> None:
        self._revisions.append(commit.revision)
        self._sealed = None
        for watch, delta in commit.deltas.items():
            name = self._watches[watch]
            for key, values in delta:
                self._changed[index_key((name, key))] = values

    def undo(self) -> None:
        """Take back all transactions since the last flush, as if they had never been."""
        former = {name: entries.items() for name, entries in self._former.items()}
        self._forget()
        self._write_always(former, self._track.revision)

    def seal(self) -> None:
        """Make what `flush` will return, of which nothing can fail then. A later `commit` breaks the seal."""
        if self._sealed is None and self._changed:
            self._sealed = encode([(key, self._changed[key]) for key in in_order(self._changed)])

    def flush(self) -> Delta | None:
        """Return one delta for the transactions since the last flush, None if there were none."""
        if not self._revisions:
            return None
        self.seal()
        entries = self._sealed or NONE
        for revision in self._revisions:
            self._track.move(revision)
        self._forget()
        return self._publisher.publish(entries)

    def _forget(self) -> None:
        self._revisions, self._former, self._changed, self._sealed = [], {}, {}, None

    def announce(self) -> Delta:
        """Return the event that tells the position, for times without transactions."""
        return self._publisher.announce()

    def resume(self, position: Position, part_size: int) -> Snapshot | None:
        """Return what leads a follower from `position` to what was flushed last, None if that cannot be told."""
        texts = self._publisher.texts_since(position)
        return None if texts is None else Snapshot(self.position, position.revision, grouped(texts, part_size))

    def snapshot(self, part_size: int) -> Snapshot:
        """
        Return the whole content.

        Requires: everything is flushed. The texts are made while they are iterated, from content that does not change.
        """
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
