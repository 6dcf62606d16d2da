"""
Bounds what waits for a reader. A session that takes less than it is sent is closed, and told why, before it eats the router's memory.

The rule: a message is sent to a session as long as no more than `max_pending` bytes wait for it *beside the largest message among
them*. Otherwise the session is a slow reader: it is sent nothing more but the reason, and loses its subscriptions, registrations and
calls as if its connection had broken. So one message may be of any size, and what a session can make the router keep is
`max_pending` and two messages.

The reason is a GOODBYE with `deltamesh.error.slow_reader`, on WebSocket also the close code 4008 with that text. It comes after what
waits already, since a connection cannot be cut in the middle of a message. Who has not read it within `GRACE` is cut off.

Connections that keep up cost next to nothing, because Twisted tells who does not: it calls the producer of a connection after each
write that leaves more than 64 KiB waiting, and again when all is sent. That producer is a `Reader`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from autobahn.wamp.message import Abort, Goodbye
from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred
from twisted.protocols.policies import ProtocolWrapper
from txaio import make_logger

from deltamesh_router.memory import FreeMemory
from deltamesh_router.settings.settings import LiveSettings
from deltamesh_router.wire.websocket import max_sent

SLOW_READER: Final = "deltamesh.error.slow_reader"
CLOSE_CODE: Final = 4008
"""WebSocket close code of a slow reader; from 4000 on they are for private use (RFC 6455, 7.4.2)."""

GRACE: Final = 10.0
"""How long a connection that is being closed may take to read what waits for it [s]."""

MAX_MESSAGE: Final = 64 << 20
"""Bytes of one message where no limit is configured: the largest that can be."""

SLACK: Final = 1 << 20
"""Bytes that a message may take beside its content: frames, TLS, and what Twisted lets wait without saying so."""

MUCH: Final = 1 << 20
"""Bytes that did not find a reader, whose memory is given back to the operating system."""


class Outbound:
    """
    What waits for the readers of this process.

    Args:
        settings: `max_pending` of the role's limits is what counts.
        clock: the reactor.
    """

    def __init__(self, settings: LiveSettings, clock: Any) -> None:
        self.settings = settings
        self.clock = clock
        self.readers: dict[Any, Reader] = {}
        """Session -> its reader."""
        self.lagging: dict[Any, Reader] = {}
        """Those for whom more than 64 KiB have been waiting since they last had everything."""
        self._free = FreeMemory(clock)
        self.num_closed: Counter[str | None] = Counter()
        """Realm -> sessions that were closed as slow readers; None: before they had joined one."""

    def watch(self, session: Any) -> None:
        """Begin with the connection of `session`, which was opened just now; until `closed`."""
        connection = connection_of(session._transport)
        if connection is not None:
            # at /ws the connection was one of Twisted's web server, which is its producer still
            session._transport.transport.unregisterProducer()
            self.readers[session] = reader = Reader(self, session, connection)
            connection.registerProducer(reader, True)

    def closed(self, session: Any) -> None:
        """The connection of `session` has gone. Does nothing if it was not watched."""
        self.lagging.pop(session, None)
        reader = self.readers.pop(session, None)
        if reader is not None:
            reader.tell(False)
            if reader.waiting > MUCH:
                self._free.give_back()
            reader.release()

    def pending(self, realm: str) -> int:
        """Return how many bytes wait for the sessions of a realm [B]. Cost: linear in the sessions."""
        return sum([reader.waiting for session, reader in self.readers.items() if session._realm == realm])

    def sweep(self) -> None:
        """
        Cut off connections that have been closed but do not end within `GRACE`, since their reader does not take what waits.

        To be called once in a while.
        """
        now = self.clock.seconds()
        for reader in list(self.readers.values()):
            reader.sweep(now)


class Reader:
    """
    What waits for one session. Twisted calls it the producer of the session's connection.

    Args:
        connection: what Twisted sends from, below WAMP, WebSocket and TLS.
    """

    __slots__ = ("_asked", "_before", "_end", "_is_refused", "_largest", "_most", "_outbound", "_protocol", "connection", "session")

    log = make_logger()

    def __init__(self, outbound: Outbound, session: Any, connection: Any) -> None:
        self.session = session
        self.connection = connection
        self._outbound = outbound
        self._protocol = session._transport
        self._before = 0  # bytes that waited before the message that was sent last
        self._largest = 0  # bytes of the largest message that waits, at most
        protocol = self._protocol
        largest = max_sent(protocol.maxMessagePayloadSize) if isinstance(protocol, WebSocketProtocol) else protocol._max_len_send
        self._most = (largest or MAX_MESSAGE) + SLACK
        self._is_refused = False
        self._end: float | None = None  # when the connection, which is being closed, is cut off
        self._asked: list[Deferred[bool]] = []  # who waits for `caught_up`

    @property
    def waiting(self) -> int:
        """Bytes that wait to be taken by the operating system."""
        connection = self.connection
        return len(connection.dataBuffer) - connection.offset + connection._tempDataLen  # type: ignore[no-any-return]

    def pauseProducing(self) -> None:
        """More than 64 KiB wait; Twisted tells after each write."""
        self._outbound.lagging[self.session] = self
        size = self.waiting - self._before
        if size > self._largest:
            self._largest = size
            # Only what is sent by the router is asked for with `admits`. Not the answers to pings, which a stranger can send as he likes.
            if size > (self._most if self.session._session_id is not None else self._limit):
                self._refuse()

    def resumeProducing(self) -> None:
        """Everything is sent."""
        self._outbound.lagging.pop(self.session, None)
        self._before = self._largest = 0
        self.tell(True)
        if self.connection.disconnecting:
            self.connection.unregisterProducer()  # for which Twisted waits

    def stopProducing(self) -> None:
        """The connection is lost; `Outbound.closed` tells as well."""

    def admits(self) -> bool:
        """Return whether another message may be sent. It has to be asked before each one, while this is in `Outbound.lagging`."""
        if self._is_refused:
            return False
        waiting = self.waiting
        if waiting < self._largest:
            self._largest = waiting
        elif waiting - self._largest > self._limit:
            self._refuse()
            return False
        self._before = waiting
        return True

    def caught_up(self) -> Deferred[bool]:
        """Return what becomes True when everything is sent, or False when the session ends before."""
        answer: Deferred[bool] = Deferred()
        self._asked.append(answer)
        return answer

    def tell(self, is_read: bool) -> None:
        """Answer `caught_up`."""
        asked, self._asked = self._asked, []
        for answer in asked:
            answer.callback(is_read)

    @property
    def _limit(self) -> int:
        return self._outbound.settings.current.limits_for(self.session._authrole).max_pending

    def _refuse(self) -> None:
        """Send nothing more. The session is closed in the next turn of the reactor: whoever sends now is amidst its own affairs."""
        if not self._is_refused:
            self._is_refused = True
            self._outbound.clock.callLater(0, self._close)

    def _close(self) -> None:
        session, protocol = self.session, self._protocol
        if session._transport is None:
            return  # lost meanwhile
        limit = self._limit
        self.log.warn(
            "closed session {session} of role {role}, a slow reader: {waiting} bytes wait for it, {limit} may",
            session=session._session_id,
            role=session._authrole,
            waiting=self.waiting,
            limit=limit,
        )
        self._outbound.num_closed[session._realm] += 1
        is_websocket = isinstance(protocol, WebSocketProtocol)
        can_be_told = not is_websocket or protocol.state == WebSocketProtocol.STATE_OPEN
        if can_be_told:
            reason = Abort if session._session_id is None else Goodbye
            protocol.send(
                reason(SLOW_READER, f"more than {limit} bytes wait for this session: join again, and read faster or ask for less")
            )
        farewell = Farewell(self._outbound, protocol, session._realm)
        outbound = self._outbound
        outbound.lagging.pop(session, None)
        outbound.readers[farewell] = outbound.readers.pop(session)
        self.session = farewell
        self.tell(False)
        session.onClose(False)  # as when its connection is lost
        protocol._session = farewell
        if is_websocket and can_be_told:
            protocol.closeHandshakeTimeout = 0  # ours holds, which begins now
            protocol.sendCloseFrame(CLOSE_CODE, SLOW_READER.encode())
        self._end = outbound.clock.seconds() + GRACE

    def sweep(self, now: float) -> None:
        """See `Outbound.sweep`."""
        if self._end is not None:
            if self._end <= now:
                self.connection.abortConnection()
        elif self._protocol.transport.disconnecting:
            self._end = now + GRACE

    def release(self) -> None:
        """Give back the memory of what was not sent; otherwise that takes until the garbage collector comes."""
        connection = self.connection
        connection.dataBuffer = b""
        connection.offset = 0
        connection._tempDataBuffer = []
        connection._tempDataLen = 0


class Farewell:
    """What stands at the place of a session that was closed, until its connection has gone: it listens to nothing but the goodbye."""

    _transport = _session_id = _authid = _authrole = None

    def __init__(self, outbound: Outbound, protocol: Any, realm: str | None) -> None:
        self._outbound = outbound
        self._protocol = protocol
        self._realm = realm

    def onMessage(self, message: Any) -> None:
        """A message has come from the client. On WebSocket a close frame follows its GOODBYE; on RawSocket that is all."""
        if type(message) is Goodbye and not isinstance(self._protocol, WebSocketProtocol):
            self._protocol.transport.loseConnection()

    def onClose(self, was_clean: bool) -> None:
        """The connection has gone."""
        self._outbound.closed(self)


def connection_of(protocol: Any) -> Any:
    """Return what Twisted sends from for a WAMP `protocol`: below TLS, if there is that. None for sessions inside the router."""
    connection = getattr(protocol, "transport", None)
    while isinstance(connection, ProtocolWrapper):
        connection = connection.transport
    return connection if isinstance(connection, FileDescriptor) else None
