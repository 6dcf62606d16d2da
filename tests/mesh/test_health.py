"""What a component tells programs that watch it."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

import click
import pytest
from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread

from deltamesh.cli.arguments import host_and_port
from deltamesh.client import Mesh
from deltamesh.operation import health
from deltamesh.operation.health import MAX_CONNECTIONS, MAX_HEADER, MAX_SECONDS, METRICS, OF_PROCESS, PREFIX, Health
from deltamesh.operation.httpport import PortFactory
from tests.cli.running_command import deltamesh
from tests.mesh.application import made
from tests.mesh.clients import SERVICE, clients
from tests.mesh.mesh import Component, Inside, until
from tests.mesh.shown import Writer
from tests.running_router import ROOT, RunningRouter

CATCHING_UP: Final = "it is catching up with its leader"


class Watched:
    """A component and its port for those who watch it."""

    def __init__(self, component: Component) -> None:
        self._component = component
        self.port = 0

    async def listening(self) -> Watched:
        """Return when it listens."""
        await until(lambda: any("health at" in line for line in self._component.lines), "it listens")
        (line,) = [line for line in self._component.lines if "health at" in line]
        self.port = int(line.rpartition(":")[2])
        return self

    async def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Send a request; return the status and the body."""
        return await deferToThread(ask, self.port, path, method)

    async def readiness(self) -> tuple[int, list[str]]:
        """Return what `/readyz` answers: the status and the reasons."""
        status, body = await self.ask("/readyz")
        facts = json.loads(body)
        assert facts["ready"] == (status == 200) == (not facts["reasons"])
        return status, facts["reasons"]

    async def ready(self) -> None:
        """Return when it is ready."""
        while (await self.readiness())[0] != 200:
            pass

    async def numbers(self) -> dict[str, float]:
        """Return all numbers, by the names of `METRICS`."""
        status, body = await self.ask("/metrics")
        assert status == 200
        samples = [sample for family in text_string_to_metric_families(body) for sample in family.samples]
        return {sample.name.removeprefix(PREFIX): sample.value for sample in samples}


