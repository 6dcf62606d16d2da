"""A compute farm under test, all processes: a router with the repository's settings, leader, follower, orchestrator, and workers."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh as Client
from deltamesh.client.live import Live
from deltamesh.connection import Connection
from tests.reliability.processes import Program, deltamesh, tell_last_words
from tests.reliability.waiting import NeverHappened, until
from tests.running_router import ROOT, RunningRouter

APPLICATION: Final = "examples.salesman:app"
SERVICE: Final = "com.example.salesman"
SETTINGS: Final = ("--settings", str(ROOT / "router" / "router.toml"), "--insight-port", "0")


class Farm:
    """
    Use it in `async with`: it starts the farm without any worker, and ends all of it.

    Args:
        directory: for the router's files.
        application: what the workers in Python compute.
    """

    def __init__(self, directory: Path, *, application: str = "examples.salesman") -> None:
        self._application = application
        self.router = RunningRouter(directory, arguments=SETTINGS)
        self.url = f"unix:{self.router.unix_path}"
        self.workers: dict[str, Program] = {}
        """Those that were started, by name; of a tab, its browser."""
        self.kinds: dict[str, str] = {}
        """Of each of them."""
        self.strangers: Counter[str] = Counter()
        """Workers that a test has in its own process, by kind."""
        self._servers = [
            Program("leader", deltamesh("leader", APPLICATION, "--router", self.url, "--journal", "memory:")),
            Program("follower", deltamesh("follower", APPLICATION, "--router", self.url)),
            Program("orchestrator", [sys.executable, "-m", "examples.salesman.orchestrator", "--router", self.url]),
        ]
        self._all = list(self._servers)
        self._connections: list[Connection] = []
        self._table: Live | None = None

    async def __aenter__(self) -> Self:
        try:
            await deferToThread(self.router.start)
            for each in self._servers:
                each.start()
            leader, follower, orchestrator = self._servers
            await until(lambda: leader.is_ready and follower.is_ready, "leader and follower are ready")
            await until(lambda: orchestrator.is_running and orchestrator.said("taking searches"), "the orchestrator is ready")
            self.client = await self.connect()
            self._table = await self.client.live("workers")
        except BaseException as error:
            await self.__aexit__(type(error), error, None)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self.tell_last_words()
        if self._table is not None:
            self._table.close()
        for connection in self._connections:
            await connection.stop()
        for each in self._all:
            if each.is_running:
                each.thaw()
        await gatherResults([deferToThread(each.stop) for each in reversed(self._all) if each.is_running])
        await deferToThread(self.router.stop)

    async def connect(self, url: str | None = None) -> Client:
        """Return a client with a connection of its own."""
        connection = Connection(url or self.url)
        self._connections.append(connection)
        connection.start()
        await connection.joined()
        return Client(connection, SERVICE)

    # Workers

    def start(self, name: str, kind: str = "python") -> Program:
        """Start a worker with one slot, anew if it has ended."""
        command: dict[str, list[object]] = {
            "python": deltamesh("worker", self._application, "--router", self.url, "--name", name, "--cores", 1),
            "node": ["node", ROOT / "web" / "salesman" / "worker.mjs", "--router", self.router.ws_url, "--name", name, "--cores", 1],
            "browser": [sys.executable, "-m", "tests.compute.tab", f"{self.router.web_url}salesman/lend/"],
        }
        if name not in self.workers:
            self.workers[name], self.kinds[name] = Program(name, command[kind]), kind
            self._all.append(self.workers[name])
        return self.workers[name].start()

    async def only(self, *names: str, **kinds: str) -> None:
        """Return when there are these workers and no other, of Python unless their kind is named. Starts and stops them as needed."""
        wanted = dict.fromkeys(names, "python") | kinds
        for name, kind in wanted.items():
            if name not in self.workers or not self.workers[name].is_running:
                self.start(name, kind)
        surplus = [each for name, each in self.workers.items() if name not in wanted and each.is_running]
        await gatherResults([deferToThread(each.stop) for each in surplus])
        await self.right()

    def table(self) -> list[dict[str, Any]]:
        """Return the table of workers as a page shows it now."""
        assert self._table is not None
        return [values.one() for _, values in self._table.entries()]

    def row(self, name: str) -> dict[str, Any] | None:
        """Return the row of a worker, None if it is not there."""
        return next((row for row in self.table() if row["name"] == name), None)

    def is_right(self, *, frozen: tuple[str, ...] = ()) -> bool:
        """Whether the table shows each worker that runs and is not frozen once, and no other one."""
        running = [name for name, program in self.workers.items() if program.is_running and name not in frozen]
        shown = self.table()
        named = Counter([name for name in running if self.kinds[name] != "browser"])  # a tab chooses its name itself
        kinds = Counter([self.kinds[name] for name in running]) + self.strangers
        return Counter([row["kind"] for row in shown]) == kinds and not named - Counter([row["name"] for row in shown])

    async def right(self, *, frozen: tuple[str, ...] = ()) -> float:
        """Return the time when the table is right [s, monotonic]."""
        try:
            return await until(lambda: self.is_right(frozen=frozen), "the table of workers is right")
        except NeverHappened as error:
            raise NeverHappened(f"{error}; it shows {[row['name'] for row in self.table()]}") from error

    def tell_last_words(self) -> None:
        """Print what each process has printed last."""
        tell_last_words(self._all)

    def complaints(self) -> list[str]:
        """Return what processes printed that no fault from outside explains."""
        return [complaint for each in self._all for complaint in each.complaints()]
