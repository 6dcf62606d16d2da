"""The programs of a measurement. All of them end with it, however it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from types import FrameType, TracebackType
from typing import IO, Final, Self

ROOT: Final = Path(__file__).resolve().parent.parent

START_LIMIT: Final = 60.0
"""How long a server may take until it is ready [s]."""

STOP_LIMIT: Final = 30.0
"""How long a program may take to end when it is told to [s]; then it is killed, with what it has started."""


def end_in_order() -> None:
    """Make SIGTERM and Ctrl-C alike end this program through its `with` and `finally`, which end what it has started."""

    def end(number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(128 + number)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)


def environment() -> dict[str, str]:
    """Return the environment of a program of the repository, which need not be installed."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / part) for part in ("components", "router", ".")])}


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(command: Sequence[object], folder: Path, *, out: IO[str] | int, err: IO[str] | int, cpus: str | None) -> subprocess.Popen[str]:
    """Start a program, in a session of its own: Ctrl-C reaches only this program, which ends the others in order."""
    pinned = ["taskset", "-c", cpus] if cpus else []
    return subprocess.Popen(
        [*pinned, *map(str, command)],
        cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=err, text=True, start_new_session=True,
    )  # fmt: skip


def stop(process: subprocess.Popen[str]) -> None:
    """End a process that `start` has started, in order if it can."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run(command: Sequence[object], folder: Path = ROOT, *, limit: float, cpus: str | None = None) -> tuple[str, str]:
    """Run a program to its end. Return what it printed, and what was wrong: "" if nothing was."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        process = start(command, folder, out=out, err=err, cpus=cpus)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            problem = f"not done after {limit:.0f} s"
        else:
            err.seek(0)
            problem = "" if process.returncode == 0 else f"ended with {process.returncode}: {err.read().strip()[-500:]}"
        finally:
            stop(process)
        out.seek(0)
        return out.read(), problem


class Servers:
    """Programs that run beside a measurement, all on the CPUs `cpus` (as `taskset -c` takes them; None: on any)."""

    def __init__(self, cpus: str | None) -> None:
        self._cpus = cpus
        self._directory = TemporaryDirectory(prefix="deltamesh-bench-")
        self.folder = Path(self._directory.name)
        """For their files; it goes with them."""
        self._processes: dict[str, subprocess.Popen[str]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for process in reversed(self._processes.values()):  # the last one first: a router outlives those that are connected to it
            stop(process)
        self._directory.cleanup()

    def start(self, name: str, command: Sequence[object], folder: Path = ROOT) -> None:
        """Start a program. Its output goes to a file."""
        with self._log(name).open("w") as log:
            self._processes[name] = start(command, folder, out=log, err=subprocess.STDOUT, cpus=self._cpus)

    def wait_for(self, name: str, text: str, *, limit: float = START_LIMIT) -> None:
        """
        Return when a program has printed `text`.

        Raises:
            RuntimeError: it has ended, or has not printed it within `limit` seconds.
        """
        end = time.monotonic() + limit
        while text not in self._log(name).read_text():
            if self._processes[name].poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{name} did not start: {self._log(name).read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self, name: str) -> None:
        """End a program at once, with SIGKILL."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def pids(self) -> list[int]:
        """Return all processes, and their children: a router has workers."""
        found = [process.pid for process in self._processes.values()]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found.extend([int(child) for child in (task / "children").read_text().split()])
        return found

    def last_words(self) -> str:
        """Return the end of what each program has printed, to tell why something failed."""
        return "\n".join([f"{name}: {self._log(name).read_text().strip()[-500:]}" for name in self._processes])

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

