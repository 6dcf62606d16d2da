"""The feeders as processes, on a real mesh: what they bring arrives, and survives the leader."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.journal import Record, open_journal
from examples.departures.dataset import flights
from examples.departures.timeline import history
from examples.feeding import Feed
from tests.mesh.mesh import TIMEOUT, Component, run, until
from tests.running_router import ROOT, RunningRouter

pytestmark = pytest.mark.mesh

Start = Callable[..., Component]


@pytest.fixture
def component(router: RunningRouter) -> Iterator[Start]:
    """`component(kind, application)` starts a component."""
    started: list[Component] = []

    def start(kind: str, application: str, **options: str) -> Component:
        started.append(Component(kind, f"unix:{router.unix_path}", application, **options).start())
        return started[-1]

    yield start
    for each in started:
        each.end()


@pytest.fixture
def feeder(router: RunningRouter) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """`feeder(module, *options)` starts a feeder."""
    started: list[subprocess.Popen[bytes]] = []

    def start(module: str, *options: str) -> subprocess.Popen[bytes]:
        paths = [str(ROOT / "components"), *filter(None, [os.environ.get("PYTHONPATH")])]
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", module, "--router", f"unix:{router.unix_path}", *options],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.DEVNULL,
            )
        )
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait(TIMEOUT)


@pytest.fixture
def connection(router: RunningRouter) -> Iterator[Connection]:
    made = Connection(f"unix:{router.unix_path}")

    async def join():
        made.start()
        await made.joined()

    run(join())
    yield made
    run(made.stop())


def test_departures_goes_on_after_its_leader_and_its_feeder_are_gone(component, feeder, connection):
    leader = component("leader", "examples.departures:app")
    component("follower", "examples.departures:app")
    feeding = feeder("examples.departures.feeder", "--start", "2013-01-01T07:00", "--speed", "600")

    async def story():
        mesh = Mesh(connection, "com.example.departures")
        board, clock = await mesh.live("board", {"airport": "EWR", "limit": 500}), await mesh.live("clock")

        def now():
            values = clock.values_of(None)
            return values.one()["now"] if values else ""

        async def later_than(moment):
            await until(lambda: now() > moment and board.is_live and board.entries(), f"the clock shows more than {moment}")
            return now()

        reached = await later_than("2013-01-01T07:30")
        assert [key[0] for key, _ in board.entries()] == sorted([key[0] for key, _ in board.entries()])

        epoch = board.position.epoch
        leader.kill()
        await leader.ended()
        leader.start()
        await until(lambda: board.position.epoch != epoch, "the board follows the new leader")
        reached = await later_than(reached)

        feeding.send_signal(signal.SIGTERM)
        assert feeding.wait(TIMEOUT) == 130
        again = feeder("examples.departures.feeder", "--speed", "600")
        await later_than(reached)
        assert again.poll() is None
        board.close()
        clock.close()

    run(story())


def test_departures_can_begin_earlier_than_before(component, feeder, connection):
    component("leader", "examples.departures:app")
    component("follower", "examples.departures:app")
    mesh = Mesh(connection, "com.example.departures")
    last = flights("2013-01-01", "2013-01-01")[-1]
    known = [(event.key, event.values) for event in history(last)[:1]]
    clock = [(None, [{"now": "2013-01-01T18:00", "speed": None}])]
    feed = Feed(mesh)
    assert run(feed.write({"clock": clock, "flights": known})) is False

    assert feeder("examples.departures.feeder", "--start", "2013-01-01T06:00", "--stop", "2013-01-01T06:01").wait(TIMEOUT) == 0

    async def story():
        at = (await mesh.write({})).position  # after all that was written
        [(_, [clock])] = await mesh.read("clock", at_least=at)
        assert clock == {"now": "2013-01-01T06:01", "speed": 60.0}
        board = await mesh.read("board", {"airport": "EWR", "limit": 500}, at_least=at)
        assert board
        assert max(key[0] for key, _ in board) <= "2013-01-01T12:01"
        assert await mesh.read("flight", {"id": last.id}, at_least=at) == []

    run(story())


def test_hackernews_is_seeded_and_traffic_moves_it(component, feeder, connection):
    component("leader", "examples.hackernews:app")
    component("follower", "examples.hackernews:app")

    assert feeder("examples.hackernews.seed").wait(TIMEOUT) == 0

    async def story():
        mesh = Mesh(connection, "com.example.hackernews")
        top = await mesh.live("top", {"limit": 100}, at_least=(await mesh.write({})).position)
        assert len(top.entries()) == 30
        changes = []
        top.on_change(changes.append)
        feeder("examples.hackernews.seed", "--traffic", "200")
        await until(lambda: len(changes) >= 20, "votes arrive")
        assert len(top.entries()) == 30
        top.close()

    run(story())


def test_a_second_run_of_departures_writes_what_is_new_only(component, feeder, connection, tmp_path):
    journal = f"sqlite:{tmp_path}/departures.sqlite"
    leader = component("leader", "examples.departures:app", journal=journal)
    component("follower", "examples.departures:app")
    assert feeder("examples.departures.feeder", "--start", "2013-01-01T05:00", "--stop", "2013-01-01T05:01").wait(TIMEOUT) == 0
    leader.kill()
    leader.wait()
    leader.start()
    mesh = Mesh(connection, "com.example.departures")
    before = run(mesh.write({})).position

    assert feeder("examples.departures.feeder", "--start", "2013-01-01T06:00", "--stop", "2013-01-01T06:01").wait(TIMEOUT) == 0

    after = run(mesh.write({})).position
    records = since(journal, "com.example.departures", before.revision)
    assert after.epoch == before.epoch
    assert after.revision == before.revision + len(records)
    assert {name for each in records for name in each.changes()} == {"clock", "flights", "weather", "moments"}


def test_a_second_run_of_hackernews_keeps_the_votes(component, feeder, connection, tmp_path):
    journal = f"sqlite:{tmp_path}/"
    component("leader", "examples.hackernews:app", journal=journal)
    component("follower", "examples.hackernews:app")
    assert feeder("examples.hackernews.seed").wait(TIMEOUT) == 0
    mesh = Mesh(connection, "com.example.hackernews")
    [(key, _), *others] = run(mesh.read("voters", {"post_id": 1}))
    at = run(mesh.write({"upvotes": [(key, [])]})).position

    assert feeder("examples.hackernews.seed").wait(TIMEOUT) == 0

    assert run(mesh.read("voters", {"post_id": 1}, at_least=at)) == others
    assert run(mesh.write({})).position.revision == at.revision + 1


def since(journal: str, service: str, revision: int) -> list[Record]:
    """Return what was written after a revision."""
    reading = open_journal(journal, service)
    try:
        reading.recover()
        found = reading.since(revision)
        assert found is not None
        return found
    finally:
        reading.close()
