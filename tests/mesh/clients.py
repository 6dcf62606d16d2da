"""Clients of the test application, with a connection each, as browsers have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from twisted.internet.defer import Deferred, gatherResults

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from tests.mesh.application import SIZE
from tests.mesh.mesh import until
from tests.mesh.shown import History, Shown

SERVICE = "com.example.mesh"

REQUESTS = [
    ("everything", {}),
    *[("window", {"start": start, "end": start + 5}) for start in range(0, SIZE, 4)],
    ("sums", {"parity": 0}),
    ("sums", {"parity": 1}),
]
"""What clients ask for: some of it changes with every write, some of it seldom."""


class Clients:
    """Any number of them, at the router `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.history = History()
        self.connections: list[Connection] = []
        self.shown: list[Shown] = []

    async def mesh(self) -> Mesh:
        connection = Connection(self.url)
        self.connections.append(connection)
        connection.start()
        await connection.joined()
        return Mesh(connection, SERVICE)

    async def open(self, number: int) -> None:
        """Add `number` clients, who ask for this and that."""

        async def one(index: int) -> Shown:
            return await Shown.open(await self.mesh(), *REQUESTS[index % len(REQUESTS)], self.history)

        self.shown += await gatherResults([Deferred.fromCoroutine(one(index)) for index in range(number)], consumeErrors=True)

    async def agree(self, number: int) -> None:
        """Return when all show what is after write `number`; assert that they never showed anything wrong."""
        await until(lambda: all(each.shows(number) for each in self.shown), f"all show write {number}")
        for each in self.shown:
            each.check()

    def at(self, follower: str) -> list[Shown]:
        return [each for each in self.shown if each.live.follower == follower]

    async def close(self) -> None:
        for each in self.shown:
            each.live.close()
        for connection in self.connections:
            await connection.stop()


@asynccontextmanager
async def clients(url: str) -> AsyncIterator[Clients]:
    made = Clients(url)
    try:
        yield made
    finally:
        await made.close()
