"""Live parameters under test, all processes: a router, leader and followers, the reader, a git server, and clients that are watched."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh as Client
from deltamesh.connection import Connection
from tests.parameters.proof.application import SERVICE
from tests.parameters.proof.gitserver import BRANCH, Clone, Server
from tests.parameters.proof.observed import Observed
from tests.parameters.proof.oracle import Oracle
from tests.parameters.proof.randomhistory import ENVIRONMENT, REGION
from tests.reliability.processes import Program, deltamesh, tell_last_words
from tests.reliability.waiting import until
from tests.running_router import RunningRouter, free_port

APPLICATION: Final = "tests.parameters.proof.application:app"
SECRET: Final = "a secret of the forge"
WEBHOOK: Final = "/webhook"


class World:
    """
    Use it in `async with`: it starts everything but clients, and ends all of it.

    Args:
        directory: for the files of all.
        followers: how many.
        is_remote: the reader has the URL of the repository, and a webhook tells it of pushes; otherwise it watches it on this disk.
        leaders: how many; the second one stands by.
    """

    def __init__(self, directory: Path, *, followers: int = 1, leaders: int = 1, is_remote: bool = False) -> None:
        self.directory = directory
        self.server = Server(directory)
        self.router = RunningRouter(directory)
        self.url = f"unix:{self.router.unix_path}"
        self.clone = Clone(directory / "clone", self.server.url)
        self.oracle = Oracle(self.clone.path, ENVIRONMENT, REGION)
        journal = directory / "journal.sqlite"
        self.leaders = [
            Program(name, deltamesh("leader", APPLICATION, "--router", self.url, "--name", name, "--journal", f"sqlite:{journal}"))
            for name in [f"leader{number}" for number in range(1, leaders + 1)]
        ]
        self.followers = [
            Program(name, deltamesh("follower", APPLICATION, "--router", self.url, "--name", name))
            for name in [f"follower{number}" for number in range(1, followers + 1)]
        ]
        self.reader = Program("reader", self._reader(is_remote))
        self.service = [*self.leaders, *self.followers]
        self._servers = [*self.service, self.reader]
        self.clients: list[Program] = []
        self._connections: list[Connection] = []

    def _reader(self, is_remote: bool) -> list[object]:
        """Return the command of the reader; its reads of the repository are counted."""
        what = ["--branch", BRANCH, "--environment", ENVIRONMENT, "--region", REGION, "--router", self.url]
        command = [sys.executable, "-m", "tests.parameters.proof.countedreader", "parameters", "reader", SERVICE]
        if not is_remote:
            return [*command, self.server.path, *what]
        port = free_port()
        self.server.tell(port, WEBHOOK, SECRET)
        secret = self.directory / "secret"
        secret.write_text(SECRET)
        where = ["--directory", self.directory / "fetched", "--webhook", f"127.0.0.1:{port}", "--webhook-secret-file", secret]
        return [*command, self.server.url, *what, *where]

    async def __aenter__(self) -> Self:
        try:
            self.server.start()
            await until(lambda: self.server.is_ready, "git daemon serves")
            await deferToThread(self.router.start)
            for each in self._servers:
                each.start()
            await self.ready(*self._servers)
        except BaseException as error:
            await self.__aexit__(type(error), error, None)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self.tell_last_words()
        for connection in self._connections:
            await connection.stop()
        for ending in (self.clients, [*self._servers, self.server.program]):
            await gatherResults([deferToThread(each.stop) for each in reversed(ending) if each.is_running])
        await deferToThread(self.router.stop)

    async def ready(self, *programs: Program) -> None:
        """Return when programs take part in the mesh."""
        for each in programs:
            await until(lambda each=each: each.is_ready, f"{each.name} is ready")  # type: ignore[misc]

    async def connect(self) -> Client:
        """Return a client of the service, with a connection of its own."""
        connection = Connection(self.url)
        self._connections.append(connection)
        connection.start()
        await connection.joined()
        return Client(connection, SERVICE)

    def hold(self, name: str, kind: str, names: Sequence[str], *, has_cache: bool = True) -> Observed:
        """Start a client of a kind that holds parameters."""
        url = self.router.ws_url if kind == "node" else self.url
        cache = self.directory / f"{name}.cache.json" if has_cache else None
        client = Observed(name, kind, names, url=url, directory=self.directory, cache=cache)
        self.clients.append(client)
        client.start()
        return client

    def add(self, program: Program) -> Program:
        """Start a program that ends with all others, before those that it needs."""
        self.clients.append(program)
        return program.start()

    def reads(self) -> dict[str, int]:
        """Return how often the reader has read what from the repository, since it was started."""
        return counted(self.reader)

    def tell_last_words(self) -> None:
        """Print what each process has printed last."""
        tell_last_words([self.server.program, *self._servers, *self.clients])

    def complaints(self) -> list[str]:
        """Return what processes printed that no fault from outside explains."""
        return [complaint for each in [*self._servers, *self.clients] for complaint in each.complaints()]


def counted(reader: Program) -> dict[str, int]:
    """Return the last counts that a `countedreader` has printed."""
    lines = [line for line in reader.lines if line.startswith('{"reads": ')]
    found: dict[str, Any] = json.loads(lines[-1])["reads"] if lines else {}
    return found
