"""A journal in one SQLite file: write-ahead log, synced to the disk by every commit."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from twisted.logger import Logger

from deltamesh.errors import ConfigurationError, DeltameshError, JournalDamaged, JournalFull, JournalUnavailable
from deltamesh.journal.database import BLOCKING, Row
from deltamesh.journal.stopped import end_stopped_writer

BATCH: Final = 1000
"""Rows that are read together from a long query."""

CACHE: Final = 16 << 20
"""Bytes of pages that a connection keeps in memory."""

LARGEST_LOG: Final = 64 << 20
"""Bytes to which SQLite's own log is cut back after it was larger."""

_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteDatabase:
    """The file `path`, which only the user who made it can read. Its directory is made as well."""

    log = Logger()
    types: Mapping[str, str] = {"integer": "INTEGER", "bytes": "BLOB", "text": "TEXT", "clustered": " WITHOUT ROWID"}

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"sqlite:{path}"

    def exists(self) -> bool:
        """Whether the file is there, and not empty."""
        return self.path.is_file() and self.path.stat().st_size > 0

    def end_stopped_writer(self) -> None:
        """As `Database.end_stopped_writer`: one that is stopped while it holds the lock of the file."""
        for process in end_stopped_writer(self.path):
            self.log.warn("ended process {process}, which was stopped while it held the lock of {name}", process=process, name=self.name)

    def connect(self, patience: float | None = BLOCKING) -> SqliteSession:
        """As `Database.connect`."""
        self._make_file()
        return SqliteSession(self.path, self.name, 3600.0 if patience is None else patience)

    def _make_file(self) -> None:
        """
        Make the file if it is not there.

        A file that is there is not opened: closing it again would let go of SQLite's locks, which are those of the process.
        """
        directory = self.path.parent
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError as error:
            if not self.path.exists():
                raise ConfigurationError(f"{self.name} cannot be made: {error.filename} is a file. Name another directory") from error
        except OSError as error:
            remedy = "Let this user write there, or name another place"
            raise ConfigurationError(f"{self.name} cannot be made: {error.strerror} ({error.filename}). {remedy}") from error
        if not self.path.is_file():
            raise ConfigurationError(f"{self.name} is no file. Name another place")
        for place in (directory, self.path):
            if not os.access(place, os.R_OK | os.W_OK):
                raise ConfigurationError(f"{self.name}: this user can not read and write {place}. Change its owner or mode")


def service_in(database: SqliteDatabase) -> str:
    """
    Return the service whose journal a file is.

    Raises:
        ConfigurationError: it is no journal.
    """
    session = SqliteSession(database.path, database.name, BLOCKING)
    try:
        if "meta" not in session.tables():
            raise ConfigurationError(f"{database.name} is no journal")
        return str(session.execute("SELECT service FROM meta")[0][0])
    finally:
        session.close()


class SqliteSession:
    """One connection to an SQLite file. SQLite itself must be 3.35 or newer."""

    def __init__(self, path: Path, name: str, patience: float) -> None:
        self._path = path
        self._name = name
        try:
            # one thread at a time uses it, though not always the same
            self._connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise self._translated(error) from error
        try:
            self._prepare()
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        self.execute(f"PRAGMA cache_size = -{CACHE >> 10}")
        self.execute(f"PRAGMA journal_size_limit = {LARGEST_LOG}")
        self.execute("PRAGMA synchronous = FULL")
        mode = self.execute("PRAGMA journal_mode")[0][0]  # looked at first, since changing it locks the file
        if mode != "wal" and self.execute("PRAGMA journal_mode = WAL")[0][0] != "wal":
            reason = "its file system has no shared memory, which SQLite needs"
            raise ConfigurationError(f"{self._name}: {reason}. Name a place on a local disk")

    def execute(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """As `Session.execute`."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """As `Session.execute_many`."""
        try:
            self._connection.executemany(sql, rows)
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def look_up(self, sql: str, keys: Iterable[Sequence[object]]) -> list[Row]:
        """As `Session.look_up`."""
        try:
            execute = self._connection.execute
            return [row for key in keys for row in execute(sql, key)]
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def stream(self, sql: str, parameters: Sequence[object] = ()) -> Iterator[list[Row]]:
        """As `Session.stream`."""
        try:
            cursor = self._connection.execute(sql, parameters)
            while rows := cursor.fetchmany(BATCH):
                yield rows
        except sqlite3.Error as error:
            raise self._translated(error) from error

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """As `Session.transaction`."""
        if not durable:  # SQLite does not sync this commit; the next one that does syncs it as well
            self.execute("PRAGMA synchronous = NORMAL")
        try:
            self.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.execute("COMMIT")
            except BaseException:
                self._roll_back()
                raise
        finally:
            if not durable:
                self.execute("PRAGMA synchronous = FULL")

    creating = transaction

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """As `Session.snapshot`."""
        self.execute("BEGIN")
        try:
            yield
        finally:
            self._roll_back()

    def tables(self) -> set[str]:
        """As `Session.tables`."""
        return {name for (name,) in self.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")}

    def size(self) -> int:
        """Return the bytes of the file and of SQLite's own log."""
        log = self._path.with_name(f"{self._path.name}-wal")
        return self._path.stat().st_size + (log.stat().st_size if log.exists() else 0)

    def close(self) -> None:
        """As `Session.close`."""
        self._connection.close()

    def _roll_back(self) -> None:
        """Undo an open transaction. SQLite may have done so already."""
        if self._connection.in_transaction:
            self.execute("ROLLBACK")

    def _translated(self, error: sqlite3.Error) -> DeltameshError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code & 0xFF in _DAMAGED or "decode to UTF-8" in str(error):
            return JournalDamaged(self._name, str(error))
        if code & 0xFF == sqlite3.SQLITE_FULL or (code & 0xFF == sqlite3.SQLITE_IOERR and _is_full(self._path)):
            return JournalFull(f"{self._name}: {error}")
        return JournalUnavailable(f"{self._name}: {error}")


def _is_full(path: Path) -> bool:
    """Whether the disk has less room than one commit may need: some file systems say so with other errors."""
    state = os.statvfs(path.parent)
    return state.f_bavail * state.f_frsize < 1 << 16
