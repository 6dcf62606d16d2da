"""
A mesh for tests: real components on a real router, as processes or in this one.

Tests of the mesh are coroutines that run in Twisted's reactor, which has a thread of its own (see `conftest`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import blockingCallFromThread, deferToThread

from deltamesh.application.service import Service
from deltamesh.connection import Connection
from deltamesh.follower.follower import Follower
from deltamesh.journal import Journal
from deltamesh.leader.leader import Leader
from tests.running_router import ROOT

_Result = TypeVar("_Result")

reactor: Any = installed

TIMEOUT: Final = 60.0
"""Seconds without what is waited for that fail a test; on an idle machine most take less than one."""

POLL: Final = 0.01
"""Seconds between two looks at what is waited for."""

_running: list[threading.Thread] = []


def run(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run `work` in the reactor's thread; return what it returns, raise what it raises."""
    if not _running:
        thread = threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True)
        thread.start()
        _running.append(thread)
    return blockingCallFromThread(reactor, lambda: Deferred.fromCoroutine(work).addTimeout(2 * TIMEOUT, reactor))


async def pause(seconds: float = POLL) -> None:
    """Let everybody else have a turn: the pace of a flow, or of looks at something that tells nobody when it changes."""
    await deferLater(reactor, seconds, lambda: None)


async def until(condition: Callable[[], Any], what: str = "") -> None:
    """Return when `condition()` holds."""
    end = reactor.seconds() + TIMEOUT
    while not condition():
        assert reactor.seconds() < end, f"not within {TIMEOUT:g} s: {what or condition}"
        await pause()


class Component:
    """A component as a process, from the command line. `start` it."""

    def __init__(
        self, kind: str, url: str, application: str = "tests.mesh.application:app", *, name: str | None = None, journal: str = "memory:"
    ) -> None:
        self.name = name
        self.lines: list[str] = []
        """What it printed."""
        options = ["--name", name] if name is not None else []
        if kind == "leader":
            options += ["--journal", journal]
        self._command = [sys.executable, "-m", "deltamesh", kind, application, "--router", url, *options]
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> Component:
        """Start the process, anew if it had been ended."""
        paths = [str(ROOT / "components"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.lines = []
        self._process = subprocess.Popen(
            self._command,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip())

    @property
    def is_ready(self) -> bool:
        """Whether it has taken part in the mesh since it was started."""
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError("\n".join([f"{self._command} has ended:", *self.lines]))
        return any(line.endswith(": ready") for line in self.lines)

    async def ready(self) -> Component:
        """Return when it takes part."""
        await until(lambda: self.is_ready, f"{self._command} is ready: {self.lines}")
        return self

    def kill(self) -> None:
        """End it at once, with SIGKILL."""
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Return its exit code, when it has ended."""
        return await deferToThread(self.wait)

    def wait(self) -> int:
        """Block until it has ended; return its exit code."""
        assert self._process is not None
        assert self._reader is not None
        code = self._process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        return code

    def end(self) -> None:
        """End it if it runs, and see that nothing of it is left."""
        if self._process is not None:
            self._process.kill()
            self.wait()


class Inside:
    """Components of `service` in this process, where a test can look into them. Each has a connection of its own."""

    def __init__(self, service: Service, url: str) -> None:
        self.service = service
        self.url = url
        self._components: list[Leader | Follower] = []
        self._connections: list[Connection] = []

    async def lead(self, journal: Journal | None = None) -> Leader:
        """Start a leader; return it when it leads, or stands by for another one."""
        leader = Leader(self.service, self._made(), journal)
        await self._started(leader)
        return leader

    async def follow(self, **options: Any) -> Follower:
        """Start a follower; return it when it serves."""
        follower = Follower(self.service, self._made(), **options)
        await self._started(follower)
        return follower

    async def connect(self, url: str | None = None) -> Connection:
        """Return a connection for a client."""
        connection = self._made(url)
        connection.start()
        await connection.joined()
        return connection

    async def stop(self) -> None:
        """End all, the latest first."""
        for component in reversed(self._components):
            await component.stop()
        for connection in reversed(self._connections):
            await connection.stop()

    def _made(self, url: str | None = None) -> Connection:
        connection = Connection(url or self.url)
        self._connections.append(connection)
        return connection

    async def _started(self, component: Leader | Follower) -> None:
        connection = self._connections[-1]
        self._components.append(component)
        component.start()
        await connection.joined()
