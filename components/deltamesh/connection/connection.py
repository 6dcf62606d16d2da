"""
A component's connection to the router: outwards, for ever, with a pause that grows and varies.

TCP_NODELAY is set: without it a small message waits up to 40 ms for an acknowledgement.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from random import uniform
from typing import Any, Final

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.base import DelayedCall
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.error import ConnectionClosed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from deltamesh.connection.heartbeat import TOLERANCE, Heartbeat
from deltamesh.connection.identity import NOBODY, Identity
from deltamesh.connection.session import Session, as_sent
from deltamesh.connection.topics import Topics, answered
from deltamesh.connection.transport import describe_loss, transport
from deltamesh.connection.wamp import (
    CallOptions,
    CloseDetails,
    PayloadExceededError,
    PublishOptions,
    RegisterOptions,
    SerializationError,
    SessionDetails,
    TransportLost,
    WampError,
)
from deltamesh.errors import DeltameshError, InvalidParameters, RemoteError
from deltamesh.stream import Delta
from deltamesh.stream.entries import NONE

MAX_DELTA: Final = 1 << 20
"""Characters of entries in one event. What is larger travels in parts, to each subscriber at its own pace."""

DEFAULT_URL: Final = "unix:.crossbar/mesh.sock"
DEFAULT_REALM: Final = "realm1"

MAX_SESSIONS: Final = 1_000
"""Sessions that one event is addressed to."""

MAX_PAUSE: Final = 10.0
"""Longest pause between two attempts to connect [s]."""

SETUP_PAUSE: Final = 2.0
"""Pause after a join that was of no use, for instance because another leader is registered [s]."""

ANSWER_LIMIT: Final = 30.0
"""How long a call may be without an answer, or without its next part [s]: longer than any component waits for anything."""

CAUGHT_UP: Final = "mesh.caught_up"
"""Procedure of our router: whether a session has read what it was sent, as soon as it has."""

_DETAILS: Final = "deltamesh details"
"""What Autobahn passes the details of a call as: no caller's keyword, which are words, is called so."""

_backoff: Final = backoffPolicy(0.1, MAX_PAUSE, 1.5, lambda: uniform(0.0, 0.3))

Setup = Callable[["Connection"], Awaitable[None]]
"""Called after each join: registers and subscribes anew."""


