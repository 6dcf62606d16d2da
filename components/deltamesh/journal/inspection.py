"""Looking at a journal without changing it: how much is in it, and whether it is what was written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from deltamesh.errors import ConfigurationError, JournalDamaged
from deltamesh.journal.database import Database, Session
from deltamesh.journal.reading import Reading
from deltamesh.journal.schema import STEPS, bring_up, check_service, check_version, version_of
from deltamesh.journal.store import last_changes

MAX_DAMAGES: Final = 100
"""Damages that are told apart; a store with more is lost anyway."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is in a journal at one moment."""

    place: str
    service: str
    schema: int
    epoch: str
    revision: int
    base: int
    """The last revision that is folded into entries."""
    term: int
    log: int
    """Transactions in the log."""
    answered: int
    """Idempotency keys that are known."""
    size: int
    """Bytes that it takes."""
    entries: dict[str, int]
    """Live entries by input."""


@contextmanager
def opened(database: Database, service: str) -> Iterator[Session]:
    """
    Connect to a journal that is there, and change nothing; only one of an older version is brought up to date first.

    Raises:
        ConfigurationError: there is none, or it is not usable.
    """
    if not database.exists():
        raise ConfigurationError(f"there is no journal at {database.name}")
    session = database.connect_reading()
    try:
        if check_version(session, database) != len(STEPS):
            session.close()
            session = database.connect(None)
            bring_up(session, database, service)
        check_service(session, database, service)
        yield session
    finally:
        session.close()


def summary_of(session: Session, place: str) -> Summary:
    """Count what is in a journal."""
    with session.snapshot():
        reading = Reading(session)
        meta = reading.meta
        counts = Counter({name: int(count) for name, count in session.execute("SELECT input, count(*) FROM entries GROUP BY input")})
        changes = last_changes(reading.log)
        there = {(name, id_) for name, id_ in session.look_up("SELECT input, id FROM entries WHERE input = ? AND id = ?", changes)}
        for where, change in changes.items():
            counts[where[0]] += (change.content != "[]") - (where in there)
        folded = session.execute("SELECT count(*) FROM answered")[0][0]
        answered = int(folded) + len([row for row in reading.log if row[1] is not None])
        version, size = version_of(session), session.size()
    known = (place, meta.service, version, meta.epoch, meta.revision, meta.base, meta.term, len(reading.log), answered, size)
    return Summary(*known, entries={name: count for name, count in sorted(counts.items()) if count})


def damages_of(session: Session) -> list[JournalDamaged]:
    """Read everything, work out all digests again, and return what differs: nothing, if all is what was written."""
    found: list[JournalDamaged] = []

    def damaged(error: JournalDamaged) -> None:
        found.append(error)
        if len(found) >= MAX_DAMAGES:
            raise _Enough

    try:
        for error in session.damages():
            damaged(error)
        with session.snapshot():
            reading = Reading(session, damaged)
            for _ in reading.entries():
                pass
            for _ in reading.answered():
                pass
    except _Enough:
        pass
    except JournalDamaged as error:  # the database itself cannot read it
        found.append(error)
    return found


class _Enough(Exception):
    """So many damages were found that it is no use to look for more."""
