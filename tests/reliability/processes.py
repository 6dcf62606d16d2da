"""The processes of a mesh: started, killed, frozen, watched. None outlives the scenario."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Self

import psutil

from tests.running_router import ROOT

_SETPRIV: Final = shutil.which("setpriv")
_DIE_WITH_US: Final = [_SETPRIV, "--pdeathsig", "KILL"] if _SETPRIV else []
"""In front of a command: it is killed when we are."""

ENDS_IN_ORDER: Final = 15.0
"""How long a process may take to end after SIGTERM [s]."""


def environment() -> dict[str, str]:
    """Return the environment of a program of the repository, which need not be installed."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DELTAMESH_")}
    paths = [str(ROOT / part) for part in ("components", "router", ".")]
    return {**inherited, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}


TOLD: Final = 15
"""Lines of each process that a person is shown when something went wrong."""


class Program:
    """A process from the command line, and what it prints. `start` it."""

    def __init__(
        self, name: str, arguments: Sequence[object], *, cwd: Path = ROOT, before: Sequence[object] = (), user: str | None = None
    ) -> None:
        self.name = name
        self.lines: list[str] = []
        """All that it printed, since it was started for the first time."""
        self.moments: list[float] = []
        """When each of them came [s, monotonic]."""
        self.num_starts = 0
        self._command = [*map(str, before), *_DIE_WITH_US, *map(str, arguments)]
        self._cwd = cwd
        self._user = user
        self._environment = environment()
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._began = 0  # the line with which the present process began

    def start(self) -> Self:
        """Start the process, anew if it has ended."""
        self._began = len(self.lines)
        self.num_starts += 1
        self._process = subprocess.Popen(
            self._command, cwd=self._cwd, env=self._environment, text=True, user=self._user, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()
        return self

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                self.moments.append(time.monotonic())
                self.lines.append(line.rstrip())

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def said(self, text: str) -> float | None:
        """Return when the present process last printed a line with `text`, None if it did not."""
        found = [moment for moment, line in zip(self.moments[self._began :], self.lines[self._began :], strict=False) if text in line]
        return found[-1] if found else None

    @property
    def is_ready(self) -> bool:
        """
        Whether the present process takes part in the mesh.

        Raises:
            AssertionError: it has ended.
        """
        if not self.is_running:
            raise AssertionError("\n".join([f"{self.name} has ended:", *self.lines[self._began :]]))
        return self.said(": ready") is not None

    def freeze(self) -> None:
        """Stop the process and those that it has started, with SIGSTOP: they are there, and do nothing."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> bool:
        """Let it go on. Return whether it does: a standby ends a leader that was stopped with a lock in its hands."""
        if self.is_running:
            self._send(signal.SIGCONT)
        return self.is_running

    def _send(self, number: signal.Signals) -> None:
        for process in [*psutil.Process(self.pid).children(recursive=True), psutil.Process(self.pid)]:
            process.send_signal(number)

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        assert self._process is not None
        if self.is_running:
            self._process.kill()
            self._process.wait(ENDS_IN_ORDER)

    def stop(self) -> int:
        """End it with SIGTERM; return its exit code. It is killed if it does not end."""
        assert self._process is not None
        if self.is_running:
            self._process.terminate()
        try:
            return self._process.wait(ENDS_IN_ORDER)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def ended(self, within: float = ENDS_IN_ORDER) -> int:
        """Wait until it has ended by itself, so many seconds at most; return its exit code."""
        assert self._process is not None
        assert self._reader is not None
        code = self._process.wait(within)
        self._reader.join(within)
        return code

    def complaints(self) -> list[str]:
        """Return what it printed that no fault from outside explains: traces of exceptions that nobody expected."""
        return [f"{self.name}: {' / '.join(self.lines[at : at + 12])}" for at, line in enumerate(self.lines) if "Traceback" in line]


def memory(pid: int) -> int:
    """Return the resident memory of a process and those that it has started [B]; 0 if it has ended."""
    try:
        process = psutil.Process(pid)
        return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0


def deltamesh(*arguments: object) -> list[object]:
    """Return the command line of a command of ours."""
    return [sys.executable, "-m", "deltamesh", *arguments]


def tell_last_words(programs: Iterable[Program]) -> None:
    """Print what each process has printed last."""
    for each in programs:
        print(f"== the last words of {each.name}", *each.lines[-TOLD:], sep="\n", file=sys.stderr, flush=True)
