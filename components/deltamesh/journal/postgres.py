"""A journal in PostgreSQL: one schema in a database, for each service."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, Final

import psycopg
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from deltamesh.errors import ConfigurationError, DeltameshError, JournalDamaged, JournalFull, JournalUnavailable
from deltamesh.journal.database import BLOCKING, Row

BATCH: Final = 1000
"""Rows that are read together from a long query."""

PREFIX: Final = "deltamesh:"
"""What the names of our schemas begin with."""

MAX_NAME: Final = 63
"""Bytes that PostgreSQL keeps of a name."""

IDLE: Final = 1.0
"""How long a transaction may wait for its client [s]: a leader that is stopped in one must not hold up the next, who waits `BLOCKING`."""

_LOCK: Final = 0x64656C74616D6573
"""The advisory lock under which tables are made."""


class PostgresDatabase:
    """The schema of `service` in the database that `url` names, in any form that libpq takes."""

    types: Mapping[str, str] = {"integer": "BIGINT", "bytes": "BYTEA", "text": 'TEXT COLLATE "C"', "clustered": ""}

    def __init__(self, url: str, service: str) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.Error as error:
            reason = str(error).strip()
            raise ConfigurationError(f"the URL of the PostgreSQL database is not right: {reason.replace(url, '…')}") from error
        self._conninfo = url
        self.schema = schema_of(service)
        host, database = parts.get("host") or parts.get("hostaddr") or "", parts.get("dbname") or ""
        port = f":{parts['port']}" if parts.get("port") else ""
        self.name = f"postgresql://{host}{port}/{database} ({self.schema})"

    def exists(self) -> bool:
        """Whether the schema is there."""
        session = PostgresSession(self._conninfo, self.name, None, BLOCKING)
        try:
            return bool(session.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (self.schema,)))
        finally:
            session.close()

    def end_stopped_writer(self) -> None:
        """The server ends a transaction whose client is silent (`IDLE`)."""

    def connect(self, patience: float | None = BLOCKING) -> PostgresSession:
        """As `Database.connect`."""
        return PostgresSession(self._conninfo, self.name, self.schema, patience)

    def connect_reading(self) -> PostgresSession:
        """As `Database.connect_reading`."""
        return self.connect(None)

    def discard(self) -> None:
        """As `Database.discard`."""
        session = PostgresSession(self._conninfo, self.name, None, BLOCKING)
        try:
            session.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(self.schema)).as_string(None))
        finally:
            session.close()


def schema_of(service: str) -> str:
    """Return the name of the schema of a service."""
    name = f"{PREFIX}{service}"
    if len(name) <= MAX_NAME:  # a service is named in ASCII
        return name
    mark = blake2b(service.encode(), digest_size=8).hexdigest()
    return f"{name[: MAX_NAME - len(mark) - 1]}~{mark}"


def services_of(url: str) -> list[str]:
    """Return the services that have a journal in a database."""
    session = PostgresSession(url, url.rpartition("@")[2], None, BLOCKING)
    try:
        found = session.execute("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, ?) ORDER BY 1", (PREFIX,))
        named = sql.SQL("SELECT service FROM {}.meta")
        return [session.execute(named.format(sql.Identifier(name)).as_string(None))[0][0] for (name,) in found]
    finally:
        session.close()


class PostgresSession:
    """One connection, whose tables are those of `schema`."""

    def __init__(self, conninfo: str, name: str, schema: str | None, patience: float | None) -> None:
        self._name = name
        self._schema = schema
        wait = BLOCKING if patience is None else patience
        try:
            # what the URL says goes before; a server that does not answer at all is found by keep-alives
            settings: dict[str, Any] = {"connect_timeout": max(2, round(wait)), "application_name": "deltamesh", "keepalives_idle": 2}
            settings |= {"keepalives_interval": 1, "keepalives_count": 3, "tcp_user_timeout": round(max(wait, 2) * 1000)}
            self._connection = psycopg.connect(make_conninfo(**{**settings, **conninfo_to_dict(conninfo)}), autocommit=True)
        except psycopg.Error as error:
            raise self._translated(error) from error
        try:
            self._prepare(patience)
        except BaseException:
            self.close()
            raise

    def _prepare(self, patience: float | None) -> None:
        limits = (0.0, 0.0, 0.0) if patience is None else (patience, patience, IDLE)
        for setting, limit in zip(("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"), limits, strict=True):
            self.execute("SELECT set_config(?, ?, false)", (setting, str(round(limit * 1000))))
        self.execute("SET synchronous_commit = on")
        self.execute("SET jit = off")  # for statements as short as ours it costs more than it gains
        if self._schema is not None:
            self._use(self._schema)

    def _use(self, schema: str) -> None:
        if not self.execute("SELECT 1 FROM pg_namespace WHERE nspname = ?", (schema,)):
            try:
                self.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)).as_string(None))
            except JournalUnavailable as error:
                if not isinstance(error.__cause__, errors.UniqueViolation):  # another one has just made it
                    raise
        self.execute("SELECT set_config('search_path', quote_ident(?), false)", (schema,))

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """As `Session.execute`."""
        try:
            cursor = self._connection.execute(_marked(sql), parameters)
            return [] if cursor.description is None else cursor.fetchall()
        except psycopg.Error as error:
            raise self._translated(error) from error

    def execute_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """As `Session.execute_many`. All rows travel together."""
        try:
            with self._connection.cursor() as cursor:
                cursor.executemany(_marked(sql), rows)
        except psycopg.Error as error:
            raise self._translated(error) from error

    def look_up(self, sql: str, keys: Iterable[Sequence[Any]]) -> list[Row]:
        """As `Session.look_up`. One statement with all keys would read the whole table while that has no statistics."""
        found: list[Row] = []
        try:
            with self._connection.cursor() as cursor:
                cursor.executemany(_marked(sql), keys, returning=True)
                while cursor.pgresult is not None:
                    found += cursor.fetchall()
                    if not cursor.nextset():
                        break
        except psycopg.Error as error:
            raise self._translated(error) from error
        return found

    def stream(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[list[Row]]:
        """As `Session.stream`."""
        try:
            with self._connection.cursor(name="rows") as cursor:
                cursor.execute(_marked(sql), parameters)
                while rows := cursor.fetchmany(BATCH):
                    yield rows
        except psycopg.Error as error:
            raise self._translated(error) from error

    @contextmanager
    def transaction(self, *, durable: bool = True) -> Iterator[None]:
        """As `Session.transaction`."""
        with self._inside("BEGIN" if durable else "BEGIN; SET LOCAL synchronous_commit = off"):
            yield

    @contextmanager
    def creating(self) -> Iterator[None]:
        """As `Session.creating`."""
        with self._inside("BEGIN"):
            self.execute("SELECT pg_advisory_xact_lock(?)", (_LOCK,))
            yield

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """As `Session.snapshot`."""
        with self._inside("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            self.execute("SET LOCAL idle_in_transaction_session_timeout = 0")  # who reads may take its time
            yield

    @contextmanager
    def _inside(self, begin: str) -> Iterator[None]:
        self.execute(begin)
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            if not self._connection.broken:
                self.execute("ROLLBACK")
            raise

    def tables(self) -> set[str]:
        """As `Session.tables`."""
        return {name for (name,) in self.execute("SELECT tablename FROM pg_tables WHERE schemaname = ?", (self._schema,))}

    def size(self) -> int:
        """Return the bytes of the tables and their indexes."""
        total = "SELECT coalesce(sum(pg_total_relation_size(quote_ident(schemaname) || '.' || quote_ident(tablename))), 0)"
        return int(self.execute(f"{total} FROM pg_tables WHERE schemaname = ?", (self._schema,))[0][0])

    def check_place(self) -> None:
        """A schema stays what it is; who drops it is told so by the next statement."""

    def damages(self) -> list[JournalDamaged]:
        """The server's own log of writes is its own affair."""
        return []

    def close(self) -> None:
        """As `Session.close`."""
        self._connection.close()

    def _translated(self, error: psycopg.Error) -> DeltameshError:
        reason = f"{self._name}: {str(error).strip() or type(error).__name__}"
        if isinstance(error, errors.DiskFull):
            return JournalFull(reason)
        if isinstance(error, errors.DataCorrupted | errors.IndexCorrupted | errors.UndefinedTable | errors.UndefinedColumn):
            return JournalDamaged(self._name, str(error))
        if isinstance(error, errors.InsufficientPrivilege):
            return ConfigurationError(f"{reason}. Let its user create a schema in the database, or make it the owner of this one")
        return JournalUnavailable(reason)


def _marked(statement: str) -> str:
    return statement.replace("?", "%s")
