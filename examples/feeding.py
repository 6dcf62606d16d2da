"""
What the feeders of the examples share: a connection that lasts, and writes that arrive in order.

One write is under way at a time. So a leader that is busy slows its feeder down, and a write that is repeated because nobody
answered it can never overtake a later one. It is repeated under its idempotency key, so it is done once.
"""

from __future__ import annotations

import os
import secrets
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

from twisted.internet.task import deferLater
from twisted.logger import Logger

from deltamesh.cli import log, loop
from deltamesh.client import Mesh
from deltamesh.connection import DEFAULT_REALM, DEFAULT_URL, Connection
from deltamesh.connection.identity import identity
from deltamesh.errors import DeltameshError
from deltamesh.stream import Position

LONGEST_PAUSE: Final = 4
"""Tries after which pauses grow no longer: a leader that comes back is found in a second."""

_Result = TypeVar("_Result")


class Feed:
    """Writes to one service."""

    log = Logger(namespace="feeder")

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.position: Position | None = None
        """Of the last write: give it as `at_least` to read what was written."""

    async def begin(self) -> None:
        """Return when there is a leader."""
        await self.write({})

    async def write(self, changes: Mapping[str, Any]) -> bool:
        """
        Write `{input: [(key, [value, …]), …], …}` as one transaction, once, however long that takes.

        Returns whether the leader has forgotten what was written before.

        Raises:
            DeltameshError: the leader refuses, and would do so again.
        """
        key = secrets.token_hex(16)
        done = await self.patiently(lambda: self.mesh.write(changes, idempotency_key=key))
        before, self.position = self.position, done.position
        return before is not None and before.epoch != done.position.epoch

    async def patiently(self, attempt: Callable[[], Awaitable[_Result]]) -> _Result:
        """Return what `attempt()` returns, trying again for as long as its error says that this can help."""
        tries = 0
        while True:
            await self.mesh.connection.joined()
            try:
                return await attempt()
            except DeltameshError as error:
                if not error.retry:
                    raise
                if tries == LONGEST_PAUSE:
                    self.log.warn("still trying: {error}", error=error)
            await self.mesh.pause(min(tries, LONGEST_PAUSE))
            tries += 1

    def now(self) -> float:
        """Return the time of a clock that only goes forward [s]."""
        return float(self.mesh.connection.reactor.seconds())

    async def wait(self, seconds: float) -> None:
        """Return after some time."""
        await deferLater(self.mesh.connection.reactor, seconds, lambda: None)


def arguments(description: str | None) -> ArgumentParser:
    """Return a parser that knows the options which every feeder has."""
    parser = ArgumentParser(description=description, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--router", metavar="URL", default=os.environ.get("DELTAMESH_ROUTER", DEFAULT_URL), help="address of the router")
    parser.add_argument("--realm", metavar="NAME", default=os.environ.get("DELTAMESH_REALM", DEFAULT_REALM), help="WAMP realm")
    return parser


def positive(text: str) -> float:
    """Return the number that an argument says."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= 1e6:
        raise ArgumentTypeError(f"{text!r} is not a number above 0, a million at most")
    return number


def run(service: str, options: Namespace, work: Callable[[Feed], Coroutine[Any, Any, None]]) -> None:
    """Connect, and do `work(feed)` until it returns or a signal comes."""

    async def connected() -> None:
        connection = Connection(options.router, realm=options.realm, identity=identity())
        connection.start()
        feed = Feed(Mesh(connection, service))
        try:
            await feed.begin()
            await work(feed)
        finally:
            await connection.stop()

    log.begin(f"{service.rpartition('.')[2]}.feeder")
    loop.run(connected)
