"""`deltamesh parameters`: values are looked at, changed, and taken back, from the command line."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import Clock

from deltamesh.cli import log
from deltamesh.cli.parameters.administering import HEARING, reading, show_difference, time_of
from deltamesh.errors import RemoteError
from tests.cli.running_command import TIMEOUT, RunningCommand, deltamesh, environment
from tests.parameters.repositories import Repo, made
from tests.running_router import RunningRouter

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

S = "com.example.configured"


class Configured(NamedTuple):
    folder: Path
    url: str
    repo: Repo

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return deltamesh("parameters", command, S, *arguments, cwd=self.folder, DELTAMESH_ROUTER=self.url)

    def done(self, command: str, *arguments: str) -> str:
        """Run a command that succeeds; return what it prints."""
        done = self.run(command, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def failed(self, command: str, *arguments: str) -> str:
        """Run a command that fails and commits nothing; return what it says."""
        head = self.repo.head()
        done = self.run(command, *arguments)
        assert done.returncode == 1, done
        assert self.repo.head() == head
        return done.stderr


@pytest.fixture(scope="module")
def configured(router: RunningRouter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configured]:
    """A service, and a reader that administers its repository."""
    folder = tmp_path_factory.mktemp("configured")
    (folder / "configured.py").write_text(f'from deltamesh.parameters import service\n\napp = service("{S}")\n')
    repo = made(folder / "repository")
    repo.commit(
        {"base/payment.yaml": "# all\nfee: 1\nlimits: {daily: 5}\n", "schemas/payment.yaml": "properties: {fee: {maximum: 9}}\n"}, "Begin."
    )
    url = f"unix:{router.unix_path}"
    with (
        RunningCommand("leader", "configured:app", "--journal", "memory:", "--router", url, cwd=folder) as leader,
        RunningCommand("follower", "configured:app", "--name", "first", "--router", url, cwd=folder) as follower,
    ):
        leader.wait_for("leader: ready")
        follower.wait_for("first: ready")
        with RunningCommand("parameters", "reader", "configured:app", str(repo.path), "--router", url, cwd=folder) as reader:
            reader.wait_for("reader: ready")
            yield Configured(folder, url, repo)


def test_set_shows_the_difference_and_prints_the_commit(configured: Configured) -> None:
    head = configured.repo.head()
    shown = configured.done("diff", "payment.fee=2", "payment.currency=EUR", "--unset", "payment.limits.daily")
    assert "\n-fee: 1\n" in shown
    assert "\n+currency: EUR\n" in shown
    assert configured.repo.head() == head

    lines = configured.done("set", "payment.fee=2", 'payment.note="1"', "-m", "Raise it.", "--author", "Ada <ada@example.com>").splitlines()

    assert lines[0] == "--- a/base/payment.yaml"
    assert "+fee: 2" in lines
    assert '+note: "1"' in lines
    commit = configured.repo.git[lines[-1]]
    assert (str(commit.id), commit.message, commit.author.name) == (configured.repo.head(), "Raise it.\n", "Ada")


def test_unset_and_revert(configured: Configured) -> None:
    before = configured.repo.git[configured.repo.head()].tree.id
    answer = json.loads(configured.done("unset", "payment.limits.daily", "-m", "Remove.", "--json"))
    assert answer.keys() == {"commit", "epoch", "revision"}
    assert answer["commit"] == configured.repo.head()
    assert configured.repo.git[configured.repo.head()].tree.id != before

    printed = configured.done("revert", answer["commit"], "-m", "Keep it.").splitlines()

    assert "+limits: {daily: 5}" in printed
    assert configured.repo.git[printed[-1]].tree.id == before


def test_what_is_not_good_is_refused_with_every_problem_on_a_line(configured: Configured) -> None:
    said = configured.failed("unset", "no.such", "nor.that", "-m", "Try.").splitlines()

    assert said[:2] == ["no.such: there is no such parameter", "nor.that: there is no such parameter"]
    assert said[2].startswith(f"Error: {S}.error.not_good: no.such: there is no such parameter (and 1 more)")


def test_log_shows_commits_and_how_a_value_has_changed(configured: Configured) -> None:
    configured.done("set", "logged.value=7", "-m", "Log it.\n\nIn full.", "--author", "Eve <eve@example.com>")
    commit = configured.done("set", "logged.value=[8]", "-m", "Again.", "--author", "Eve <eve@example.com>").splitlines()[-1]

    newest = configured.done("log", "--limit", "1").splitlines()
    assert re.fullmatch(rf"{commit}  \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d  Eve <eve@example\.com>", newest[0])
    assert newest[1:] == ["    Again."]
    changes = [line for line in configured.done("log", "logged.value").splitlines() if line.startswith("    ")]
    assert changes == ["    Again.", "    7 → [8]", "    Log it.", "    7"]


def test_problems_tells_what_is_wrong_with_the_newest_commit(configured: Configured) -> None:
    good = configured.repo.head()
    bad = configured.repo.commit({"base/broken.json": '{"a": 1,\n}'}, "Break it.", author="Eve <eve@example.com>")
    with RunningCommand("watch", S, "state", "--router", configured.url, cwd=configured.folder) as watch:
        watch.wait_for("broken.json")  # the reader has told the service

    done = configured.run("problems")
    assert done.returncode == 1
    assert re.fullmatch(rf"base/broken\.json:2: .*  \({bad[:12]} by Eve <eve@example\.com>\)\n", done.stdout)
    assert [json.loads(line)["file"] for line in configured.run("problems", "--json").stdout.splitlines()] == ["base/broken.json"]

    configured.done("revert", bad)
    assert configured.done("problems") == f"the newest commit is good: {configured.repo.head()}\n"
    assert configured.repo.git[configured.repo.head()].tree.id == configured.repo.git[good].tree.id


def test_problems_tells_that_the_repository_cannot_be_read(configured: Configured) -> None:
    away = configured.repo.path.with_name("away")
    configured.repo.path.rename(away)
    try:
        done = _until(configured, 1)
    finally:
        away.rename(configured.repo.path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: what is held may be old: Repository not found at repository\n"
    _until(configured, 0)


def _until(configured: Configured, code: int) -> subprocess.CompletedProcess[str]:
    """Return what `problems` says when its exit code is this one: when the reader has looked."""
    for _ in range(60):
        if (done := configured.run("problems")).returncode == code:
            return done
    raise AssertionError(done)


@pytest.mark.parametrize("word", [None, "is_current"])
def test_who_may_not_ask_the_reader_listens(word: str | None) -> None:
    """As the role `browser` may not."""

    class Heard:
        session: Any
        reactor = Clock()

        async def call(self, _: str) -> Any:
            raise RemoteError("wamp.error.not_authorized", "not for you")

        async def subscribe(self, hear: Any, topic: str) -> None:
            assert topic == f"{S}.on_reading"
            if word is not None:
                hear(**{word: True})

    heard = Heard()
    heard.session = heard
    found: list[Any] = []
    ensureDeferred(reading(heard, S)).addCallback(found.append)  # type: ignore[arg-type]
    heard.reactor.advance(HEARING)

    assert found == [None if word is None else {word: True}]


def test_what_strangers_write_moves_no_cursor_and_begins_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    show_difference("-a: 1\n+a: x\u2028+b: 2\x1b[2K\x85+c: 3\r\n")
    assert capsys.readouterr().out == "-a: 1\n+a: x\ufffd+b: 2\ufffd[2K\ufffd+c: 3\n"
    event = {"log_format": "{problem}", "problem": "commit by Eve\nreader: all is well\x1b[2K\u2028x\udc80ü"}
    assert log._lines(event) == ["commit by Eve\\nreader: all is well\\x1b[2K\\u2028x\\udc80ü"]


def test_a_commit_may_say_any_time() -> None:
    assert [time_of(each) for each in (None, 0, 1_700_000_000, 99_999_999_999_999, -5)] == [
        "?",
        "1970-01-01 00:00:00",
        "2023-11-14 22:13:20",
        "9999-12-31 23:59:59",
        "1970-01-01 00:00:00",
    ]


def test_census_is_empty_where_nobody_holds_anything(configured: Configured) -> None:
    assert configured.done("census", "payment.fee").splitlines()[-1] == "0 holders"


def test_a_service_without_a_reader_says_what_to_start(configured: Configured) -> None:
    done = deltamesh("parameters", "set", "com.example.none", "a.b=1", "-m", "Try.", cwd=configured.folder, DELTAMESH_ROUTER=configured.url)

    assert (done.returncode, done.stderr) == (
        1,
        "Error: nobody administers com.example.none: start its reader with `deltamesh parameters reader`\n",
    )


@pytest.mark.parametrize("answer, is_done", [("y\n", True), ("\n", False)])
def test_in_a_terminal_it_is_asked_before(configured: Configured, answer: str, is_done: bool) -> None:
    head = configured.repo.head()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "deltamesh",
            "parameters",
            "set",
            S,
            f"asked.value={json.dumps(answer)}",
            "-m",
            "Ask.",
            "--router",
            configured.url,
        ],
        cwd=configured.folder,
        env=environment(TERM="xterm"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    said = b""
    try:
        while b"[y/N]" not in said:
            said += os.read(ours, 4096)
        os.write(ours, answer.encode())
        code = process.wait(TIMEOUT)
    finally:
        process.kill()
        process.wait()
        os.close(ours)

    assert b"\x1b[32m+" in said
    assert code == (0 if is_done else 1)
    assert (configured.repo.head() != head) == is_done
