"""
The thread that writes to a database: it commits what is appended, and between that folds the log into entries.

Folding goes in bounded steps, so that nobody waits long for one, in quiet moments if there are any, and leaves the newest transactions in
the log for standbys.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeAlias

from twisted.logger import Logger

from deltamesh.errors import ConfigurationError, Fenced, JournalDamaged, JournalFull, JournalUnavailable
from deltamesh.journal.database import BLOCKING, Database, Row
from deltamesh.journal.journal import Record
from deltamesh.journal.store import Head, Sizes, Store, rows_of

KEEP_ROWS: Final = 10_000
"""Transactions that the log keeps, so that standbys can follow; fewer only if they are large."""

KEEP_SIZE: Final = 16 << 20
"""Characters of JSON text that the log keeps, if these are more transactions."""

MOST: Final = 8
"""So many times what it keeps the log may have while there is no quiet moment to fold it."""

QUIET: Final = 0.02
"""When nothing was asked for so long [s], it is a quiet moment."""

STEP_ROWS: Final = 256
"""Transactions that are folded together: some milliseconds, for which an append may have to wait."""

STEP_SIZE: Final = 1 << 20
"""Characters of JSON text that are folded together, more only if one transaction has more."""

PAUSE: Final = 0.1
"""Between two attempts to reach the database [s]."""

REST: Final = 1.0
"""After folding has failed it is not tried again for so long [s]."""

_Job: TypeAlias = tuple[Callable[[], Any], "Future[Any]"]


class Writer:
    """
    Writes to `database`, in a thread that it starts.

    `patience` is how long an append waits for a database that is out of reach [s]; `keep_rows` is what the log keeps.
    """

    log = Logger()

    def __init__(self, database: Database, patience: float, keep_rows: int) -> None:
        self._database = database
        self._patience = patience
        self._keep_rows = keep_rows
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._closing = threading.Event()
        self._store: Store | None = None
        self._head: Head | None = None  # None: not the writer, or not known to be
        self._sizes = Sizes(0, 0, 0, 0)
        self._fold_after = 0.0
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    def take(self) -> int:
        """
        Begin a new term, and wait for it.

        Raises:
            JournalFull, JournalUnavailable: it could not be made sure within some seconds.
        """
        taken: Future[int] = self._do(self._take)
        try:
            return taken.result(2 * BLOCKING)
        except TimeoutError as error:
            raise JournalUnavailable(f"{self._database.name} does not answer") from error

    def append(self, records: Sequence[Record]) -> Future[None]:
        """Commit records; the result comes in the writer's thread."""
        return self._do(lambda: self._append(records))

    def close(self) -> None:
        """End the thread, after what is under way."""
        self._closing.set()
        self._jobs.put(None)
        self._thread.join()

    # Inside the thread

    def _do(self, work: Callable[[], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        self._jobs.put((work, future))
        return future

    def _work(self) -> None:
        while (job := self._next()) is not None:
            work, future = job
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001  (it is raised where the future is awaited)
                future.set_exception(error)
            else:
                future.set_result(result)
        self._disconnect()

    def _next(self) -> _Job | None:
        """Wait for something to do, folding meanwhile; but one step at least if the log has grown too long."""
        if self._log_is_long(MOST):
            self._fold()
        while self._log_is_long(1):
            try:
                return self._jobs.get(timeout=QUIET)
            except Empty:
                self._fold()
        return self._jobs.get()

    def _take(self) -> int:
        self._head = None
        self._database.end_stopped_writer()
        try:
            store = self._connected()
            self._head = store.take()
            self._sizes = store.sizes()
        except JournalUnavailable:
            self._head = None
            self._disconnect()
            raise
        return self._head.term

    def _append(self, records: Sequence[Record]) -> None:
        head = self._head
        if head is None:
            raise Fenced
        if records[0].revision != head.revision + 1:
            raise ValueError(f"revision {records[0].revision} does not follow {head.revision}, the last one in the journal")
        rows = rows_of(records, head.digest)
        try:
            self._commit(head, rows)
        except (Fenced, JournalDamaged, JournalUnavailable):
            self._head = None
            raise
        self._head = Head(head.term, rows[-1][0], rows[-1][4], head.epoch)
        self._sizes.log_rows += len(rows)
        self._sizes.log_size += sum([len(row[2]) + len(row[3]) for row in rows])

    def _commit(self, head: Head, rows: list[Row]) -> None:
        """Commit rows, if need be again until it is known that they are kept."""
        deadline = time.monotonic() + self._patience
        is_open = False  # whether an earlier attempt may have succeeded
        while True:
            try:
                store = self._connected()
                if not (is_open and store.has(rows[-1])):
                    store.append(head, rows)
            except JournalUnavailable:
                self._disconnect()
                is_open = True
                if time.monotonic() >= deadline or self._closing.wait(PAUSE):
                    raise
            else:
                return

    def _log_is_long(self, times: int) -> bool:
        sizes = self._sizes
        if self._head is None or (sizes.log_rows < times * self._keep_rows + STEP_ROWS and sizes.log_size < times * KEEP_SIZE):
            return False
        return time.monotonic() >= self._fold_after

    def _fold(self) -> None:
        """Take one step. Whatever fails, the log has everything still."""
        assert self._head is not None
        try:
            self._connected().fold(self._head.term, self._sizes, STEP_ROWS, STEP_SIZE)
        except Fenced:
            self._head = None
        except JournalFull:  # appends say so as well
            self._fold_after = time.monotonic() + REST
        except JournalUnavailable:
            self._disconnect()
            self._fold_after = time.monotonic() + REST
        except JournalDamaged as error:
            self._fold_after = float("inf")
            self.log.error("{error}; the log is not folded any more", error=error)

    def _connected(self) -> Store:
        if self._store is None:
            try:
                self._store = Store(self._database.connect(BLOCKING))
            except ConfigurationError as error:  # it was right when the journal was recovered
                raise JournalUnavailable(error.message) from error
        return self._store

    def _disconnect(self) -> None:
        if self._store is not None:
            store, self._store = self._store, None
            store.session.close()
