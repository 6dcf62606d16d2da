"""`deltamesh watch`: lines of JSON in a pipe, a table in a terminal."""

from __future__ import annotations

import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from fcntl import ioctl

import pytest

from tests.cli.conftest import Poll
from tests.cli.running_command import TIMEOUT, RunningCommand, deltamesh, environment

pytestmark = [pytest.mark.mesh, pytest.mark.slow]


def vote(poll: Poll, **choices: str) -> None:
    """Let each voter vote, in one transaction; no choice takes the vote back."""
    changes = {"votes": [[voter, [choice] if choice else []] for voter, choice in choices.items()]}
    assert deltamesh("write", "com.example.poll", json.dumps(changes), cwd=poll.folder, DELTAMESH_ROUTER=poll.url).returncode == 0


def test_changes_are_lines_of_json(poll: Poll) -> None:
    vote(poll, w1="rum", w2="rum")
    with RunningCommand("watch", "com.example.poll", "top", "--param", "limit=100", "--router", poll.url, cwd=poll.folder) as watch:
        first = json.loads(watch.wait_for("entries"))
        vote(poll, w2="gin")
        changed = json.loads(watch.wait_for("gin"))
        vote(poll, w1="", w2="")
        gone = json.loads(watch.wait_for("gin"))
        watch.interrupt()

        assert watch.wait() == 0
    assert [[-2, "rum"], [{"choice": "rum", "votes": 2}]] in first["entries"]
    assert changed["entries"] == [
        [[-2, "rum"], []],
        [[-1, "gin"], [{"choice": "gin", "votes": 1}]],
        [[-1, "rum"], [{"choice": "rum", "votes": 1}]],
    ]
    assert gone["entries"] == [[[-1, "gin"], []], [[-1, "rum"], []]]
    assert first["epoch"] == changed["epoch"] == gone["epoch"]
    assert first["revision"] < changed["revision"] < gone["revision"]


def test_a_wrong_request_is_one_line(poll: Poll) -> None:
    done = deltamesh("watch", "com.example.poll", "top", "--param", "limit=-x", cwd=poll.folder, DELTAMESH_ROUTER=poll.url)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: deltamesh.error.invalid_parameters: top: ")


def test_a_service_that_nobody_serves_is_told(poll: Poll) -> None:
    done = deltamesh("watch", "com.example.other", "top", "--timeout", "2", cwd=poll.folder, DELTAMESH_ROUTER=poll.url)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "Error: nobody answers for com.example.other: are its leader and a follower running?\n"


class Terminal:
    """A command in a terminal of 80 by 24."""

    def __init__(self, *arguments: str, poll: Poll) -> None:
        self._ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deltamesh", *arguments],
            cwd=poll.folder,
            env=environment(DELTAMESH_ROUTER=poll.url, TERM="xterm-256color"),
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )
        os.close(theirs)
        self.shown = ""

    def wait_for(self, text: str) -> None:
        """Read until `text` is shown; what was shown before that is thrown away."""
        while text not in self.shown:
            self.shown += os.read(self._ours, 65536).decode()
        self.shown = self.shown.partition(text)[2]

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal; return the exit code, and what was shown at last."""
        self.process.send_signal(number)
        rest = self.shown
        try:
            while data := os.read(self._ours, 65536):
                rest += data.decode()
        except OSError:  # how a terminal says that nobody is left who could write
            pass
        os.close(self._ours)
        return self.process.wait(TIMEOUT), rest


def test_a_terminal_shows_a_table_that_changes(poll: Poll) -> None:
    vote(poll, t1="cola", t2="cola", t3="cola", t4="cola")
    terminal = Terminal("watch", "com.example.poll", "top", "--param", "limit=100", poll=poll)
    terminal.wait_for("com.example.poll top limit=100")
    terminal.wait_for("choice")
    terminal.wait_for("cola")
    terminal.wait_for("live")
    terminal.wait_for("follower first")
    vote(poll, t4="juice")
    terminal.wait_for("\x1b[1;33m")  # what has changed stands out
    terminal.wait_for("juice")
    code, rest = terminal.end(signal.SIGINT)
    vote(poll, t1="", t2="", t3="", t4="")

    assert code == 0
    assert "\x1b[?25h" in rest  # the cursor is visible again
    assert "Traceback" not in rest


def test_a_terminal_shows_a_table_of_what_is_read(poll: Poll) -> None:
    vote(poll, r1="soda", r2="soda")
    terminal = Terminal("read", "com.example.poll", "top", "--param", "limit=100", poll=poll)
    terminal.wait_for("choice")
    terminal.wait_for("soda")
    terminal.wait_for("entr")
    code, _ = terminal.end(signal.SIGCONT)
    vote(poll, r1="", r2="")

    assert code == 0
