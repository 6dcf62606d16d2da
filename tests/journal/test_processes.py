"""Two processes on one SQLite file: one writes and is killed again and again, the other follows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

from deltamesh.journal.inspection import damages_of, opened
from deltamesh.journal.sqlite import SqliteDatabase
from deltamesh.values import freeze, index_key
from tests.journal.appending import SERVICE, Journals, content
from tests.journal.writing import transaction
from tests.running_router import ROOT

ROUNDS = 8


class Standby:
    """Follows a journal, and keeps what is live."""

    def __init__(self, journals: Journals, database: SqliteDatabase) -> None:
        self.journal = journals.open(database)
        self.num_recovered = 0
        self.recover()

    def recover(self) -> None:
        recovered = self.journal.recover()
        self.revision = recovered.position.revision
        self.entries: dict[tuple[str, Any], Any] = {place: freeze(values) for place, values in content(recovered.entries).items()}
        self.num_recovered += 1

    def follow(self) -> None:
        records = self.journal.since(self.revision)
        if records is None:
            self.recover()
            return
        for record in records:
            assert record == transaction(self.revision + 1)
            self.revision = record.revision
            apply(self.entries, record.changes())


def apply(entries: dict[tuple[str, Any], Any], changes: dict[str, Any]) -> None:
    for name, listed in changes.items():
        for key, values in listed:
            if values:
                entries[name, index_key(key)] = freeze(values)
            else:
                entries.pop((name, index_key(key)), None)


def test_a_standby_sees_everything_that_a_writer_commits_who_is_killed_at_any_moment(tmp_path: Path, journals: Journals) -> None:
    database = SqliteDatabase(tmp_path / "journal.sqlite")
    standby = Standby(journals, database)
    chance = Random(4)
    acknowledged = 0
    for number in range(ROUNDS):
        command = [sys.executable, "-m", "tests.journal.writing", str(database.path), "200", str(number)]
        paths = os.pathsep.join([str(ROOT / "components"), str(ROOT)])
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randrange(1, 40)):
                acknowledged = int(writer.stdout.readline())
                standby.follow()
            writer.kill()
            acknowledged = max([acknowledged, *map(int, writer.stdout.read().splitlines())])
        while standby.revision < acknowledged:
            standby.follow()
    standby.follow()

    entries: dict[tuple[str, Any], Any] = {}
    for revision in range(1, standby.revision + 1):
        apply(entries, transaction(revision).changes())
    assert standby.entries == entries
    again = Standby(journals, database)
    assert (again.revision, again.entries) == (standby.revision, entries)
    assert all(again.journal.answered(f"key {revision}") for revision in range(1, standby.revision + 1))
    with opened(database, SERVICE) as session:
        assert damages_of(session) == []
        ((base, log),) = session.execute("SELECT base, (SELECT count(*) FROM log) FROM meta")
    assert base > 1000
    assert base + log == standby.revision
