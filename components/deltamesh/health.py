"""
What a component tells programs that watch it, on a port of its own.

| path | answer |
| --- | --- |
| `/healthz` | 200: the process is alive, its event loop answers |
| `/readyz` | 200 if it is to be used: it takes part in the mesh, and leads, stands by or serves; else 503. JSON, with the reasons |
| `/metrics` | numbers, for Prometheus |

Nobody has to log in, so it listens only where it is told to. A connection is for one request, and bounded in everything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

import msgspec
import psutil  # type: ignore[import-untyped]
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ServerFactory
from twisted.web import http as web

from deltamesh.connection import Connection
from deltamesh.errors import ConfigurationError
from deltamesh.service import Service
from deltamesh.worker import Worker

http: Any = web  # hardly annotated

MAX_CONNECTIONS: Final = 32
"""At the same time; a further one is closed at once."""

MAX_SECONDS: Final = 10.0
"""How long a connection lives at most [s]."""

MAX_HEADER: Final = 4096
"""Bytes of a request. It may not have a body."""

PREFIX: Final = "deltamesh_"
TEXT: Final = "text/plain; charset=utf-8"
JSON: Final = "application/json"
PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


class Metric(NamedTuple):
    """One metric; `name` is without `PREFIX`, but for those that all programs have."""

    name: str
    kind: Literal["counter", "gauge"]
    help: str


METRICS: Final = (
    Metric("component_ready", "gauge", "1 if it is to be used now."),
    Metric("component_connected", "gauge", "1 if it has a session at the router."),
    Metric("component_joins_total", "counter", "Sessions that it has had at the router."),
    Metric("component_revision", "gauge", "Revision that it has reached."),
    Metric("leader_leads", "gauge", "1 if it leads, 0 if it stands by."),
    Metric("leader_term", "gauge", "Term under which it has taken the journal."),
    Metric("leader_waiting", "gauge", "Writes and actions whose turn has not come."),
    Metric("leader_calls_total", "counter", "Writes and actions that were answered."),
    Metric("leader_transactions_total", "counter", "Transactions that were committed."),
    Metric("leader_batches_total", "counter", "Commits of the journal, each of one or more transactions."),
    Metric("follower_instances", "gauge", "Instances that it holds."),
    Metric("follower_subscriptions", "gauge", "Subscriptions to them."),
    Metric("follower_calls_in_flight", "gauge", "Calls that it works on."),
    Metric("follower_lag_revisions", "gauge", "Revisions that have arrived and are not taken in."),
    Metric("follower_silence_seconds", "gauge", "Since it heard of its leader, who speaks each second."),
)
"""Labels: service, component. Those of a leader are missing for a follower, and the reverse."""

OF_PROCESS: Final = (
    Metric("process_cpu_seconds_total", "counter", "Processor time."),
    Metric("process_resident_memory_bytes", "gauge", "Resident memory."),
    Metric("process_open_fds", "gauge", "Open files and connections."),
    Metric("process_start_time_seconds", "gauge", "When the process was started, as Unix time."),
)
"""Under the names that all exporters use, without labels."""


class Examined(Protocol):
    """A leader, a follower or a worker, as it is seen here."""

    @property
    def service(self) -> Service | Worker:
        """What it is a component of."""
        ...

    def readiness(self) -> list[str]:
        """Return why it is not to be used now, though it has a session; nothing: it is ready."""
        ...

    def readings(self) -> dict[str, float]:
        """Return its numbers, by the names of `METRICS`."""
        ...


class Health:
    """
    What is answered.

    Args:
        name: of the component, as people know it.
        connection: that of the component.
    """

    def __init__(self, name: str, component: Examined, connection: Connection) -> None:
        self.name = name
        self._component = component
        self._connection = connection
        self._process = psutil.Process()

    def answer(self, method: bytes, path: bytes) -> tuple[int, str, bytes]:
        """Return the status, the content type and the body for a request."""
        if method not in (b"GET", b"HEAD"):
            return 405, TEXT, b"only GET and HEAD\n"
        if path == b"/metrics":
            return 200, PROMETHEUS, self._metrics()
        if path == b"/healthz":
            return 200, TEXT, b"alive\n"
        if path == b"/readyz":
            reasons = self._reasons()
            facts = {"ready": not reasons, "reasons": reasons, "component": self.name, "service": self._component.service.uris.prefix}
            return 503 if reasons else 200, JSON, msgspec.json.encode(facts) + b"\n"
        return 404, TEXT, b"not found\n"

    def _reasons(self) -> list[str]:
        connection = self._connection
        if connection.session is None:
            return [f"not connected to {connection.url}{'' if connection.problem is None else f': {connection.problem}'}"]
        return self._component.readiness()

    def _metrics(self) -> bytes:
        connection = self._connection
        readings = {
            "component_ready": not self._reasons(),
            "component_connected": connection.session is not None,
            "component_joins_total": connection.num_joined,
            **self._component.readings(),
        }
        # neither has a character that would have to be escaped
        labels = f'{{service="{self._component.service.uris.prefix}",component="{self.name}"}}'
        lines: list[str] = []
        for metric in METRICS:
            if metric.name in readings:
                _write(lines, metric, PREFIX + metric.name, labels, float(readings[metric.name]))
        process = self._of_process()
        for metric in OF_PROCESS:
            _write(lines, metric, metric.name, "", process[metric.name])
        return "\n".join([*lines, ""]).encode()

    def _of_process(self) -> Mapping[str, float]:
        with self._process.oneshot():
            times = self._process.cpu_times()
            return {
                "process_cpu_seconds_total": times.user + times.system,
                "process_resident_memory_bytes": self._process.memory_info().rss,
                "process_open_fds": self._process.num_fds(),
                "process_start_time_seconds": self._process.create_time(),
            }


def _write(lines: list[str], metric: Metric, name: str, labels: str, number: float) -> None:
    lines += (f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}", f"{name}{labels} {number:.17g}")


class HealthPort:
    """
    Where the answers are given, until `stop`.

    Args:
        host: address of an interface of this machine.
        port: 0 is any that is free.

    Raises:
        ConfigurationError: it is not to be had.
    """

    def __init__(self, health: Health, host: str, port: int, reactor: Any) -> None:
        try:
            self._port = reactor.listenTCP(port, _Factory(health, reactor), interface=host)
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            raise ConfigurationError(f"--health {host}:{port}: {reason}: choose another port or address") from error
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self._port.getHost().port}"

    async def stop(self) -> None:
        """Answer no more."""
        await maybeDeferred(self._port.stopListening)


class _Request(http.Request):
    """One request."""

    def process(self) -> None:
        """All of it has come: answer."""
        code, content_type, body = self.channel.factory.health.answer(self.method, self.path)
        self.setResponseCode(code)
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
        self._end = self.factory.reactor.callLater(MAX_SECONDS, self.transport.abortConnection)

    def connectionLost(self, reason: Any) -> None:
        """The connection has gone."""
        self.factory.connections.discard(self)
        if self._end.active():
            self._end.cancel()
        super().connectionLost(reason)

    def checkPersistence(self, request: Any, version: bytes) -> bool:  # noqa: N802
        """There is no second request."""
        return False

    def headerReceived(self, line: bytes) -> bool:  # noqa: N802
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

    def __init__(self, health: Health, reactor: Any) -> None:
        self.health = health
        self.reactor = reactor
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
