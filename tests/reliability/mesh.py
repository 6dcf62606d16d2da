"""A whole mesh under test: a router, leaders with one journal, followers, writers, readers, and the comparison at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh as Client
from deltamesh.connection import Connection
from deltamesh.operation.status import Status, listen
from deltamesh.uris import ServiceURIs
from tests.reliability.application import app
from tests.reliability.processes import Program, deltamesh, tell_last_words
from tests.reliability.readers import Reader
from tests.reliability.truth import Truth
from tests.reliability.waiting import until
from tests.reliability.writers import Refusals, Writer
from tests.running_router import RunningRouter, free_port

APPLICATION: Final = "tests.reliability.application:app"
SERVICE: Final = app.uris.prefix

READY: Final = ("leads", "standby", "serves")
"""What a component says of itself when it does what it is there for."""


class Mesh:
    """
    Use it in `async with`: it starts what is asked for, and ends all of it.

    Args:
        directory: for the router's files and, unless `journal` says otherwise, the journal.
        journal: its URL; one of SQLite unless given.
        application: as on the command line, with the URI of its service. Writers and readers need the usual one.
        truth: of all meshes that share the journal.
        address: where the router takes connections of components over TCP as well, at `tcp_url`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        leaders: int = 2,
        followers: int = 2,
        journal: str | None = None,
        application: str = APPLICATION,
        service: str = SERVICE,
        truth: Truth | None = None,
        address: str | None = None,
    ) -> None:
        self.directory = directory
        self.service = service
        self.journal = journal or f"sqlite:{directory / 'journal' / service}.sqlite"
        self._application = application
        self.tcp_url = ""
        self.router = RunningRouter(directory, edit=None if address is None else self._listen_at(address))
        self.url = f"unix:{self.router.unix_path}"
        self.truth = truth or Truth()
        self.refusals = Refusals()
        self.leaders = [self.leader(f"leader{number}") for number in range(1, leaders + 1)]
        self.followers = [self.follower(f"follower{number}") for number in range(1, followers + 1)]
        self.writers: list[Writer] = []
        self.readers: list[Reader] = []
        self.connections: list[Connection] = []
        self._heard: dict[int, tuple[float, str]] = {}
        self._all: list[Program] = [*self.leaders, *self.followers]

    def _listen_at(self, address: str) -> Callable[[dict[str, Any]], None]:
        port = free_port()
        self.tcp_url = f"rs://{address}:{port}"

        def edit(configuration: dict[str, Any]) -> None:
            transports = configuration["workers"][0]["transports"]
            [unix] = [each for each in transports if each["endpoint"]["type"] == "unix"]
            transports.append({**unix, "endpoint": {"type": "tcp", "interface": address, "port": port}})

        return edit

    def leader(self, name: str, *options: object, before: Sequence[str] = (), url: str | None = None) -> Program:
        """Return a leader, which is not started; `before` stands in front of its command, `url` is another address of the router."""
        return self._component("leader", name, "--name", name, "--journal", self.journal, *options, before=before, url=url)

    def follower(self, name: str) -> Program:
        """Return a follower, which is not started."""
        return self._component("follower", name, "--name", name)

    def _component(self, kind: str, name: str, *options: object, before: Sequence[str] = (), url: str | None = None) -> Program:
        return Program(name, deltamesh(kind, self._application, "--router", url or self.url, *options), before=before)

    def add_leader(self, program: Program) -> None:
        """Let a leader be one of the mesh; before it is started."""
        self.leaders.append(program)
        self._all.append(program)

    def leading(self) -> Program:
        """Return the leader that leads: the one that said so last."""
        words = f"leads {self.service}"
        return max([each for each in self.leaders if each.is_running], key=lambda each: each.said(words) or 0.0)

    def standing_by(self) -> list[Program]:
        """Return the other leaders."""
        leading = self.leading()
        return [each for each in self.leaders if each is not leading]

    async def ready(self, program: Program) -> None:
        """Return when a component says that it leads, stands by or serves, later than now."""
        now = time.monotonic()
        for connection in self.connections[:1]:
            connection.publish(f"{self.service}.status.wanted")

        def is_ready() -> bool:
            moment, state = self._heard.get(program.pid, (0.0, ""))
            return program.is_ready and moment > now and state in READY

        await until(is_ready, f"{program.name} is ready, as it was not with {self._heard.get(program.pid)}")

    def add(self, program: Program) -> Program:
        """Start a program that ends with the mesh."""
        self._all.append(program)
        return program.start()

    async def __aenter__(self) -> Self:
        (self.directory / "journal").mkdir(exist_ok=True)
        try:
            await self._begin()
            (await self.client()).connection.on_join(self._listen)
            await self._listen(self.connections[0])
        except BaseException as error:
            await self.__aexit__(type(error), error, None)
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            tell_last_words(self._all)
        for connection in self.connections:
            await connection.stop()
        await self._end()

    async def _begin(self) -> None:
        await deferToThread(self.router.start)
        for each in self._all:
            each.start()
        await until(lambda: all([each.is_ready for each in self._all]), "all components are ready")

    async def _end(self) -> None:
        await gatherResults([deferToThread(each.stop) for each in self._all if each.is_running])
        await deferToThread(self.router.stop)

    async def _listen(self, connection: Connection) -> None:
        await listen(connection, ServiceURIs(self.service), self._hear)

    def _hear(self, status: Status) -> None:
        self._heard[status.pid] = (time.monotonic(), status.state)

    # Clients

    async def client(self) -> Client:
        """Return a client with a connection of its own."""
        connection = Connection(self.url)
        self.connections.append(connection)
        connection.start()
        await connection.joined()
        return Client(connection, self.service)

    async def write(self, count: int, *, is_patient: bool = True, pace: float = 0.02) -> list[Writer]:
        """Start so many writers, each with a connection of its own, and return them when each was acknowledged a write."""
        started = []
        for _ in range(count):
            number = self.truth.next_writer()
            self.writers.append(Writer(await self.client(), number, self.truth, self.refusals, is_patient=is_patient, pace=pace))
            started.append(self.writers[-1])
        for writer in started:
            writer.start()
        await until(lambda: all([writer.done for writer in started]), "all writers were acknowledged a write")
        return started

    async def read(self, count: int, *, each: int = 2) -> list[Reader]:
        """Open so many views, `each` of them on one connection; return them."""
        found: list[Reader] = []
        while len(found) < count:
            client = await self.client()
            for _ in range(min(each, count - len(found))):
                number = len(self.readers)
                first = number % max(1, len(self.writers))
                found.append(await Reader.open(client, first, first + number % 3, number, self.truth))
                self.readers.append(found[-1])
        return found

    async def progress(self, count: int = 1, *, writers: Iterable[Writer] | None = None) -> float:
        """Return the time when each writer was acknowledged so many writes that it began after now."""
        since = time.monotonic()
        chosen = list(self.writers if writers is None else writers)
        return await until(
            lambda: all([sum(1 for each in writer.log[-count - 1 :] if each.began >= since) >= count for writer in chosen]),
            f"{count} more writes of each writer are acknowledged",
        )

    async def stop_writing(self) -> None:
        """Return when no write is under way any more."""
        await gatherResults([Deferred.fromCoroutine(writer.stop()) for writer in self.writers])

    async def shown(self) -> None:
        """Return when all readers show the last write that was acknowledged."""
        last = self.truth.last
        await until(lambda: all([reader.shows(last) for reader in self.readers]), f"all readers show revision {last}")

    def finish(self) -> None:
        """Nobody writes any more, and what was shown is to be true."""
        self.truth.finish()
        for reader in self.readers:
            reader.finish()

    async def settle(self) -> None:
        """Stop the writers, and return when all readers show the end, and have shown nothing that never was."""
        await self.stop_writing()
        await self.shown()
        self.finish()

    def complaints(self) -> list[str]:
        """Return what components printed that no fault explains."""
        return [complaint for each in self._all for complaint in each.complaints()]
