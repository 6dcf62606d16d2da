"""A service of parameters in this process, and who writes it, in the place of a reader and its repository."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import LoopingCall

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.follower.follower import Follower
from deltamesh.leader.leader import Leader
from deltamesh.parameters import Parameters, service
from tests.mesh.mesh import Inside, until


class Source:
    """Writes commits through `connection`, and says each half second that it has written all."""

    def __init__(self, connection: Connection, uri: str) -> None:
        self.connection = connection
        self.mesh = Mesh(connection, uri)
        self.number = 0
        self.is_current = True
        self._speaking = LoopingCall(self.speak)
        self._speaking.clock = connection.reactor

    def start(self) -> None:
        self._speaking.start(0.5)

    def stop(self) -> None:
        if self._speaking.running:
            self._speaking.stop()

    def speak(self) -> None:
        uri = self.mesh.uris.action("on_reading")
        problem = None if self.is_current else "the disk is full"
        self.connection.publish(uri, head="c", good="c", number=self.number, is_current=self.is_current, problem=problem)

    async def commit(self, **values: Any) -> str:
        """Write values; `...` removes a name. A double underscore stands for the dot in a name. Return the commit."""
        self.number += 1
        commit = f"{self.number:040x}"
        entries = [
            (name.replace("__", "."), [] if value is ... else [{"value": value, "commit": commit, "number": self.number, "file": "f"}])
            for name, value in values.items()
        ]
        await self.mesh.write({"values": entries})
        return commit


class World:
    """The service `uri` at a router: a leader, a follower and a source, unless one of them is gone."""

    def __init__(self, inside: Any, uri: str, **options: Any) -> None:
        self.inside: Inside = inside(service(uri, **options))
        self.uri = uri
        self.source: Source = None  # type: ignore[assignment]  # before `start`
        self.leader: Leader = None  # type: ignore[assignment]
        self.follower: Follower = None  # type: ignore[assignment]

    async def start(self, **values: Any) -> Source:
        self.leader = await self.inside.lead()
        self.follower = await self.inside.follow()
        self.source = Source(await self.inside.connect(), self.uri)
        self.source.start()
        if values:
            await self.source.commit(**values)
        return self.source

    async def client(self, url: str | None = None, **options: Any) -> Parameters:
        return Parameters(await self.inside.connect(url), self.uri, **options)


async def is_so(parameter: Any, value: Any, source: str) -> None:
    await until(lambda: (parameter.value, parameter.source) == (value, source), f"{parameter!r} is {value!r}, {source}")
