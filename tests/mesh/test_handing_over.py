"""Live instances move from one follower to another, and nobody notices but who has to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from deltamesh.client import Mesh
from deltamesh.client.live import Live
from deltamesh.follower.follower import Follower
from tests.mesh.application import changes, made
from tests.mesh.clients import Clients
from tests.mesh.mesh import Inside, until
from tests.mesh.shown import Shown, Writer

NUM_INSTANCES = 12


async def lives(place: Inside, number: int) -> list[Live]:
    """Open as many instances, with a client each."""

    async def one(index: int) -> Live:
        return await Mesh(await place.connect(), place.service.uris.prefix).live("window", {"start": index, "end": index + 3})

    return await gatherResults([Deferred.fromCoroutine(one(index)) for index in range(number)])


def at(shown: list[Live], follower: Follower) -> list[Live]:
    return [each for each in shown if each.follower == follower.name]


async def test_only_who_has_an_instance_that_moves_moves_and_it_misses_nothing(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    first = await place.follow(name="first")
    opened = await lives(place, NUM_INSTANCES)
    await until(lambda: first._spreading.load() == (NUM_INSTANCES, NUM_INSTANCES))
    second = await place.follow(name="second")
    writing = Mesh(await place.connect(), place.service.uris.prefix)
    seen: list[list[Any]] = [[] for _ in opened]
    for live, values in zip(opened, seen, strict=True):
        live.on_change(lambda _, live=live, values=values: values.append(live.position.revision))
    told: list[Any] = []
    for live in opened:
        await live._connection.session.subscribe(lambda *args: told.append(args), place.service.uris.follower_gone("first"))

    first._spreading._looking.stop()  # or it would move some more by itself, on a slow machine
    first._spreading._hand_over({"second": 5}, first._now())
    for number in range(1, 25):
        await writing.write(changes(number))
    await until(lambda: len(at(opened, second)) == 5 and all(each.is_live for each in opened))
    done = await writing.write(changes(25))
    await until(lambda: first.position == second.position == done.position)
    await until(lambda: first._spreading.load()[0] == NUM_INSTANCES - 5)

    shown = [[(key, values.one()) for key, values in each.entries()] for each in opened]
    expected = [await writing.read("window", each.parameters) for each in opened]
    assert shown == [[(key, values.one()) for key, values in entries] for entries in expected]
    assert all(revisions == sorted(set(revisions)) for revisions in seen)
    assert second._spreading.load()[0] == 5


async def test_an_instance_that_came_back_can_be_moved_again_at_once(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    first = await place.follow(name="first")
    (live,) = await lives(place, 1)
    await until(lambda: first._spreading.load() == (1, 1))
    second = await place.follow(name="second")
    for each in (first, second):
        each._spreading._looking.stop()

    for here, there in ((first, second), (second, first), (first, second)):
        here._spreading._hand_over({there.name: 1}, here._now())
        await until(lambda there=there: at([live], there) == [live] and live.is_live)
        await until(lambda here=here, there=there: (here._spreading.load(), there._spreading.load()) == ((0, 0), (1, 1)))


async def test_nobody_else_is_told_of_a_topic_that_moves(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    first = await place.follow(name="first")
    (live,) = await lives(place, 1)
    stranger = await place.connect()
    heard: list[Any] = []
    await stranger.session.subscribe(lambda *args: heard.append(args), place.service.uris.follower_gone("first"))
    await until(lambda: first._spreading.load() == (1, 1))

    first._spreading._hand_over({"nobody": 1}, first._now())  # to whom it cannot be handed: then to any
    await until(lambda: live._latest == 3 and live.is_live)
    first._connection.publish(place.service.uris.follower_gone("first"), "a mark")
    await until(lambda: heard)

    assert heard == [("a mark",)]
    assert live.follower == "first"


async def test_a_client_that_does_not_know_of_it_goes_on_where_it_is(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    first = await place.follow(name="first")
    session = (await place.connect()).session
    writing = Mesh(await place.connect(), place.service.uris.prefix)
    uris = place.service.uris
    answer = await session.call(uris.open, "words", {})
    events: list[Any] = []
    await session.subscribe(lambda *delta: events.append(delta[1:]), answer["topic"])
    await until(lambda: events)
    await place.follow(name="second")

    first._spreading._hand_over({"second": 1}, first._now())
    await writing.write({"texts": [("a", [1])]})

    await until(lambda: events[1:] == [(0, 1, '[["a",[1]]]')], f"{events}")


async def test_instances_spread_when_a_follower_joins(inside: Callable[..., Inside]) -> None:
    place = inside(made("com.example.mesh"))
    await place.lead()
    first = await place.follow(name="first")
    clients = Clients(place.url)
    writer = Writer(await clients.mesh(), clients.history).start()
    mesh = await clients.mesh()
    for start in range(NUM_INSTANCES):
        clients.shown.append(await Shown.open(mesh, "window", {"start": start, "end": start + 5}, clients.history))
    await until(lambda: first._spreading.load()[0] == NUM_INSTANCES)

    second = await place.follow(name="second")
    await until(lambda: second._spreading.load()[0] >= NUM_INSTANCES // 2 and first._spreading.load()[0] == NUM_INSTANCES // 2)
    await writer.advance()
    await writer.stop()

    await clients.agree(writer.last)
    assert (len(clients.at("first")), len(clients.at("second"))) == (6, 6)
    await clients.close()
