"""A leader that dies, comes back, or is one too many."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred

from deltamesh.client import Mesh
from deltamesh.leader.leader import State
from tests.mesh.clients import clients
from tests.mesh.mesh import Component, Inside, until
from tests.mesh.shown import Writer
from tests.running_router import RunningRouter


async def test_a_leader_that_was_killed_begins_a_new_epoch_and_all_follow(
    router: RunningRouter, component: Callable[..., Component]
) -> None:
    url = f"unix:{router.unix_path}"
    leader = component("leader", url)
    component("follower", url, name="one")
    two = component("follower", url, name="two")
    async with clients(url) as all_of_them:
        await two.ready()
        writer = Writer(await all_of_them.mesh(), all_of_them.history).start()
        await all_of_them.open(30)
        await writer.advance()
        assert writer.position is not None
        before = writer.position

        leader.kill()
        await leader.ended()
        leader.start()
        await until(lambda: writer.position is not None and writer.position.epoch != before.epoch)
        await writer.advance()
        await writer.stop()

        await all_of_them.agree(writer.last)
        assert {each.live.position.epoch for each in all_of_them.shown if each.live.position is not None} == {writer.position.epoch}


async def test_followers_serve_what_they_have_while_nobody_leads(router: RunningRouter, component: Callable[..., Component]) -> None:
    url = f"unix:{router.unix_path}"
    leader = component("leader", url)
    await component("follower", url, name="one").ready()
    async with clients(url) as all_of_them:
        writer = Writer(await all_of_them.mesh(), all_of_them.history)
        await writer.write()
        await all_of_them.open(3)
        await all_of_them.agree(1)

        leader.kill()
        await leader.ended()
        await all_of_them.open(3)

        await all_of_them.agree(1)


async def test_a_follower_without_a_leader_takes_no_calls(inside: Callable[..., Inside]) -> None:
    place = inside()
    follower = Deferred.fromCoroutine(place.follow())
    connection = await place.connect()
    mesh = Mesh(connection, place.service.uris.prefix)
    live = Deferred.fromCoroutine(mesh.live("everything"))
    registered = await connection.call("wamp.registration.match", place.service.uris.open)

    assert registered is None
    assert not follower.called
    await place.lead()
    await follower
    assert (await live).entries() == []


async def test_a_second_leader_without_a_journal_stands_by_and_begins_anew(inside: Callable[..., Inside]) -> None:
    place = inside()
    first = await place.lead()
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    position = (await mesh.write({"texts": [("a", ["b"])]})).position
    second = await place.lead()
    heard: list[str] = []
    await mesh.connection.session.subscribe(lambda epoch, *_: heard.append(epoch), place.service.uris.shared)

    await until(lambda: len(heard) >= 2)

    assert (first.leads, second.state) == (True, State.STANDBY)
    assert set(heard) == {position.epoch}
    assert follower.position == position
    await first.stop()
    await until(lambda: second.leads)
    await until(lambda: follower.position == second.position)
    assert await mesh.read("words") == []
