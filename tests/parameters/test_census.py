"""The census on a real router: clients that come, change, and go, and a census that begins later than they."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh
from deltamesh.client.live import Live
from deltamesh.connection import Connection
from deltamesh.errors import RemoteError
from deltamesh.parameters import service
from deltamesh.parameters.reader import census as module
from deltamesh.parameters.reader.census import Census
from tests.mesh.mesh import Inside, pause, until
from tests.parameters.repositories import made
from tests.parameters.test_reader import Place, process
from tests.running_router import RunningRouter
from tests.wire_connection import PUBLISH, WireConnection

pytestmark = pytest.mark.mesh

S = "com.example.parameters"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look, and write, more often than once a second."""
    monkeypatch.setattr(module, "INTERVAL", 0.05)


class Counted:
    """A mesh with a census, and what is live of it."""

    def __init__(self, place: Inside, census: Census, connection: Connection, live: Live) -> None:
        self.place = place
        self.census = census
        self.connection = connection
        self.live = live

    @classmethod
    async def begin(cls, place: Inside) -> Counted:
        await place.lead()
        await place.follow()
        connection = await place.connect()
        census = Census(connection, S)
        census.start()
        live = await Mesh(await place.connect(), S).live("census")
        return cls(place, census, connection, live)

    def shown(self) -> dict[str, tuple[Any, ...]]:
        """By client: kind, number of names, number of the commit."""
        found = {}
        for _, values in self.live.entries():
            holder = values.one()
            found[holder["client"]] = (holder["kind"], holder["size"], holder["number"])
        return found


def say(connection: Connection, client: str, kind: str = "python", **said: Any) -> None:
    connection.publish(f"{S}.on_holding", client=client, kind=kind, host="here", **said)


