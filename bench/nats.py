"""The anchor NATS: its server, built by Go from the source that `go.sum` pins, and a connection on a plain blocking socket."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable
from typing import Final, NamedTuple

from bench.processes import ROOT, Servers, free_port

FOLDER: Final = ROOT / "bench" / "anchors" / "nats"
SERVER: Final = FOLDER / "bin" / "nats-server"
TIMEOUT: Final = 30.0
"""How long nothing may come [s]."""


def install_nats() -> None:
    """Build the server, once."""
    source = FOLDER / "go.sum"
    if SERVER.exists() and SERVER.stat().st_mtime >= source.stat().st_mtime:
        return
    if shutil.which("go") is None:
        raise SystemExit("the anchor NATS is built by Go: install Go 1.21 or newer, which fetches what it needs beyond that")
    print("== nats-server (some minutes)", file=sys.stderr, flush=True)
    subprocess.run(["go", "build", "-o", SERVER, "github.com/nats-io/nats-server/v2"], cwd=FOLDER, check=True)
    SERVER.touch()


def start_nats(servers: Servers) -> int:
    """Start a server; return its port."""
    install_nats()
    port = free_port()
    servers.start("nats-server", [SERVER, "--addr", "127.0.0.1", "--port", port])
    servers.wait_for("nats-server", "Server is ready")
    return port


class Message(NamedTuple):
    """What was published to a subject that somebody has subscribed to."""

    subject: str
    reply: str
    """Where an answer is expected."""
    payload: bytes


class NatsConnection:
    """
    A connection that speaks the client protocol of NATS: lines of text, some with a payload after them.

    https://docs.nats.io/reference/reference-protocols/nats-protocol
    """

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self._line()  # INFO
        self.socket.sendall(b'CONNECT {"verbose":false}\r\n')

    def subscribe(self, subject: str, queue: str = "") -> None:
        """Subscribe, as a member of a queue group if it is named; return when that is so."""
        self.socket.sendall(f"SUB {subject} {queue} 1\r\nPING\r\n".encode())
        while (line := self._line()) != b"PONG":
            if line.startswith(b"-ERR"):
                raise RuntimeError(line.decode())

    def publish(self, subject: str, payload: bytes, reply: str = "") -> None:
        """Publish a payload."""
        self.publish_all([Message(subject, reply, payload)])

    def publish_all(self, messages: Iterable[Message]) -> None:
        """Publish messages in one piece."""
        self.socket.sendall(
            b"".join(
                [
                    b"PUB %b %b %d\r\n%b\r\n" % (each.subject.encode(), each.reply.encode(), len(each.payload), each.payload)
                    for each in messages
                ]
            )
        )

    def receive(self) -> Message:
        """Return the next message; wait for it if need be. Pings are answered meanwhile."""
        while True:
            words = self._line().decode().split(" ")
            if words[0] == "PING":
                self.socket.sendall(b"PONG\r\n")
            elif words[0] == "MSG":
                size = int(words[-1])
                while len(self._received) < size + 2:
                    self._fill()
                payload, self._received = self._received[:size], self._received[size + 2 :]
                return Message(words[1], words[3] if len(words) == 5 else "", payload)
            elif words[0] == "-ERR":
                raise RuntimeError(" ".join(words))

    def _line(self) -> bytes:
        while b"\r\n" not in self._received:
            self._fill()
        line, _, self._received = self._received.partition(b"\r\n")
        return line

    def _fill(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise EOFError("the server closed the connection")
        self._received += data
