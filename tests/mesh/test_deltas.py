"""Deltas of many instances leave a follower in one call of the router, and arrive whether or not the router offers it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deltamesh.client import Mesh
from deltamesh.connection import Connection, deltas
from deltamesh.connection.deltas import PUBLISH_MANY, Deltas
from deltamesh.errors import RemoteError
from deltamesh.follower.follower import Follower
from deltamesh.stream import Delta
from tests.mesh.application import made
from tests.mesh.mesh import Inside, run, until
from tests.running_router import STOCK, RunningRouter

SERVICE = "com.example.inside"
WORDS = [{"first": None}, {"first": "a"}, {"first": "b"}]


class Sent:
    """What a follower has sent since this was made: deltas published one by one, and how many its calls had."""

    def __init__(self, connection: Connection) -> None:
        self.singles: list[str] = []
        self.calls: list[int] = []
        session = connection.session
        publish, call = session.publish, session.call

        def published(topic: str, *args: Any, **options: Any) -> Any:
            if len(args) == 4 and args[1] < args[2]:  # not an announcement, which would make good for a lost delta
                self.singles.append(topic)
            return publish(topic, *args, **options)

        def called(uri: str, *args: Any, **options: Any) -> Any:
            if uri == PUBLISH_MANY:
                self.calls.append(len(args[0]))
            return call(uri, *args, **options)

        session.publish, session.call = published, called


async def shown(place: Inside) -> tuple[Follower, Mesh, list[Any]]:
    """Return a follower, a client, and three views of it that each write of a "c" changes."""
    await place.lead()
    follower = await place.follow()
    mesh = Mesh(await place.connect(), SERVICE)
    views = [await mesh.live("words", parameters) for parameters in WORDS]
    await until(lambda: sum([len(each.subscribers) for each in follower._instances.all()]) == len(WORDS))
    return follower, mesh, views


async def write(mesh: Mesh, views: list[Any], value: Any) -> None:
    done = await mesh.write({"texts": [("c", [value])]})
    await until(lambda: all(each.position == done.position for each in views))
    assert [each.values_of("c") for each in views] == [(value,)] * len(views)


async def test_deltas_of_one_turn_leave_in_one_call(inside: Callable[..., Inside]) -> None:
    follower, mesh, views = await shown(inside(made(SERVICE)))
    sent = Sent(follower._connection)
    await write(mesh, views, 1)

    assert (sent.singles, sent.calls) == ([], [3])


async def test_one_delta_alone_is_a_plain_publication(inside: Callable[..., Inside]) -> None:
    follower, mesh, views = await shown(inside(made(SERVICE)))
    sent = Sent(follower._connection)
    done = await mesh.write({"texts": [("A", [1])]})
    await until(lambda: views[0].position == done.position)

    assert (len(sent.singles), sent.calls) == (1, [])


async def test_the_first_deltas_of_another_session_go_one_by_one_until_the_router_has_answered(inside: Callable[..., Inside]) -> None:
    place = inside(made(SERVICE))
    connection = await place.connect()
    published = Deltas(connection)
    sent = Sent(connection)
    events = [(f"{SERVICE}.live.x.{number}", Delta("e", 1, 2, "[]")) for number in range(3)]

    published.publish(events)
    assert (len(sent.singles), sent.calls) == (3, [])
    await published._look(connection)
    published.publish(events)
    assert (len(sent.singles), sent.calls) == (3, [0, 3])


async def test_many_deltas_go_in_calls_of_bounded_size(inside: Callable[..., Inside], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deltas, "MAX_EVENTS", 4)
    monkeypatch.setattr(deltas, "MAX_SIZE", 1000)
    place = inside(made(SERVICE))
    reader, connection = await place.connect(), await place.connect()
    sizes = [0] * 6 + [400, 400, 400, 2000, 10, 990, 1]
    events = [(f"{SERVICE}.live.x.{number}", Delta("e", 1, 2, f'"{"x" * (size - 2)}"')) for number, size in enumerate(sizes)]
    arrived: list[str] = []
    for topic, _ in events:
        await reader.session.subscribe(lambda *_, topic=topic: arrived.append(topic), topic)
    published = Deltas(connection)
    await published._look(connection)
    sent = Sent(connection)
    published.publish(events)

    await until(lambda: len(arrived) == len(events))
    assert arrived == [topic for topic, _ in events]
    assert sent.calls == [4, 4, 2]
    assert sent.singles == [events[8][0], events[9][0], events[12][0]]


async def test_what_a_router_refuses_is_in_the_log(inside: Callable[..., Inside], errors: list[str]) -> None:
    place = inside(made(SERVICE))
    connection = await place.connect()
    published = Deltas(connection)
    await published._look(connection)
    published.publish([("no topic", Delta("e", 1, 2, "[]")), (f"{SERVICE}.live.x.y", Delta("e", 1, 2, "[]")), ("", Delta("e", 1, 2, "[]"))])
    await connection.call("wamp.session.count")  # which is answered afterwards

    (line,) = errors
    errors.clear()
    assert "the router refused 2 of 3 deltas; the first was for no topic: wamp.error.invalid_uri" in line


async def test_when_a_call_fails_its_deltas_go_one_by_one_and_all_that_follow(
    inside: Callable[..., Inside], errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    follower, mesh, views = await shown(inside(made(SERVICE)))
    sent = Sent(follower._connection)
    call = follower._connection.call

    async def failing(uri: str, *args: Any, **kwargs: Any) -> Any:
        if uri == PUBLISH_MANY:
            raise RemoteError("wamp.error.no_such_procedure", "no callee registered")
        return await call(uri, *args, **kwargs)

    monkeypatch.setattr(follower._connection, "call", failing)
    await write(mesh, views, 1)
    monkeypatch.undo()
    await write(mesh, views, 2)

    assert (len(sent.singles), sent.calls) == (6, [])
    assert [line for line in errors if "deltas are published one by one from now on: wamp.error.no_such_procedure" not in line] == []
    errors.clear()


@pytest.fixture
def on_stock(tmp_path: Path) -> Iterator[Inside]:
    """A place at plain Crossbar.io."""
    with RunningRouter(tmp_path, program=STOCK) as running:
        place = Inside(made(SERVICE), f"unix:{running.unix_path}")
        try:
            yield place
        finally:
            run(place.stop())


async def test_plain_crossbar_gets_them_one_by_one(on_stock: Inside) -> None:
    follower, mesh, views = await shown(on_stock)
    sent = Sent(follower._connection)
    await write(mesh, views, 1)

    assert (len(sent.singles), sent.calls) == (3, [])
