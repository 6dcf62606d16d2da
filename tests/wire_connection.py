"""A WAMP connection on a plain blocking socket: what really goes over the wire, for tests and measurements of the router."""

from __future__ import annotations

import base64
import itertools
import json
import os
import socket
import ssl
import struct
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import cbor2

HELLO, WELCOME, ERROR, PUBLISH, SUBSCRIBE, SUBSCRIBED, EVENT = 1, 2, 8, 16, 32, 33, 36
CALL, CANCEL, RESULT, REGISTER, REGISTERED = 48, 49, 50, 64, 65
UNREGISTER, UNREGISTERED, INVOCATION, INTERRUPT, YIELD = 66, 67, 68, 69, 70
TIMEOUT: Final = 30.0
"""Seconds without an answer that fail a test."""

ROLES: Final[dict[str, Any]] = {"publisher": {}, "subscriber": {}, "caller": {}, "callee": {}}
CANCELLING: Final = ROLES | {role: {"features": {"call_canceling": True}} for role in ("caller", "callee")}
"""Roles of a client that knows CANCEL and INTERRUPT."""


class WireConnection:
    """
    A joined session: WebSocket with JSON if `address` is a ws:// or wss:// URL, RawSocket with CBOR if it is an rs:// or rss:// URL or the
    path of a Unix socket. `context` is for TLS.

    `handshake` is what a RawSocket begins with: by default, messages up to 16 MiB and CBOR. `welcome` holds the details of
    the router's WELCOME.
    """

    def __init__(
        self,
        address: str,
        *,
        origin: str | None = None,
        handshake: bytes = b"\x7f\xf3\0\0",
        realm: str = "realm1",
        roles: dict[str, Any] = ROLES,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._received = bytearray()
        self._requests = itertools.count(1)
        url = urlsplit(address)
        self.is_websocket = url.scheme in ("ws", "wss")
        if url.scheme:
            self.socket = socket.create_connection((url.hostname or "", url.port or 80), TIMEOUT)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if context is not None:
                self.socket = context.wrap_socket(self.socket, server_hostname=url.hostname)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(TIMEOUT)
            self.socket.connect(address)
        if self.is_websocket:
            self._upgrade(url.netloc, url.path, origin)
        else:
            self.socket.sendall(handshake)
            assert self._read(4) == b"\x7f\xf3\0\0"
        self.send([HELLO, realm, {"roles": roles}])
        kind, self.session, self.welcome = self.receive()
        assert kind == WELCOME, (kind, self.session, self.welcome)

    def _upgrade(self, host: str, path: str, origin: str | None) -> None:
        headers = {
            "Host": host,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "wamp.2.json",
            "Sec-WebSocket-Extensions": "permessage-deflate",
        }
        if origin is not None:
            headers["Origin"] = origin
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        while b"\r\n\r\n" not in self._received:
            self._fill()
        end = self._received.index(b"\r\n\r\n") + 4
        self.answer = self._received[:end].decode()
        del self._received[:end]
        if " 101 " not in self.answer.split("\r\n")[0]:
            self.close()
            raise ConnectionRefusedError(self.answer.split("\r\n")[0])

    def close(self) -> None:
        """Close the connection without a GOODBYE."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def frame(self, message: list[Any]) -> bytes:
        """Return the bytes that `send` would send."""
        return self.wrap(json.dumps(message).encode() if self.is_websocket else cbor2.dumps(message))

    def wrap(self, payload: bytes) -> bytes:
        """Return the frame of a serialized message."""
        size = len(payload)
        if not self.is_websocket:
            return struct.pack("!I", size) + payload
        # masked with zeros, as a client has to mask
        if size <= 125:
            return struct.pack("!BBI", 0x81, 0x80 | size, 0) + payload
        if size <= 0xFFFF:
            return struct.pack("!BBHI", 0x81, 0x80 | 126, size, 0) + payload
        return struct.pack("!BBQI", 0x81, 0x80 | 127, size, 0) + payload

    def send(self, message: list[Any]) -> None:
        """Send one WAMP message."""
        self.socket.sendall(self.frame(message))

    def send_all(self, messages: list[list[Any]]) -> None:
        """Send several WAMP messages in one piece."""
        self.socket.sendall(b"".join(map(self.frame, messages)))

    def receive(self) -> list[Any]:
        """Return the next WAMP message; wait for it if need be. Pings are answered meanwhile."""
        while (message := self._take()) is None:
            self._fill()
        return message

    def arrived(self) -> list[list[Any]]:
        """Read once from the socket; return the messages that are complete now, which may be none."""
        self._fill()
        return list(iter(self._take, None))

    def _take(self) -> list[Any] | None:
        """Take the next message from what was read; None if it is not complete."""
        while (end := frame_end(self._received, 0, is_websocket=self.is_websocket)) is not None:
            head, stop = end
            payload = bytes(self._received[head:stop])
            opcode = self._received[0] & 15
            del self._received[:stop]
            if not self.is_websocket:
                return list(cbor2.loads(payload))
            if opcode in (1, 2):
                return list(json.loads(payload))
            if opcode == 8:
                raise EOFError(f"closed by the router: {payload!r}")
            if opcode == 9:
                self.socket.sendall(pong(payload))
        return None

    def _read(self, size: int) -> bytes:
        while len(self._received) < size:
            self._fill()
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def _fill(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("the router closed the connection")
        self._received += data

    def begin(self, kind: int, *rest: Any) -> int:
        """Send `[kind, request, *rest]` without waiting for an answer; return the number of the request."""
        number = next(self._requests)
        self.send([kind, number, *rest])
        return number

    def request(self, kind: int, *rest: Any) -> list[Any]:
        """Send `[kind, request, *rest]` and return the answer to it; it must be the next message."""
        number = self.begin(kind, *rest)
        answer = self.receive()
        assert number in answer[1:3], answer
        return answer

    def call(self, procedure: str, *args: Any) -> list[Any]:
        """Call `procedure`; return the RESULT or ERROR."""
        return self.request(CALL, {}, procedure, list(args))

    def subscribe(self, topic: str, match: str = "exact") -> list[Any]:
        """Subscribe to `topic`; return the SUBSCRIBED or ERROR."""
        return self.request(SUBSCRIBE, {} if match == "exact" else {"match": match}, topic)

    def register(self, procedure: str, **options: Any) -> list[Any]:
        """Register `procedure`; return the REGISTERED or ERROR."""
        return self.request(REGISTER, options, procedure)

    def publish(self, topic: str, *args: Any, **options: Any) -> list[Any]:
        """Publish to `topic` with acknowledgement; return the PUBLISHED or ERROR."""
        return self.request(PUBLISH, {"acknowledge": True, **options}, topic, list(args))


def error_of(answer: list[Any]) -> str | None:
    """The error URI of an answer, or None if it is no ERROR."""
    return answer[4] if answer[0] == ERROR else None


def frame_end(data: bytes | bytearray, start: int, *, is_websocket: bool) -> tuple[int, int] | None:
    """Where the payload of the frame at `start` begins and ends, or None if it is not complete. It comes from a server: unmasked."""
    have = len(data) - start
    if not is_websocket:
        head, size = start + 4, int.from_bytes(data[start : start + 4], "big")
        return (head, head + size) if have >= 4 + size and have >= 4 else None
    if have < 2:
        return None
    extra = {126: 2, 127: 8}.get(data[start + 1], 0)
    head = start + 2 + extra
    size = int.from_bytes(data[start + 2 : head], "big") if extra else data[start + 1]
    return (head, head + size) if have >= 2 + extra + size else None


def pong(payload: bytes) -> bytes:
    """The answer to a ping, masked as a client has to, with zeros."""
    return struct.pack("!BBI", 0x8A, 0x80 | len(payload), 0) + payload
