"""
How a standby waits for its turn: it follows the journal, and asks the router now and then whether it may lead.

When a leader has gone it asks at once, and often: the router may say that the leader has gone before it has let go of what that registered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from deltamesh.connection import Connection
from deltamesh.connection.wamp import WampError
from deltamesh.errors import JournalUnavailable, MalformedMessage
from deltamesh.leader.claim import Claim
from deltamesh.leader.standby import Standby
from deltamesh.uris import ServiceURIs

POLL: Final = 0.2
"""Pause after which a standby looks into the journal again [s]."""

KNOCK: Final = 1.0
"""Pause after which a standby asks the router again whether it may lead [s]."""

FIRST_KNOCK: Final = 0.02
"""The same just after the leader has gone; it doubles up to `KNOCK` [s]."""


class Succession:
    """
    The wait of one standby, on `connection`.

    Args:
        claim: is told what the leader says.
        lead: `lead(session)` tries to lead, and returns whether it does.
    """

    log = Logger()

    def __init__(
        self, uris: ServiceURIs, connection: Connection, standby: Standby, claim: Claim, lead: Callable[[Any], Awaitable[bool]]
    ) -> None:
        self._uris = uris
        self._connection = connection
        self._standby = standby
        self._claim = claim
        self._lead = lead
        self._is_stopped = False
        self._pause = KNOCK
        self._wake: Deferred[None] | None = None

    async def listen(self, session: Any) -> None:
        """Hear where leaders are, and when they go."""
        await self._subscribe(session, self.hurry, self._uris.leader_gone, "as a standby it takes over later")
        await self._subscribe(session, self._hear, self._uris.shared, "as a standby it cannot tell whether its journal is the leader's")

    async def _subscribe(self, session: Any, handler: Callable[..., None], topic: str, otherwise: str) -> None:
        try:
            await session.subscribe(handler, topic)
        except WampError as error:
            if error.error != "wamp.error.not_authorized":
                raise
            self.log.warn("may not subscribe to {topic}: {otherwise}", topic=topic, otherwise=otherwise)

    def _hear(self, *arguments: Any) -> None:
        try:
            self._claim.hear(*arguments)
        except MalformedMessage as error:
            self.log.error("{topic}: {error}", topic=self._uris.shared, error=error)

    async def wait(self, session: Any) -> None:
        """Return when this one leads, or `session` is gone, or there is no more to wait for."""
        now = self._connection.reactor.seconds
        self._pause, knocked = KNOCK, now()
        poll = POLL
        said: str | None = None  # why it cannot look
        while True:
            await self._sleep(min(poll, self._pause))
            poll = POLL
            if self._is_over(session):
                return
            try:
                await self._standby.catch_up()
            except JournalUnavailable as error:  # who cannot read it cannot lead
                if error.message != said:
                    self.log.warn("stands by, and cannot look: {error}", error=error)
                said = error.message
                poll = self._pause = KNOCK
                continue
            said = None
            if not self._is_over(session) and now() - knocked >= self._pause:
                knocked, self._pause = now(), min(KNOCK, 2 * self._pause)
                if await self._lead(session):
                    return

    def hurry(self, *_: Any) -> None:
        """The leader has gone, or the wait is over."""
        self._pause = FIRST_KNOCK
        if self._wake is not None and not self._wake.called:
            self._wake.callback(None)

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._is_stopped = True
        self.hurry()

    def _is_over(self, session: Any) -> bool:
        return self._is_stopped or self._connection.session is not session

    def _sleep(self, seconds: float) -> Deferred[None]:
        """Return after a pause, or when it has to hurry."""
        wake: Deferred[None] = Deferred()
        self._wake = wake
        return wake.addTimeout(seconds, self._connection.reactor, lambda *_: None)
