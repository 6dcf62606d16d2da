"""A session that comes to a door of a node: with TLS or without, with credentials or without."""

from __future__ import annotations

import itertools
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deltamesh.connection.identity import KeyPair, Ticket
from tests.wire_connection import HELLO, ROLES, TIMEOUT, WELCOME, WireConnection

ABORT, CHALLENGE, AUTHENTICATE = 3, 4, 5


class Refused(Exception):
    """The router did not let the session in; the argument is its reason."""


class Visitor(WireConnection):
    """
    A session at `url`, which is as on the command line.

    Args:
        authority: the certificate of who vouches for the router, for wss: and rss:.

    Raises:
        Refused: by the router.
    """

    def __init__(
        self, url: str, credentials: Ticket | KeyPair | None = None, *, authority: Path | None = None, origin: str | None = None
    ) -> None:
        self._received = bytearray()
        self._requests = itertools.count(1)
        parts = urlsplit(url)
        self.is_websocket = parts.scheme in ("ws", "wss")
        if parts.scheme == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(TIMEOUT)
            self.socket.connect(parts.path)
        else:
            assert parts.port is not None
            self.socket = socket.create_connection(("127.0.0.1", parts.port), TIMEOUT)
            if parts.scheme in ("wss", "rss"):
                self.socket = ssl.create_default_context(cafile=authority).wrap_socket(self.socket, server_hostname=parts.hostname)
        try:
            self._enter(parts.netloc, parts.path, origin, credentials)
        except BaseException:
            self.close()
            raise

    def _enter(self, host: str, path: str, origin: str | None, credentials: Ticket | KeyPair | None) -> None:
        if self.is_websocket:
            self._upgrade(host, path, origin)
        else:
            self.socket.sendall(b"\x7f\xf3\0\0")
            assert self._read(4) == b"\x7f\xf3\0\0"
        self.send([HELLO, "realm1", {"roles": ROLES} | ({} if credentials is None else credentials.hello)])
        answer = self.receive()
        if answer[0] == CHALLENGE:
            assert credentials is not None
            self.send([AUTHENTICATE, credentials.answer(answer[2]), {}])
            answer = self.receive()
        if answer[0] == ABORT:
            raise Refused(answer[2], answer[1])
        kind, self.session, self.welcome = answer
        assert kind == WELCOME, answer


def make_certificate(folder: Path) -> Path:
    """Make `server.key` and `server.crt` for localhost, which vouches for itself; return the latter."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names: list[Any] = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    now = datetime.now(UTC)
    since, until = now - timedelta(hours=1), now + timedelta(days=1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), since, until)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    (folder / "server.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (folder / "server.crt").write_bytes(builder.sign(key, SHA256()).public_bytes(Encoding.PEM))
    return folder / "server.crt"
