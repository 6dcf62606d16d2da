"""A port of a component that programs and servers ask by HTTP: one small request for each connection, bounded in size, number and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.web import http as web

from deltamesh.errors import ConfigurationError

http: Any = web  # hardly annotated

TEXT: Final = "text/plain; charset=utf-8"


class Question(NamedTuple):
    """A request. Names of headers are in lower case; of one that is there several times, the last counts."""

    method: bytes
    path: bytes
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    status: int
    body: bytes
    content_type: str = TEXT
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a stranger may take."""

    connections: int
    """At the same time."""
    seconds: float
    """How long a connection lives at most [s]."""
    header: int
    """Bytes before the body."""
    body: int = 0
    """Bytes of the body; 0: there may be none."""
    replaces_oldest: bool = False
    """Whether a connection too many closes the oldest one, instead of being closed at once."""


class HttpPort:
    """
    Where `answer` is asked, until `stop`.

    Args:
        option: of the command line, which a message names.
        host: address of an interface of this machine.
        port: 0 is any that is free.

    Raises:
        ConfigurationError: it is not to be had.
    """

    def __init__(self, answer: Callable[[Question], Answer], bounds: Bounds, reactor: Any, option: str, host: str, port: int) -> None:
        try:
            self._port = reactor.listenTCP(port, PortFactory(answer, bounds, reactor), interface=host)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            raise ConfigurationError(f"{option} {host}:{port}: {reason}: choose another port or address") from error
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._port.getHost().port}"

    async def stop(self) -> None:
        """Answer no more."""
        await maybeDeferred(self._port.stopListening)


class _Request(http.Request):
    """One request."""

    def process(self) -> None:
        """All of it has come: answer."""
        raw = self.requestHeaders.getAllRawHeaders()
        headers = {name.decode("latin-1").lower(): values[-1].decode("latin-1") for name, values in raw if values}
        answer = self.channel.factory.answer(Question(self.method, self.path, headers, self.content.read()))
        self.setResponseCode(answer.status)
        self.setHeader("Content-Type", answer.content_type)
        self.setHeader("Content-Length", str(len(answer.body)))
        self.setHeader("Connection", "close")
        for name, value in answer.headers.items():
            self.setHeader(name, value)
        self.write(answer.body)  # of a HEAD only the headers are written
        self.finish()


class _Channel(http.HTTPChannel):
    """One connection, for one request."""

    def connectionMade(self) -> None:
        """Bound the life of the connection, whatever it does."""
        super().connectionMade()
        self.factory.connections[self] = None
        self._end = self.factory.reactor.callLater(self.factory.bounds.seconds, self.transport.abortConnection)

    def connectionLost(self, reason: Any) -> None:
        """The connection has gone."""
        self.factory.connections.pop(self, None)
        if self._end.active():
            self._end.cancel()
        super().connectionLost(reason)

    def checkPersistence(self, request: Any, version: bytes) -> bool:  # noqa: N802
        """There is no second request."""
        return False

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802
        """Refuse a body that is too large, or does not say how large it is, before it comes."""
        if not super().headerReceived(line):
            return False
        most = self.factory.bounds.body
        if self.length is not None and self.length <= most:
            return True
        refusal = b"411 Length Required" if self.length is None and most else b"413 Content Too Large"
        self.transport.write(b"HTTP/1.1 " + refusal + b"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.loseConnection()
        return False


class PortFactory(ServerFactory):
    """Makes what serves each connection."""

    noisy = False

    def __init__(self, answer: Callable[[Question], Answer], bounds: Bounds, reactor: Any) -> None:
        self.answer = answer
        self.bounds = bounds
        self.reactor = reactor
        self.connections: dict[_Channel, None] = {}  # the oldest first

    def buildProtocol(self, addr: Any) -> Any:
        """Take the connection, unless there are too many."""
        while len(self.connections) >= self.bounds.connections:
            if not self.bounds.replaces_oldest:
                return None
            oldest = next(iter(self.connections))
            del self.connections[oldest]
            oldest.transport.abortConnection()
        channel = _Channel()
        channel.factory = self
        channel.requestFactory = _Request
        channel.totalHeadersSize = channel.MAX_LENGTH = self.bounds.header
        return channel

    def log(self, request: Any) -> None:
        """Who asks is not logged."""
