"""Processes of the command line, and what they print, line by line as it comes."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from tests.running_router import ROOT

TIMEOUT: Final = 90.0
"""Seconds without what is waited for that fail a test; on an idle machine it takes a few."""

POLL: Final = """\
from deltamesh import Count, Service

app = Service("com.example.poll")
votes = app.input("votes")


def by_choice(voter, values):
    yield values.one(), voter


def by_rank(choice, values):
    yield (-values.one(), choice), {"choice": choice, "votes": values.one()}


@app.shared
def graph():
    return {"ranking": votes.map_reduce(by_choice, reducer=Count).map(by_rank), "votes": votes}


@app.resource
def top(shared, limit: int = 3):
    return shared.ranking.take(limit)


@app.resource
def how_many(shared):
    return shared.votes.size()


@app.action
def vote(tx, caller, voter: str, choice: str):
    if choice == "beer":
        raise app.error("not_now", choice=choice)
    tx.put(votes, voter, choice)
    return "thanks"
"""
"""An application, as the file `poll.py`."""


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command that sees the packages of this repository."""
    paths = [str(ROOT / "components"), str(ROOT / "router"), *filter(None, [os.environ.get("PYTHONPATH")])]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DELTAMESH_")}
    return {**inherited, "PYTHONPATH": os.pathsep.join(paths), **more}


def deltamesh(*arguments: str, cwd: Path, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "deltamesh", *arguments],
        cwd=cwd, env=environment(**more), input=stdin, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )


class RunningCommand:
    """A command that runs until it is stopped, in `with`; after that nothing of it is left."""

    def __init__(self, *arguments: str, cwd: Path, **more: str) -> None:
        self.lines: list[str] = []
        self._new: queue.Queue[str | None] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deltamesh", *arguments],
            cwd=cwd, env=environment(**more), text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._new.put(line.rstrip("\n"))
        self._new.put(None)

    def wait_for(self, text: str) -> str:
        """Return the next line that contains `text`; lines before it are in `lines`."""
        while True:
            try:
                line = self._new.get(timeout=TIMEOUT)
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"no line with {text!r}:\n" + "\n".join(self.lines))
            self.lines.append(line)
            if text in line:
                return line

    def processes(self) -> list[psutil.Process]:
        """Return the process and everything that it has started."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def wait(self) -> int:
        """Wait for the end and read what is left; return the exit code."""
        code = self.process.wait(TIMEOUT)
        while (line := self._new.get(timeout=TIMEOUT)) is not None:
            self.lines.append(line)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.process.poll() is None:
            started = self.processes()
            self.process.terminate()
            _, left = psutil.wait_procs(started, timeout=TIMEOUT / 3)
            for process in left:
                process.kill()
        self.process.wait()
        self._reader.join(TIMEOUT)
        assert self.process.stdout is not None
        self.process.stdout.close()
