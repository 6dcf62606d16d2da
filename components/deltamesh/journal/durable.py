"""
The journal that survives: a database, and a thread of its own that writes to it.

What reads does so in the thread of the caller, through connections of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from typing import Any, Final, TypeAlias

from twisted.internet.defer import Deferred

from deltamesh.errors import Fenced, JournalUnavailable
from deltamesh.journal.answers import Answers
from deltamesh.journal.database import BLOCKING, Database, Session
from deltamesh.journal.journal import Answered, Record, Recovered
from deltamesh.journal.reading import Reading, records_since
from deltamesh.journal.schema import bring_up
from deltamesh.journal.writer import KEEP_ROWS, Writer

PATIENCE: Final = 10.0
"""How long an append waits for a database that is out of reach [s]."""

REST: Final = 1.0
"""After `since` has lost the database it says so without looking again, for so long [s]."""

Deliver: TypeAlias = Callable[..., Any]


class DurableJournal:
    """
    The journal of `service` in `database`. Nothing is opened before the first call.

    `deliver(function, *arguments)` has a function called in the thread that awaits `append`: `callFromThread` of Twisted's reactor,
    unless it is given.
    """

    def __init__(
        self, database: Database, service: str, *, patience: float = PATIENCE, keep_rows: int = KEEP_ROWS, deliver: Deliver | None = None
    ) -> None:
        self._database = database
        self._service = service
        self._patience = patience
        self._keep_rows = keep_rows
        self._deliver = deliver
        self._answers = Answers()
        self._epoch: str | None = None  # once it has been recovered
        self._recovery: Generator[Any, None, None] | None = None
        self._reader: Session | None = None
        self._lost: tuple[float, JournalUnavailable] | None = None  # when `since` lost the database, and how
        self._writer: Writer | None = None
        self._is_closed = False

    def recover(self) -> Recovered:
        """As `Journal.recover`."""
        self._check_open()
        self._end_recovery()
        session = self._database.connect(self._patience)
        try:
            bring_up(session, self._database, self._service)
        except BaseException:
            session.close()
            raise
        entries = self._recovered(session)
        position = next(entries)
        self._recovery = entries
        self._epoch = position.epoch
        return Recovered(position, entries)

    def _recovered(self, session: Session) -> Generator[Any, None, None]:
        """Yield the position, when the answers are known, and then the entries."""
        try:
            with session.snapshot():
                reading = Reading(session)
                self._answers.clear()
                self._answers.add(reading.answered())
                yield reading.meta.position
                yield from reading.entries()
        finally:
            session.close()

    def since(self, revision: int) -> list[Record] | None:
        """As `Journal.since`."""
        self._check_open()
        if self._epoch is None:
            return None
        if self._lost is not None and time.monotonic() < self._lost[0] + REST:
            raise JournalUnavailable(self._lost[1].facts["reason"])
        try:
            if self._reader is None:
                self._reader = self._database.connect(BLOCKING)
            self._reader.check_place()
            records = records_since(self._reader, self._epoch, revision)
        except JournalUnavailable as error:
            self._lost = time.monotonic(), error
            self._end_reading()
            raise
        self._lost = None
        self._answers.add(records or ())
        return records

    def take(self) -> int:
        """As `Journal.take`."""
        self._check_open()
        if self._writer is None:
            self._writer = Writer(self._database, self._patience, self._keep_rows)
        return self._writer.take()

    async def append(self, records: Sequence[Record]) -> None:
        """As `Journal.append`."""
        self._check_open()
        if not records:
            return
        if self._writer is None:
            raise Fenced
        deliver = self._deliver or _reactor().callFromThread
        done: Deferred[None] = Deferred()

        def appended(outcome: Future[None]) -> None:
            error = outcome.exception()
            if error is None:
                deliver(done.callback, None)
            else:
                deliver(done.errback, error)

        self._writer.append(records).add_done_callback(appended)
        await done
        self._answers.add(records)

    def answered(self, idempotency_key: str) -> Answered | None:
        """As `Journal.answered`."""
        return self._answers.get(idempotency_key)

    def close(self) -> None:
        """As `Journal.close`."""
        self._is_closed = True
        self._end_recovery()
        self._end_reading()
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close()

    def _end_recovery(self) -> None:
        if self._recovery is not None:
            recovery, self._recovery = self._recovery, None
            recovery.close()

    def _end_reading(self) -> None:
        if self._reader is not None:
            reader, self._reader = self._reader, None
            reader.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise JournalUnavailable("this process has closed it")


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor
