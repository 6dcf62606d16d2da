"""A router with all kinds of connections, and readers of it that may stop, for tests of what waits for them."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import struct
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deltamesh_router.sessions.outbound import CLOSE_CODE, SLOW_READER
from tests.running_router import RunningRouter, free_port
from tests.wire_connection import EVENT, WireConnection, error_of

LIMIT: Final = 1 << 20
MOST: Final = 12 << 20
"""Bytes that a reader can be sent before it is closed: what may wait for any of these, and what the operating system takes."""

TOPIC: Final = "com.example.hackernews.live.outbound"
GOODBYE: Final = 6
PART: Final = "x" * 10_000
KINDS: Final = ["unix", "rs", "rss", "ws", "wss", "web", "webs"]
"""RawSocket on a Unix socket, over TCP, over TLS; WebSocket over TCP, over TLS, and at /ws of a web server, without and with TLS."""

SECURE: Final = ("rss", "wss", "webs")


class Node:
    """A router that listens to each kind of connection, and lets `LIMIT` bytes wait; for "web", whose role is another one, 4 MiB."""

    def __init__(self, folder: Path) -> None:
        key, certificate = _certificate(folder)
        self._context = ssl.create_default_context(cafile=certificate)
        ports = {kind: free_port() for kind in ("rs", "rss", "ws", "wss", "webs")}
        tls = {"key": key, "certificate": certificate}
        settings = folder / "router.toml"
        settings.write_text(f"[limits]\nmax_pending = {LIMIT}\n[roles.browser]\nmax_pending = {4 * LIMIT}\n")

        def edit(config: dict[str, Any]) -> None:
            auth = config["workers"][0]["transports"][1]["auth"]
            raw: dict[str, Any] = {"type": "rawsocket", "serializers": ["cbor"], "auth": auth}
            web: dict[str, Any] = {"type": "websocket", "serializers": ["json"], "auth": auth}
            site = {"type": "web", "paths": {"/": {"type": "path", "paths": {}}, "ws": web}}
            for kind, port in ports.items():
                endpoint = {"type": "tcp", "interface": "127.0.0.1", "port": port, **({"tls": tls} if kind in SECURE else {})}
                transport = {"rs": raw, "rss": raw, "webs": site}.get(kind, web)
                config["workers"][0]["transports"].append({**transport, "endpoint": endpoint})
            config["workers"][0]["transports"].append({**web, "endpoint": {"type": "unix", "path": "web.sock"}})

        self.router = RunningRouter(folder, edit=edit, arguments=("--settings", str(settings)))
        self.addresses = {kind: f"{kind}://127.0.0.1:{port}/" for kind, port in ports.items()}
        self.addresses |= {"unix": self.router.unix_path, "web": self.router.ws_url, "webs": f"wss://127.0.0.1:{ports['webs']}/ws"}

    @property
    def resident(self) -> int:
        """Memory of the routing process that is in use [B]."""
        processes = psutil.Process(self.router.process.pid).children(recursive=True)
        return max([process.memory_info().rss for process in processes])

    def connect(self, kind: str) -> WireConnection:
        return WireConnection(self.addresses[kind], context=self._context if kind in SECURE else None)


def _certificate(folder: Path) -> tuple[str, str]:
    """Make a key and a certificate of 127.0.0.1; return where they are."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    files = folder / "key.pem", folder / "certificate.pem"
    files[0].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    files[1].write_bytes(certificate.public_bytes(pem))
    return str(files[0]), str(files[1])


class Room:
    """A publisher, and a healthy reader that hears all events of the topic and which sessions leave."""

    def __init__(self, node: Node, stack: ExitStack) -> None:
        self._node = node
        self._stack = stack
        self.publisher = self.join("unix")
        self.healthy = self.join("unix")
        self.healthy.subscribe(TOPIC)
        self._leaving = self.healthy.subscribe("wamp.session.on_leave")[2]
        self.gone: list[int] = []
        """Sessions that left."""
        self.heard: list[int] = []
        """The numbers of the events that the healthy reader got."""
        self.number = 0

    def join(self, kind: str) -> WireConnection:
        return self._stack.enter_context(self._node.connect(kind))

    def reader(self, kind: str) -> WireConnection:
        reader = self.join(kind)
        assert error_of(reader.subscribe(TOPIC)) is None
        return reader

    def figures(self) -> dict[str, Any]:
        """What the router counts."""
        counted: dict[str, Any] = self.publisher.call("mesh.metrics")[3][0]
        return counted

    def publish(self, content: str = PART) -> None:
        """Publish one event; return when the healthy reader has got it."""
        assert error_of(self.publisher.publish(TOPIC, self.number, content)) is None
        self.number += 1
        while self.number not in [number + 1 for number in self.heard[-1:]]:
            self.listen()

    def listen(self) -> None:
        """Take what the healthy reader is told next."""
        kind, subscription, _, _, args = self.healthy.receive()
        assert kind == EVENT
        if subscription == self._leaving:
            self.gone.append(args[0])
        else:
            self.heard.append(args[0])

    def publish_until_gone(self, session: int) -> None:
        """Publish until `session` has left."""
        while session not in self.gone:
            assert self.number < 5000, "it is not closed"
            self.publish()
        self.publish()  # so that all heard of it


CLOSE: Final = struct.pack("!BBIH", 0x88, 0x82, 0, 1000)
"""Close frame of a client."""

CLOSED: Final = struct.pack("!H", CLOSE_CODE) + SLOW_READER.encode()
"""Content of the close frame that a slow reader gets."""


def ending(reader: WireConnection) -> tuple[list[list[Any]], str]:
    """Read all that a connection has to give: the messages, and what the error says that ends it."""
    messages = []
    while True:
        try:
            messages.append(reader.receive())
        except EOFError as error:
            return messages, str(error)
        if messages[-1][0] == GOODBYE and not reader.is_websocket:
            reader.send([GOODBYE, {}, "wamp.close.goodbye_and_out"])
