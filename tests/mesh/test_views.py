"""Instances at a follower: shared by those who ask for the same, kept while somebody looks, freed after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deltamesh.client import Mesh
from deltamesh.client import live as live_module
from deltamesh.client.live import Live
from deltamesh.connection import Connection
from deltamesh.connection.wamp import TransportLost
from deltamesh.errors import DeltameshError
from tests.mesh.mesh import Inside, until

WINDOW = {"start": 1, "end": 5}


async def opened(connection: Connection, resource: str, parameters: Any, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await connection.call("com.example.inside.open", resource, parameters, **options)
    return answer


async def test_equal_parameters_share_one_instance(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow()
    one, other = await place.connect(), await place.connect()

    first = await opened(one, "window", {"start": 1, "end": 5})
    second = await opened(other, "window", {"end": 5.0, "start": 1})
    third = await opened(one, "window", {"start": 1, "end": 6})

    assert first["topic"] == second["topic"] != third["topic"]
    assert len(follower._instances) == 2


async def test_an_instance_is_freed_after_its_last_subscriber_has_left(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow(grace=0.1)
    meshes = [Mesh(await place.connect(), place.service.uris.prefix) for _ in range(2)]
    first, second = [await mesh.live("window", WINDOW) for mesh in meshes]
    instance = follower._instances.all()[0]
    await until(lambda: len(instance.subscribers) == 2)

    first.close()
    await until(lambda: len(instance.subscribers) == 1)
    await meshes[0].live("everything")
    await opened(meshes[0].connection, "sums", {"parity": 0})
    await until(lambda: len(follower._instances) == 2)
    assert follower._instances.at_topic(instance.topic) is instance, "the one that nobody subscribed to is gone, not this one"

    second.close()
    await until(lambda: len(follower._instances) == 1)
    assert instance.watch.is_closed
    assert follower._instances.at_topic(instance.topic) is None


async def test_a_session_that_is_lost_counts_as_having_left(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow(grace=0.1)
    connection = await place.connect()
    await Mesh(connection, place.service.uris.prefix).live("window", WINDOW)
    await until(lambda: follower._instances.all()[0].subscribers)

    await connection.stop()

    await until(lambda: len(follower._instances) == 0)


async def test_a_session_that_is_lost_at_once_counts_as_never_come(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow(grace=0.1)
    connections = [await place.connect() for _ in range(5)]
    topic = (await opened(connections[0], "words", {}))["topic"]

    for connection in connections:
        session = connection.session
        session.subscribe(print, topic).addErrback(lambda failure: failure.trap(TransportLost))
        session.leave()  # both arrive together: when the router tells of the subscription, the session is no more

    await until(lambda: len(follower._instances) == 0)


async def test_a_resource_that_takes_the_caller_is_one_instance_for_each(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    await place.follow()
    one, other = await place.connect(), await place.connect()

    first, second, third = await opened(one, "mine", {}), await opened(other, "mine", {}), await opened(one, "mine", None)

    assert first["topic"] == third["topic"] != second["topic"]


async def test_a_resource_that_takes_the_role_is_one_instance_for_all_who_have_it(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow()
    one, other = await place.connect(), await place.connect()
    await Mesh(one, place.service.uris.prefix).write({"texts": [(["component", 1], ["ours"]), (["browser", 1], ["theirs"])]})
    await until(lambda: follower.position is not None and follower.position.revision == 1)

    first, second = await opened(one, "ours", {}), await opened(other, "ours", {})

    assert first["topic"] == second["topic"]
    assert first["entries"] == '[[["component",1],["ours"]]]'


async def test_a_follower_that_is_full_says_so(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    await place.follow(limit=2)
    connection = await place.connect()
    for parity in (0, 1, 0):
        await opened(connection, "sums", {"parity": parity})

    with pytest.raises(DeltameshError) as caught:
        await opened(connection, "sums", {"parity": 2})

    assert caught.value.uri == "deltamesh.error.too_many_instances"
    assert caught.value.retry


async def test_two_live_collections_of_one_session_share_the_topic(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow(grace=0.1)
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    first = await mesh.live("words")
    await until(lambda: follower._instances.all()[0].subscribers)
    second = await mesh.live("words")
    await mesh.write({"texts": [("a", [1])]})
    await until(lambda: first.values_of("a") == second.values_of("a") == (1,))

    first.close()
    await mesh.write({"texts": [("a", [2])]})
    await until(lambda: second.values_of("a") == (2,))
    second.close()

    await until(lambda: len(follower._instances) == 0)
    assert first.values_of("a") == (1,)


async def test_a_callback_that_raises_stops_nothing(inside: Callable[..., Inside], errors: list[str]) -> None:
    place = inside()
    await place.lead()
    await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    live = await mesh.live("words")
    told: list[Any] = []
    live.on_change(lambda changed: 1 // 0)
    live.on_change(told.append)

    for number in range(3):
        done = await mesh.write({"texts": [("a", [number])]})
        await until(lambda done=done: live.position == done.position)

    assert told == [["a"]] * 3
    assert [each.count("ZeroDivisionError") > 0 for each in errors] == [True] * 3
    errors.clear()


async def test_a_live_collection_tells_when_changes_arrive_no_longer_and_again(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    only = await place.follow(name="only")
    live = await Mesh(await place.connect(), place.service.uris.prefix).live("words")
    told: list[bool] = []
    live.on_status(told.append)

    await only.stop()
    await until(lambda: told == [False])
    await place.follow(name="another")
    await until(lambda: told == [False, True])
    live.close()

    assert told == [False, True, False]


async def test_a_follower_whose_session_alone_is_lost_serves_the_same_clients_again(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    live = await mesh.live("words")
    topic = follower._instances.all()[0].topic
    await until(lambda: follower._instances.all()[0].subscribers)

    follower._connection.session._transport.abort()
    await until(lambda: live.is_live and follower._instances.at_topic(topic) is None)
    done = await mesh.write({"texts": [("a", [1])]})

    await until(lambda: live.position == done.position)
    assert live.values_of("a") == (1,)


async def test_a_follower_that_is_too_busy_to_greet_is_asked_less_and_less_often(
    inside: Callable[..., Inside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "GREETING", 0.02)
    place = inside()
    await place.lead()
    busy = await place.follow()
    monkeypatch.setattr(busy._audience, "_greet", lambda *_: None)
    waits: list[float] = []
    expecting = Live._expect_event

    def expect(live: Live, within: float) -> None:
        waits.append(within)
        expecting(live, within)

    monkeypatch.setattr(Live, "_expect_event", expect)
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    live = await mesh.live("words")
    await until(lambda: len(waits) >= 3)
    assert waits[:3] == [0.02, 0.04, 0.08]

    await mesh.write({"texts": [("a", [1])]})
    await until(lambda: live.values_of("a") == (1,))
    live._silent()
    await until(lambda: waits[-1] == 0.04)


async def test_a_follower_that_dies_right_after_its_answer_is_missed(
    inside: Callable[..., Inside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "GREETING", 0.2)
    place = inside()
    await place.lead()
    dying = await place.follow(name="dying")
    client = await place.connect()
    answering = dying._in_parts

    async def answer_and_die(*args: Any) -> Any:
        wire = await answering(*args)
        subscribe = client.session.subscribe

        def too_late(*args: Any, **kwargs: Any) -> Any:  # the client hears of the death only by silence
            dying._connection.session._transport.abort()
            client.session.subscribe = subscribe
            return until_gone().addCallback(lambda _: subscribe(*args, **kwargs))

        client.session.subscribe = too_late
        return wire

    def until_gone() -> Any:
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(until(lambda: dying._connection.session is None))

    monkeypatch.setattr(dying, "_in_parts", answer_and_die)
    live = await Mesh(client, place.service.uris.prefix).live("words")
    await dying.stop()
    other = await place.follow(name="other")

    await until(lambda: live.is_live and live.follower == "other")
    await until(lambda: other._instances.all()[0].subscribers)
