"""`deltamesh journal`: inspect, export, import, verify."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner, Result

from deltamesh.cli.command import main
from deltamesh.journal import Record
from deltamesh.journal.sqlite import SqliteDatabase
from tests.cli.running_command import POLL, deltamesh
from tests.journal.appending import Journals
from tests.running_router import ROOT

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


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM deltamesh_schema", "damaged at table deltamesh_schema: it has 0 rows"),
        ("DELETE FROM meta", "damaged at table meta: it has 0 rows"),
        ("DROP TABLE log", "no such table: log"),
        ("DROP TABLE answered", "no such table: answered"),
    ],
)
def test_tables_that_lack_something_are_damaged(place: Path, statement: str, reason: str) -> None:
    with sqlite3.connect(place / "journals" / f"{SERVICE}.sqlite") as connection:
        connection.execute(statement)
    connection.close()

    for command in ("inspect", "verify", "export"):
        failed = journal(command, f"sqlite:journals/{SERVICE}.sqlite")

        assert failed.exit_code == 1
        assert isinstance(failed.exception, SystemExit), failed.exception
        assert "journal is damaged" in failed.stderr
        assert reason in failed.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("command", ["inspect", "export", "verify"])
def test_output_that_has_no_space_is_told_in_one_line(place: Path, command: str) -> None:
    with Path("/dev/full").open("w") as full:
        failed = subprocess.run(
            [sys.executable, "-m", "deltamesh", "journal", command, "sqlite:journals/"],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT / "components")},
            text=True,
            check=False,
        )

    assert failed.returncode == 1
    assert failed.stderr.splitlines() == ["Error: reading or writing failed: No space left on device"]


def test_an_import_that_is_refused_leaves_nothing(place: Path) -> None:
    journal("export", "sqlite:journals/", "backup.jsonl")
    lines = (place / "backup.jsonl").read_text().splitlines(keepends=True)
    (place / "cut.jsonl").write_text("".join(lines[:-1]))

    failed = journal("import", "sqlite:new.sqlite", "cut.jsonl")
    refused = journal("import", f"sqlite:journals/{SERVICE}.sqlite", "cut.jsonl")

    assert "before its last line" in failed.stderr
    assert list(place.glob("new.sqlite*")) == []
    assert "has 3 revisions already" in refused.stderr
    assert journal("inspect", "sqlite:journals/").exit_code == 0


def test_an_empty_file_in_a_directory_is_no_journal(place: Path) -> None:
    (place / "journals" / "empty.sqlite").touch()

    assert journal("inspect", "sqlite:journals/").exit_code == 0


@pytest.mark.parametrize("url", ["memory:", "foo://x", "mysql://user:secret@host/x"])
def test_what_is_no_journal_to_be_read_says_so(place: Path, url: str) -> None:
    failed = journal("inspect", url)

    assert failed.exit_code == 1
    assert "memory: keeps nothing" in failed.stderr or "is no journal: a URL is sqlite:PATH" in failed.stderr
    assert "secret" not in failed.stderr


def test_several_journals_are_told_in_the_plural(place: Path) -> None:
    shutil.copy(place / "journals" / f"{SERVICE}.sqlite", place / "journals" / "more.sqlite")

    assert f"at this URL there are journals of {SERVICE}, {SERVICE}: name one" in journal("inspect", "sqlite:journals/").stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_who_may_only_read_can_look_and_who_may_not_is_told() -> None:
    with TemporaryDirectory() as directory, as_another_user_can_enter(Path(directory)) as path:
        shown = {command: journal(command, f"sqlite:{path}") for command in ("inspect", "verify", "export")}
        os.setresuid(0, 0, 0)
        path.chmod(0o600)
        os.setresuid(65534, 65534, 0)
        refused = journal("inspect", f"sqlite:{path}")
        left = sorted(each.name for each in path.parent.iterdir())

    assert {command: (each.exit_code, each.stderr) for command, each in shown.items()} == dict.fromkeys(shown, (0, ""))
    assert "this user can not read" in refused.stderr
    assert left == ["journal.sqlite"]


@contextmanager
def as_another_user_can_enter(directory: Path) -> Iterator[Path]:
    """Yield a journal that all users can read, in a directory where only root can write, and be another user meanwhile."""
    path = directory / "journal.sqlite"
    journals = Journals()
    journals.append(journals.taken(SqliteDatabase(path)), Record.of(1, {"votes": [("voter", ["tea"])]}, None, "thanks"))
    journals.close()
    directory.chmod(0o755)
    path.chmod(0o644)
    os.setresuid(65534, 65534, 0)
    try:
        yield path
    finally:
        os.setresuid(0, 0, 0)
