"""A journal as lines of JSON: all of it comes back, in any database, or nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deltamesh.errors import ConfigurationError, DeltameshError, Fenced, JournalDamaged
from deltamesh.journal import Record
from deltamesh.journal.database import Database
from deltamesh.journal.dump import exported, header_of, import_into
from deltamesh.journal.inspection import damages_of, opened, summary_of
from deltamesh.journal.sqlite import SqliteDatabase
from tests.journal.appending import SERVICE, Journals, content, record, revisions


def lines_of(database: Database) -> list[bytes]:
    with opened(database, SERVICE) as session:
        return list(exported(session))


def bring_in(database: Database, lines: list[bytes]) -> None:
    import_into(database, header_of(lines[0]), lines[1:])


@pytest.fixture
def filled(tmp_path: Path, journals: Journals) -> SqliteDatabase:
    """A journal of which a part is folded."""
    database = SqliteDatabase(tmp_path / "filled.sqlite")
    journal = journals.taken(database, keep_rows=0)
    odd = Record.of(1, {"users": [([True, "\0"], [{"b": 1, "a": 2.5}, None]), ("long" * 100, [1])]}, "odd\n\0\ud800", {"x": [1]})
    journals.append(journal, odd, *[record(revision, f"key {revision}", **{f"k{revision}": revision}) for revision in range(2, 300)])
    journals.append(journal, record(300, k2=None, k290="new"))
    journal.close()
    return database


def test_everything_comes_back_in_another_database(filled: SqliteDatabase, database: Database, journals: Journals) -> None:
    lines = lines_of(filled)
    bring_in(database, lines)
    before, after = journals.open(filled), journals.taken(database)

    assert after.recover().position == before.recover().position
    assert content(after.recover().entries) == content(before.recover().entries)
    for key in ("odd\n\0\ud800", "key 2", "key 299"):
        assert before.answered(key) is not None
        assert after.answered(key) == before.answered(key)
    assert sorted(lines_of(database)) == sorted(lines)
    with opened(database, SERVICE) as session:
        assert damages_of(session) == []


def test_revisions_go_on_after_an_import(filled: SqliteDatabase, database: Database, journals: Journals) -> None:
    bring_in(database, lines_of(filled))
    journal = journals.taken(database)
    journals.append(journal, record(301, k3=None, k302=1))

    assert journal.since(299) is None
    assert revisions(journal.since(300)) == [301]
    with opened(database, SERVICE) as session:
        assert summary_of(session, "here").entries == {"posts": 298 - 1, "users": 2}
        assert damages_of(session) == []


def test_only_an_empty_journal_takes_an_import_and_who_has_it_open_is_fenced(
    filled: SqliteDatabase, database: Database, journals: Journals
) -> None:
    lines = lines_of(filled)
    journal = journals.taken(database)
    bring_in(database, lines)

    with pytest.raises(Fenced):
        journals.append(journal, record(1))
    assert journal.since(300) is None  # of another epoch
    with pytest.raises(ConfigurationError, match="has 300 revisions already"):
        bring_in(database, lines)


def changed(index: int, line: Any) -> Callable[[list[bytes]], None]:
    def change(lines: list[bytes]) -> None:
        lines[index] = line if isinstance(line, bytes) else msgspec.json.encode(line)

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda lines: lines.pop(), "line 599: the export ends here"),
        (lambda lines: lines.pop(5), "line 599: .*the count is wrong"),
        (lambda lines: lines.append(lines[-1]), "line 601: there is more"),
        (lambda lines: lines.clear() or lines.append(b""), "line 1: this is no exported journal"),
        (changed(0, {"journal": SERVICE}), "line 1"),
        (changed(0, {"journal": SERVICE, "format": 1, "epoch": "", "revision": 1, "log_digest": "00" * 16}), "line 1"),
        (changed(0, {"journal": SERVICE, "format": 1, "epoch": "e", "revision": 1, "log_digest": "zz"}), "line 1"),
        (changed(0, {"journal": SERVICE, "format": 2, "epoch": "e", "revision": 1, "log_digest": "00" * 16}), "has format 2"),
        (changed(7, b"{"), "line 8"),
        (changed(7, ["entry", "posts", 1, []]), "line 8"),
        (changed(7, ["entry", "posts", 1]), "line 8"),
        (changed(7, ["entry", 1, 1, [1]]), "line 8"),
        (changed(-2, ["answered", "k", 301, 1]), "line 599"),
        (changed(-2, ["answered", "k", 298, 1]), "line 599"),
        (changed(-2, ["answered", ["k"], 299, 1]), "line 599"),
        (changed(-2, ["answered", True, 299, 1]), "line 599"),
    ],
)
def test_nothing_is_imported_of_what_is_not_an_export(
    filled: SqliteDatabase, tmp_path: Path, journals: Journals, change: Callable[[list[bytes]], None], reason: str
) -> None:
    lines = lines_of(filled)
    change(lines)
    target = SqliteDatabase(tmp_path / "target.sqlite")

    with pytest.raises((JournalDamaged, ConfigurationError), match=reason):
        bring_in(target, lines)
    recovered = journals.open(target).recover()
    assert (recovered.position.revision, list(recovered.entries)) == (0, [])


def test_a_key_that_comes_twice_is_refused(filled: SqliteDatabase, tmp_path: Path) -> None:
    lines = lines_of(filled)
    lines[5] = lines[4]

    with pytest.raises(DeltameshError):
        bring_in(SqliteDatabase(tmp_path / "target.sqlite"), lines)


def test_a_summary_counts_what_is_live(filled: SqliteDatabase) -> None:
    with opened(filled, SERVICE) as session:
        summary = summary_of(session, filled.name)

    assert (summary.service, summary.revision, summary.base, summary.term) == (SERVICE, 300, 256, 1)
    assert (summary.log, summary.answered, summary.schema) == (44, 299, 1)
    assert summary.entries == {"posts": 297, "users": 2}
    assert summary.size > filled.path.stat().st_size - 1


def test_there_is_nothing_to_look_at_where_no_journal_is(database: Database) -> None:
    with pytest.raises(ConfigurationError, match="there is no journal at"), opened(database, SERVICE):
        pass
    assert not database.exists()
