"""`deltamesh journal`: inspect, export, import, verify."""

from __future__ import annotations

import json
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deltamesh.cli.command import main
from deltamesh.journal import Record
from deltamesh.journal.sqlite import SqliteDatabase
from tests.cli.running_command import POLL, deltamesh
from tests.journal.appending import Journals

SERVICE = "com.example.journal"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, with the journal of a service and an application."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [*sys.path])
    monkeypatch.delenv("DELTAMESH_JOURNAL", raising=False)
    (tmp_path / "poll.py").write_text(POLL)
    journals = Journals()
    journal = journals.taken(SqliteDatabase(tmp_path / "journals" / f"{SERVICE}.sqlite"))
    for revision in range(1, 4):
        journals.append(journal, Record.of(revision, {"votes": [(f"voter {revision}", ["tea"])]}, f"key {revision}", "thanks"))
    journals.close()
    yield tmp_path
    sys.modules.pop("poll", None)


def journal(*arguments: str, **environment: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(main, ["journal", *arguments], env=environment)


def test_inspect_counts(place: Path) -> None:
    shown = journal("inspect", "sqlite:journals/")
    as_json = journal("inspect", f"sqlite:journals/{SERVICE}.sqlite", "--json")

    assert shown.exit_code == 0, shown.stderr
    assert "revision  3\n" in shown.stdout
    assert "  votes: 3\n" in shown.stdout
    summary = json.loads(as_json.stdout)
    assert (summary["service"], summary["revision"], summary["log"], summary["entries"]) == (SERVICE, 3, 3, {"votes": 3})


def test_a_journal_moves_through_a_file_or_a_pipe(place: Path) -> None:
    exported = deltamesh("journal", "export", "sqlite:journals/", "backup.jsonl", cwd=place)
    piped = deltamesh("journal", "export", "sqlite:journals/", cwd=place)
    from_file = deltamesh("journal", "import", "sqlite:first/", "backup.jsonl", cwd=place)
    from_pipe = deltamesh("journal", "import", "sqlite:second.sqlite", cwd=place, stdin=piped.stdout)

    assert (exported.returncode, exported.stdout, exported.stderr) == (0, "", "")
    assert (place / "backup.jsonl").read_text() == piped.stdout
    assert stat.S_IMODE((place / "backup.jsonl").stat().st_mode) == 0o600
    assert from_file.stdout.startswith(f"imported 3 entries of {SERVICE} at revision 3"), from_file.stderr
    assert (place / "first" / f"{SERVICE}.sqlite").exists()
    assert from_pipe.returncode == 0, from_pipe.stderr
    assert deltamesh("journal", "export", "sqlite:second.sqlite", cwd=place).stdout == piped.stdout


def test_verify_finds_what_was_changed(place: Path) -> None:
    sound = journal("verify", "sqlite:journals/")
    with sqlite3.connect(place / "journals" / f"{SERVICE}.sqlite") as connection:
        connection.execute("UPDATE log SET result = '1' WHERE revision = 2")
    connection.close()
    damaged = journal("verify", "sqlite:journals/")

    assert (sound.exit_code, sound.stdout) == (0, "sound: 3 entries, 3 transactions after revision 0, to 3\n")
    assert damaged.exit_code == 1
    assert "revision 2 of the log: it is not what was written" in damaged.stderr
    assert "import a backup" in damaged.stderr


def test_the_journal_of_an_application_is_found_by_its_name(place: Path) -> None:
    lines = journal("export", "sqlite:journals/").stdout.replace(SERVICE, "com.example.poll")
    (place / "poll.jsonl").write_text(lines)

    by_default = journal("import", "poll:app", "poll.jsonl")
    by_variable = journal("import", "poll:app", "poll.jsonl", DELTAMESH_JOURNAL="sqlite:other/")
    inspected = journal("inspect", "poll:app", "--json", "--journal", "sqlite:other/")

    assert by_default.exit_code == by_variable.exit_code == 0, by_default.stderr + by_variable.stderr
    assert (place / ".crossbar" / "journal" / "com.example.poll.sqlite").exists()
    assert json.loads(inspected.stdout)["service"] == "com.example.poll"


def test_what_cannot_be_done_is_told_in_one_line(place: Path) -> None:
    journal("export", "sqlite:journals/", "backup.jsonl")
    lines = (place / "backup.jsonl").read_text()
    (place / "other.jsonl").write_text(lines.replace(SERVICE, "com.example.other"))
    journal("import", "sqlite:journals/", "other.jsonl")

    failures = {
        ("inspect", "sqlite:nowhere/"): "at this URL there is no journal",
        ("inspect", "sqlite:journals/"): f"journals of {SERVICE}, com.example.other: name one with --service",
        ("inspect", "poll:app"): "there is no journal at sqlite:.crossbar/journal/com.example.poll.sqlite",
        ("inspect", "nothing"): "names no application",
        ("inspect", "sqlite:poll.py"): "journal is damaged",
        ("import", "sqlite:journals/", "backup.jsonl"): "has 3 revisions already",
        ("import", "poll:app", "backup.jsonl"): f"this is the journal of {SERVICE}, not of com.example.poll",
        ("import", "sqlite:new.sqlite", "poll.py"): "this is no exported journal",
        ("export", "sqlite:journals/", "backup.jsonl", "--service", SERVICE): "backup.jsonl cannot be made: File exists",
    }
    for arguments, reason in failures.items():
        failed = journal(*arguments)

        assert (failed.exit_code in (1, 2), failed.stdout) == (True, ""), arguments
        assert reason in failed.stderr
        assert "Traceback" not in failed.stderr
    assert not (place / "new.sqlite").exists()
