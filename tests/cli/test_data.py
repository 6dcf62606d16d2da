"""`deltamesh read`, `write` and `call`, as processes, at a real mesh."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Poll
from tests.cli.running_command import deltamesh

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

Ask = Callable[..., list[Any]]


@pytest.fixture
def ask(poll: Poll) -> Ask:
    """`ask(*arguments)` runs a command that succeeds, and returns the lines of JSON that it prints."""

    def run(*arguments: str, stdin: str = "") -> list[Any]:
        done = deltamesh(*arguments, cwd=poll.folder, stdin=stdin, DELTAMESH_ROUTER=poll.url)
        assert (done.returncode, done.stderr) == (0, "")
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def failure(*arguments: str, poll: Poll, stdin: str = "") -> str:
    """Return the one line with which a command fails."""
    done = deltamesh(*arguments, cwd=poll.folder, stdin=stdin, DELTAMESH_ROUTER=poll.url)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    return line


def test_what_is_written_is_read(ask: Ask) -> None:
    (first,) = ask("write", "com.example.poll", '{"votes": [["ada", ["tea"]], ["bob", ["tea"]], ["eve", ["milk"]]]}')
    (second,) = ask("write", "poll:app", "-", stdin='[["votes", [["eve", []], ["cy", ["tea"]]]]]')

    assert second == {"epoch": first["epoch"], "revision": first["revision"] + 1}
    assert ask("read", "poll:app", "top", "--param", "limit=1") == [[[-3, "tea"], [{"choice": "tea", "votes": 3}]]]
    assert ask("read", "com.example.poll", "how_many") == [[None, [3]]]
    assert ask("read", "com.example.poll", "how_many", "--key", "null") == [[None, [3]]]
    assert ask("read", "com.example.poll", "how_many", "--key", "other") == [["other", []]]


def test_a_write_with_the_same_key_is_done_once(ask: Ask) -> None:
    again = ["write", "poll:app", '{"votes": [["ada", ["tea"]]]}', "--idempotency-key", "once"]

    assert ask(*again) == ask(*again)


def test_an_action_answers_with_result_and_position(ask: Ask) -> None:
    (answer,) = ask("call", "poll:app", "vote", "--arg", "voter=zoe", "--arg", "choice=cocoa")

    assert answer.keys() == {"result", "epoch", "revision"}
    assert answer["result"] == "thanks"


ERRORS = {
    "read top --param limit=x": "deltamesh.error.invalid_parameters: top: Expected `int`, got `str`",
    "read topp": "deltamesh.error.unknown_resource: no resource is called 'topp'; there are: how_many, top",
    "call vote --arg voter=x": "deltamesh.error.invalid_parameters: vote: Object missing required field `choice`",
    "call vote --arg voter=x --arg choice=beer": "com.example.poll.error.not_now: not now",
    "call sing --timeout 3": "wamp.error.no_such_procedure: ",
    'write {"vote":[]}': "deltamesh.error.unknown_input: no input is called 'vote'; there are: votes",
    "write [1]": "changes are [[input, [[key, [value, …]], …]], …] or {input: [[key, [value, …]], …], …}, not 1",
}


@pytest.mark.parametrize("command", ERRORS)
def test_an_error_is_one_line_with_its_uri(poll: Poll, command: str) -> None:
    name, *arguments = command.split()

    assert failure(name, "com.example.poll", *arguments, poll=poll).startswith(f"Error: {ERRORS[command]}")


def test_a_service_that_is_not_there_is_told(poll: Poll) -> None:
    line = failure("call", "com.example.other", "sing", "--timeout", "3", poll=poll)

    assert line.endswith("com.example.other is not running, or has no procedure of that name")


@pytest.mark.parametrize("command", [["read", "a.b", "c"], ["watch", "a.b", "c"], ["write", "a.b", "{}"], ["call", "a.b", "c"]])
def test_a_router_that_is_not_there_is_told(tmp_path: Path, command: list[str]) -> None:
    done = deltamesh(*command, "--timeout", "0.1", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    remedy = "start one with `deltamesh run …`, or name another one with --router"
    assert done.stderr == f"Error: no router at unix:.crossbar/mesh.sock: {remedy}\n"


def test_a_realm_that_is_not_there_is_told(poll: Poll) -> None:
    line = failure("read", "a.b", "c", "--realm", "elsewhere", "--timeout", "2", poll=poll)

    assert "wamp.error.no_such_realm" in line


def test_the_router_is_named_before_or_behind_the_command(poll: Poll) -> None:
    before = deltamesh("--router", poll.url, "read", "poll:app", "how_many", cwd=poll.folder, DELTAMESH_ROUTER="unix:nowhere")
    behind = deltamesh("--router", "unix:nowhere", "read", "poll:app", "how_many", "--router", poll.url, cwd=poll.folder)

    assert (before.returncode, behind.returncode) == (0, 0)


def test_an_address_of_another_form_is_told(tmp_path: Path) -> None:
    done = deltamesh("read", "a.b", "c", "--router", "localhost:8080", cwd=tmp_path)

    assert done.returncode == 1
    assert done.stderr.startswith("Error: deltamesh.error.configuration: 'localhost:8080' is no address of a router: use unix:PATH")


def test_who_listens_but_does_not_answer_is_told_from_no_router(tmp_path: Path) -> None:
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as silent, socket.create_server(("127.0.0.1", 0)) as distant:
        silent.bind(str(path))
        silent.listen()
        for url in (f"unix:{path}", f"rs://127.0.0.1:{distant.getsockname()[1]}"):
            done = deltamesh("read", "com.example.poll", "top", "--router", url, "--timeout", "0.5", cwd=tmp_path)

            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.startswith(f"Error: who listens at {url} does not answer: ")
