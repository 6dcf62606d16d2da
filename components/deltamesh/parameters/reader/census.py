"""
The census, beside the reader: listens to what clients say on `S.on_holding`, and writes it once a second.

A client is known by its session, which the router discloses, so nobody speaks for another one.

It has a connection of its own: strangers may say more than it can listen to, and then the router cuts off the census, not the reader.
"""

from __future__ import annotations

import time
from typing import Any, Final

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.connection.wamp import SubscribeOptions, TransportLost
from deltamesh.errors import DeltameshError
from deltamesh.parameters.reader.holders import BadHolding, Holders

INTERVAL: Final = 1.0
"""Pause between two looks whether there is something to write [s]."""


class Census:
    """
    One for the service with the URI `service`; `connection` is of the role `component`, and for nothing else.

    It works from `start` to `stop`, as often as these are called, whenever `connection` has a session.
    """

    log = Logger()

    def __init__(self, connection: Connection, service: str) -> None:
        self.holders = Holders()
        self._connection = connection
        self._mesh = Mesh(connection, service)
        self._is_running = False
        self._session: Any = None  # in which it listens
        self._subscriptions: list[Any] = []
        self._is_restored = False  # in this session
        self._writing: Deferred[None] | None = None
        self._problem = ""  # as told last
        self._looking = LoopingCall(self._look)
        self._looking.clock = connection.reactor
        connection.on_join(self._joined)
        connection.on_lost(self._lost)

    def start(self) -> None:
        """Begin to listen, now or as soon as there is a session."""
        if not self._is_running:
            self._is_running = True
            self._looking.start(INTERVAL, now=False)
            if self._connection.session is not None:
                ensureDeferred(self._joined(self._connection)).addErrback(self._not_listening)

    async def stop(self) -> None:
        """Listen and write no more. What is written stays. Does nothing if it does not work."""
        if not self._is_running:
            return
        self._is_running = False
        self._looking.stop()
        if self._writing is not None:
            self._writing.cancel()
        self.holders, self._is_restored = Holders(), False  # another one may write from now on
        subscriptions, self._subscriptions, self._session = self._subscriptions, [], None
        for each in subscriptions:
            if each.active and each.session.is_attached():
                try:
                    await each.unsubscribe()
                except TransportLost:
                    return  # and the subscriptions went with it

    async def _joined(self, connection: Connection) -> None:
        session = connection.session
        if not self._is_running or session is None or session is self._session:
            return
        self._session = session
        holding = await session.subscribe(self._heard, self._mesh.uris.action("on_holding"), options=SubscribeOptions(details_arg="event"))
        self._subscriptions.append(holding)
        self._subscriptions.append(await session.subscribe(self._left, "wamp.session.on_leave"))

    def _not_listening(self, failure: Any) -> None:
        """It begins anew with the next session."""
        if failure.check(TransportLost) is None:
            self._tell(f"what clients hold cannot be heard: {failure.getErrorMessage()}")
            self._connection.leave(self._connection.session)

    def _lost(self) -> None:
        self._session = None
        self._subscriptions = []
        self._is_restored = False

    def _heard(self, /, *_: Any, event: Any = None, **said: Any) -> None:
        if not self._is_running:
            return  # it was stopped while it began to listen
        session = None if event is None else event.publisher
        if session is None:
            self._tell("a holder whose session the router does not disclose: its permissions lack it")
            return
        try:
            self.holders.hear(session, said, self._now(), time.time())
        except BadHolding as error:
            self.log.debug("session {session} does not say what it holds: {error}", session=session, error=error)

    def _left(self, session: int, *_: Any) -> None:
        self.holders.left(session)

    def _now(self) -> float:
        return float(self._connection.reactor.seconds())

    def _look(self) -> None:
        self.holders.look(self._now())
        if self._writing is None and self._session is not None:
            self._writing = Deferred.fromCoroutine(self._write())
            self._writing.addErrback(self._not_written).addBoth(self._written)

    async def _write(self) -> None:
        if not self._is_restored:
            await self._restore()
        while writes := self.holders.take():
            try:
                await self._mesh.write(writes)
            except BaseException:
                self.holders.refused(writes)
                raise

    async def _restore(self) -> None:
        """Learn what the service has of a former time, and who of these is there still."""
        session = self._connection.session
        for each, values in await self._mesh.read("census"):
            self.holders.restore(each, values.one(), self._now())
        self.holders.keep(await self._connection.call("wamp.session.list"))
        self._is_restored = self._connection.session is session

    def _not_written(self, failure: Any) -> None:
        if failure.check(DeltameshError) is not None:
            self._tell(f"what clients hold is not written: {failure.getErrorMessage()}")
        elif self._is_running:  # else it was cancelled
            self.log.failure("what clients hold is not written", failure)

    def _written(self, _: Any) -> None:
        self._writing = None

    def _tell(self, problem: str) -> None:
        """Tell a problem once; each second it is met again."""
        if problem != self._problem:
            self._problem = problem
            self.log.warn("{problem}", problem=problem)
