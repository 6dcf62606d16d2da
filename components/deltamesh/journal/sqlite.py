"""A journal in one SQLite file: write-ahead log, synced to the disk by every commit."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias

from twisted.logger import Logger

from deltamesh.errors import ConfigurationError, DeltameshError, JournalDamaged, JournalFull, JournalUnavailable
from deltamesh.journal.database import BLOCKING, Row
from deltamesh.journal.schema import only_row
from deltamesh.journal.sqlite_log import damages_of_log
from deltamesh.journal.stopped import end_stopped_writer

BATCH: Final = 1000
"""Rows that are read together from a long query."""

CACHE: Final = 16 << 20
"""Bytes of pages that a connection keeps in memory."""

LARGEST_LOG: Final = 64 << 20
"""Bytes to which SQLite's own log is cut back after it was larger."""

_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_DAMAGE: Final = ("decode to UTF-8", "no such table", "no such column")

File: TypeAlias = tuple[int, int]
"""Which file it is, whatever it is called: device and inode."""

Access: TypeAlias = Literal["rw", "ro", "immutable"]


def file_at(path: Path) -> File | None:
    """Return which file is at `path`, if there is one. It is not opened."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def log_of(path: Path) -> Path:
    """Return where SQLite's own log of a file is."""
    return path.with_name(f"{path.name}-wal")


def replaced(path: Path) -> JournalUnavailable:
    """Return the error for a file that is not the one that was opened."""
    return JournalUnavailable(
        f"{path} is not the file that was opened: it was removed or replaced. Put it back, or restart on what is there"
    )


class SqliteDatabase:
    """The file `path`, which only the user who made it can read. Its directory is made as well."""

    log = Logger()
    types: Mapping[str, str] = {"integer": "INTEGER", "bytes": "BLOB", "text": "TEXT", "clustered": " WITHOUT ROWID"}

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"sqlite:{path}"
        self._file: File | None = None  # once it was opened

    def exists(self) -> bool:
        """Whether the file is there, and not empty."""
        return self.path.is_file() and self.path.stat().st_size > 0

    def end_stopped_writer(self) -> None:
        """As `Database.end_stopped_writer`: one that is stopped while it holds the lock of the file."""
        for process in end_stopped_writer(self.path):
            self.log.warn("ended process {process}, which was stopped while it held the lock of {name}", process=process, name=self.name)

    def connect(self, patience: float | None = BLOCKING) -> SqliteSession:
        """
        As `Database.connect`.

        Raises:
            JournalUnavailable: the file is not the one that was opened first: nothing goes on in another one by itself.
        """
        if self._file is None:
            self._make_file()
            self._file = file_at(self.path)
        elif file_at(self.path) != self._file:
            raise replaced(self.path)
        return SqliteSession(self.path, self.name, 3600.0 if patience is None else patience)

    def connect_reading(self) -> SqliteSession:
        """As `Database.connect_reading`."""
        for place, needed in ((self.path.parent, os.X_OK), (self.path, os.R_OK)):
            if not os.access(place, needed):
                raise ConfigurationError(f"{self.name}: this user can not read {place}. Change its owner or mode, or run as its owner")
        # who has no right to leave files beside it reads the file alone, which is all there is when nobody has it open
        is_ours = os.access(self.path.parent, os.W_OK) and os.geteuid() in (0, self.path.stat().st_uid)
        return SqliteSession(self.path, self.name, 3600.0, "ro" if is_ours or log_of(self.path).exists() else "immutable")

    def discard(self) -> None:
        """As `Database.discard`."""
        for path in (self.path, log_of(self.path), self.path.with_name(f"{self.path.name}-shm")):
            path.unlink(missing_ok=True)
        self._file = None

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
    session = database.connect_reading()
    try:
        if "meta" not in session.tables():
            raise ConfigurationError(f"{database.name} is no journal")
        return str(only_row(session, "meta", "service")[0])
    finally:
        session.close()


class SqliteSession:
    """
    One connection to an SQLite file. SQLite itself must be 3.35 or newer.

    `access` is `rw`; `ro`, which changes nothing; or `immutable`, which also takes it that nobody else has the file open.
    """

    def __init__(self, path: Path, name: str, patience: float, access: Access = "rw") -> None:
        self._path = path
        self._name = name
        self._access = access
        self._files: tuple[File | None, File | None] = file_at(path), None  # the file, and SQLite's own log
        uri = f"{path.absolute().as_uri()}?{'mode=ro&immutable=1' if access == 'immutable' else f'mode={access}'}"
        try:
            # one thread at a time uses it, though not always the same
            self._connection = sqlite3.connect(uri, timeout=patience, isolation_level=None, check_same_thread=False, uri=True)
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
        if self._access != "rw":
            self.tables()  # which fails if it cannot be read
            return
        mode = self.execute("PRAGMA journal_mode")[0][0]  # looked at first, since changing it locks the file
        if mode != "wal" and self.execute("PRAGMA journal_mode = WAL")[0][0] != "wal":
            reason = "its file system has no shared memory, which SQLite needs"
            raise ConfigurationError(f"{self._name}: {reason}. Name a place on a local disk")
        self._files = self._files[0], file_at(log_of(self._path))  # nobody removes SQLite's own log while this is open

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
                self.check_place()
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
        log = log_of(self._path)
        return self._path.stat().st_size + (log.stat().st_size if log.exists() else 0)

    def check_place(self) -> None:
        """As `Session.check_place`. What is written to a file without a name is lost when it is closed."""
        for path, opened in zip((self._path, log_of(self._path)), self._files, strict=True):
            if opened is not None and file_at(path) != opened:
                raise replaced(path)

    def damages(self) -> list[JournalDamaged]:
        """As `Session.damages`: of SQLite's own log."""
        return damages_of_log(log_of(self._path))

    def close(self) -> None:
        """As `Session.close`. SQLite leaves its own log alone if the file has been replaced: by name it would be that of the new one."""
        self._connection.close()

    def _roll_back(self) -> None:
        """Undo an open transaction. SQLite may have done so already."""
        if self._connection.in_transaction:
            self.execute("ROLLBACK")

    def _translated(self, error: sqlite3.Error) -> DeltameshError:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code & 0xFF in _DAMAGED or any(reason in str(error) for reason in _DAMAGE):
            return JournalDamaged(self._name, str(error))
        if code & 0xFF == sqlite3.SQLITE_FULL or (code & 0xFF == sqlite3.SQLITE_IOERR and _is_full(self._path)):
            return JournalFull(f"{self._name}: {error}")
        if self._access != "rw" and code & 0xFF in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY):
            reason = "it has a log of SQLite beside it, which this user can not read without writing there"
            return ConfigurationError(f"{self._name}: {reason} ({error}). Run as the owner of {self._path.parent}")
        return JournalUnavailable(f"{self._name}: {error}")


def _is_full(path: Path) -> bool:
    """Whether the disk has less room than one commit may need: some file systems say so with other errors."""
    state = os.statvfs(path.parent)
    return state.f_bavail * state.f_frsize < 1 << 16
