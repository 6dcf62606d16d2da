"""
A real router for tests: the repository's own node configuration, on a free port and in a directory of its own.

    with RunningRouter(tmp_path) as router:
        connect(router.unix_path)

Tests that only need some router take the fixture `router`, which is one for the whole run: do not stop that one.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

ROOT: Final = Path(__file__).resolve().parent.parent
START_TIMEOUT: Final = 90.0
"""Seconds; a start takes about five on an idle machine."""

OURS: Final = (sys.executable, "-m", "deltamesh_router", "start", "--die-with-parent")
STOCK: Final = (sys.executable, "-c", "import crossbar; crossbar.run()", "start")
_READY: Final = {OURS: "router: ready", STOCK: "NODE_BOOT_COMPLETE"}


class RouterDidNotStart(AssertionError):
    """The router ended, or was not ready in time; the message is what it printed."""


class RunningRouter:
    """
    One router process and its node directory `directory`/.crossbar. `start` it, or use it in a `with` statement.

    Args:
        directory: where to make the node directory; it must be empty or the one of an earlier `RunningRouter`.
        program: `OURS`, or `STOCK` for plain Crossbar.io.
        edit: is given the configuration, a JSON object, and may change it.
        arguments: more command line arguments.
    """

    def __init__(
        self,
        directory: Path,
        *,
        program: tuple[str, ...] = OURS,
        edit: Callable[[dict[str, Any]], None] | None = None,
        arguments: tuple[str, ...] = (),
    ) -> None:
        self.port = free_port()
        self.node_directory = directory / ".crossbar"
        self.unix_path = str(self.node_directory / "mesh.sock")
        self.web_url = f"http://127.0.0.1:{self.port}/"
        self.ws_url = f"ws://127.0.0.1:{self.port}/ws"
        self._command = [*program, "--cbdir", str(self.node_directory), *arguments]
        self._ready_mark = _READY[program]
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []
        self._ready = threading.Event()
        self._news = threading.Condition()
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self.lines: list[str] = []
        """Both, in the order in which they came."""
        self.node_directory.mkdir(parents=True, exist_ok=True)
        config = configuration(self.port)
        if edit is not None:
            edit(config)
        (self.node_directory / "config.json").write_text(json.dumps(config))

    def launch(self) -> subprocess.Popen[str]:
        """Start the process without waiting for it; what it prints goes to `stdout` and `stderr`, line by line."""
        paths = [str(ROOT / "components"), str(ROOT / "router"), *filter(None, [os.environ.get("PYTHONPATH")])]
        # unbuffered, since plain Crossbar.io keeps its last lines to itself when nobody reads them on a terminal
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
        self._ready.clear()
        self.stdout, self.stderr, self.lines = [], [], []
        self._process = process = subprocess.Popen(
            self._command, env=environment, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._readers = [
            threading.Thread(target=self._read, args=(process.stdout, self.stdout), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, self.stderr), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        return process

    def _read(self, stream: Any, lines: list[str]) -> None:
        with stream:
            for line in stream:
                with self._news:
                    lines.append(line.rstrip("\n"))
                    self.lines.append(lines[-1])
                    self._news.notify_all()
                if self._ready_mark in line:
                    self._ready.set()
        if lines is self.stdout:
            self._ready.set()  # ended: nobody need wait for it any longer

    def start(self) -> Self:
        """Start the process and wait until it accepts connections."""
        process = self.launch()
        self._ready.wait(START_TIMEOUT)
        if not any(self._ready_mark in line for line in self.stdout):
            process.kill()
            self.wait()
            raise RouterDidNotStart("\n".join([*self.stdout, *self.stderr]))
        return self

    def wait_for(self, text: str, *, after: int = 0) -> str:
        """Wait for a line with `text` on stdout or stderr, and return it; the first `after` lines do not count."""

        def found() -> str | None:
            return next((line for line in self.lines[after:] if text in line), None)

        with self._news:
            line = self._news.wait_for(found, START_TIMEOUT)
        assert line is not None, "\n".join([f"no line with {text!r}:", *self.lines])
        return line

    @property
    def process(self) -> subprocess.Popen[str]:
        """The process that was started last."""
        assert self._process is not None, "the router was never started"
        return self._process

    def stop(self) -> int:
        """End the router by SIGTERM; return its exit code. Nothing happens if it has ended already."""
        self.process.terminate()
        return self.wait()

    def kill(self) -> int:
        """End the router's first process by SIGKILL; return its exit code."""
        self.process.kill()
        return self.wait()

    def wait(self) -> int:
        """Wait until the process has ended and all that it printed is read; return its exit code."""
        code = self.process.wait(START_TIMEOUT)
        for reader in self._readers:
            reader.join(START_TIMEOUT)
        return code

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def configuration(port: int) -> dict[str, Any]:
    """Return the configuration of the repository's node, with `port` for its TCP port and its files where they are."""
    config: dict[str, Any] = json.loads((ROOT / ".crossbar" / "config.json").read_text())
    web, _ = config["workers"][0]["transports"]
    web["endpoint"]["port"] = port
    web["paths"]["/"]["directory"] = str(ROOT / "web")
    return config


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
