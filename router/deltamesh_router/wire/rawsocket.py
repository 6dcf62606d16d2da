"""RawSocket connections: messages of the plain form are read and written by `formats`, everything else by Autobahn."""

from __future__ import annotations

import struct
from typing import Any, Final

from autobahn.wamp.exception import ProtocolError
from crossbar.router import protocol as stock

from deltamesh_router.wire.formats import Format, count_received, count_sent, format_of


class WampRawSocketServerProtocol(stock.WampRawSocketServerProtocol):
    """Crossbar.io's RawSocket connection with a short way for plain messages."""

    _format: Format | None = None

    def _on_handshake_complete(self) -> None:
        self._format = format_of(self._serializer)
        super()._on_handshake_complete()

    def stringReceived(self, payload: bytes) -> None:
        """One message has come."""
        serializer = self._serializer
        message = None
        if self._format is not None and serializer._autoreset_callback is None:
            message = self._format.read(payload)
        if message is None:
            super().stringReceived(payload)
            return
        count_received(serializer, len(payload))
        try:
            self._session.onMessage(message)
        except ProtocolError as error:
            self.log.warn("RawSocket: protocol error, the connection is aborted: {error}", error=error)
            self.abort()

    def send(self, msg: Any) -> None:
        """Send a message."""
        serializer = self._serializer
        payload = None
        if self._format is not None and self._session is not None and serializer._autoreset_callback is None:
            payload = self._format.write(msg)
        if payload is None or len(payload) > self._max_len_send:
            super().send(msg)
            return
        self.transport.write(frame(payload))
        count_sent(serializer, len(payload))


class WampRawSocketServerFactory(stock.WampRawSocketServerFactory):
    """Makes the connections of a listening RawSocket transport."""

    protocol = WampRawSocketServerProtocol


REPLACEMENTS: Final[dict[str, dict[str, Any]]] = {"crossbar.worker.transport": {"WampRawSocketServerFactory": WampRawSocketServerFactory}}
"""Module name -> name in it -> what takes its place."""


def frame(payload: bytes) -> bytes:
    """Return the frame of a message: its length before it (WAMP, "RawSocket transport")."""
    return struct.pack("!I", len(payload)) + payload
