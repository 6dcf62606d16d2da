"""
The tables of a journal, as numbered steps from one version to the next.

A store is brought up to date when it is opened, in one transaction. A step that was released is never changed; a new one is added.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from deltamesh.errors import ConfigurationError, JournalDamaged
from deltamesh.journal import digest
from deltamesh.journal.database import Database, Row, Session

STEPS: Final[Sequence[Sequence[str]]] = (
    (
        # One row. `revision`, `log_digest`: of the last transaction; `base`, `base_digest`: of the last one that is folded into entries.
        """CREATE TABLE meta (
            id {integer} PRIMARY KEY CHECK (id = 1), service TEXT NOT NULL, epoch TEXT NOT NULL, term {integer} NOT NULL,
            revision {integer} NOT NULL, log_digest {bytes} NOT NULL, base {integer} NOT NULL, base_digest {bytes} NOT NULL,
            num_entries {integer} NOT NULL, entries_digest {bytes} NOT NULL)""",
        # The transactions after `base`: `writes` and `result` as JSON text.
        """CREATE TABLE log (
            revision {integer} PRIMARY KEY, idempotency_key {bytes}, result TEXT NOT NULL, writes TEXT NOT NULL,
            digest {bytes} NOT NULL)""",
        # What is live at `base`. `id` is the text of the key, or stands for it if that is long; then the text is in `long_key`.
        """CREATE TABLE entries (
            input {text} NOT NULL, id {text} NOT NULL, long_key TEXT, content TEXT NOT NULL, revision {integer} NOT NULL,
            digest {bytes} NOT NULL, PRIMARY KEY (input, id)){clustered}""",
        # What folded transactions were answered, those with an idempotency key only.
        """CREATE TABLE answered (
            revision {integer} PRIMARY KEY, idempotency_key {bytes} NOT NULL, result TEXT NOT NULL, digest {bytes} NOT NULL)""",
    ),
)
"""By version, the statements that lead there from the version before."""


def version_of(session: Session) -> int:
    """Return the version of a store, 0 if there is none."""
    return int(only_row(session, "deltamesh_schema", "version")[0]) if "deltamesh_schema" in session.tables() else 0


def only_row(session: Session, table: str, columns: str) -> Row:
    """
    Return the row of a table that has one.

    Raises:
        JournalDamaged: there is none, or another one.
    """
    rows = session.execute(f"SELECT {columns} FROM {table}")  # noqa: S608  (both are ours)
    if len(rows) != 1:
        raise JournalDamaged(f"table {table}", f"it has {len(rows)} rows, and should have 1")
    return rows[0]


def bring_up(session: Session, database: Database, service: str, steps: Sequence[Sequence[str]] = STEPS) -> None:
    """
    Make the tables of a new store, with a new epoch, or bring those of an older one to the present version.

    Raises:
        ConfigurationError: the store is newer than this program, belongs to another service, or is something else.
    """
    if version_of(session) != len(steps):
        with session.creating():
            _take_steps(session, database, service, steps)
    check_service(session, database, service)


def check_service(session: Session, database: Database, service: str) -> None:
    """
    Make sure whose journal a store is.

    Raises:
        ConfigurationError: that of another service.
    """
    (found,) = only_row(session, "meta", "service")
    if found != service:
        raise ConfigurationError(f"{database.name} is the journal of {found}, not of {service}: name another place")


def check_version(session: Session, database: Database, steps: Sequence[Sequence[str]] = STEPS) -> int:
    """
    Return the version of a store that this program can bring up to date, 0 if there is none yet.

    Raises:
        ConfigurationError: it is newer than this program, or something else.
    """
    version = version_of(session)
    if version > len(steps):
        reason = f"was written by a newer Deltamesh: its schema has version {version}, and this program knows those up to {len(steps)}"
        raise ConfigurationError(f"{database.name} {reason}. Upgrade Deltamesh")
    if version == 0 and (others := session.tables()):
        raise ConfigurationError(f"{database.name} is no journal: it has a table called {min(others)}. Name another place")
    return version


def _take_steps(session: Session, database: Database, service: str, steps: Sequence[Sequence[str]]) -> None:
    version = check_version(session, database, steps)
    for step in steps[version:]:
        for statement in step:
            session.execute(statement.format_map(database.types))
    if version:
        session.execute("UPDATE deltamesh_schema SET version = ?", (len(steps),))
        session.execute("UPDATE meta SET term = term + 1")  # a leader that knows the former tables only is fenced
        return
    session.execute("CREATE TABLE deltamesh_schema (version INTEGER NOT NULL)")
    session.execute("INSERT INTO deltamesh_schema VALUES (?)", (len(steps),))
    session.execute(
        "INSERT INTO meta (id, service, epoch, term, revision, log_digest, base, base_digest, num_entries, entries_digest)"
        " VALUES (1, ?, ?, 0, 0, ?, 0, ?, 0, ?)",
        (service, secrets.token_hex(8), digest.NOTHING, digest.NOTHING, digest.NOTHING),
    )
