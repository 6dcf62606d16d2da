"""A follower that leaves takes no new calls, finishes those under way, and then tells its clients."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred

from deltamesh.client import Mesh
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
    await until(lambda: follower._arrivals)

    stopping = Deferred.fromCoroutine(follower.stop())
    while await mesh.connection.call("wamp.registration.match", mesh.uris.read) is not None:
        assert not stopping.called
    assert (stopping.called, reading.called, gone) == (False, False, [])
    await mesh.write({"texts": [("a", [1])]})

    assert (await reading)["entries"] == '[["a",[1]]]'
    await stopping
    await until(lambda: gone)


async def test_what_still_arrives_is_answered_and_its_client_told_to_move(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow(name="leaves")
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    session = mesh.connection.session
    other = await place.follow(name="stays")
    await until(lambda: follower._spreading.has_others and other._spreading.has_others)
    told: list[Any] = []
    everybody: list[bool] = []
    await (await place.connect()).session.subscribe(lambda: everybody.append(True), place.service.uris.follower_gone("leaves"))

    stopping = Deferred.fromCoroutine(follower.stop())
    caller: Any = SimpleNamespace(caller=session._session_id, caller_authid=None, caller_authrole=None, progress=None)
    answer = await follower._open(caller, "words", {})
    await until(lambda: everybody)
    await session.subscribe(lambda: told.append("gone"), answer["gone"])
    await session.subscribe(lambda *delta: told.append(delta[1:3]), answer["topic"])

    await until(lambda: told == [(0, 0), "gone"])
    assert (await follower._read(NOBODY, "words", {}))["entries"] == "[]"
    assert not stopping.called
    await session.leave()
    await stopping


async def test_who_leaves_alone_waits_for_nobody(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow()
    live = await Mesh(await place.connect(), place.service.uris.prefix).live("words")
    await until(follower._has_clients)

    await follower.stop()

    assert follower._has_clients() is False
    live.close()


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
