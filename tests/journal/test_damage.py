"""A journal that is not what was written is noticed when it is read, with the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from deltamesh.errors import JournalDamaged
from deltamesh.journal.database import Database
from deltamesh.journal.inspection import damages_of, opened
from deltamesh.journal.sqlite import SqliteDatabase
from tests.journal.appending import SERVICE, Journals, record


@pytest.fixture
def filled(database: Database, journals: Journals) -> Database:
    """A journal with 44 transactions in the log, and 256 that are folded."""
    journal = journals.taken(database, keep_rows=0)
    journals.append(journal, *[record(revision, f"key {revision}", **{f"k{revision}": revision}) for revision in range(1, 301)])
    journal.close()
    return database


def change(database: Database, statement: str) -> None:
    session = database.connect()
    with session.transaction():
        session.execute(statement)
    session.close()


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ('UPDATE log SET writes = \'[["posts",[["k280",[7]]]]]\' WHERE revision = 280', "revision 280 of the log"),
        ("UPDATE log SET result = '1' WHERE revision = 281", "revision 281 of the log"),
        ("UPDATE log SET idempotency_key = NULL WHERE revision = 282", "revision 282 of the log"),
        ("DELETE FROM log WHERE revision = 290", "revision 290 of the log"),
        ("DELETE FROM log WHERE revision = 300", "revision 300 of the log"),
        ("DELETE FROM log WHERE revision = 257", "revision 257 of the log"),
        ("UPDATE entries SET content = '[8]' WHERE id = '\"k7\"'", 'key "k7" of posts'),
        ("UPDATE entries SET revision = 8 WHERE id = '\"k7\"'", 'key "k7" of posts'),
        ("UPDATE entries SET id = '\"k0\"' WHERE id = '\"k7\"'", 'key "k0" of posts'),
        ("DELETE FROM entries WHERE id = '\"k7\"'", "entries: 255 are there, 256 were written"),
        ("UPDATE answered SET result = '8' WHERE revision = 7", "the answer of revision 7"),
    ],
)
def test_what_was_changed_is_named(filled: Database, journals: Journals, statement: str, where: str) -> None:
    change(filled, statement)

    with pytest.raises(JournalDamaged) as caught:
        list(journals.open(filled).recover().entries)
    with opened(filled, SERVICE) as session:
        damages = damages_of(session)

    assert where in caught.value.message
    assert where in damages[0].message


def test_all_damages_are_told(filled: Database) -> None:
    change(filled, "UPDATE entries SET content = '[0]' WHERE id IN ('\"k7\"', '\"k8\"')")
    change(filled, "DELETE FROM log WHERE revision = 290")
    change(filled, "UPDATE answered SET result = '8' WHERE revision = 7")

    with opened(filled, SERVICE) as session:
        found = [damage.facts["where"] for damage in damages_of(session)]

    assert found == ["revision 290 of the log", 'key "k7" of posts', 'key "k8" of posts', "the answer of revision 7"]


def test_what_was_not_changed_is_sound(filled: Database) -> None:
    with opened(filled, SERVICE) as session:
        assert damages_of(session) == []


def test_a_standby_is_not_told_what_was_not_written(filled: Database, journals: Journals) -> None:
    standby = journals.open(filled)
    standby.recover().entries.close()  # type: ignore[attr-defined]
    change(filled, "UPDATE log SET writes = '[]' WHERE revision = 290")

    assert standby.since(290) is not None  # its own row is not read
    with pytest.raises(JournalDamaged, match="revision 290"):
        standby.since(280)


def test_what_is_damaged_is_not_folded_and_appends_go_on(filled: Database, journals: Journals) -> None:
    change(filled, "UPDATE log SET writes = '[]' WHERE revision = 260")
    journal = journals.open(filled, keep_rows=0)
    with pytest.raises(JournalDamaged, match="revision 260"):
        journal.recover()
    journal.take()

    journals.append(journal, *[record(revision) for revision in range(301, 700)])
    journals.append(journal, record(700))
    journal.close()

    session = filled.connect()
    assert session.execute("SELECT base, revision FROM meta") == [(256, 700)]
    session.close()


def test_a_file_with_other_bytes_is_damaged(tmp_path: Path, journals: Journals) -> None:
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    journal = journals.taken(database)
    journals.append(journal, *[record(revision, large="x" * 9000) for revision in range(1, 100)])
    journal.close()
    data = bytearray(database.path.read_bytes())
    for start in range(8192, len(data), 4096):
        data[start : start + 64] = b"\xff" * 64
    database.path.write_bytes(data)

    with pytest.raises(JournalDamaged):
        list(journals.open(database).recover().entries)


def test_a_file_that_is_no_database_says_so(tmp_path: Path, journals: Journals) -> None:
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    database.path.write_bytes(b"something else" * 1000)

    with pytest.raises(JournalDamaged, match="not a database"):
        journals.open(database).recover()
