"""
Who may come in, and stay: sessions up to the limit of their role, and connections without a session only a few and not for long.

A connection that carries no session is a stranger: it has said no HELLO yet, is being authenticated, was refused, or has left its
session. Strangers are bounded for each listening transport in number (the one that has been there longest makes room for a new one) and
in time. The connections of a web server and of its proxies count as well, but their time is Twisted's own: that between two requests.

Who is sent away (`wamp.session.kill`) gets no more calls, and is cut off if it does not leave: Crossbar.io waits for its GOODBYE.
"""

from __future__ import annotations

import resource
from collections import Counter
from functools import partial
from typing import Any, Final

from autobahn.wamp.types import Accept, Deny
from crossbar.bridge.mqtt.wamp import WampMQTTServerProtocol
from crossbar.common.twisted.endpoint import MaxConnectionsFactory
from crossbar.common.twisted.web import Site
from crossbar.router import session as stock
from crossbar.router.protocol import WampRawSocketServerProtocol, WampWebSocketServerProtocol
from crossbar.router.unisocket import UniSocketServerProtocol
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.protocols.policies import ProtocolWrapper

from deltamesh_router.sessions.outbound import Outbound, connection_of
from deltamesh_router.settings.settings import LiveSettings

TOO_MANY_SESSIONS: Final = "deltamesh.error.too_many_sessions"

MAX_STRANGERS: Final = 2_000
"""Connections to one transport without a session. A quarter of the files that this process may open, if that is less."""

JOIN_TIMEOUT: Final = 20.0
"""How long a connection may be without a session [s]."""

IDLE_TIMEOUT: Final = 60.0
"""How long a web server's connection may be without a request, unless the option `client_timeout` of the transport says it [s]."""

FAREWELL: Final = 2.0
"""How long a session that is sent away may take to say goodbye [s]."""

SWEEP: Final = 2.0
"""Time between two looks at who has been there too long [s]."""

_FOR_WAMP: Final = (WampWebSocketServerProtocol, WampRawSocketServerProtocol, WampMQTTServerProtocol, UniSocketServerProtocol)


class Admission:
    """
    Decides who may come in, for this process.

    Args:
        settings: `max_sessions` of a role's limits is what counts.
        outbound: is swept as well.
        clock: the reactor.
    """

    def __init__(self, settings: LiveSettings, outbound: Outbound, clock: Any) -> None:
        self.settings = settings
        self.outbound = outbound
        self.clock = clock
        self.doors: dict[str, Door] = {}
        """Listening transport -> its strangers."""
        self.num_refused: Counter[str] = Counter()
        """Realm -> sessions that were refused since their role had as many as it may."""

    def guard(self, name: str, transport: Any) -> None:
        """
        Bound the strangers of a listening transport, from now on.

        Args:
            name: its identifier.
            transport: Crossbar.io's `RouterTransport`, which has begun to listen just now.
        """
        factory = transport.port.factory
        while not isinstance(factory, MaxConnectionsFactory):
            factory = factory.wrappedFactory
        self.doors[name] = door = Door(self.clock, min(MAX_STRANGERS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4))
        factory.protocol = partial(Arrival, door)
        site = getattr(transport._transport_factory, "_web_factory", transport._transport_factory)
        if isinstance(site, Site) and site.timeOut is None:
            site.timeOut = IDLE_TIMEOUT

    def start(self) -> None:
        """Look who has been there too long, and again each `SWEEP`, for as long as this process runs."""
        self.clock.callLater(SWEEP, self.start)
        for door in self.doors.values():
            door.sweep()
        self.outbound.sweep()

    def sessions(self, router: Any) -> dict[str, int]:
        """Return how many sessions each role of a realm has."""
        return {role: len(router._authrole_to_sessions.get(role, ())) for role in router._roles}

    def joined(self, session: Any) -> None:
        """`session` has joined a realm."""
        arrival = arrival_of(session)
        if arrival is not None:
            arrival.door.strangers.pop(arrival, None)

    def not_joined(self, session: Any) -> None:
        """`session` has just been opened, or has left its realm; its connection may be there still."""
        arrival = arrival_of(session)
        if arrival is not None:
            arrival.door.receive(arrival)

    def farewell(self, session: Any) -> None:
        """`session` was told to leave: it gets no new calls, and `FAREWELL` seconds."""
        number, arrival = session._session_id, arrival_of(session)
        if session._router is not None and (peer := session._router._dealer.peer(number)) is not None:
            session._router._dealer.drain(peer)
        if arrival is not None:
            self.clock.callLater(FAREWELL, self._cut_off, session, number, arrival)

    @staticmethod
    def _cut_off(session: Any, number: int | None, arrival: Arrival) -> None:
        if number is not None and session._session_id == number:
            arrival.transport.abortConnection()

    def refusal(self, router: Any, role: str) -> Deny | None:
        """Return what a session is told that has been authenticated for `role`; None: it may join."""
        limit = self.settings.current.limits_for(role).max_sessions
        if len(router._authrole_to_sessions.get(role, ())) < limit:
            return None
        self.num_refused[router.realm] += 1
        return Deny(TOO_MANY_SESSIONS, f"the role {role} has {limit} sessions already, which is as many as it may: try again later")


