"""WebSocket connections: plain frames with messages of the plain form are read and written here, everything else by Autobahn."""

from __future__ import annotations

import struct
from typing import Any, Final

from autobahn.wamp.exception import ProtocolError
from autobahn.websocket.protocol import WebSocketProtocol
from crossbar.router import protocol as stock

from deltamesh_router.wire.formats import Format, count_received, count_sent, format_of
from deltamesh_router.wire.messages import one_line

_OPEN: Final = WebSocketProtocol.STATE_OPEN

MAX_SIZE: Final = 0xFFFF
"""Bytes in a plain frame. Larger ones come in several reads, and Autobahn collects those better."""

MAX_SENT: Final = 16 << 20
"""Bytes of a message that is sent, at most, unless `max_message_size` is more. That option is for what strangers send, and can be less."""


class WampWebSocketServerProtocol(stock.WampWebSocketServerProtocol):
    """
    Crossbar.io's WebSocket connection with a short way for plain messages.

    A plain frame is the only one of its message, masked, without extensions, and of `MAX_SIZE` bytes at most.

    `max_message_size` is for what is received. Crossbar.io's connections take it for what they send as well.
    """

    _format: Format | None = None

    maxMessagePayloadSize: int  # noqa: N815  # the name is Autobahn's
    """Bytes of the largest message that is received; 0 is any."""

    max_sent = 0
    """Bytes of the largest message that is sent; 0 is any."""

    data: bytes
    """What has come of a frame that is not complete yet."""

    def onOpen(self) -> None:
        """The handshake is complete."""
        is_plain = self.applyMask and not (
            self._perMessageCompress
            or self.maskServerFrames
            or self.trackedTimings
            or self.logFrames
            or self.logOctets
            or self.autoFragmentSize
            or self.factory.debug_traffic
        )
        self._format = format_of(self._serializer) if is_plain else None
        self._max_size = min([MAX_SIZE, *filter(None, (self.maxFramePayloadSize, self.maxMessagePayloadSize))])
        self.max_sent = max_sent(self.maxMessagePayloadSize)
        super().onOpen()

    def dataReceived(self, data: bytes) -> None:
        """Bytes have come."""
        form = self._format
        if form is None or self.state != _OPEN or self.current_frame is not None or self.inside_message or self._listeners:
            super().dataReceived(data)
            return
        if self.data:
            data = self.data + data
            self.data = b""
        rest = self._take_plain(data, form)
        if rest:
            super().dataReceived(rest)

    def _take_plain(self, data: bytes, form: Format) -> bytes:
        """Take the plain messages that `data` begins with; return what is for Autobahn. An incomplete plain frame is kept for later."""
        opcode = first_byte(form)
        serializer = self._serializer
        start, end = 0, len(data)
        while end - start >= 8 and data[start] == opcode and data[start + 1] >= 0x80:
            size = data[start + 1] & 0x7F
            head = start + 2
            if size == 126:
                size = data[head] << 8 | data[head + 1]
                head += 2
                if size < 126:
                    break
            if size == 127 or size > self._max_size or serializer._autoreset_callback is not None:
                break
            stop = head + 4 + size
            if stop > end:
                self.data = data[start:]
                return b""
            payload = data[head + 4 : stop]
            mask = data[head : head + 4]
            message = form.read(payload if mask == b"\0\0\0\0" else unmasked(payload, mask))
            if message is None:
                break
            start = stop
            count_received(serializer, size)
            if self.autoPingTimeoutCall and self.autoPingRestartOnAnyTraffic:
                self._cancelAutoPingTimeoutCall()
            try:
                self._session.onMessage(message)
            except ProtocolError as error:
                self.log.critical("{line}", line=one_line())
                self._bailout(self.CLOSE_STATUS_CODE_PROTOCOL_ERROR, f"WAMP Protocol Error ({error})")
            if self.state != _OPEN:
                break
        return data[start:] if start else data

    def send(self, msg: Any) -> None:
        """Send a message."""
        form = self._format
        payload = None
        if form is not None and self._session is not None and self.state == _OPEN and not self.send_queue:
            payload = form.write(msg) if self._serializer._autoreset_callback is None else None
        if form is None or payload is None or 0 < self.max_sent < len(payload):
            super().send(msg)
            return
        self.transport.write(frame(payload, first_byte(form)))
        count_sent(self._serializer, len(payload))

    def sendMessage(self, payload: bytes, *args: Any, **options: Any) -> None:
        """Send a message that is serialized, in Autobahn's way."""
        # Autobahn compares it with what may be received
        received, self.maxMessagePayloadSize = self.maxMessagePayloadSize, self.max_sent
        try:
            super().sendMessage(payload, *args, **options)
        finally:
            self.maxMessagePayloadSize = received


class WampWebSocketServerFactory(stock.WampWebSocketServerFactory):
    """Makes the connections of a listening WebSocket transport."""

    protocol = WampWebSocketServerProtocol


REPLACEMENTS: Final[dict[str, dict[str, Any]]] = {
    module: {"WampWebSocketServerFactory": WampWebSocketServerFactory}
    for module in ("crossbar.worker.transport", "crossbar.webservice.websocket")
}
"""Module name -> name in it -> what takes its place."""


def max_sent(max_received: int) -> int:
    """Return the bytes of the largest message that a connection sends which receives `max_received` at most; 0 is any."""
    return max_received and max(max_received, MAX_SENT)


def unmasked(payload: bytes, mask: bytes) -> bytes:
    """Return what a client has masked (RFC 6455, 5.3)."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")


def first_byte(form: Format) -> int:
    """Return what the only frame of a message in this format begins with (RFC 6455, 5.2): that of a binary or of a text message."""
    return 0x82 if form.is_binary else 0x81


def frame(payload: bytes, first: int) -> bytes:
    """Return the frame of a server with this first byte."""
    size = len(payload)
    if size <= 125:
        return struct.pack("!BB", first, size) + payload
    if size <= 0xFFFF:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload
