"""
What each component of a service says of itself, on the topic `S.status`: regularly, and at once when somebody asks on `S.status.wanted`.

Followers learn from it how many instances the others hold; `deltamesh status` shows it to people. A router that does not let a component
do so changes nothing else.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
import psutil  # type: ignore[import-untyped]
from msgspec import Meta
from twisted.internet.base import DelayedCall
from twisted.logger import Logger

from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from deltamesh.uris import ServiceURIs

INTERVAL: Final = 2.0
"""Pause between two statuses of a component, unless there are many [s]."""

SOON: Final = 0.05
"""Pause after which a status is published that somebody wants, or that has changed [s]: all that happens meanwhile is in it."""

_Count = Annotated[int, Meta(ge=0)]
_Text = Annotated[str, Meta(max_length=256)]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a component knows of itself."""

    state: _Text
    """One or two words, as "leads", "standby", "other journal", "serves", "reads", "catching up", "leaving"."""
    position: tuple[_Text, _Count] | None = None
    """(epoch, revision); None before there is any content."""
    term: _Count | None = None
    """Of the one that leads, in its journal."""
    instances: _Count = 0
    """Instances that somebody is subscribed to."""
    sessions: _Count = 0
    """Subscriptions to them."""
    takes: bool = False
    """Whether instances can be handed over to it."""


class Status(Facts, frozen=True, kw_only=True):
    """A component and its process."""

    kind: _Text
    """"leader", which a standby is as well, "follower", "worker" or "reader"."""
    name: _Text
    host: _Text
    pid: _Count
    uptime: Annotated[float, Meta(ge=0)]
    """Since its process began [s]."""
    interval: Annotated[float, Meta(gt=0)]
    """After which it says all this again, at the latest [s]."""
    cpu: Annotated[float, Meta(ge=0)]
    """How much of one processor core it has used since its last status."""
    memory: _Count
    """Resident [B]."""


def read_status(wire: Any) -> Status:
    """
    Return the status that an event carries.

    Raises:
        msgspec.ValidationError: it is none.
    """
    return msgspec.convert(wire, Status)


class Reporter:
    """
    Publishes the status of a component while it is connected.

    Args:
        kind: see `Status`.
        facts: returns what is so now.
    """

    log = Logger()

    def __init__(self, connection: Connection, uris: ServiceURIs, kind: str, name: str, facts: Callable[[], Facts]) -> None:
        self.interval = INTERVAL
        """How often to say it [s]."""
        self._connection = connection
        self._uris = uris
        self._kind = kind
        self._name = name
        self._facts = facts
        self._process = psutil.Process()
        self._began = self._process.create_time()
        self._used = time.process_time(), time.monotonic()
        self._next: DelayedCall | None = None
        connection.on_join(self._joined)
        connection.on_lost(self._stop)

    def soon(self) -> None:
        """Say it soon, instead of after the interval."""
        if self._connection.session is not None:
            self._say_after(SOON)

    def now(self) -> None:
        """Say it now."""
        if self._connection.session is not None:
            status = self._status()
            self._connection.publish(self._uris.status, msgspec.to_builtins(status))
            self._say_after(self.interval)

    async def _joined(self, connection: Connection) -> None:
        topics = connection.topics
        assert topics is not None, "there is a session"
        try:
            await topics.add(self._uris.status_wanted, lambda *_: self.soon())
        except DeltameshError as error:
            self.log.debug("nobody can ask for the status of {name}: {error}", name=self._name, error=error)
        self.now()

    def _say_after(self, seconds: float) -> None:
        if self._next is None or not self._next.active():
            self._next = self._connection.reactor.callLater(seconds, self.now)
        elif seconds == SOON:  # which several who want it do not put off
            if self._next.getTime() > self._connection.reactor.seconds() + SOON:
                self._next.reset(SOON)
        else:
            self._next.reset(seconds)

    def _stop(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _status(self) -> Status:
        processor, clock = time.process_time(), time.monotonic()
        (processor_before, clock_before), self._used = self._used, (processor, clock)
        return Status(
            **msgspec.structs.asdict(self._facts()),
            kind=self._kind,
            name=self._name,
            host=socket.gethostname(),
            pid=os.getpid(),
            uptime=max(0.0, time.time() - self._began),
            interval=self.interval,
            cpu=round((processor - processor_before) / max(clock - clock_before, 0.001), 3),
            memory=self._process.memory_info().rss,
        )


async def listen(connection: Connection, uris: ServiceURIs, heard: Callable[[Status], None]) -> None:
    """
    Call `heard(status)` for each status of a component of the service, on this session.

    Raises:
        DeltameshError: the router does not let us.
    """
    topics = connection.topics
    assert topics is not None, "there is a session"

    def event(*arguments: Any) -> None:
        try:
            status = read_status(arguments[0] if arguments else None)
        except msgspec.ValidationError as error:
            Reporter.log.debug("{topic}: {error}", topic=uris.status, error=error)
        else:
            heard(status)

    await topics.add(uris.status, event)
