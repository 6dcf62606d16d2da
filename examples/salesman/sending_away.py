"""Asks the router who takes units, and ends the sessions of workers that give wrong results, or none. A good one comes back by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from examples.salesman.farm import Farm
from examples.salesman.service import app

INQUIRY: Final = 1.0
"""Pause between two looks at who takes units, and who may leave them unanswered [s]."""


class SendingAway:
    """
    Sends workers of `farm` away that compute what is called `task`.

    Args:
        changed: called when the farm knows who takes units.
        sent: called before a session is ended.
    """

    log = Logger(namespace="salesman")

    def __init__(self, farm: Farm, connection: Connection, task: str, changed: Callable[[], None], sent: Callable[[], None]) -> None:
        self._farm = farm
        self._connection = connection
        self._task = task
        self._changed = changed
        self._sent = sent
        self._inquired = -INQUIRY

    def liar(self, session: int, why: str) -> None:
        """A worker has given a wrong result."""
        if session:  # else the router does not tell who has answered
            self._send(session, f"a wrong result: {why}")

    def look(self, has_unanswered: bool, *, is_strike: bool = True) -> None:
        """Look who takes units, unless that was done just now; if one has no answer, also at who may be to blame."""
        now = float(self._connection.reactor.seconds())
        if now - self._inquired >= INQUIRY:
            self._inquired = now
            Deferred.fromCoroutine(self._inquire(has_unanswered, is_strike)).addErrback(
                lambda failure: self.log.failure("who computes units is not known", failure)
            )

    async def _inquire(self, has_unanswered: bool, is_strike: bool) -> None:
        try:
            registration = await self._connection.call("wamp.registration.lookup", self._task)
            callees = [] if registration is None else await self._connection.call("wamp.registration.list_callees", registration)
        except DeltameshError as error:
            if error.uri == "wamp.error.no_such_registration":  # it ended in between
                callees = []
            else:
                self.log.debug("the router does not tell who computes units: {error}", error=error)
                callees = None
        self._farm.know(callees)
        self._changed()
        if has_unanswered:
            for session in self._farm.unanswered({*(callees or ()), *self._farm.workers}, is_strike):
                self._send(session, "no results while others gave theirs")

    def _send(self, session: int, why: str) -> None:
        self._sent()
        worker = self._farm.worker(session)
        name = "a worker that tells no load" if worker is None else worker.load.name
        self.log.warn("sending {name} (session {session}) away: {why}", name=name, session=session, why=why)
        Deferred.fromCoroutine(self._end(session, why))

    async def _end(self, session: int, why: str) -> None:
        try:
            await self._connection.call("wamp.session.kill", session, reason=app.uris.error("sent_away"), message=why[:200])
        except DeltameshError as error:
            if error.uri != "wamp.error.no_such_session":
                self.log.warn("session {session} could not be ended: {error}", session=session, error=error)
