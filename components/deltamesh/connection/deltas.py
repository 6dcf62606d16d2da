"""
Deltas of many topics on their way out: in one call where the router offers that, one by one where it does not.

A router's work for an event is mostly work for a message. `mesh.publish_many` of our router takes many events in one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from twisted.internet.defer import ensureDeferred
from twisted.logger import Logger

from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from deltamesh.stream import Delta

PUBLISH_MANY: Final = "mesh.publish_many"

MAX_EVENTS: Final = 1000
"""Events of one call."""

MAX_SIZE: Final = 1 << 20
"""Characters of entries in one call: of up to 4 bytes each, they fit into a message. A delta that is larger is announced only."""

Event = tuple[str, Delta]
"""A delta, and the topic that it is for."""


class Deltas:
    """
    Publishes deltas on `connection`, in their order, and in order with everything else that is published on it.

    After each join the router is asked whether it offers the procedure. Plain Crossbar.io does not.
    """

    log = Logger()

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session: Any = None  # the one whose router takes many events in a call
        connection.on_join(self._look)

    async def _look(self, connection: Connection) -> None:
        session = connection.session
        try:
            await connection.call(PUBLISH_MANY, [])
        except DeltameshError as error:
            self.log.debug("deltas are published one by one: {error}", error=error)
        else:
            self._session = session

    def publish(self, events: Iterable[Event]) -> None:
        """Publish, if there is a session: whoever was to get it finds a gap later."""
        chunk: list[Event] = []
        size = 0
        for event in events:
            more = len(event[1].entries)
            if len(chunk) == MAX_EVENTS or size + more > MAX_SIZE:
                self._send(chunk)
                chunk, size = [], 0
            chunk.append(event)
            size += more
        self._send(chunk)

    def _send(self, events: list[Event]) -> None:
        session = self._connection.session
        if len(events) > 1 and session is not None and session is self._session:
            ensureDeferred(self._send_together(session, events)).addErrback(self._crashed)
        else:
            self._send_singly(events)

    def _send_singly(self, events: list[Event]) -> None:
        for topic, delta in events:
            self._connection.publish_delta(topic, delta)

    async def _send_together(self, session: Any, events: list[Event]) -> None:
        """Nobody waits for the answer. If it is an error, nothing was published, and the events go one by one, late but not lost."""
        try:
            answer = await self._connection.call(PUBLISH_MANY, [[topic, delta.to_wire()] for topic, delta in events])
        except DeltameshError as error:
            if self._connection.session is session:
                self.log.error("deltas are published one by one from now on: {error}", error=error)
                self._session = None
                self._send_singly(events)
            return
        if answer["num_refused"]:
            index, uri, message = answer["refused"][0]
            self.log.error(
                "the router refused {refused} of {count} deltas; the first was for {topic}: {uri}: {message}",
                refused=answer["num_refused"],
                count=len(events),
                topic=events[index][0],
                uri=uri,
                message=message,
            )

    def _crashed(self, failure: Any) -> None:
        self.log.failure("publishing deltas failed", failure)
