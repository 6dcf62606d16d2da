"""
A component's connection to the router: outwards, for ever, with a pause that grows and varies.

`unix:PATH` is RawSocket over a Unix socket, `rs://host:port` RawSocket over TCP, `ws://…` and `wss://…` WebSocket; all with
CBOR. TCP_NODELAY is set: without it a small message waits up to 40 ms for an acknowledgement.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from os.path import abspath
from random import uniform
from typing import Any, Final
from urllib.parse import urlsplit

# Autobahn imports every serializer that is installed. This one drags in NumPy, and prints a notice where their versions differ.
sys.modules.setdefault("bjdata", None)  # type: ignore[arg-type]

from autobahn.twisted.rawsocket import WampRawSocketClientFactory
from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory
from autobahn.wamp.exception import ApplicationError as WampError
from autobahn.wamp.exception import SerializationError, TransportLost
from autobahn.wamp.serializer import CBORSerializer
from autobahn.wamp.types import CallOptions, CloseDetails, ComponentConfig, RegisterOptions, SessionDetails
from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.interfaces import IReactorCore, IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger

from deltamesh.errors import ConfigurationError, DeltameshError, RemoteError, from_wire

MAX_MESSAGE: Final = (16 << 20) - 1
"""Bytes of one message, both ways: the most that RawSocket can carry (WAMP, section "RawSocket transport")."""

DEFAULT_URL: Final = "unix:.crossbar/mesh.sock"
DEFAULT_REALM: Final = "realm1"

MAX_PAUSE: Final = 10.0
"""Longest pause between two attempts to connect [s]."""

SETUP_PAUSE: Final = 2.0
"""Pause after a join that was of no use, for instance because another leader is registered [s]."""

Setup = Callable[["Connection"], Awaitable[None]]
"""Called after each join: registers and subscribes anew."""


class Connection:
    """One connection, shared by what runs on it."""

    log = Logger()

    def __init__(self, url: str = DEFAULT_URL, *, realm: str = DEFAULT_REALM, reactor: Any = None) -> None:
        if reactor is None:
            from twisted.internet import reactor  # noqa: PLC0415 - importing it installs it
        self.url = url
        self.realm = realm
        self.reactor: IReactorCore = reactor
        self.session: Any = None
        """The WAMP session; None while there is none."""
        self.problem: str | None = None
        """Why there is no session, as far as is known."""
        self._setups: list[Setup] = []
        self._lost: list[Callable[[], None]] = []
        self._waiting: list[Deferred[None]] = []
        endpoint, factory = _transport(url, lambda: _Session(self), reactor)
        self._service = ClientService(
            endpoint, factory, retryPolicy=backoffPolicy(0.1, MAX_PAUSE, 1.5, lambda: uniform(0.0, 0.3)), clock=reactor
        )

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
        """Leave, and do not come back."""
        session = self.session
        if session is not None and session.is_attached():
            session.leave()
        stopped = self._service.stopService()
        if stopped is not None:
            await stopped

    async def joined(self) -> None:
        """Return as soon as there is a session, and all set up."""
        if self.session is None:
            waiting: Deferred[None] = Deferred()
            self._waiting.append(waiting)
            await waiting

    async def call(self, uri: str, *args: Any, on_progress: Callable[[Any], None] | None = None, **kwargs: Any) -> Any:
        """
        Call a procedure. With `on_progress`, progressive results are asked for and given to it.

        Raises:
            DeltameshError: what the callee or the router answered; `retry` says whether trying again can help.
        """
        if self.session is None:
            raise RemoteError("wamp.error.unavailable", f"not connected to {self.url}", retry=True)
        if on_progress is not None:
            kwargs["options"] = CallOptions(on_progress=on_progress)
        try:
            return await self.session.call(uri, *args, **kwargs)
        except WampError as error:
            raise from_wire(error.error, list(error.args), dict(error.kwargs)) from error
        except TransportLost as error:
            raise RemoteError("wamp.error.unavailable", "the connection was lost", retry=True) from error
        except SerializationError as error:
            raise DeltameshError(f"{uri}: arguments that cannot be sent: {error}") from error

    async def register(self, uri: str, procedure: Callable[..., Awaitable[Any]], **options: Any) -> Any:
        """Register `procedure(details, *args, **kwargs)`; its errors of ours travel as they are documented."""

        async def answering(*args: Any, details: Any, **kwargs: Any) -> Any:
            try:
                return await procedure(details, *args, **kwargs)
            except DeltameshError as error:
                name, arguments, facts = error.to_wire()
                raise WampError(name, *arguments, **facts) from error

        def answer(*args: Any, **kwargs: Any) -> Deferred[Any]:
            return ensureDeferred(answering(*args, **kwargs))

        return await self.session.register(answer, uri, options=RegisterOptions(details_arg="details", **options))

    def publish(self, topic: str, *args: Any, options: Any = None) -> None:
        """Publish an event, if there is a session: whoever was to get it finds a gap later."""
        session = self.session
        if session is None or not session.is_attached():
            return
        if options is None:
            session.publish(topic, *args)
        else:
            session.publish(topic, *args, options=options)

    # Called by the session

    def _joined(self, session: Any, details: SessionDetails) -> None:
        self.session = session
        self.problem = None
        self.log.debug("joined {realm} as session {session}", realm=details.realm, session=details.session)
        ensureDeferred(self._set_up(session)).addErrback(self._not_set_up, session)

    async def _set_up(self, session: Any) -> None:
        for setup in list(self._setups):
            await setup(self)
        if self.session is session:
            waiting, self._waiting = self._waiting, []
            for each in waiting:
                each.callback(None)

    def _not_set_up(self, failure: Any, session: Any) -> None:
        """Begin again, unless the session is gone, which has begun already."""
        if self.session is not session:
            return
        self.problem = failure.getErrorMessage()
        self.log.error("cannot take part in the mesh, trying again: {problem}", problem=self.problem)
        self.reactor.callLater(SETUP_PAUSE, session.disconnect)  # type: ignore[attr-defined]

    def _left(self, session: Any, details: CloseDetails) -> None:
        if details.reason not in ("wamp.close.normal", "wamp.close.goodbye_and_out", "wamp.close.transport_lost"):
            self.problem = f"{details.reason}: {details.message or ''}"
            self.log.warn("the router closed the session: {problem}", problem=self.problem)
        if self.session is session:
            self.session = None
            for callback in list(self._lost):
                callback()


class _Session(ApplicationSession):  # type: ignore[misc]
    """Hands what happens to the connection."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(ComponentConfig(connection.realm))
        self._connection = connection

    def onConnect(self) -> None:  # noqa: N802 - Autobahn's name
        transport = self._transport.transport
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
        self.join(self._connection.realm)

    def onJoin(self, details: SessionDetails) -> None:  # noqa: N802
        self._connection._joined(self, details)

    def onUserError(self, fail: Any, msg: str) -> None:  # noqa: N802
        """Errors that travel to the caller are no news here; anything else is a fault of ours."""
        if not isinstance(fail.value, WampError):
            self._connection.log.failure("{msg}", fail, msg=msg)

    def onLeave(self, details: CloseDetails) -> None:  # noqa: N802
        self._connection._left(self, details)
        self.disconnect()


