"""The file of a journal is removed or replaced while it is in use: nothing is acknowledged that would be lost."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from deltamesh.errors import Fenced, JournalDamaged, JournalUnavailable
from deltamesh.journal.database import Database
from deltamesh.journal.inspection import damages_of, opened
from deltamesh.journal.sqlite import SqliteDatabase
from deltamesh.journal.sqlite_log import damages_of_log
from tests.journal.appending import SERVICE, Journals, record, revisions


def move(source: Path, target: Path) -> None:
    """Move a journal, with what SQLite keeps beside it."""
    target.mkdir()
    for path in source.glob("journal.sqlite*"):
        path.rename(target / path.name)


def test_nothing_is_acknowledged_into_a_file_that_was_removed(tmp_path: Path, journals: Journals) -> None:
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    journal = journals.taken(database, patience=0.0)
    journals.append(journal, record(1))
    assert journal.since(0) is not None
    move(tmp_path, tmp_path / "aside")

    with pytest.raises(JournalUnavailable, match=r"is not the file that was opened: it was removed or replaced. Put it back, or restart"):
        journals.append(journal, record(2))
    for call in (journal.take, lambda: journal.since(1), journal.recover):
        with pytest.raises(JournalUnavailable, match="removed or replaced"):
            call()
    assert not database.path.exists()  # and no new one is begun

    for path in (tmp_path / "aside").iterdir():
        path.rename(tmp_path / path.name)
    journal.take()
    journals.append(journal, record(2))
    assert revisions(journals.open(SqliteDatabase(database.path)).since(0)) is None
    assert journals.taken(SqliteDatabase(database.path)).recover().position.revision == 2


def test_nothing_is_acknowledged_into_a_log_of_sqlite_that_was_removed(tmp_path: Path, journals: Journals) -> None:
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    journal = journals.taken(database, patience=0.0)
    journals.append(journal, record(1))
    (tmp_path / "journal.sqlite-wal").unlink()

    with pytest.raises(JournalUnavailable, match="sqlite-wal is not the file that was opened"):
        journals.append(journal, record(2))


def test_nothing_is_written_to_a_file_that_came_in_its_place(tmp_path: Path, journals: Journals) -> None:
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    journal = journals.taken(database, patience=0.0)
    journals.append(journal, record(1))
    move(tmp_path, tmp_path / "aside")
    other = journals.taken(SqliteDatabase(database.path))
    journals.append(other, record(1))

    with pytest.raises(JournalUnavailable, match="removed or replaced"):
        journals.append(journal, record(2))
    journal.close()
    assert database.path.with_name("journal.sqlite-wal").exists()  # which is that of the other file
    journals.append(other, record(2))
    assert journals.open(SqliteDatabase(database.path)).recover().position.revision == 2


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("UPDATE meta SET epoch = 'another'", Fenced),
        ("UPDATE meta SET revision = 7", JournalDamaged),
        ("UPDATE meta SET log_digest = base_digest", JournalDamaged),
        ("DELETE FROM meta", JournalDamaged),
        ("DROP TABLE meta", JournalDamaged),
        ("DROP TABLE log", JournalDamaged),
    ],
)
def test_a_store_that_is_not_the_one_that_was_taken_gets_nothing(
    database: Database, journals: Journals, statement: str, error: type[Exception]
) -> None:
    journal = journals.taken(database)
    journals.append(journal, record(1))
    session = database.connect()
    session.execute(statement)
    session.close()

    with pytest.raises(error):
        journals.append(journal, record(2))
    with pytest.raises(Fenced):  # it has to be taken again
        journals.append(journal, record(2))


@pytest.fixture
def killed(tmp_path: Path, journals: Journals) -> SqliteDatabase:
    """What a leader leaves that was killed after 40 commits: a file, and most of it in SQLite's own log."""
    journal = journals.taken(SqliteDatabase(tmp_path / "journal.sqlite"))
    for revision in range(1, 41):
        journals.append(journal, record(revision))
    (tmp_path / "killed").mkdir()
    for end in ("", "-wal"):
        shutil.copy(tmp_path / f"journal.sqlite{end}", tmp_path / "killed" / f"journal.sqlite{end}")
    return SqliteDatabase(tmp_path / "killed" / "journal.sqlite")


def damages(database: SqliteDatabase) -> list[str]:
    with opened(database, SERVICE) as session:
        return [damage.message for damage in damages_of(session)]


def test_looking_leaves_the_log_of_sqlite_as_it_is(killed: SqliteDatabase) -> None:
    log = killed.path.with_name("journal.sqlite-wal")
    before = killed.path.read_bytes(), log.read_bytes()

    assert damages(killed) == []
    assert (killed.path.read_bytes(), log.read_bytes()) == before


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_a_byte_of_the_log_of_sqlite_that_cuts_off_commits_is_found(killed: SqliteDatabase, part: float) -> None:
    log = killed.path.with_name("journal.sqlite-wal")
    data = bytearray(log.read_bytes())
    data[int(len(data) * part)] ^= 4
    log.write_bytes(data)

    (damage,) = damages(killed)

    assert "damaged at journal.sqlite-wal: frame" in damage
    with sqlite3.connect(killed.path) as connection:
        ((revision,),) = connection.execute("SELECT revision FROM meta").fetchall()
    connection.close()
    assert 0 < revision < 40
    assert f"does not read the {40 - revision} commits after it" in damage or f"read the {39 - revision} commits" in damage


def test_a_header_of_the_log_of_sqlite_that_was_changed_is_found(killed: SqliteDatabase) -> None:
    log = killed.path.with_name("journal.sqlite-wal")
    data = bytearray(log.read_bytes())
    data[17] ^= 1
    log.write_bytes(data)

    assert "header" in damages_of_log(log)[0].message


def test_a_commit_that_was_never_finished_is_no_damage(killed: SqliteDatabase) -> None:
    log = killed.path.with_name("journal.sqlite-wal")
    log.write_bytes(log.read_bytes()[:-5000])

    assert damages(killed) == []
