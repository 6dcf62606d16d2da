"""What happens to an append when the disk is full, or the database goes away: all of it is kept, or nothing, and the writer knows which."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
from twisted.internet.defer import Deferred

from deltamesh.errors import Fenced, JournalFull, JournalUnavailable
from deltamesh.journal.sqlite import SqliteDatabase
from tests.journal.appending import Journals, content, record, revisions
from tests.journal.conftest import fresh
from tests.journal.cut_wire import Wire
from tests.journal.running_postgres import RunningPostgres

LARGE = "x" * 200_000


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of 2 MB."""
    with TemporaryDirectory() as place:
        mounting = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place]
        if os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root can mount a small file system, and not in every container")
        yield Path(place)
        subprocess.run(["umount", place], check=True)


def test_a_full_disk_keeps_nothing_and_it_goes_on_when_there_is_space(small_disk: Path, journals: Journals) -> None:
    filler = small_disk / "filler"
    journal = journals.taken(SqliteDatabase(small_disk / "journal.sqlite"))
    journals.append(journal, record(1, "kept", a=1))
    with filler.open("wb", buffering=0) as file:
        while shutil.disk_usage(small_disk).free:
            file.write(bytes(1 << 12))

    for attempt in range(3):
        with pytest.raises(JournalFull):
            journals.append(journal, record(2, "refused", a=LARGE), record(3, b=attempt))
    assert revisions(journal.since(0)) == [1]
    assert journal.answered("refused") is None
    assert content(journal.recover().entries) == {("posts", "a"): [1]}

    filler.unlink()
    journals.append(journal, record(2, b=2))
    assert content(journal.recover().entries) == {("posts", "a"): [1], ("posts", "b"): [2]}


def test_a_store_that_may_not_grow_is_full(tmp_path: Path, journals: Journals) -> None:
    """As the test above, where nobody may mount: SQLite refuses in the same way."""
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    journal = journals.taken(database)
    writer: Any = journal._writer
    writer._store.session.execute("PRAGMA max_page_count = 30")

    with pytest.raises(JournalFull):
        journals.append(journal, record(1, a=LARGE))
    journals.append(journal, record(1, b=1))
    with pytest.raises(JournalFull):
        journals.append(journal, record(2, b=None), record(3, a=LARGE))
    writer._store.session.execute("PRAGMA max_page_count = 1000")
    journals.append(journal, record(2, a=LARGE))

    assert content(journals.open(database).recover().entries) == {("posts", "a"): [LARGE], ("posts", "b"): [1]}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=["orderly", "crash"])
def test_an_append_waits_while_postgres_restarts(postgres: RunningPostgres, journals: Journals, number: int) -> None:
    database = fresh(postgres)
    journal = journals.taken(database, patience=60.0)
    journals.append(journal, record(1))
    postgres.stop(number)

    starting = threading.Timer(0.3, postgres.start)  # while the append waits
    starting.start()
    journals.append(journal, record(2), record(3))
    starting.join()

    assert revisions(journals.taken(database).since(0)) == [1, 2, 3]


def test_an_append_gives_up_after_its_patience_and_the_journal_has_to_be_taken_again(postgres: RunningPostgres, journals: Journals) -> None:
    database = fresh(postgres)
    journal = journals.taken(database, patience=0.0)
    journals.append(journal, record(1))
    postgres.stop()
    try:
        with pytest.raises(JournalUnavailable):
            journals.append(journal, record(2))
        with pytest.raises(Fenced):
            journals.append(journal, record(2))
        with pytest.raises(JournalUnavailable):
            journal.take()
        for _ in range(2):
            with pytest.raises(JournalUnavailable):
                journal.since(1)
    finally:
        postgres.start()

    journal.take()
    journals.append(journal, record(2))
    assert revisions(journals.taken(database).since(0)) == [1, 2]


@pytest.mark.parametrize("place", ["before the server", "after the server"])
def test_a_commit_whose_answer_was_lost_is_done_once(
    postgres: RunningPostgres, journals: Journals, place: Literal["before the server", "after the server"]
) -> None:
    database: Any = fresh(postgres)
    with TemporaryDirectory() as directory, Wire(Path(directory), postgres.socket) as wire:
        database._conninfo = database._conninfo.replace(str(postgres.socket.parent), directory)
        journal = journals.taken(database)
        journals.append(journal, record(1, a=1))

        wire.cut_at_commit = place
        journals.append(journal, record(2, "key", a=2), record(3, b=3))
        journals.append(journal, record(4, c=4))

        assert wire.was_cut.is_set()
        assert journal.since(0) == [record(1, a=1), record(2, "key", a=2), record(3, b=3), record(4, c=4)]
        journal.close()


@pytest.mark.parametrize(("place", "kept"), [("before the server", []), ("after the server", [1])])
def test_who_was_fenced_while_the_answer_was_lost_knows_what_is_kept(
    postgres: RunningPostgres, journals: Journals, place: Literal["before the server", "after the server"], kept: list[int]
) -> None:
    direct: Any = fresh(postgres)
    wired: Any = copy(direct)
    with TemporaryDirectory() as directory, Wire(Path(directory), postgres.socket) as wire:
        wired._conninfo = wired._conninfo.replace(str(postgres.socket.parent), directory)
        journal, other = journals.taken(wired), journals.open(direct)
        other.recover()

        wire.cut_at_commit = place
        wire.lets_in.clear()
        waiting = Deferred.fromCoroutine(journal.append([record(1)]))
        assert wire.was_cut.wait(60)
        other.take()
        wire.lets_in.set()

        if kept:
            journals.wait(awaited(waiting))
        else:
            with pytest.raises(Fenced):
                journals.wait(awaited(waiting))
        assert revisions(other.since(0)) == kept
        journal.close()


async def awaited(waiting: Deferred[Any]) -> None:
    await waiting
