"""The census on a real router: clients that come, change, and go, and a census that begins later than they."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.live import Live
from deltamesh.parameters import service
from deltamesh.parameters.reader import census as module
from deltamesh.parameters.reader.census import Census
from tests.mesh.mesh import Inside, until
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
