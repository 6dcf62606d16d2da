"""A signal at any moment of a command's life ends it, quietly and with a code that is defined."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running_command import POLL, TIMEOUT, RunningCommand, environment

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

MOMENTS = {
    "before the command is imported": ("deltamesh.cli.command", ""),
    "while the command is imported": ("deltamesh.cli.component", ""),
    "where its exception is lost": ("poll", "class Lost:\n    def __del__(self): send()\n\nLost()\n"),
    "just before the reactor runs": ("", "from twisted.internet import reactor\nreactor.callWhenRunning(send)\n"),
    "as the reactor starts": ("", "from twisted.internet import reactor\nreactor.addSystemEventTrigger('before', 'startup', send)\n"),
    "in the first step of the work": (
        "",
        "from deltamesh.leader.leader import Leader\nstart = Leader.start\nLeader.start = lambda self: (send(), start(self))\n",
    ),
}
"""When a signal comes: a module that is being imported then, or what the application does so that it comes."""


def interrupted(folder: Path, number: int, module: str, code: str) -> subprocess.CompletedProcess[str]:
    """Run a leader that gets signal `number` from itself."""
    send = f"import os, sys\n\ndef send(*_):\n    os.kill(os.getpid(), {int(number)})\n\n"
    (folder / "poll.py").write_text(f"{send}{code}{POLL}")
    if module != "poll" and module:
        (folder / "sitecustomize.py").write_text(
            f"{send}class Finder:\n    def find_spec(self, name, path, target=None):\n        if name == {module!r}: send()\n"
            "\nsys.meta_path.insert(0, Finder())\n"
        )
    path = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
    return subprocess.run(
        [sys.executable, "-m", "deltamesh", "leader", "poll:app", "--router", f"unix:{folder}/nobody.sock", "--journal", "memory:"],
        cwd=folder,
        env=environment() | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_leader_that_is_stopped_while_it_starts_ends_quietly(tmp_path: Path, number: int, moment: str) -> None:
    done = interrupted(tmp_path, number, *MOMENTS[moment])
    has_begun = "poll.leader: stopping" in done.stderr

    assert done.returncode == (0 if has_begun else 130)
    assert done.stdout == ""
    assert moment == "where its exception is lost" or done.stderr == ("poll.leader: stopping\n" if has_begun else "")
    assert has_begun or moment != "in the first step of the work"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_component_that_waits_for_a_router_is_done_when_a_signal_comes(tmp_path: Path, number: int) -> None:
    (tmp_path / "poll.py").write_text(POLL)
    url = f"unix:{tmp_path}/nobody.sock"
    with RunningCommand("follower", "poll:app", "--router", url, "--name", "first", "--timeout", "0.01", cwd=tmp_path) as follower:
        follower.wait_for("warning: no router at")
        follower.process.send_signal(number)

        assert follower.wait() == 0
        assert follower.lines[-1] == "poll.first: stopping"


def test_a_command_that_asks_is_interrupted_quietly(tmp_path: Path) -> None:
    path = tmp_path / "silent.sock"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(path))
        silent.listen()
        with RunningCommand("read", "com.example.poll", "top", "--router", f"unix:{path}", "--timeout", "1000", cwd=tmp_path) as read:
            connection, _ = silent.accept()
            with connection:
                read.interrupt()

                assert read.wait() == 130
                assert read.lines == []
