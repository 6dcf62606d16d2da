"""A follower that leaves takes no new calls, finishes those under way, and then tells its clients."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from deltamesh.client import Mesh
from deltamesh.errors import Leaving
from tests.mesh.mesh import Inside, until

NOBODY: Any = SimpleNamespace(caller=None, caller_authid=None, caller_authrole=None, progress=None)


async def test_calls_under_way_are_finished_and_no_others_come(inside: Callable[..., Inside]) -> None:
    place = inside()
    leader = await place.lead()
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    gone: list[bool] = []
    await mesh.connection.session.subscribe(lambda: gone.append(True), place.service.uris.follower_gone(follower.name))
    next_position = [leader.position.epoch, leader.position.revision + 1]
    reading = Deferred.fromCoroutine(mesh.connection.call(mesh.uris.read, "words", {}, at_least=next_position))
    await until(lambda: follower._waiting)

    stopping = Deferred.fromCoroutine(follower.stop())
    while await mesh.connection.call("wamp.registration.match", mesh.uris.read) is not None:
        assert not stopping.called
    assert (stopping.called, reading.called, gone) == (False, False, [])
    await mesh.write({"texts": [("a", [1])]})

    assert (await reading)["entries"] == '[["a",[1]]]'
    await stopping
    await until(lambda: gone)


async def test_what_still_arrives_is_read_but_not_opened(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow()

    stopping = Deferred.fromCoroutine(follower.stop())
    with pytest.raises(Leaving):
        await follower._open(NOBODY, "words", {})

    assert (await follower._read(NOBODY, "words", {}))["entries"] == "[]"
    await stopping


async def test_components_stop_without_a_router_too(inside: Callable[..., Inside]) -> None:
    place = inside()
    leader = await place.lead()
    follower = await place.follow()
    for component in (leader, follower):
        component._connection.session._transport.abort()
    await until(lambda: leader._connection.session is None and follower._connection.session is None)

    await follower.stop()
    await leader.stop()
    await leader.stop()