class Connection:
    """One connection, shared by what runs on it."""

    log = Logger()

    def __init__(self, url: str = DEFAULT_URL, *, realm: str = DEFAULT_REALM, identity: Identity = NOBODY, reactor: Any = None) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self.url = url
        self.realm = realm
        self.reactor = reactor
        self.session: Any = None
        """The WAMP session; None while there is none."""
        self.topics: Topics | None = None
        """What the session is subscribed to; None while there is none."""
        self.problem: str | None = None
        """Why there is no session, as far as is known."""
        self.num_joined = 0
        """Sessions that there were."""
        self.tolerance = TOLERANCE
        """How long this process, or the router, may be silent before the other one gives the connection up; set it before `start` [s]."""
        self._heartbeat: Heartbeat | None = None
        self._setups: list[Setup] = []
        self._lost: list[Callable[[], None]] = []
        self._waiting: list[Deferred[None]] = []
        self._is_set_up = False
        self._is_stopped = False
        self._is_paced = True  # as far as is known, the router tells when somebody has caught up
        self._num_attempts = 0  # since the last session; Twisted counts anew when there is a connection, but that may be of no use
        endpoint, factory = transport(
            url, lambda: Session(self, realm, identity.credentials), reactor, lost=self._connection_lost, authorities=identity.authorities
        )
        self._service = ClientService(endpoint, factory, retryPolicy=self._pause, clock=reactor)

    def _pause(self, _: int) -> float:
        """How long to wait before the next attempt [s]."""
        self._num_attempts += 1
        return _backoff(self._num_attempts)

    def on_join(self, setup: Setup) -> None:
        """Call `setup(connection)` after each join, in the order of these calls, each when the one before is done."""
        self._setups.append(setup)

    def on_lost(self, callback: Callable[[], None]) -> None:
        """Call `callback()` when a session that had joined is gone."""
        self._lost.append(callback)

    def forget(self, callback: Callable[[], None], setup: Setup) -> None:
        """Undo `on_lost` and `on_join`."""
        self._lost.remove(callback)
        self._setups.remove(setup)

    def start(self) -> None:
        """Begin to connect."""
        self._service.startService()

    async def stop(self) -> None:
        """Leave, and do not come back. Does nothing the second time."""
        if self._is_stopped:
            return
        self._is_stopped = True
        session = self.session
        if session is not None and session.is_attached():
            session.leave()
        stopped = self._service.stopService()
        if stopped is not None:
            await stopped

    async def joined(self) -> None:
        """Return as soon as there is a session, and all set up."""
        if not self._is_set_up:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    async def call(self, uri: str, /, *args: Any, on_progress: Callable[[Any], None] | None = None, **kwargs: Any) -> Any:
        """
        Call a procedure. With `on_progress`, progressive results are asked for and given to it.

        Raises:
            DeltameshError: what the callee or the router answered; `retry` says whether trying again can help.
        """
        if self.session is None:
            raise _unavailable(f"not connected to {self.url}")
        silence: DelayedCall
        if on_progress is not None:

            def progress(part: Any) -> None:
                silence.reset(ANSWER_LIMIT)
                on_progress(part)

            kwargs["options"] = CallOptions(on_progress=progress)
        try:
            answer: Deferred[Any] = self.session.call(uri, *args, **kwargs)
        except (SerializationError, PayloadExceededError) as error:
            raise DeltameshError(f"{uri}: arguments that cannot be sent: {error}") from error
        except TransportLost as error:
            raise answered(error) from error
        silence = self.reactor.callLater(ANSWER_LIMIT, _give_up, self.session, answer)
        try:
            return await answer
        except (WampError, TransportLost) as error:
            raise answered(error) from error
        except CancelledError:
            if silence.active():
                raise
            raise _unavailable(f"{uri} has not answered within {ANSWER_LIMIT:g} s") from None
        finally:
            if silence.active():
                silence.cancel()

    async def register(self, uri: str, procedure: Callable[..., Awaitable[Any]], **options: Any) -> Any:
        """Register `procedure(details, *args, **kwargs)`; its errors of ours travel as they are documented."""
        signature = inspect.signature(procedure)
        session = self.session

        async def answering(*args: Any, **kwargs: Any) -> Any:
            details = kwargs.pop(_DETAILS)
            kwargs = as_sent(kwargs)
            try:
                try:
                    signature.bind(details, *args, **kwargs)
                except TypeError as error:
                    raise InvalidParameters(uri, str(error)) from error
                return await procedure(details, *args, **kwargs)
            except CancelledError:  # an INTERRUPT: the caller does not wait any longer
                raise WampError("wamp.error.canceled", "the caller has cancelled the call") from None
            except DeltameshError as error:
                if self.session is not session:
                    return None  # nobody is there any more to be told
                name, arguments, facts = error.to_wire()
                refusal = WampError(name, *arguments)
                refusal.kwargs = facts  # not given to its constructor, which has parameters of its own
                raise refusal from error

        def answer(*args: Any, **kwargs: Any) -> Deferred[Any]:
            return ensureDeferred(answering(*args, **kwargs))

        return await session.register(answer, uri, options=RegisterOptions(details_arg=_DETAILS, **options))

    async def withdraw(self, registrations: list[Any]) -> None:
        """Undo what `register` has returned: no new calls come in. If the session or a registration is gone, that has happened already."""
        try:
            for registration in registrations:
                try:
                    await registration.unregister()
                except WampError as error:
                    if error.error != "wamp.error.no_such_registration":
                        raise
                    self.log.debug("a registration was taken away before it was given up")
        except TransportLost:
            self.log.debug("the session was lost while unregistering")

    async def in_parts(self, details: Any, texts: Iterator[str]) -> str:
        """
        Send texts of entries as progressive results of a call, but for the last one, which is returned.

        Between two of them everything else gets its turn, and the caller time to read: a router lets only so much wait for it.
        Requires: `details.progress`, or one text only.

        Raises:
            RemoteError: the connection was lost, or the caller's.
        """
        session = self.session
        last = next(texts)
        for following in texts:
            if self.session is not session:
                raise answered(TransportLost())
            details.progress({"entries": last})
            await self._caught_up(details.caller)
            last = following
        return last

    async def _caught_up(self, caller: int | None) -> None:
        """Return when `caller`, if it is known, has read what it was sent. Plain Crossbar.io cannot tell, and lets everything wait."""
        if caller is None or not self._is_paced:
            await deferLater(self.reactor, 0, lambda: None)
            return
        try:
            is_there = await self.call(CAUGHT_UP, caller)
        except RemoteError as error:
            if error.uri not in ("wamp.error.no_such_procedure", "wamp.error.not_authorized"):
                raise
            self._is_paced = False
        else:
            if not is_there:
                raise answered(TransportLost())

    def publish(self, topic: str, *args: Any, options: Any = None, **kwargs: Any) -> None:
        """Publish an event, if there is a session: whoever was to get it finds a gap later."""
        session = self.session
        if session is None or not session.is_attached():
            return
        if options is None:
            session.publish(topic, *args, **kwargs)
        else:
            session.publish(topic, *args, options=options, **kwargs)

    def publish_to(self, sessions: Sequence[int], topic: str, *args: Any, **kwargs: Any) -> None:
        """Publish an event that nobody gets but `sessions`, of those that have subscribed."""
        for start in range(0, len(sessions), MAX_SESSIONS):
            self.publish(topic, *args, options=PublishOptions(eligible=list(sessions[start : start + MAX_SESSIONS])), **kwargs)

    def publish_delta(self, topic: str, delta: Delta, *, eligible: list[int] | None = None) -> None:
        """Publish a delta, or only its position if it is too large for an event: then everybody finds a gap, and asks."""
        if len(delta.entries) > MAX_DELTA:
            delta = Delta(delta.epoch, delta.to, delta.to, NONE)
        self.publish(topic, *delta.to_wire(), options=None if eligible is None else PublishOptions(eligible=eligible))

    def leave(self, session: Any) -> None:
        """End `session`, if it is the present one; another one follows. None, which is what a session is that was lost, has ended."""
        if session is not None and self.session is session:
            session.disconnect()

    # What the session tells its owner

    def begun(self, session: Any, details: SessionDetails) -> None:
        """A session has joined."""
        self.session = session
        self.topics = Topics(session)
        self.problem = None
        self.num_joined += 1
        self._is_paced = True
        self._num_attempts = 0
        self.log.debug("joined {realm} as session {session}", realm=details.realm, session=details.session)
        self._heartbeat = Heartbeat(session, self.tolerance, self.reactor)
        self._heartbeat.start()
        ensureDeferred(self._set_up(session)).addErrback(self._not_set_up, session)

    async def _set_up(self, session: Any) -> None:
        for setup in list(self._setups):
            await setup(self)
        if self.session is session:
            self._is_set_up = True
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.callback(None)

    def _not_set_up(self, failure: Any, session: Any) -> None:
        """Begin again, unless the session is gone, which has begun already."""
        if self.session is not session:
            return
        self.problem = failure.getErrorMessage()
        if failure.check(DeltameshError, WampError):
            self.log.error("cannot take part in the mesh, trying again: {problem}", problem=self.problem)
        else:
            self.log.failure("cannot take part in the mesh, trying again", failure)
        self.reactor.callLater(SETUP_PAUSE, self.leave, session)

    def _connection_lost(self, reason: Failure) -> None:
        """The connection is gone, whether or not there was a session. What is usual is not told."""
        error = reason.value
        if error is not None and not isinstance(error, ConnectionClosed):
            self.problem = describe_loss(error)
            self.log.warn("the connection was lost: {problem}", problem=self.problem)

    def ended(self, session: Any, details: CloseDetails) -> None:
        """A session has left, was lost, or was refused."""
        if details.reason not in ("wamp.close.normal", "wamp.close.goodbye_and_out", "wamp.close.transport_lost"):
            self.problem = f"{details.reason}: {details.message or ''}"
            self.log.warn("the router closed the session: {problem}", problem=self.problem)
        if self.session is session:
            if self._heartbeat is not None:
                self._heartbeat.stop()
            self.session = self.topics = None
            self._is_set_up = False
            for callback in list(self._lost):
                callback()


def _give_up(session: Any, answer: Deferred[Any]) -> None:
    if session.is_attached():
        answer.cancel()
    elif not answer.called:
        answer.errback(TransportLost())


def _unavailable(message: str) -> RemoteError:
    return RemoteError("wamp.error.unavailable", message, retry=True)


__all__ = ["DEFAULT_REALM", "DEFAULT_URL", "Connection"]
