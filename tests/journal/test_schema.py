"""Stores of older versions are brought up to date, newer ones are refused, and so is what is no journal."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from deltamesh.errors import ConfigurationError, Fenced
from deltamesh.journal import Answered, schema
from deltamesh.journal.database import Database
from deltamesh.journal.inspection import damages_of, opened
from deltamesh.journal.schema import STEPS, bring_up, version_of
from deltamesh.journal.sqlite import SqliteDatabase
from tests.journal.appending import SERVICE, Journals, content, record

MORE = (
    *STEPS,
    ("ALTER TABLE meta ADD COLUMN colour TEXT",),
    ("UPDATE meta SET colour = 'green'", "CREATE TABLE more ({integer} INTEGER)".replace("{integer}", "number")),
)
"""Two versions that there are not yet."""


def with_steps(database: Database, number: int) -> None:
    session = database.connect()
    bring_up(session, database, SERVICE, MORE[:number])
    session.close()


@pytest.mark.parametrize("version", range(1, len(STEPS) + 1))
def test_a_store_of_each_released_version_is_read(tmp_path: Path, journals: Journals, version: int) -> None:
    """The files were made by the release that introduced the version, and never change."""
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    with sqlite3.connect(database.path) as connection:
        connection.executescript((Path(__file__).parent / f"version_{version}.sql").read_text())
    connection.close()

    journal = journals.taken(database)
    journals.append(journal, record(5, new=1))
    recovered = journals.open(database).recover()

    assert recovered.position.epoch == "0123456789abcdef"
    expected = {("posts", "new"): [1], ("posts", "revision"): [4], ("users", 7): [{"name": "Zoë"}, None], ("users", "long" * 60): [1]}
    assert content(recovered.entries) == expected
    assert journal.answered("folded") == Answered(2, "result 2")
    assert journal.answered("in the log") == Answered(4, "result 4")
    with opened(database, SERVICE) as session:
        assert version_of(session) == len(STEPS)
        assert damages_of(session) == []


@pytest.mark.parametrize("version", range(1, len(MORE)))
def test_a_store_takes_all_steps_that_it_lacks(
    database: Database, journals: Journals, monkeypatch: pytest.MonkeyPatch, version: int
) -> None:
    monkeypatch.setattr(schema.bring_up, "__defaults__", (MORE[:version],))
    journal = journals.taken(database)
    epoch = journal.recover().position.epoch
    journals.append(journal, record(1, "key", a=1))
    journal.close()

    monkeypatch.setattr(schema.bring_up, "__defaults__", (MORE,))
    recovered = journals.open(database).recover()

    assert (recovered.position.epoch, recovered.position.revision) == (epoch, 1)
    assert content(recovered.entries) == {("posts", "a"): [1]}
    session = database.connect()
    assert version_of(session) == len(MORE)
    assert session.execute("SELECT colour FROM meta") == [("green",)]
    session.close()


def test_a_leader_of_the_former_version_is_fenced(database: Database, journals: Journals) -> None:
    journal = journals.taken(database)
    journals.append(journal, record(1))

    with_steps(database, len(MORE))

    with pytest.raises(Fenced):
        journals.append(journal, record(2))
    with pytest.raises(ConfigurationError, match="newer"):
        journal.recover()


def test_a_newer_store_is_refused_and_left_alone(database: Database, journals: Journals) -> None:
    with_steps(database, len(MORE))

    with pytest.raises(ConfigurationError, match=f"schema has version {len(MORE)}, and this program knows those up to {len(STEPS)}"):
        journals.open(database).recover()
    session = database.connect()
    assert version_of(session) == len(MORE)
    session.close()


def test_a_step_that_fails_changes_nothing(database: Database) -> None:
    with_steps(database, 1)
    session = database.connect()

    with pytest.raises(Exception, match="nowhere"):
        bring_up(session, database, SERVICE, (*MORE[:2], ("DROP TABLE nowhere",)))

    assert version_of(session) == 1
    bring_up(session, database, SERVICE, MORE)
    session.close()


def test_the_journal_of_another_service_is_refused(database: Database) -> None:
    session = database.connect()
    bring_up(session, database, SERVICE)

    with pytest.raises(ConfigurationError, match=f"journal of {SERVICE}, not of com.example.other"):
        bring_up(session, database, "com.example.other")
    session.close()


def test_a_database_of_something_else_is_left_alone(database: Database, journals: Journals) -> None:
    session = database.connect()
    session.execute("CREATE TABLE customers (name TEXT)")

    with pytest.raises(ConfigurationError, match="is no journal: it has a table called customers"):
        journals.open(database).recover()
    assert session.tables() == {"customers"}
    session.close()