class Door:
    """
    The strangers of one listening transport.

    Args:
        limit: how many there may be.
    """

    def __init__(self, clock: Any, limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self.strangers: dict[Arrival, float] = {}
        """Each connection without a session, those first that have been so longest, and when its time is over."""
        self.num_crowded_out = 0
        """Strangers that had to make room for another one."""
        self.num_timed_out = 0
        """Strangers that stayed too long."""

    def receive(self, arrival: Arrival) -> None:
        """A connection has no session, and begins to be a stranger."""
        self.strangers.pop(arrival, None)
        if len(self.strangers) >= self._limit:
            self.num_crowded_out += 1
            self._send_away(next(iter(self.strangers)))
        self.strangers[arrival] = self._clock.seconds() + JOIN_TIMEOUT

    def sweep(self) -> None:
        """Send away who has been a stranger too long."""
        now = self._clock.seconds()
        for arrival, end in list(self.strangers.items()):
            if end > now:
                break
            if arrival.is_for_wamp:
                self.num_timed_out += 1
                self._send_away(arrival)

    def _send_away(self, arrival: Arrival) -> None:
        del self.strangers[arrival]
        arrival.transport.abortConnection()


class Arrival(MaxConnectionsFactory.protocol):
    """A connection that was accepted, as Crossbar.io counts them, which its `door` is told of as well."""

    def __init__(self, door: Door, *args: Any) -> None:
        super().__init__(*args)
        self.door = door
        self.num_received = 0
        """How often bytes have come."""

    def connectionMade(self) -> None:
        """It begins, before anything was heard."""
        self.door.receive(self)

    def dataReceived(self, data: bytes) -> None:
        """Bytes have come."""
        self.num_received += 1
        self.wrappedProtocol.dataReceived(data)

    def connectionLost(self, reason: Any) -> None:
        """It has gone."""
        self.door.strangers.pop(self, None)
        super().connectionLost(reason)

    @property
    def is_for_wamp(self) -> bool:
        """Whether only WAMP can be spoken on it, or nothing has been said yet; False as long as a web server or a proxy has it."""
        protocol = self.wrappedProtocol
        while isinstance(protocol, ProtocolWrapper):
            protocol = protocol.wrappedProtocol
        if isinstance(protocol, UniSocketServerProtocol):
            protocol = protocol._proto or protocol
        return isinstance(protocol, _FOR_WAMP)


class Session(stock.RouterSession):
    """Crossbar.io's session, which comes in through `Admission` and is watched by `Outbound`."""

    def __init__(self, router_factory: Any) -> None:
        super().__init__(router_factory)
        self._admission: Admission = router_factory.worker.admission

    def onOpen(self, transport: Any) -> None:
        """The connection speaks WAMP from now on."""
        super().onOpen(transport)
        self._admission.not_joined(self)
        self._admission.outbound.watch(self)

    def onClose(self, was_clean: bool) -> None:
        """The connection has gone."""
        super().onClose(was_clean)
        self._admission.outbound.closed(self)

    def leave(self, reason: str | None = None, message: str | None = None) -> None:
        """Tell the session to leave; nothing happens if it was told before."""
        if self._goodbye_sent:
            return
        super().leave(reason, message)
        self._admission.farewell(self)

    def onHello(self, realm: str, details: Any) -> Deferred[Any]:
        """Decide on a HELLO: a challenge, a refusal, or a session."""
        return maybeDeferred(super().onHello, realm, details).addCallback(self._admit)

    def onAuthenticate(self, signature: str, extra: dict[str, Any]) -> Deferred[Any]:
        """Decide on the answer to a challenge."""
        return maybeDeferred(super().onAuthenticate, signature, extra).addCallback(self._admit)

    def _admit(self, decision: Any) -> Any:
        """Of who has been authenticated, refuse those that would be too many."""
        if not isinstance(decision, Accept):
            return decision
        return self._admission.refusal(self._router_factory[decision.realm], decision.authrole) or decision


def arrival_of(session: Any) -> Arrival | None:
    """Return the accepted connection that carries `session`; None for sessions inside the router, or when it has gone."""
    protocol = getattr(connection_of(session._transport), "protocol", None)
    while isinstance(protocol, ProtocolWrapper) and not isinstance(protocol, Arrival):
        protocol = protocol.wrappedProtocol
    return protocol if isinstance(protocol, Arrival) else None
