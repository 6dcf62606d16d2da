"""`deltamesh key`, and the options that say who a command is."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from deltamesh.cli.command import main
from deltamesh.connection.identity import read_key


def test_a_key_is_made_once_and_its_public_half_printed(tmp_path: Path) -> None:
    path = tmp_path / "follower.key"
    first, second = (CliRunner().invoke(main, ["key", str(path)]) for _ in range(2))

    assert first.exit_code == second.exit_code == 0
    assert first.stdout == second.stdout == f"{read_key(path).public}\n"
    assert len(first.stdout) == 65


def test_a_file_that_is_something_else_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter"
    path.write_text("hello")
    result = CliRunner().invoke(main, ["key", str(path)])

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"Error: {path} is no private key in PEM without a passphrase: make one with `deltamesh key FILE`\n"
    assert path.read_text() == "hello"


def test_a_folder_that_is_missing_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["key", str(tmp_path / "no" / "key")])

    assert result.stderr == f"Error: {tmp_path}/no/key cannot be made: No such file or directory\n"


def test_credentials_that_cannot_be_used_are_told_before_anything_is_connected() -> None:
    result = CliRunner().invoke(main, ["read", "com.example.poll", "top", "--authid", "ada"], env={"DELTAMESH_TICKET": ""})

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: nothing proves that this is 'ada': add --ticket-file or --key-file")
