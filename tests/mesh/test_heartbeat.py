"""A component that is stopped counts as dead within seconds, and so does a router; when they go on, they are back in order."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import psutil
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from deltamesh.client import Mesh
from deltamesh.connection.heartbeat import BOUNDS, INTERVAL, PROCEDURE, TOLERANCE, Heartbeat
from deltamesh.connection.wamp import WampError
from tests.mesh.application import made
from tests.mesh.clients import SERVICE, clients
from tests.mesh.mesh import Component, Inside, reactor, until
from tests.mesh.shown import Writer
from tests.mesh.test_plain_wampy import Node
from tests.running_router import RunningRouter

GUARD: Final = 15.0
"""What hangs so long is not noticed [s]. It takes less than 5 on an idle machine."""

NUM_CLIENTS: Final = 30
BEATS: Final = int(TOLERANCE / INTERVAL)
SCRIPT: Final = Path(__file__).with_name("silent_router.mjs")
S: Final = "com.example.departures"  # a service that the repository's node lets browsers use


async def soon(condition: Callable[[], Any], what: str) -> None:
    """Return when `condition()` holds."""
    await Deferred.fromCoroutine(until(condition, what)).addTimeout(GUARD, reactor)


# -- stopped components


async def test_the_clients_of_a_follower_that_is_stopped_move_and_it_comes_back(
    router: RunningRouter, component: Callable[..., Component]
) -> None:
    url = f"unix:{router.unix_path}"
    component("leader", url)
    frozen, other = component("follower", url, name="frozen"), component("follower", url, name="other")
    async with clients(url) as all_of_them:
        await frozen.ready()
        await other.ready()
        writer = Writer(await all_of_them.mesh(), all_of_them.history).start()
        await all_of_them.open(NUM_CLIENTS)
        await until(lambda: len(all_of_them.at("frozen")) > NUM_CLIENTS // 4, "both serve")  # views may have moved on a busy machine
        concerned = all_of_them.at("frozen")
        await writer.advance()

        frozen.send(signal.SIGSTOP)
        await soon(lambda: all(each.live.is_live and each.live.follower == "other" for each in concerned), "all have moved")
        await writer.advance()

        assert len(concerned) > NUM_CLIENTS // 4
        frozen.send(signal.SIGCONT)
        mesh = await all_of_them.mesh()
        answered: set[str] = set()
        while "frozen" not in answered:
            answered.add((await mesh.connection.call(f"{SERVICE}.open", "everything", {}))["follower"])
        await all_of_them.open(NUM_CLIENTS)
        await until(lambda: len(all_of_them.at("frozen")) > NUM_CLIENTS // 4, "both serve again")
        await writer.advance()
        await writer.stop()

        assert len(all_of_them.at("frozen")) > NUM_CLIENTS // 4
        await all_of_them.agree(writer.last)


async def test_a_leader_that_is_stopped_loses_its_registrations_and_comes_back(
    router: RunningRouter, component: Callable[..., Component]
) -> None:
    url = f"unix:{router.unix_path}"
    leader = component("leader", url)
    await component("follower", url, name="one").ready()
    async with clients(url) as all_of_them:
        mesh = await all_of_them.mesh()
        writer = Writer(await all_of_them.mesh(), all_of_them.history).start()
        await all_of_them.open(3)
        await writer.advance()
        gone: list[tuple[Any, ...]] = []
        await mesh.connection.session.subscribe(lambda *args: gone.append(args), f"{SERVICE}.leader.on_gone")

        leader.send(signal.SIGSTOP)
        await soon(lambda: gone, "the testament of the leader is published")
        procedures = [f"{SERVICE}.write", f"{SERVICE}.put", f"{SERVICE}.shared.snapshot"]
        registered = [await mesh.connection.call("wamp.registration.match", uri) for uri in procedures]
        leader.send(signal.SIGCONT)
        await writer.advance()
        await writer.stop()

        assert registered == [None, None, None]
        await all_of_them.agree(writer.last)


async def test_a_standby_takes_over_from_a_leader_that_is_stopped_which_then_stands_by(
    router: RunningRouter, component: Callable[..., Component], tmp_path: Path
) -> None:
    url, journal = f"unix:{router.unix_path}", f"sqlite:{tmp_path}/journal.sqlite"
    first = await component("leader", url, name="first", journal=journal).ready()
    second = await component("leader", url, name="second", journal=journal).ready()
    component("follower", url, name="one")
    async with clients(url) as all_of_them:
        writer = Writer(await all_of_them.mesh(), all_of_them.history).start()
        await all_of_them.open(3)
        await writer.advance()
        await writer.stop()  # who is stopped amidst a commit keeps the lock of the file
        assert writer.position is not None
        epoch = writer.position.epoch

        first.send(signal.SIGSTOP)
        writer.start()
        written = writer.last
        await soon(lambda: writer.last > written, "the standby takes writes")
        first.send(signal.SIGCONT)
        await until(lambda: sum("stands by" in line for line in first.lines), "the first one stands by")
        await writer.advance()
        second.kill()
        await writer.advance()
        await writer.stop()

        await all_of_them.agree(writer.last)
        assert writer.position.epoch == epoch


# -- a stopped router


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RunningRouter]:
    """A router that a test may stop."""
    with RunningRouter(tmp_path) as running:
        yield running


def signal_all(router: RunningRouter, number: signal.Signals) -> None:
    """Send a signal to each process of a router."""
    first = psutil.Process(router.process.pid)
    for process in [first, *first.children(recursive=True)]:
        process.send_signal(number)


async def test_a_router_that_is_stopped_is_left_and_found_again(mortal: RunningRouter) -> None:
    place = Inside(made(S), f"unix:{mortal.unix_path}")
    node = None
    try:
        leader = await place.lead()
        follower = await place.follow()
        mesh = Mesh(await place.connect(), S)
        live = await mesh.live("words")
        node = Node(str(SCRIPT), mortal.ws_url, S)
        assert await node.line() == {"status": "open", "keys": 0}
        connections = [leader._connection, follower._connection, mesh.connection]

        signal_all(mortal, signal.SIGSTOP)
        await soon(lambda: all(each.session is None for each in connections), "the components have noticed")
        lost = await node.line()
        signal_all(mortal, signal.SIGCONT)
        for connection in connections:
            await connection.joined()
        done = await mesh.write({"texts": [("a", [1])]}, idempotency_key="after")
        await until(lambda: live.is_live and live.position == done.position)
        lines = [await node.line()]
        while lines[-1]["keys"] != 1:
            lines.append(await node.line())

        assert lost == {"status": "connecting", "keys": 0}
        assert live.values_of("a") == (1,)
    finally:
        if node is not None:
            node.end()
        signal_all(mortal, signal.SIGCONT)
        await place.stop()


async def test_a_role_that_may_not_promise_is_left_in_peace(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    connection = await inside().connect(router.ws_url)
    heartbeat = connection._heartbeat
    assert heartbeat is not None

    await until(lambda: not heartbeat._beating.running, "it has been refused, and beats no more")
    assert connection.session is not None


async def test_a_router_takes_what_a_component_may_be_told(inside: Callable[..., Inside]) -> None:
    connection = await inside().connect()

    assert [await connection.call(PROCEDURE, tolerance) for tolerance in BOUNDS] == [True, True]


# -- the rule, on a clock that the test turns


class Wire:
    """A session, as a heartbeat sees it."""

    def __init__(self) -> None:
        self.num_received = 0
        self.num_aborted = 0
        self.calls: list[tuple[Any, ...]] = []
        self.answers: list[Deferred[bool]] = []

    def is_attached(self) -> bool:
        return not self.num_aborted

    def call(self, *args: Any) -> Deferred[bool]:
        self.calls.append(args)
        self.answers.append(Deferred())
        return self.answers[-1]

    def answer(self) -> None:
        """Let all answers come."""
        self.num_received += 1
        answers, self.answers = self.answers, []
        for each in answers:
            each.callback(True)

    def abort(self) -> None:
        self.num_aborted += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wire(clock: Clock) -> Wire:
    wire = Wire()
    Heartbeat(wire, TOLERANCE, clock).start()  # type: ignore[arg-type]
    return wire


def test_it_begins_at_once_and_beats_on(clock: Clock, wire: Wire) -> None:
    for _ in range(100):
        wire.answer()
        clock.advance(INTERVAL)

    assert wire.calls == [(PROCEDURE, TOLERANCE)] * 101
    assert wire.num_aborted == 0


def test_a_silent_router_is_left(clock: Clock, wire: Wire) -> None:
    wire.answer()
    clock.pump([INTERVAL] * (BEATS - 1))
    before = wire.num_aborted
    clock.advance(INTERVAL)

    assert (before, wire.num_aborted) == (0, 1)
    assert clock.getDelayedCalls() == []


def test_answers_that_stand_behind_much_else_are_waited_for_and_the_router_hears_of_us_all_the_while(clock: Clock, wire: Wire) -> None:
    for _ in range(100):
        wire.num_received += 1
        clock.advance(INTERVAL)

    assert wire.num_aborted == 0
    assert len(wire.calls) == 101


def test_a_component_that_was_stopped_itself_reads_before_it_judges(clock: Clock, wire: Wire) -> None:
    for _ in range(10):
        clock.advance(1000.0)
        wire.answer()

    assert wire.num_aborted == 0


@pytest.mark.parametrize("uri", ["wamp.error.no_such_procedure", "wamp.error.not_authorized"])
def test_a_router_that_does_not_want_to_know_is_asked_once(clock: Clock, wire: Wire, uri: str) -> None:
    wire.answers[0].errback(WampError(uri))
    clock.pump([INTERVAL] * 100)

    assert len(wire.calls) == 1
    assert wire.num_aborted == 0


def test_another_refusal_is_an_answer(clock: Clock, wire: Wire) -> None:
    answers = wire.answers
    for _ in range(100):
        answers.pop().errback(WampError("deltamesh.error.too_many_calls"))
        clock.advance(INTERVAL)

    assert len(wire.calls) == 101
    assert wire.num_aborted == 0
