"""The file of a journal: who may read it, where it may be, and what becomes of a writer that is stopped."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deltamesh.errors import ConfigurationError, JournalUnavailable
from deltamesh.journal.sqlite import SqliteDatabase
from deltamesh.journal.stopped import end_stopped_writer
from tests.journal.appending import Journals, record, revisions

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE meta SET revision = 99")
print("holds", flush=True)
sys.stdin.readline()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_only_its_user_can_read_it_and_its_directory_is_made(tmp_path: Path, journals: Journals) -> None:
    database = SqliteDatabase(tmp_path / "a" / "b" / "journal.sqlite")
    journal = journals.taken(database)
    journals.append(journal, record(1))

    assert mode(database.path) == mode(database.path.with_name("journal.sqlite-wal")) == 0o600
    assert mode(tmp_path / "a" / "b") == 0o700


@pytest.mark.parametrize("place", ["/proc/journal/x.sqlite", "file/x.sqlite", "file/deeper/x.sqlite", "."])
def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, journals: Journals, place: str) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=r"sqlite:.*(cannot be made|is no file)"):
        journals.open(SqliteDatabase(tmp_path / place)).recover()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, journals: Journals) -> None:
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    journals.taken(database).close()
    database.path.chmod(0o400)

    with pytest.raises(ConfigurationError, match="can not read and write"):
        journals.open(database).recover()


def test_every_commit_is_synced(tmp_path: Path) -> None:
    session = SqliteDatabase(tmp_path / "journal.sqlite").connect()

    assert session.execute("PRAGMA journal_mode") == [("wal",)]
    assert session.execute("PRAGMA synchronous") == [(2,)]
    with session.transaction(durable=False):
        assert session.execute("PRAGMA synchronous") == [(1,)]
    assert session.execute("PRAGMA synchronous") == [(2,)]
    session.close()


@pytest.fixture
def holder(tmp_path: Path, journals: Journals) -> subprocess.Popen[str]:
    """A process in the middle of a commit to the journal in `tmp_path`."""
    journals.append(journals.taken(SqliteDatabase(tmp_path / "journal.sqlite")), record(1))
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "journal.sqlite")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells who holds a lock")
def test_a_writer_that_is_stopped_in_a_commit_is_ended_by_who_takes_over(
    tmp_path: Path, journals: Journals, holder: subprocess.Popen[str]
) -> None:
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holds\n"
        holder.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, holder.pid, os.WSTOPPED)

        journal = journals.taken(database)

        assert holder.wait(60) == -signal.SIGKILL
    journals.append(journal, record(2))
    assert revisions(journal.since(0)) == [1, 2]


def test_a_writer_that_runs_is_waited_for_and_not_ended(tmp_path: Path, journals: Journals, holder: subprocess.Popen[str]) -> None:
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "holds\n"

        assert end_stopped_writer(database.path) == []
        journal = journals.open(database)
        with pytest.raises(JournalUnavailable, match="locked"):
            journal.take()
        assert holder.poll() is None
        assert revisions(journals.open(database).since(0)) is None  # nobody waits who only reads
        holder.kill()
    assert journal.take() == 2