async def test_clients_come_change_and_go(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    counted = await Counted.begin(inside(service(S)))
    a, b = await counted.place.connect(), await counted.place.connect(router.ws_url)
    say(a, "a", names=["x.y", "z"], commit="c1", number=1)
    say(b, "b", "browser", names=["z"], commit=None, number=None)
    await until(lambda: counted.shown() == {"a": ("python", 2, 1), "b": ("browser", 1, None)})
    (entry,) = await Mesh(a, S).read("census", {"name": "x.y"})
    assert entry[0] == entry[1].one()["session"] == a.session._session_id
    say(b, "b", "browser", commit="c2", number=2)
    await until(lambda: counted.shown()["b"] == ("browser", 1, 2))
    say(a, "a", names=[])
    await b.stop()
    await until(lambda: counted.shown() == {})
    await counted.census.stop()


async def test_what_is_not_of_the_documented_shape_is_not_shown(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    counted = await Counted.begin(inside(service(S)))
    odd: list[tuple[list[Any], dict[str, Any]]] = [
        ([], {}),
        ([1, 2], {"kind": "browser", "names": "x"}),
        ([], {"self": 1, "session": 1, "kind": "ruby"}),
        ([{}], {"kind": "node", "host": "x" * 1_000, "fun": 1, "details": 1}),
        ([], {"client": "odd", "kind": "browser", "names": ["z"], "event": {"publisher": 1}, "session": 1}),
    ]

    def publish() -> int:
        with WireConnection(router.ws_url) as stranger:
            for event in odd:
                stranger.request(PUBLISH, {"acknowledge": True}, f"{S}.on_holding", *event)
            stayed.wait()
            return stranger.session

    stayed = Event()
    published = deferToThread(publish)
    await until(lambda: counted.shown() == {"odd": ("browser", 1, None)})
    shown = [key for key, _ in counted.live.entries()]
    stayed.set()
    assert shown == [await published]
    await counted.census.stop()


async def test_a_census_that_begins_anew_keeps_those_who_are_there(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    counted = await Counted.begin(inside(service(S)))
    a, b = await counted.place.connect(), await counted.place.connect()
    say(a, "a", names=["x", "y"], commit="c1", number=1)
    say(b, "b", names=["x"], commit="c1", number=1)
    await until(lambda: len(counted.shown()) == 2)
    await counted.census.stop()
    say(a, "a", names=["nobody", "hears", "this"])
    await b.stop()
    later = Census(await counted.place.connect(), S)
    later.start()
    await until(lambda: counted.shown() == {"a": ("python", 2, 1)})
    say(a, "a", commit="c2", number=2)
    await until(lambda: counted.shown() == {"a": ("python", 2, 2)})
    assert [key for key, _ in await Mesh(a, S).read("census", {"name": "y"})] == [a.session._session_id]
    await later.stop()


async def test_a_census_that_has_lost_its_session_goes_on(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    counted = await Counted.begin(inside(service(S)))
    a = await counted.place.connect()
    say(a, "a", names=["x"], commit="c1", number=1)
    await until(lambda: len(counted.shown()) == 1)
    again: Deferred[None] = Deferred()

    async def joined(_: Connection) -> None:
        again.callback(None)

    counted.connection.on_join(joined)
    counted.connection.leave(counted.connection.session)
    await again
    say(a, "a", names=["x", "y"], commit="c2", number=2)
    await until(lambda: counted.shown() == {"a": ("python", 2, 2)})
    await counted.census.stop()


async def test_a_census_that_is_stopped_can_begin_again(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    counted = await Counted.begin(inside(service(S)))
    a, b = await counted.place.connect(), await counted.place.connect()
    say(a, "a", names=["x"], commit="c1", number=1)
    say(b, "b", names=["x"], commit="c1", number=1)
    await until(lambda: len(counted.shown()) == 2)
    await counted.census.stop()
    await b.stop()
    counted.census.start()
    await until(lambda: counted.shown() == {"a": ("python", 1, 1)})
    say(a, "a", names=["x", "y"], commit="c2", number=2)
    await until(lambda: counted.shown() == {"a": ("python", 2, 2)})
    await counted.census.stop()


async def test_beside_a_reader_that_works_it_has_a_session_of_its_own(
    router: RunningRouter, inside: Callable[..., Inside], tmp_path: Path
) -> None:
    place = Place(inside(service(S)))
    repo = made(tmp_path / "repo")
    repo.commit({"base/a.json": "1"})
    await place.begin()

    async def sessions(kind: str, uri: str) -> list[int]:
        """Of those who are subscribed, or registered."""
        registered, members = {"reader": ("registration", "callees"), "census": ("subscription", "subscribers")}[kind]
        number = await place.client.call(f"wamp.{registered}.lookup", uri)
        if number is None:
            return []
        try:
            return list(await place.client.call(f"wamp.{registered}.list_{members}", number))
        except RemoteError as error:  # the last one has left between the two calls
            if error.uri != f"wamp.error.no_such_{registered}":
                raise
            return []

    async def become(kind: str, uri: str, before: list[int]) -> list[int]:
        """Return the one session that has come in place of those before."""
        while len(now := await sessions(kind, uri)) != 1 or now == before:
            await pause()
        return now

    reader, holding = f"{S}.repository.reader", f"{S}.on_holding"
    async with AsyncExitStack() as stack:
        first, _ = await stack.enter_async_context(process(place, str(repo.path), "--branch", "main"))
        reads, counts = await become("reader", reader, []), await become("census", holding, [])
        assert reads != counts

        await place.client.call("wamp.session.kill", counts[0])  # as the router does with slow readers
        counts = await become("census", holding, counts)
        assert await sessions("reader", reader) == reads

        known = await place.client.call("wamp.session.count")
        other = Deferred.fromCoroutine(stack.enter_async_context(process(place, str(repo.path), "--branch", "main")))
        while await place.client.call("wamp.session.count") < known + 2:
            await pause()
        assert await sessions("census", holding) == counts  # whoever stands by does not count

        first.send_signal(signal.SIGTERM)
        assert await deferToThread(first.wait, 60) == 0
        await other
        assert await become("reader", reader, reads) != await become("census", holding, counts)
