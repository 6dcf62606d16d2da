"""The clients of the four architectures. Each has a connection of its own, the same for all, on which calls and events are counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

from autobahn.wamp.message import Event

from bench.parameters_service import GET, ON_EVICTED
from deltamesh.connection import Connection
from deltamesh.parameters import Parameters

SERVICE: Final = "com.example.parameters"

DEFAULT: Final = -1
"""What a client of ours shows before it knows anything."""


class Answer(NamedTuple):
    """What a read returned."""

    value: int
    is_marked: bool
    """Whether it says that the value may be old."""


class Client(Protocol):
    """Somebody who reads parameters."""

    async def start(self) -> None:
        """Begin; return when it can be used."""

    async def read(self, name: str) -> Answer:
        """
        Return the value of a parameter.

        Raises:
            DeltameshError: there is none to be had.
        """

    async def stop(self) -> None:
        """End."""


class CountedConnection(Connection):
    """A connection that counts what goes through it, in `traffic`, which several share."""

    def __init__(self, url: str, traffic: Counter[str]) -> None:
        super().__init__(url)
        self._traffic = traffic
        self.on_join(self._count_events)

    async def call(self, uri: str, /, *args: Any, **kwargs: Any) -> Any:
        self._traffic["calls"] += 1
        return await super().call(uri, *args, **kwargs)

    async def _count_events(self, _: Connection) -> None:
        session = self.session
        plain = session.onMessage

        def counted(message: Any) -> Any:
            self._traffic["events"] += isinstance(message, Event)
            return plain(message)

        session.onMessage = counted


class Asking:
    """Calls the service for each read."""

    def __init__(self, url: str, names: Sequence[str], traffic: Counter[str]) -> None:
        self._connection = CountedConnection(url, traffic)

    async def start(self) -> None:
        self._connection.start()
        await self._connection.joined()

    async def read(self, name: str) -> Answer:
        return Answer(await self._connection.call(GET, name), is_marked=False)

    async def stop(self) -> None:
        await self._connection.stop()


class Caching(Asking):
    """Keeps what it has read, until a topic says that this is not true any more."""

    def __init__(self, url: str, names: Sequence[str], traffic: Counter[str]) -> None:
        super().__init__(url, names, traffic)
        self._cache: dict[str, int] = {}
        self._num_evictions = 0
        self._connection.on_join(self._listen)

    async def _listen(self, connection: Connection) -> None:
        assert connection.topics is not None
        await connection.topics.add(ON_EVICTED, self._evict)
        self._cache.clear()  # events may have been missed while there was no session

    def _evict(self, names: list[str]) -> None:
        self._num_evictions += 1
        for name in names:
            self._cache.pop(name, None)

    async def read(self, name: str) -> Answer:
        if name in self._cache:
            return Answer(self._cache[name], is_marked=False)
        before = self._num_evictions
        answer = await super().read(name)
        if before == self._num_evictions:  # otherwise it may be what was just evicted
            self._cache[name] = answer.value
        return answer


class Subscribing:
    """Deltamesh: has subscribed to its parameters, and reads memory."""

    def __init__(self, url: str, names: Sequence[str], traffic: Counter[str]) -> None:
        self._connection = CountedConnection(url, traffic)
        self._parameters = Parameters(self._connection, SERVICE)
        self._held = {name: self._parameters.get(name, DEFAULT, int) for name in names}

    async def start(self) -> None:
        self._connection.start()
        await self._parameters.when_ready()

    async def read(self, name: str) -> Answer:
        parameter = self._held[name]
        return Answer(parameter.value, is_marked=parameter.source != "live")

    async def stop(self) -> None:
        await self._parameters.stop()
        await self._connection.stop()
