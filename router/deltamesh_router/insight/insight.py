"""
A look inside from outside: a small web server on a port of its own.

| path | answer |
| --- | --- |
| `/metrics` | the figures of all realms, for Prometheus |
| `/healthz` | 200: this process is alive, its event loop answers |
| `/readyz` | 200 from when all realms and transports have been started until the router is told to stop; else 503 and why |

It is for programs that watch the router. Nobody has to log in, so it listens to this machine only unless the settings say otherwise.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.web import http as web
from txaio import make_logger

from deltamesh_router.insight.exposition import CONTENT_TYPE, exposition
from deltamesh_router.insight.figures import process_figures, realm_figures
from deltamesh_router.settings.settings import LiveSettings

reactor: Any = installed
http: Any = web  # hardly annotated

MAX_CONNECTIONS: Final = 32
"""At the same time; a further one is closed at once."""

MAX_SECONDS: Final = 10.0
"""How long a connection lives at most [s]; it is for one request."""

MAX_HEADER: Final = 4096
"""Bytes of a request. It may not have a body."""

TEXT: Final = "text/plain; charset=utf-8"


class Insight:
    """
    What the web server answers with.

    Args:
        worker: the `worker.RouterWorker` to look into.
    """

    def __init__(self, worker: Any) -> None:
        self._worker = worker

    def answer(self, method: bytes, path: bytes) -> tuple[int, str, bytes]:
        """Return the status, the content type and the body for a request."""
        if method not in (b"GET", b"HEAD"):
            return 405, TEXT, b"only GET and HEAD\n"
        if path == b"/metrics":
            return 200, CONTENT_TYPE, self.metrics()
        if path == b"/healthz":
            return 200, TEXT, b"alive\n"
        if path == b"/readyz":
            reason = why_not_ready(self._worker)
            return (200, TEXT, b"ready\n") if reason is None else (503, TEXT, f"{reason}\n".encode())
        return 404, TEXT, b"not found\n"

    def metrics(self) -> bytes:
        """Return the figures of all realms as text for Prometheus."""
        routers = [realm.router for realm in self._worker.realms.values()]
        return exposition([realm_figures(router) for router in routers], process_figures())


def why_not_ready(worker: Any) -> str | None:
    """Return why `worker` should not be used now, in words, or None if it can be used."""
    if worker._is_shutting_down:
        return "the router is stopping"
    if not worker.is_complete:
        return "not all realms and transports have been started yet"
    return None


class _Request(http.Request):
    """One request."""

    def process(self) -> None:
        """All of it has come: answer."""
        code, content_type, body = self.channel.factory.insight.answer(self.method, self.path)
        self.setResponseCode(code)
        self.setHeader("Date", http.datetimeToString())
        self.setHeader("Content-Type", content_type)
        self.setHeader("Content-Length", str(len(body)))
        self.setHeader("Cache-Control", "no-store")
        self.setHeader("Connection", "close")
        if code == 405:
            self.setHeader("Allow", "GET, HEAD")
        self.write(body)  # of a HEAD only the headers are written
        self.finish()


class _Channel(http.HTTPChannel):
    """One connection, for one request."""

    def connectionMade(self) -> None:
        """Bound the life of the connection, whatever it does."""
        super().connectionMade()
        self.factory.connections.add(self)
        self._end = reactor.callLater(MAX_SECONDS, self.transport.abortConnection)

    def connectionLost(self, reason: Any) -> None:
        """The connection has gone."""
        self.factory.connections.discard(self)
        if self._end.active():
            self._end.cancel()
        super().connectionLost(reason)

    def checkPersistence(self, request: Any, version: bytes) -> bool:
        """There is no second request."""
        return False

    def headerReceived(self, line: bytes) -> bool:
        """Refuse a request that announces a body, before it comes."""
        if not super().headerReceived(line):
            return False
        if self.length == 0:
            return True
        self.transport.write(b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self.loseConnection()
        return False


class _Factory(ServerFactory):
    """Makes a `_Channel` for each connection."""

    noisy = False

    def __init__(self, insight: Insight) -> None:
        self.insight = insight
        self.connections: set[_Channel] = set()

    def buildProtocol(self, addr: Any) -> Any:
        """Take the connection, unless there are too many."""
        if len(self.connections) >= MAX_CONNECTIONS:
            return None
        channel = _Channel()
        channel.factory = self
        channel.requestFactory = _Request
        channel.totalHeadersSize = channel.MAX_LENGTH = MAX_HEADER
        return channel

    def log(self, request: Any) -> None:
        """Who looks is not logged."""


class InsightPort:
    """Where the web server listens: as the settings say, also after they have changed."""

    log = make_logger()

    def __init__(self, insight: Insight, settings: LiveSettings) -> None:
        self._factory = _Factory(insight)
        self._settings = settings
        self._wanted = settings.current.insight
        self._port: Any = None

    def listen(self) -> None:
        """Listen, if there is a port in the settings. If it is taken, that is logged, and the router works without."""
        if self._port is None and self._wanted.port is not None:
            try:
                self._port = reactor.listenTCP(self._wanted.port, self._factory, interface=self._wanted.interface)
            except CannotListenError as error:
                # it was free when the router was started: another worker of this node may have it
                self.log.error("/metrics, /healthz and /readyz are not served by this process: {error}", error=error)

    def move(self) -> None:
        """The settings have changed: listen somewhere else if need be."""
        if self._settings.current.insight != self._wanted:
            self._wanted = self._settings.current.insight
            port, self._port = self._port, None
            closed: Deferred[Any] = succeed(None) if port is None else maybeDeferred(port.stopListening)
            closed.addCallback(lambda _: self.listen())


def start(worker: Any, settings: LiveSettings) -> InsightPort:
    """Serve the figures of `worker` where `settings` say, now and whenever they change."""
    port = InsightPort(Insight(worker), settings)
    port.listen()
    settings.on_change(port.move)
    return port