def _transport(url: str, make_session: Callable[[], Any], reactor: Any) -> tuple[IStreamClientEndpoint, Any]:
    """Return endpoint and protocol factory for the address of a router."""
    if url.startswith("unix:"):
        return UNIXClientEndpoint(reactor, abspath(url.removeprefix("unix:"))), _rawsocket(make_session)
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss", "rs", "rss") or parts.hostname is None:
        raise ConfigurationError(f"{url!r} is no address of a router: use unix:PATH, ws://host:port/ws, wss://… or rs://host:port")
    is_secure = parts.scheme in ("wss", "rss")
    endpoint: Any = TCP4ClientEndpoint(reactor, parts.hostname, parts.port or (443 if is_secure else 80))
    if is_secure:
        endpoint = wrapClientTLS(optionsForClientTLS(parts.hostname), endpoint)
    if parts.scheme in ("rs", "rss"):
        return endpoint, _rawsocket(make_session)
    factory = WampWebSocketClientFactory(make_session, url=url, serializers=[CBORSerializer()], reactor=reactor)
    factory.setProtocolOptions(maxMessagePayloadSize=MAX_MESSAGE, maxFramePayloadSize=MAX_MESSAGE)
    return endpoint, factory


def _rawsocket(make_session: Callable[[], Any]) -> Any:
    factory = WampRawSocketClientFactory(make_session, serializer=CBORSerializer())
    factory.setProtocolOptions(maxMessagePayloadSize=MAX_MESSAGE + 1)
    return factory


__all__ = ["DEFAULT_REALM", "DEFAULT_URL", "MAX_MESSAGE", "Connection"]
