"""The router dies and comes back: everybody finds back to it, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh
from tests.mesh.application import made
from tests.mesh.clients import clients
from tests.mesh.mesh import Component, Inside, run, until
from tests.mesh.shown import Writer
from tests.running_router import STOCK, RunningRouter


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[RunningRouter]:
    """A router that a test may kill."""
    with RunningRouter(tmp_path) as running:
        yield running


async def test_after_a_restart_of_the_router_all_go_on_in_the_same_epoch(
    mortal: RunningRouter, component: Callable[..., Component]
) -> None:
    url = f"unix:{mortal.unix_path}"
    component("leader", url)
    component("follower", url, name="one")
    two = component("follower", url, name="two")
    async with clients(url) as all_of_them:
        await two.ready()
        writer = Writer(await all_of_them.mesh(), all_of_them.history).start()
        await all_of_them.open(30)
        await writer.advance()
        assert writer.position is not None
        epoch = writer.position.epoch

        await deferToThread(mortal.kill)
        await until(lambda: all(connection.session is None for connection in all_of_them.connections))
        await deferToThread(mortal.start)
        await writer.advance()
        await writer.stop()

        await all_of_them.agree(writer.last)
        assert writer.position.epoch == epoch
        await until(lambda: {each.live.follower for each in all_of_them.shown} <= {"one", "two"})


@pytest.fixture
def on_stock(tmp_path: Path) -> Iterator[Inside]:
    """A place at plain Crossbar.io."""
    with RunningRouter(tmp_path, program=STOCK) as running:
        place = Inside(made("com.example.inside"), f"unix:{running.unix_path}")
        try:
            yield place
        finally:
            run(place.stop())


async def test_the_mesh_runs_on_plain_crossbar(on_stock: Inside) -> None:
    await on_stock.lead()
    first = await on_stock.follow(name="first")
    mesh = Mesh(await on_stock.connect(), "com.example.inside")
    live = await mesh.live("words")
    done = await mesh.write({"texts": [("a", [1])]})
    await until(lambda: live.position == done.position)

    second = await on_stock.follow(name="second", grace=0.1)
    await first.stop()
    await until(lambda: live.is_live and live.follower == "second" and second._instances.all()[0].subscribers)
    done = await mesh.write({"texts": [("a", [2])]})
    await until(lambda: live.position == done.position)

    assert live.values_of("a") == (2,)
    await mesh.connection.stop()
    await until(lambda: len(second._instances) == 0)
