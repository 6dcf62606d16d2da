"""A WAMP client that knows nothing but docs/protocol.md: one call, one subscription, four rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from deltamesh.client import Mesh
from deltamesh.follower import follower
from tests.mesh.mesh import Inside, reactor, until

S = "com.example.inside"


@pytest.fixture(autouse=True)
def _no_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Positions are not announced again: each test is about the events that come at once."""
    monkeypatch.setattr(follower, "ANNOUNCE_INTERVAL", 3600.0)


class Plain:
    """What a reader of the protocol writes. `session` is Autobahn's."""

    def __init__(self, session: Any, resource: str, params: dict[str, Any]) -> None:
        self.session = session
        self.request = [resource, params]
        self.content: dict[str, Any] = {}  # by the JSON text of the key
        self.epoch = ""
        self.revision = -1
        self.events: list[tuple[Any, ...]] = []
        self.gaps = 0

    async def open(self, *, after: Any = None) -> dict[str, Any]:
        """Open, or resume; `after` is what a write answered that is to be seen."""
        options = {"position": [self.epoch, self.revision]} if self.epoch else {}
        if after is not None:
            options["at_least"] = [after.position.epoch, after.position.revision]
        answer: dict[str, Any] = await self.session.call(f"{S}.open", *self.request, **options)
        if answer["from"] is None:
            self.content.clear()
        self.set(answer["entries"])
        self.epoch, self.revision = answer["epoch"], answer["revision"]
        return answer

    async def subscribe(self, answer: dict[str, Any]) -> None:
        await self.session.subscribe(self.event, answer["topic"])

    async def event(self, epoch: str, since: int, to: int, entries: str) -> None:
        self.events.append((epoch, since, to, entries))
        if epoch == self.epoch and to <= self.revision:
            return
        if epoch == self.epoch and since <= self.revision:
            self.set(entries)
            self.revision = to
            return
        self.gaps += 1
        await self.open()

    def set(self, entries: str) -> None:
        for key, values in json.loads(entries):
            if values:
                self.content[json.dumps(key)] = values
            else:
                self.content.pop(json.dumps(key), None)


async def plain(place: Inside) -> tuple[Plain, Mesh]:
    await place.lead()
    await place.follow(name="only")
    return Plain((await place.connect()).session, "words", {}), Mesh(await place.connect(), S)


async def test_what_waits_to_be_published_when_somebody_subscribes_comes_once(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow(name="only")
    client, mesh = Plain((await place.connect()).session, "words", {}), Mesh(await place.connect(), S)
    answer = await client.open(after=await mesh.write({"texts": [("a", [1])]}))

    follower._flushing = reactor.callLater(60, follower._flush)  # changes wait, as they do until the end of a turn
    second = await mesh.write({"texts": [("a", [1, 2])]})
    await until(lambda: follower.position == second.position)
    await client.subscribe(answer)
    await until(lambda: follower._instances.all()[0].subscribers)
    follower._flush()
    third = await mesh.write({"texts": [("a", [1, 2, 3])]})
    await until(lambda: client.revision == third.position.revision)

    assert [to for _, since, to, _ in client.events if since < to] == [second.position.revision, third.position.revision]
    assert client.gaps == 0


async def test_one_call_and_one_subscription_make_a_live_resource(inside: Callable[..., Inside]) -> None:
    client, mesh = await plain(inside())
    done = await mesh.write({"texts": [("a", [1]), ("b", [1, 2])]})

    answer = await client.open(after=done)
    assert set(answer) == {"topic", "gone", "follower", "epoch", "revision", "from", "entries"}
    assert (answer["from"], answer["revision"], answer["entries"]) == (None, 1, '[["a",[1]],["b",[1,2]]]')
    assert (answer["follower"], answer["gone"]) == ("only", f"{S}.follower.only.on_gone")
    assert answer["topic"].startswith(f"{S}.live.only.")
    assert len(answer["topic"]) >= len(f"{S}.live.only.") + 32

    await client.subscribe(answer)
    await until(lambda: client.events)
    assert client.events == [(answer["epoch"], 1, 1, "[]")], "the greeting says where the topic is"

    await mesh.write({"texts": [("a", []), ("c", [{"d": None}])]})
    await until(lambda: client.revision == 2)
    assert client.events[1:] == [(answer["epoch"], 1, 2, '[["a",[]],["c",[{"d":null}]]]')]
    assert client.content == {'"b"': [1, 2], '"c"': [{"d": None}]}

    await mesh.write({"cells": [(1, [1])]})
    done = await mesh.write({"texts": [("b", [])]})
    await until(lambda: client.revision == done.position.revision)
    assert client.events[2:] == [(answer["epoch"], 2, 4, '[["b",[]]]')], "a revision that changed nothing here has no event"
    assert client.gaps == 0


async def test_what_is_published_between_open_and_subscribe_is_not_missed(inside: Callable[..., Inside]) -> None:
    client, mesh = await plain(inside())
    answer = await client.open()

    done = await mesh.write({"texts": [("a", [1])]})
    await mesh.read("words", at_least=done.position)
    assert client.content == {}
    await client.subscribe(answer)
    await until(lambda: client.revision == 1)

    assert client.content == {'"a"': [1]}
    await mesh.write({"texts": [("a", [2])]})
    await until(lambda: client.content == {'"a"': [2]})


async def test_a_session_that_did_not_open_finds_a_gap_and_resumes(inside: Callable[..., Inside]) -> None:
    place = inside()
    client, mesh = await plain(place)
    answer = await client.open()
    other = Plain((await place.connect()).session, "words", {})
    other.epoch, other.revision = client.epoch, client.revision
    done = await mesh.write({"texts": [("a", [1]), ("b", [1])]})
    await mesh.read("words", at_least=done.position)

    await other.subscribe(answer)
    await until(lambda: other.revision == 1)

    assert other.gaps == 1
    assert other.events == [(client.epoch, 1, 1, "[]")]
    assert other.content == {'"a"': [1], '"b"': [1]}


async def test_a_position_is_answered_with_the_difference(inside: Callable[..., Inside]) -> None:
    client, mesh = await plain(inside())
    await client.open()
    await mesh.write({"texts": [("a", [1])]})
    await mesh.write({"texts": [("b", [1])]})
    done = await mesh.write({"texts": [("a", [])]})
    await mesh.read("words", at_least=done.position)

    answer = await client.open()

    assert answer["from"] == 0
    assert client.content == {'"b"': [1]}
    client.epoch = "another"
    assert (await client.open())["from"] is None


async def test_only_the_new_subscriber_is_greeted(inside: Callable[..., Inside]) -> None:
    place = inside()
    client, mesh = await plain(place)
    await client.subscribe(await client.open())
    await until(lambda: len(client.events) == 1)
    other = Plain((await place.connect()).session, "words", {})

    await other.subscribe(await other.open())
    await until(lambda: len(other.events) == 1)
    await mesh.write({"texts": [("a", [1])]})
    await until(lambda: client.revision == other.revision == 1)

    assert len(client.events) == len(other.events) == 2
