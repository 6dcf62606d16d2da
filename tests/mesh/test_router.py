"""The router dies and comes back: everybody finds back to it, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.threads import deferToThread

from tests.mesh.clients import clients
from tests.mesh.mesh import Component, until
from tests.mesh.shown import Writer
from tests.running_router import RunningRouter


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
