"""What the router tells about itself: numbers, health, and topics."""

from __future__ import annotations

import http.client
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from deltamesh_router.calls.announcement import ON_DRAINED, ON_FULL
from deltamesh_router.calls.registrar import ProcedureQueue
from deltamesh_router.insight import insight
from deltamesh_router.insight.exposition import OF_PROCEDURES, OF_PROCESS
from deltamesh_router.insight.figures import procedure_figures
from deltamesh_router.insight.insight import MAX_CONNECTIONS, MAX_HEADER, MAX_SECONDS
from deltamesh_router.insight.metrics import MAX_LABELS, MAX_PROCEDURES, CallLedger
from deltamesh_router.queue.callee import QueuedCall
from deltamesh_router.settings.settings import CallRule
from tests.running_router import RunningRouter, free_port
from tests.wire_connection import CALL, ERROR, EVENT, INVOCATION, REGISTER, REGISTERED, RESULT, UNREGISTER, YIELD, WireConnection, error_of

PREFIX = "deltamesh_router_"

SETTINGS = """
[limits]
max_pending = 2_000_000

[roles.browser]
max_sessions = 3

[[calls]]
uri = "com.example.narrow"
max_waiting = 2
"""


class Watched:
    """A running router and its port for those who watch it."""

    def __init__(self, router: RunningRouter, port: int) -> None:
        self.router = router
        self.port = port

    def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Send a request; return the status and the body."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def status(self, head: str) -> int:
        """Send the beginning of a request; return the status when the router has closed the connection, or 0 if it did so without one."""
        with socket.create_connection(("127.0.0.1", self.port), 30) as connection:
            connection.sendall(head.encode())
            answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        return int(answer.split()[1]) if answer else 0

    def numbers(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """The samples of a metric that have `labels`: value of `label` -> number."""
        return {
            sample.labels[label]: sample.value
            for family in text_string_to_metric_families(self.ask("/metrics")[1])
            for sample in family.samples
            if sample.name == PREFIX + name and labels.items() <= sample.labels.items()
        }

    def number(self, name: str, procedure: str | None = None) -> float:
        """The one sample of a metric, of a procedure or of the realm."""
        if procedure is None:
            return self.numbers(name, "realm")["realm1"]
        return self.numbers(name, "procedure")[procedure]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("watched")
    port = free_port()
    settings = directory / "router.toml"
    settings.write_text(SETTINGS)
    with RunningRouter(directory, arguments=("--insight-port", str(port), "--settings", str(settings))) as router:
        yield Watched(router, port)


@pytest.fixture
def session(watched: Watched) -> Iterator[WireConnection]:
    with WireConnection(watched.router.unix_path) as connection:
        yield connection


@pytest.fixture
def worker(watched: Watched) -> Iterator[WireConnection]:
    with WireConnection(watched.router.unix_path) as connection:
        yield connection


def begin(session: WireConnection, procedure: str, *args: Any) -> int:
    """Send a CALL, and do not wait."""
    number = next(session._requests)
    session.send([CALL, number, {}, procedure, list(args)])
    return number


def invocation(worker: WireConnection) -> int:
    """Wait for the next INVOCATION; return its number."""
    message = worker.receive()
    assert message[0] == INVOCATION, message
    return int(message[1])


def succeed(worker: WireConnection, session: WireConnection, procedure: str) -> None:
    """Make one call that succeeds."""
    begin(session, procedure)
    worker.send([YIELD, invocation(worker), {}, ["done"]])
    assert session.receive()[0] == RESULT


def fail(worker: WireConnection, session: WireConnection, procedure: str, error: str) -> None:
    """Make one call that fails with `error`."""
    begin(session, procedure)
    worker.send([ERROR, INVOCATION, invocation(worker), {}, error])
    assert error_of(session.receive()) == error


# -- numbers


@pytest.mark.mesh
def test_calls_are_counted_under_the_registration(watched: Watched, session: WireConnection, worker: WireConnection) -> None:
    uri = "com.example.scale"
    worker.register(uri, invoke="roundrobin", concurrency=2)
    for _ in range(5):
        succeed(worker, session, uri)
    for error in ("com.example.error.a", "com.example.error.a", "com.example.error.b"):
        fail(worker, session, uri, error)

    assert watched.number("calls_total", uri) == 8
    assert watched.numbers("errors_total", "error", procedure=uri) == {"com.example.error.a": 2, "com.example.error.b": 1}
    assert watched.number("run_seconds_count", uri) == 8
    assert watched.number("queue_wait_seconds_count", uri) == 8
    assert watched.number("callees", uri) == 1
    assert watched.number("capacity", uri) == 2
    assert watched.number("in_flight", uri) == 0
    assert watched.numbers("calls_total", "match", procedure=uri) == {"exact": 8}


@pytest.mark.mesh
def test_the_queue_is_shown_while_calls_wait(watched: Watched, session: WireConnection, worker: WireConnection) -> None:
    uri = "com.example.busy"
    worker.register(uri, concurrency=1)
    for _ in range(4):
        begin(session, uri)
    running = invocation(worker)

    assert watched.number("in_flight", uri) == 1
    assert watched.number("queue_waiting", uri) == 3
    assert watched.number("calls_total", uri) == 4
    assert watched.number("queue_wait_seconds_count", uri) == 1

    for _ in range(3):
        worker.send([YIELD, running, {}, []])
        running = invocation(worker)
    worker.send([YIELD, running, {}, []])
    assert [session.receive()[0] for _ in range(4)] == [RESULT] * 4

    assert watched.number("in_flight", uri) == 0
    assert watched.number("queue_waiting", uri) == 0
    assert watched.number("queue_wait_seconds_count", uri) == 4
    assert watched.numbers("queue_wait_seconds_bucket", "le", procedure=uri)["+Inf"] == 4


@pytest.mark.mesh
def test_a_capacity_without_limit_is_infinite(watched: Watched, worker: WireConnection) -> None:
    worker.register("com.example.unbounded")

    assert watched.number("capacity", "com.example.unbounded") == float("inf")


@pytest.mark.mesh
def test_what_is_never_called_has_no_histogram(watched: Watched, worker: WireConnection) -> None:
    worker.register("com.example.idle")

    assert watched.number("calls_total", "com.example.idle") == 0
    assert "com.example.idle" not in watched.numbers("run_seconds_count", "procedure")


@pytest.mark.mesh
def test_calls_of_a_pattern_are_counted_under_the_pattern(watched: Watched, session: WireConnection, worker: WireConnection) -> None:
    worker.register("com.example.pattern.", match="prefix")
    for name in "abc":
        succeed(worker, session, f"com.example.pattern.{name}")

    found = watched.numbers("calls_total", "procedure")
    assert found["com.example.pattern."] == 3
    assert not [uri for uri in found if uri.startswith("com.example.pattern.") and uri != "com.example.pattern."]


@pytest.mark.mesh
def test_counts_stay_when_a_registration_goes_and_go_on_when_it_comes_back(watched: Watched, session: WireConnection) -> None:
    uri = "com.example.comes_and_goes"
    with WireConnection(watched.router.unix_path) as first:
        registration = first.register(uri)[2]
        succeed(first, session, uri)
        first.request(UNREGISTER, registration)

    assert watched.number("calls_total", uri) == 1
    assert watched.number("callees", uri) == 0

    with WireConnection(watched.router.unix_path) as second:
        second.register(uri)
        succeed(second, session, uri)

        assert watched.number("calls_total", uri) == 2
        assert watched.number("run_seconds_count", uri) == 2
        assert watched.number("callees", uri) == 1


@pytest.mark.mesh
def test_uris_that_strangers_call_make_no_labels(watched: Watched) -> None:
    lines = watched.ask("/metrics")[1].count("\n")
    before = watched.number("unregistered_calls_total")
    with WireConnection(watched.router.unix_path) as stranger:
        for _ in range(10):
            numbers = [next(stranger._requests) for _ in range(1000)]
            stranger.send_all([[CALL, number, {}, f"com.stranger.p{number}"] for number in numbers])
            assert {error_of(stranger.receive()) for _ in numbers} == {"wamp.error.no_such_procedure"}

    after = watched.ask("/metrics")[1]
    assert "com.stranger" not in after
    assert abs(after.count("\n") - lines) < 20
    assert watched.number("unregistered_calls_total") == before + 10_000


@pytest.mark.mesh
@pytest.mark.slow
def test_procedures_and_errors_that_strangers_name_have_a_bound(tmp_path: Path) -> None:
    port = free_port()
    with RunningRouter(tmp_path, arguments=("--insight-port", str(port))) as router:
        watched = Watched(router, port)
        with WireConnection(router.unix_path) as stranger, WireConnection(router.unix_path) as session:
            uris = [f"com.stranger.p{number}" for number in range(MAX_PROCEDURES)]
            stranger.send_all([[REGISTER, next(stranger._requests), {}, uri] for uri in uris])
            assert {stranger.receive()[0] for _ in uris} == {REGISTERED}
            stranger.register("com.stranger.late")
            for number in range(MAX_LABELS + 30):
                fail(stranger, session, "com.stranger.p0", f"com.stranger.error.e{number}")
            for _ in range(3):
                succeed(stranger, session, "com.stranger.late")

            found = watched.numbers("calls_total", "procedure")
            assert len(found) == MAX_PROCEDURES + 1
            assert "com.stranger.late" not in found
            assert found["other"] == 3
            assert watched.numbers("run_seconds_count", "match", procedure="other") == {"any": 3}
            errors = watched.numbers("errors_total", "error", procedure="com.stranger.p0")
            assert len(errors) == MAX_LABELS + 1
            assert errors["other"] == 30


def test_queues_without_a_row_of_their_own_are_shown_together() -> None:
    ledger = CallLedger()
    for number in range(MAX_PROCEDURES):
        ledger.open(f"com.example.p{number}", "exact")
    queues = {}
    for name, slots in (("first", [2]), ("second", [3, 4])):
        queue = ProcedureQueue(CallRule(), "roundrobin", ledger.open(f"com.example.{name}", "exact"))
        registration = SimpleNamespace(uri=f"com.example.{name}", match="exact", observers=slots)
        queues[registration.uri, "exact"] = registration, queue
        for number in slots:
            queue.join(number, number, 0.0)
        queue.offer(QueuedCall(), 0.0)
    dealer = SimpleNamespace(ledger=ledger, queues=queues)

    other = procedure_figures(dealer)[-1]
    assert (other["uri"], other["match"], other["callees"], other["capacity"], other["in_flight"]) == ("other", "any", 3, 9, 2)

    queues["com.example.first", "exact"][1].join("unbounded", None, 0.0)
    assert procedure_figures(dealer)[-1]["capacity"] is None


@pytest.mark.mesh
def test_an_event_is_published_once_and_delivered_to_each_receiver(watched: Watched, session: WireConnection) -> None:
    with WireConnection(watched.router.unix_path) as first, WireConnection(watched.router.unix_path) as second:
        for subscriber in (session, first, second):
            subscriber.subscribe("com.example.topic")
        published, delivered = watched.number("events_published_total"), watched.number("events_delivered_total")
        for _ in range(5):
            session.publish("com.example.topic", "text")
        session.publish("com.example.topic.nobody", "text")
        assert [subscriber.receive()[0] for subscriber in (first, second) for _ in range(5)] == [EVENT] * 10

        assert watched.number("events_published_total") == published + 6
        assert watched.number("events_delivered_total") == delivered + 10


@pytest.mark.mesh
def test_sessions_are_counted_by_role(watched: Watched) -> None:
    with WireConnection(watched.router.unix_path):  # when it has joined, the router has seen that those of other tests have gone
        before = watched.numbers("sessions", "role")
        with WireConnection(watched.router.unix_path), WireConnection(watched.router.ws_url), WireConnection(watched.router.ws_url):
            during = watched.numbers("sessions", "role")

    assert before.keys() == during.keys() == {"administrator", "browser", "component", "trusted"}
    assert {role: during[role] - before[role] for role in before} == {"administrator": 0, "browser": 2, "component": 1, "trusted": 0}


@pytest.mark.mesh
def test_sessions_that_are_refused_are_counted(watched: Watched) -> None:
    before = watched.number("sessions_refused_total")
    with WireConnection(watched.router.ws_url), WireConnection(watched.router.ws_url), WireConnection(watched.router.ws_url):
        refused = WireConnection.__new__(WireConnection)
        with pytest.raises(AssertionError, match="too_many_sessions"):
            refused.__init__(watched.router.ws_url)
        refused.close()

        assert watched.numbers("sessions", "role")["browser"] == 3
        assert watched.number("sessions_refused_total") == before + 1


@pytest.mark.mesh
def test_what_waits_for_a_reader_is_shown_and_so_is_that_it_was_too_slow(watched: Watched, session: WireConnection) -> None:
    left, event = "wamp.session.on_leave", ["x" * 100_000]
    with WireConnection(watched.router.unix_path) as reader, WireConnection(watched.router.unix_path) as listener:
        reader.subscribe("com.example.large")
        listener.subscribe(left)
        for _ in range(15):
            session.publish("com.example.large", *event)

        assert 1_000_000 < watched.number("pending_bytes") <= 1_500_000 + 15 * 100

        assert [reader.receive()[4] for _ in range(15)] == [event] * 15
        assert watched.number("pending_bytes") == 0

        closed = watched.number("slow_readers_closed_total")
        for _ in range(60):
            session.publish("com.example.large", *event)
        while listener.receive()[4][0] != reader.session:
            pass

        assert watched.number("slow_readers_closed_total") == closed + 1
        assert watched.number("pending_bytes") > 1_000_000

    with WireConnection(watched.router.unix_path):  # when it has joined, the router has seen that the reader has gone
        assert watched.number("pending_bytes") == 0


# -- the same in WAMP


@pytest.mark.mesh
def test_the_procedure_returns_the_same_numbers(watched: Watched, session: WireConnection, worker: WireConnection) -> None:
    worker.register("com.example.twice_told", concurrency=3)
    succeed(worker, session, "com.example.twice_told")
    fail(worker, session, "com.example.twice_told", "com.example.error.a")
    figures = session.call("mesh.metrics")[3][0]

    assert figures["realm"] == "realm1"
    assert figures["process"].keys() == {metric.key for metric in OF_PROCESS}
    shown = {metric.key: watched.numbers(metric.name.removeprefix(PREFIX), "procedure") for metric in OF_PROCEDURES}
    for row in figures["procedures"]:
        for key in ("calls", "waiting", "in_flight", "callees"):
            assert row[key] == shown[key][row["uri"]]
    (row,) = [row for row in figures["procedures"] if row["uri"] == "com.example.twice_told"]
    assert row["errors"] == {"com.example.error.a": 1}
    assert (row["calls"], row["capacity"], row["run"]["count"]) == (2, 3, 2)
    assert row["run"]["buckets"][-1] == [None, 2]


@pytest.mark.mesh
def test_browsers_may_not_call_it(watched: Watched) -> None:
    with WireConnection(watched.router.ws_url) as browser:
        assert error_of(browser.call("mesh.metrics")) == "wamp.error.not_authorized"


@pytest.mark.mesh
def test_a_queue_tells_once_when_it_is_full_and_once_when_it_has_drained(
    watched: Watched, session: WireConnection, worker: WireConnection
) -> None:
    uri = "com.example.narrow"
    worker.register(uri, concurrency=1)
    with WireConnection(watched.router.unix_path) as listener:
        for topic in (ON_FULL, ON_DRAINED):
            listener.subscribe(topic)
        for _ in range(6):
            begin(session, uri)
        refused = [error_of(session.receive()) for _ in range(3)]

        assert refused == ["deltamesh.error.queue_full"] * 3
        assert listener.receive()[4] == [uri, {"match": "exact", "waiting": 2, "max_waiting": 2}]

        for _ in range(3):
            worker.send([YIELD, invocation(worker), {}, []])
        assert [session.receive()[0] for _ in range(3)] == [RESULT] * 3

        assert listener.receive()[4] == [uri, {"match": "exact", "waiting": 0, "max_waiting": 2}]


# -- the port


@pytest.mark.mesh
def test_only_three_paths_are_there_and_only_to_be_read(watched: Watched) -> None:
    assert watched.ask("/healthz") == (200, "alive\n")
    assert watched.ask("/readyz") == (200, "ready\n")
    assert watched.ask("/healthz", "HEAD") == (200, "")
    assert watched.ask("/metrics?name=x")[0] == 200
    for path in ("/", "/metrics/", "/healthz/../metrics", "/favicon.ico", "/%6detrics", "//metrics"):
        assert watched.ask(path) == (404, "not found\n")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
        assert watched.ask("/metrics", method) == (405, "only GET and HEAD\n")


@pytest.mark.mesh
def test_a_request_has_no_body_and_a_bounded_head(watched: Watched) -> None:
    start = "GET /healthz HTTP/1.1\r\nHost: x\r\n"

    assert watched.status(f"{start}\r\n") == 200
    assert watched.status(f"{start}Content-Length: 0\r\n\r\n") == 200
    assert watched.status(f"{start}Content-Length: 1\r\n\r\n") == 413
    assert watched.status(f"{start}Content-Length: 1\r\n\r\nx") == 413
    assert watched.status(f"{start}Transfer-Encoding: chunked\r\n\r\n") == 413
    assert watched.status(f"{start}X-Long: {'x' * MAX_HEADER}\r\n") == 0
    assert watched.status(start + "X-Short: x\r\n" * (MAX_HEADER // 10)) == 400
    assert watched.status(f"GET /{'x' * MAX_HEADER} HTTP/1.1\r\n") == 0
    assert watched.status("nonsense\r\n") == 400


@pytest.mark.mesh
def test_further_connections_are_closed_at_once(watched: Watched) -> None:
    silent = []
    while len(silent) <= MAX_CONNECTIONS:
        connection = socket.create_connection(("127.0.0.1", watched.port), 30)
        silent.append(connection)

    # the last one is closed by the router without a word
    assert silent[-1].recv(1) == b""

    for connection in silent:
        connection.close()
    with WireConnection(watched.router.unix_path) as session:  # the router has seen that these were closed
        session.call("wamp.session.count")

    assert watched.ask("/healthz")[0] == 200


def test_a_connection_lives_for_a_bounded_time_whatever_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(insight, "reactor", clock)
    factory = insight._Factory(insight.Insight(None))
    transport = StringTransport()
    channel = factory.buildProtocol(None)
    channel.makeConnection(transport)
    channel.dataReceived(b"GET /healthz HTTP/1.1\r\n")
    for number in range(int(MAX_SECONDS) - 1):
        clock.advance(1.0)
        channel.dataReceived(b"X-%d: still here\r\n" % number)
        assert not transport.disconnected
    clock.advance(1.0)

    assert transport.disconnected


# -- from the start to the end

GATE = '''
"""A component of the router that holds up its start, and then its end, until the test says go."""

import socket

from autobahn.twisted.wamp import ApplicationSession
from twisted.internet.threads import deferToThread


class Gate(ApplicationSession):
    async def onJoin(self, details):
        self.test = socket.create_connection(("127.0.0.1", self.config.extra["port"]))
        await self.wait(b"joined")

    async def wait(self, where):
        self.test.sendall(where)
        await deferToThread(self.test.recv, 1)

    async def leave(self, reason=None, message=None):
        await self.wait(b"leaving")
        super().leave(reason, message)
'''


@pytest.mark.mesh
@pytest.mark.slow
def test_ready_from_when_all_has_been_started_until_it_is_told_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gate.py").write_text(GATE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def add_gate(config: dict[str, Any]) -> None:
            extra = {"port": listener.getsockname()[1]}
            component = {"type": "class", "classname": "gate.Gate", "realm": "realm1", "role": "component", "extra": extra}
            config["workers"][0]["components"] = [component]

        router = RunningRouter(tmp_path, edit=add_gate, arguments=("--insight-port", str(port)))
        watched = Watched(router, port)
        starting = threading.Thread(target=router.start)
        starting.start()
        listener.settimeout(60)
        gate, _ = listener.accept()
        with gate:
            gate.settimeout(60)
            assert gate.recv(100) == b"joined"
            assert watched.ask("/healthz") == (200, "alive\n")
            assert watched.ask("/readyz") == (503, "not all realms and transports have been started yet\n")
            assert watched.ask("/metrics")[0] == 200

            gate.sendall(b"!")
            starting.join()
            assert watched.ask("/readyz") == (200, "ready\n")

            router.process.terminate()
            assert gate.recv(100) == b"leaving"
            assert watched.ask("/healthz") == (200, "alive\n")
            assert watched.ask("/readyz") == (503, "the router is stopping\n")

            gate.sendall(b"!")
            assert router.wait() == 0