def ask(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


@pytest.fixture
def watched(component: Callable[..., Component], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Watched]:
    """`watched(kind, url, name=…)` starts a component as a process that can be watched."""
    monkeypatch.setenv("DELTAMESH_HEALTH", "127.0.0.1:0")
    return lambda *args, **kwargs: Watched(component(*args, **kwargs))


async def test_a_follower_is_ready_from_when_it_serves(router: RunningRouter, watched: Callable[..., Watched]) -> None:
    url = f"unix:{router.unix_path}"
    follower = await watched("follower", url, name="one").listening()
    while (before := await follower.readiness())[1] != [CATCHING_UP]:
        assert before[0] == 503
    assert await follower.ask("/healthz") == (200, "alive\n")

    leader = await watched("leader", url).listening()
    await leader.ready()
    await follower.ready()
    async with clients(url) as all_of_them:
        writer = Writer(await all_of_them.mesh(), all_of_them.history)
        await all_of_them.open(3)
        for _ in range(5):
            await writer.write()
        await all_of_them.agree(5)
        leads, follows = await leader.numbers(), await follower.numbers()

        assert {name: leads[name] for name in ("component_ready", "leader_leads", "leader_transactions_total", "component_revision")} == {
            "component_ready": 1,
            "leader_leads": 1,
            "leader_transactions_total": 5,
            "component_revision": leads["component_revision"],
        }
        assert follows["component_revision"] == leads["component_revision"]
        assert (follows["follower_subscriptions"], follows["component_joins_total"]) == (3, 1)


async def test_every_metric_is_there_for_one_of_the_two(router: RunningRouter, watched: Callable[..., Watched]) -> None:
    url = f"unix:{router.unix_path}"
    leader, follower = await watched("leader", url).listening(), await watched("follower", url, name="one").listening()
    found = [await each.numbers() for each in (leader, follower)]

    names = {metric.name for metric in (*METRICS, *OF_PROCESS)}
    assert found[0].keys() | found[1].keys() == names
    assert found[0].keys() & found[1].keys() == {name for name in names if name.startswith(("component_", "process_"))}


async def test_without_a_router_it_says_so(tmp_path: Path, watched: Callable[..., Watched]) -> None:
    follower = await watched("follower", f"unix:{tmp_path}/nobody.sock", name="one").listening()

    assert await follower.readiness() == (503, [f"not connected to unix:{tmp_path}/nobody.sock"])
    assert (await follower.numbers())["component_connected"] == 0


async def test_a_follower_that_misses_something_is_not_ready(inside: Callable[..., Inside]) -> None:
    place = inside()
    leader = await place.lead()
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    assert follower.readiness() == []

    follower._mirroring._event("another epoch", 0, 7, "[]")  # as if it had come
    assert follower.readiness() == [CATCHING_UP]
    await until(lambda: follower.readiness() == [], "it has asked the leader")
    leaving = Deferred.fromCoroutine(follower.stop())
    assert follower.readiness() == ["it is leaving"]
    await leaving
    done = await mesh.write({"texts": [("a", [1])]})
    assert leader.readings()["component_revision"] == done.position.revision


async def test_a_port_that_is_taken_is_an_error_in_one_line(router: RunningRouter) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = f"127.0.0.1:{listener.getsockname()[1]}"
        url = f"unix:{router.unix_path}"
        ended = await deferToThread(deltamesh, "leader", "tests.mesh.application:app", "--router", url, "--health", where, cwd=ROOT)

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [f"Error: --health {where}: Address already in use: choose another port or address"]


@pytest.mark.parametrize("text", ["8081", ":8081", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1"])
def test_what_is_no_address_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write HOST:PORT"):
        host_and_port(text)


def test_an_address_may_be_one_of_ipv6() -> None:
    assert host_and_port("[::1]:8081") == host_and_port("::1:8081") == ("::1", 8081)


def test_the_document_names_every_metric_and_no_other() -> None:
    _, document = (ROOT / "docs/metrics.md").read_text().split("\n## The components\n")
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge) \|", document, re.MULTILINE)
    used = set(re.findall(rf"{PREFIX}(\w+)", document))

    assert rows == [(metric.name, metric.kind) for metric in METRICS]
    assert used <= {metric.name for metric in METRICS}
    assert all(metric.name.endswith("_total") == (metric.kind == "counter") for metric in METRICS)


# -- bounds, on a clock that the test turns


class Peer:
    """One connection to the port."""

    def __init__(self, factory: Any) -> None:
        self.transport = StringTransport()
        self.channel = factory.buildProtocol(None)
        self.channel.makeConnection(self.transport)

    def status(self, request: bytes) -> int:
        """Send a request; return the status, 0 if there is none."""
        self.channel.dataReceived(request)
        answer = self.transport.value()
        return int(answer.split()[1]) if answer else 0


@pytest.fixture
def factory() -> Any:
    component = SimpleNamespace(service=made(SERVICE), readiness=list, readings=dict)
    connection = SimpleNamespace(session=object(), num_joined=1, url="", problem=None)
    return PortFactory(Health("mesh.one", component, connection).asked, health.BOUNDS, Clock())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /readyz HTTP/1.1\r\n\r\n", 200),
        (b"HEAD /readyz HTTP/1.1\r\n\r\n", 200),
        (b"GET /other HTTP/1.1\r\n\r\n", 404),
        (b"POST /readyz HTTP/1.1\r\n\r\n", 405),
        (b"POST /readyz HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 413),
        (b"GET /readyz HTTP/1.1\r\nX: " + b"x" * MAX_HEADER + b"\r\n\r\n", 0),  # without a word
    ],
)
def test_only_small_questions_are_answered(factory: Any, request_line: bytes, status: int) -> None:
    peer = Peer(factory)

    assert peer.status(request_line) == status
    assert peer.transport.disconnecting or peer.transport.disconnected


def test_a_connection_lives_for_a_bounded_time_whatever_it_sends(factory: Any) -> None:
    peer = Peer(factory)
    peer.channel.dataReceived(b"GET /healthz HTTP/1.1\r\n")
    for number in range(int(MAX_SECONDS) - 1):
        factory.reactor.advance(1.0)
        peer.channel.dataReceived(b"X-%d: still here\r\n" % number)
        assert not peer.transport.disconnected
    factory.reactor.advance(1.0)

    assert peer.transport.disconnected


def test_there_are_only_so_many_connections(factory: Any) -> None:
    peers = [Peer(factory) for _ in range(MAX_CONNECTIONS)]

    assert factory.buildProtocol(None) is None
    peers[0].channel.connectionLost(None)
    assert factory.buildProtocol(None) is not None
