"""What one session may ask of a follower, so that there is enough for the others. Browsers are bounded, our own processes are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from deltamesh.follower import arrivals, instances
from deltamesh.follower.arrivals import MAX_AHEAD, MAX_WAITING_OF_ONE
from deltamesh.follower.follower import Follower
from tests.mesh.application import made
from tests.mesh.mesh import Inside, until
from tests.running_router import RunningRouter

URI = "com.example.hackernews"
"""A service that browsers may ask."""

FOREVER = 1_000.0
"""How long a follower lets callers wait here [s]."""


def ahead(follower: Follower, number: int) -> list[Any]:
    assert follower.position is not None
    return [follower.position.epoch, follower.position.revision + number]


async def refused(connection: Connection, follower: Follower, **wanted: Any) -> str:
    """Return the name of the error that answers an `open`."""
    with pytest.raises(DeltameshError) as caught:
        await connection.call(f"{URI}.open", "words", {}, **wanted)
    assert caught.value.retry
    return caught.value.uri.rpartition(".")[2]


async def test_what_cannot_be_reached_in_time_is_not_waited_for(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    place = inside(made(URI))
    await place.lead()
    follower = await place.follow(patience=FOREVER)
    for connection in (await place.connect(router.ws_url), await place.connect()):
        for keyword in ("at_least", "position"):
            assert await refused(connection, follower, **{keyword: ahead(follower, MAX_AHEAD + 1)}) == "not_caught_up"
    assert len(follower._arrivals) == 0


async def test_one_session_cannot_make_all_others_wait(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    place = inside(made(URI))
    await place.lead()
    follower = await place.follow(patience=FOREVER)
    greedy, honest, ours = await place.connect(router.ws_url), await place.connect(router.ws_url), await place.connect()
    uri = f"{URI}.open"
    wanted = {"at_least": ["an epoch that is not known yet", 0]}
    waiting = [Deferred.fromCoroutine(greedy.call(uri, "words", {}, **wanted)) for _ in range(MAX_WAITING_OF_ONE)]
    await until(lambda: len(follower._arrivals) == MAX_WAITING_OF_ONE)

    for _ in range(2):
        assert await refused(greedy, follower, **wanted) == await refused(greedy, follower, position=ahead(follower, 1)) == "not_caught_up"
    others = [Deferred.fromCoroutine(honest.call(uri, "words", {}, at_least=ahead(follower, 1)))]
    others += [Deferred.fromCoroutine(ours.call(uri, "words", {}, at_least=ahead(follower, 1))) for _ in range(MAX_WAITING_OF_ONE + 1)]
    await until(lambda: len(follower._arrivals) == MAX_WAITING_OF_ONE + len(others))
    await Mesh(ours, URI).write({"texts": [("a", ["b"])]})
    for each in others:
        assert (await each)["revision"] == 1
    assert not any([each.called for each in waiting])
    for each in waiting:
        each.addErrback(lambda _: None)
    await greedy.stop()


async def test_many_sessions_cannot_make_all_others_wait(
    router: RunningRouter, inside: Callable[..., Inside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "MAX_WAITING", 2)
    place = inside(made(URI))
    await place.lead()
    follower = await place.follow(patience=FOREVER)
    connections = [await place.connect(router.ws_url) for _ in range(3)]
    waiting = [Deferred.fromCoroutine(each.call(f"{URI}.open", "words", {}, at_least=ahead(follower, 1))) for each in connections[:2]]
    await until(lambda: len(follower._arrivals) == 2)

    assert await refused(connections[2], follower, at_least=ahead(follower, 1)) == "not_caught_up"
    assert (await connections[2].call(f"{URI}.open", "words", {}))["revision"] == 0
    await Mesh(await place.connect(), URI).write({"texts": [("a", ["b"])]})
    for each in waiting:
        assert (await each)["revision"] == 1


async def test_one_session_has_so_many_instances(
    router: RunningRouter, inside: Callable[..., Inside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances, "MAX_OPENED", 2)
    place = inside(made(URI))
    await place.lead()
    follower = await place.follow(grace=0.05)
    greedy, honest, ours = await place.connect(router.ws_url), await place.connect(router.ws_url), await place.connect()
    lives = [await Mesh(greedy, URI).live("sums", {"parity": parity}) for parity in (0, 1)]

    for procedure in ("open", "read"):
        with pytest.raises(DeltameshError, match="2 instances that this session has asked for first") as caught:
            await greedy.call(f"{URI}.{procedure}", "sums", {"parity": 2})
        assert caught.value.uri == "deltamesh.error.too_many_instances"
        assert caught.value.retry
    await Mesh(honest, URI).live("sums", {"parity": 2})
    await Mesh(greedy, URI).live("sums", {"parity": 2})  # somebody else's costs nothing
    for parity in (3, 4, 5):
        await Mesh(ours, URI).live("sums", {"parity": parity})
    lives[0].close()
    await until(lambda: len(follower._instances) == 5)
    await Mesh(greedy, URI).live("sums", {"parity": 6})
