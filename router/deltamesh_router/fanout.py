"""One frame for all: an event that goes to many receivers is serialized and framed once per kind of connection."""

from __future__ import annotations

import struct
from typing import Any, Final

from autobahn.wamp.message import Event
from autobahn.websocket.protocol import WebSocketProtocol
from crossbar.router.protocol import WampRawSocketServerProtocol, WampWebSocketServerProtocol
from twisted.internet import reactor as installed
from twisted.internet import tcp, unix

reactor: Any = installed

_PLAIN: Final = frozenset({tcp.Server, unix.Server})
"""Connections without TLS."""

_OPEN: Final = WebSocketProtocol.STATE_OPEN


class EventFrames:
    """
    The bytes on the wire of the event that is being dispatched.

    A broker sends one and the same EVENT object to all receivers of a subscription, one after another. A server's
    WebSocket frames are not masked, so the receivers of one transport and serializer all get the same bytes.
    """

    def __init__(self) -> None:
        self._event: Event | None = None
        self._frames: dict[Any, bytes | None] = {}
        self._is_quiet = True  # no event has been dispatched in this turn of the reactor
        self._is_first = False  # the event is the first one of this turn

    def _rest(self) -> None:
        self._is_quiet = True

    def send(self, session: Any, event: Event) -> bool:
        """
        Write `event` to the connection of `session` and return True, or do nothing and return False.

        It is left to the caller's ordinary way if the connection is not an open WebSocket or RawSocket, compresses or
        fragments or traces its frames, has writes waiting in Autobahn's own queue, or takes no message of this size.
        """
        transport = session._transport
        kind = type(transport)
        if event is not self._event:
            self._event = event
            self._frames = {}
            self._is_first = self._is_quiet
            if self._is_quiet:
                self._is_quiet = False
                reactor.callLater(0, self._rest)
        if kind is WampWebSocketServerProtocol:
            if transport.state != _OPEN or transport._session is None or transport._perMessageCompress is not None or transport.send_queue:
                return False
            serializer = transport._serializer
            form = serializer._serializer  # one per listening transport and format, shared by its connections
            try:
                frame = self._frames[form]
            except KeyError:
                frame = self._frames[form] = _websocket_frame(transport, event.serialize(form), form.BINARY)
        elif kind is WampRawSocketServerProtocol:
            if transport._session is None:
                return False
            serializer = transport._serializer
            form = serializer._serializer
            try:
                frame = self._frames[form]
            except KeyError:
                payload = event.serialize(form)
                frame = self._frames[form] = struct.pack("!I", len(payload)) + payload
            if frame is not None and transport._max_len_send < len(frame) - 4:
                return False
        else:
            return False
        if frame is None:
            return False
        if self._is_first:
            send_now(transport.transport, frame)
        else:
            transport.transport.write(frame)
        size = len(frame)
        serializer._serialized_bytes += size
        serializer._serialized_messages += 1
        serializer._serialized_rated_messages += 1 + size // serializer.RATED_MESSAGE_SIZE
        return True


def send_now(connection: Any, frame: bytes) -> None:
    """
    Write `frame` without waiting for the reactor to find the socket writable, if nothing waits before it.

    That takes one system call instead of three. What follows in the same turn is better collected: one call for many.
    """
    is_waiting = type(connection) not in _PLAIN or connection.dataBuffer or connection._tempDataBuffer
    if is_waiting or connection.disconnecting or not connection.connected:
        connection.write(frame)
        return
    sent = connection.writeSomeData(frame)
    if type(sent) is not int or sent < 0:  # lost: the ordinary way finds out and says so
        connection.write(frame)
    elif sent < len(frame):
        connection.write(frame[sent:])


def _websocket_frame(transport: WampWebSocketServerProtocol, payload: bytes, is_binary: bool) -> bytes | None:
    """Return the one frame that `transport` would send for `payload`, or None if it would not be one plain frame."""
    size = len(payload)
    if (
        transport.maskServerFrames
        or transport.logFrames
        or transport.logOctets
        or transport.trackedTimings
        or 0 < transport.autoFragmentSize < size
        or 0 < transport.maxMessagePayloadSize < size
    ):
        return None
    first = 0x82 if is_binary else 0x81  # RFC 6455, 5.2: the only frame of a binary or text message
    if size <= 125:
        return struct.pack("!BB", first, size) + payload
    if size <= 0xFFFF:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload
