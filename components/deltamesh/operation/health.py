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

from deltamesh.application.service import Service
from deltamesh.application.worker import Worker
from deltamesh.connection import Connection
from deltamesh.operation.httpport import TEXT, Answer, Bounds, HttpPort, Question

MAX_CONNECTIONS: Final = 32
"""At the same time; a further one is closed at once."""

MAX_SECONDS: Final = 10.0
"""How long a connection lives at most [s]."""

MAX_HEADER: Final = 4096
"""Bytes of a request. It may not have a body."""

BOUNDS: Final = Bounds(connections=MAX_CONNECTIONS, seconds=MAX_SECONDS, header=MAX_HEADER)

PREFIX: Final = "deltamesh_"
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

    def asked(self, question: Question) -> Answer:
        """Answer a request."""
        status, content_type, body = self.answer(question.method, question.path)
        allowed = {"Allow": "GET, HEAD"} if status == 405 else {}
        return Answer(status, body, content_type, {"Cache-Control": "no-store", **allowed})

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


class HealthPort(HttpPort):
    """Where the answers are given, until `stop`. See `HttpPort`."""

    def __init__(self, health: Health, host: str, port: int, reactor: Any) -> None:
        super().__init__(health.asked, BOUNDS, reactor, "--health", host, port)
