"""Using a journal in a test, whose thread then does what a reactor's would."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from queue import SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from deltamesh.journal import Record
from deltamesh.journal.database import Database
from deltamesh.journal.durable import DurableJournal
from deltamesh.values import index_key

SERVICE = "com.example.journal"


class Journals:
    """Opens journals, and awaits what they do."""

    def __init__(self) -> None:
        self._inbox: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = SimpleQueue()
        self._opened: list[DurableJournal] = []

    def open(self, database: Database, **options: Any) -> DurableJournal:
        """Return a journal that nobody has called yet."""
        journal = DurableJournal(database, SERVICE, deliver=lambda function, *arguments: self._inbox.put((function, arguments)), **options)
        self._opened.append(journal)
        return journal

    def taken(self, database: Database, **options: Any) -> DurableJournal:
        """Return a journal that has been recovered and taken."""
        journal = self.open(database, **options)
        list(journal.recover().entries)
        journal.take()
        return journal

    def wait(self, work: Coroutine[Any, Any, None]) -> None:
        """Return when `work` has, or raise what it does."""
        outcome: list[Any] = []
        Deferred.fromCoroutine(work).addBoth(outcome.append)
        while not outcome:
            function, arguments = self._inbox.get(timeout=60)
            function(*arguments)
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()

    def append(self, journal: DurableJournal, *records: Record) -> None:
        """Append, and wait for it."""
        self.wait(journal.append(records))

    def close(self) -> None:
        """Close all that were opened."""
        for journal in self._opened:
            journal.close()


def record(revision: int, key: str | None = None, **values: Any) -> Record:
    """Return a transaction that writes `values` to the input posts, one key for each."""
    writes = {"posts": [(name, [] if value is None else [value]) for name, value in (values or {"revision": revision}).items()]}
    return Record.of(revision, writes, key, f"result {revision}")


def content(batches: Any) -> dict[tuple[str, Any], list[Any]]:
    """Return entries as a journal gives them, by input and key; fails if a key comes twice."""
    found: dict[tuple[str, Any], list[Any]] = {}
    for name, entries in batches:
        for key, values in entries:
            assert (name, index_key(key)) not in found
            found[name, index_key(key)] = values
    return found


def revisions(records: Sequence[Record] | None) -> list[int] | None:
    """Return the revisions of records, to compare."""
    return None if records is None else [each.revision for each in records]
