"""Ends the sessions of workers that give wrong results, or none. A good one that is sent away comes back by itself."""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from examples.salesman.farm import Farm
from examples.salesman.service import app

INQUIRY: Final = 1.0
"""Pause between two looks at who may have left units unanswered [s]."""


class SendingAway:
    """Sends workers of `farm` away that compute what is called `task`."""

    log = Logger(namespace="salesman")

    def __init__(self, farm: Farm, connection: Connection, task: str) -> None:
        self._farm = farm
        self._connection = connection
        self._task = task
        self._inquired = 0.0

    def liar(self, session: int, why: str) -> None:
        """A worker has given a wrong result."""
        if session:  # else the router does not tell who has answered
            self._send(session, f"a wrong result: {why}")

    def unanswered(self) -> None:
        """Nobody has given a result for a unit: find out who may be to blame."""
        now = float(self._connection.reactor.seconds())
        if now - self._inquired >= INQUIRY:
            self._inquired = now
            Deferred.fromCoroutine(self._inquire()).addErrback(lambda failure: self.log.failure("nobody could be found to blame", failure))

    async def _inquire(self) -> None:
        try:
            registration = await self._connection.call("wamp.registration.lookup", self._task)
            callees = [] if registration is None else await self._connection.call("wamp.registration.list_callees", registration)
        except DeltameshError as error:
            self.log.debug("the router does not tell who computes units: {error}", error=error)
            callees = []
        for session in self._farm.unanswered({*callees, *self._farm.workers}):
            self._send(session, "no results while others gave theirs")

    def _send(self, session: int, why: str) -> None:
        worker = self._farm.workers.get(session)
        name = "a worker that tells no load" if worker is None else worker.load.name
        self.log.warn("sending {name} (session {session}) away: {why}", name=name, session=session, why=why)
        Deferred.fromCoroutine(self._end(session, why))

    async def _end(self, session: int, why: str) -> None:
        try:
            await self._connection.call("wamp.session.kill", session, reason=app.uris.error("sent_away"), message=why[:200])
        except DeltameshError as error:
            if error.uri != "wamp.error.no_such_session":
                self.log.warn("session {session} could not be ended: {error}", session=session, error=error)
