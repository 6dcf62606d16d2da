"""
Whoever begins to listen to the reader hears at once how it is, and not with its next word: what it shows is live sooner.

On a connection of its own, as the census: the router tells of every subscription of the mesh, which may be more than can be listened to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.base import DelayedCall

from deltamesh.connection import Connection

PAUSE: Final = 0.02
"""Who comes within so long is greeted together [s]."""


class Greeting:
    """Calls `greet(sessions)` when sessions have just subscribed to `topic`. Source: WAMP, section "Subscription Meta API"."""

    def __init__(self, connection: Connection, topic: str, greet: Callable[[list[int]], None]) -> None:
        self._topic = topic
        self._greet = greet
        self._subscription: int | None = None
        self._came: set[int] = set()
        self._greeting: DelayedCall | None = None
        self._reactor = connection.reactor
        connection.on_join(self._joined)
        connection.on_lost(self._lost)

    async def _joined(self, connection: Connection) -> None:
        session = connection.session
        await session.subscribe(self._subscribed, "wamp.subscription.on_subscribe")
        self._subscription = (await session.subscribe(_ignore, self._topic)).id  # which is how one learns its number

    def _lost(self) -> None:
        self._subscription = None
        self._came.clear()
        if self._greeting is not None:
            self._greeting.cancel()
            self._greeting = None

    def _subscribed(self, session: int | None, subscription: int) -> None:
        if subscription != self._subscription or session is None:  # None: it is lost already
            return
        self._came.add(session)
        if self._greeting is None:
            self._greeting = self._reactor.callLater(PAUSE, self._all)

    def _all(self) -> None:
        self._greeting = None
        came, self._came = list(self._came), set()
        self._greet(came)


def _ignore(*_: Any, **__: Any) -> None:
    """What the reader says to everybody."""
