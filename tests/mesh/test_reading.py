"""Reading: once, at least at a position, in parts; and never the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from deltamesh.client import Mesh
from deltamesh.errors import DeltameshError
from deltamesh.follower.follower import Follower
from deltamesh.stream import Position, decode
from tests.mesh.mesh import Inside, until
from tests.shared_journal import Store

LARGE = "x" * 100_000


@contextmanager
def held(follower: Follower) -> Iterator[list[Any]]:
    """Keep what arrives at the mirror of `follower` from it until the end."""
    mirroring: Any = follower._mirroring
    do, kept = mirroring._do, []  # type: ignore[var-annotated]
    mirroring._do = kept.append
    try:
        yield kept
    finally:
        del mirroring._do
        for outputs in kept:
            do(outputs)


async def test_what_was_written_is_read_anywhere_at_its_position(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    lagging = await place.follow(name="lagging")
    mesh = Mesh(await place.connect(), place.service.uris.prefix)

    with held(lagging) as kept:
        done = await mesh.write({"texts": [("a", ["b"])]})
        before = await mesh.read("words")
        reading = Deferred.fromCoroutine(mesh.read("words", at_least=done.position))
        opening = Deferred.fromCoroutine(mesh.live("words", at_least=done.position))
        await until(lambda: len(lagging._arrivals) == 2 and kept)

    assert before == []
    assert await reading == [("a", ("b",))]
    assert (await opening).entries() == [("a", ("b",))]


async def test_a_position_that_is_not_reached_in_time_is_an_error(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow(patience=0.1)
    connection = await place.connect()
    position = follower.position
    assert position is not None

    for wanted in ([position.epoch, position.revision + 1], ["another epoch", 0]):
        for procedure in (place.service.uris.read, place.service.uris.open):
            with pytest.raises(DeltameshError) as caught:
                await connection.call(procedure, "words", {}, at_least=wanted)

            assert caught.value.uri == "deltamesh.error.not_caught_up"
            assert caught.value.retry
            assert caught.value.facts == {"wanted": wanted, "reached": position.to_wire()}


async def test_a_client_that_is_ahead_of_a_follower_waits_for_it(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    lagging = await place.follow(name="lagging")
    mesh = Mesh(await place.connect(), place.service.uris.prefix)

    with held(lagging):
        done = await mesh.write({"texts": [("a", ["b"])]})
        opening = Deferred.fromCoroutine(mesh.connection.call(mesh.uris.open, "words", {}, position=done.position.to_wire()))
        await until(lambda: lagging._arrivals)
        assert not opening.called

    answer = await opening
    assert (answer["epoch"], answer["revision"]) == (done.position.epoch, done.position.revision)


async def test_one_key_is_read_with_its_values_or_without(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    keys: list[Any] = [None, True, 1, "a", ["a", 1], {"a": 1}]
    done = await mesh.write({"texts": [(key, [index, index]) for index, key in enumerate(keys)]})

    for index, key in enumerate(keys):
        [(_, values)] = await mesh.read("words", key=key, at_least=done.position)
        assert values == (index, index)
    assert await mesh.read("words", key=False) == [(False, ())]
    assert [key for key, _ in await mesh.read("words")] == [None, True, 1, "a", ("a", 1), {"a": 1}]


async def test_a_large_result_comes_in_parts(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    for start in range(0, 50, 10):
        done = await mesh.write({"texts": [(index, [LARGE]) for index in range(start, start + 10)]})
    parts: list[Any] = []

    live = await mesh.live("words", at_least=done.position)
    final = await mesh.connection.call(mesh.uris.read, "words", {}, on_progress=parts.append)

    assert [key for key, _ in live.entries()] == list(range(50))
    assert {tuple(part) for part in parts} == {("entries",)}
    assert len(parts) >= 10
    assert [key for text in (*parts, final) for key in decode(text["entries"])] == list(range(50))
    for procedure in (mesh.uris.read, mesh.uris.open):
        with pytest.raises(DeltameshError) as caught:
            await mesh.connection.call(procedure, "words", {})
        assert caught.value.uri == "deltamesh.error.too_large"


async def test_a_follower_that_starts_late_gets_a_large_shared_graph(inside: Callable[..., Inside]) -> None:
    place = inside()
    leader = await place.lead()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    for start in range(0, 30, 10):
        await mesh.write({"texts": [(index, [LARGE]) for index in range(start, start + 10)]})
    parts: list[Any] = []
    with pytest.raises(DeltameshError) as caught:
        await mesh.connection.call(mesh.uris.snapshot)

    assert caught.value.uri == "deltamesh.error.too_large"
    whole = await mesh.connection.call(mesh.uris.snapshot, on_progress=parts.append)
    assert len(parts) > 5
    assert (whole["from"], whole["revision"]) == (None, 3)
    difference = await mesh.connection.call(mesh.uris.snapshot, on_progress=parts.append, position=[leader.position.epoch, 1])
    assert (difference["from"], difference["revision"]) == (1, 3)
    follower = await place.follow()
    assert follower.position == leader.position
    assert len(await mesh.read("words")) == 30


async def test_a_change_that_is_too_large_for_an_event_arrives_all_the_same(inside: Callable[..., Inside]) -> None:
    place = inside()
    leader = await place.lead()
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    live = await mesh.live("words")
    wide = "\N{GRINNING FACE}" * 1_000_000  # 4 MB

    for start in (0, 10):
        await mesh.write({"texts": [(start + index, [LARGE]) for index in range(10)]})
        await mesh.write({"texts": [("wide", [wide, start]), ("start", [start])]})
        await until(lambda: live.position == leader.position)

    assert follower.position == leader.position == Position(leader.position.epoch, 4)
    assert live.values_of("wide") == (wide, 10)
    assert len(live.entries()) == 22


async def test_a_view_may_change_by_more_than_a_message_can_carry(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    live = await mesh.live("copies")
    other = await mesh.live("words")

    for letter in "xy":
        done = await mesh.write({"texts": [("a", [letter * 5_000_000])]})
        await until(lambda done=done: live.position == other.position == done.position)

    assert live.entries() == [(("a", number), ("y" * 5_000_000,)) for number in range(4)]


async def test_a_difference_contains_what_was_answered_just_before_and_nothing_that_was_not(inside: Callable[..., Inside]) -> None:
    place, store = inside(), Store()
    leader = await place.lead(store.open())
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    for number in range(1, 20):
        position = leader.position.to_wire()
        await mesh.write({"texts": [(number, [number])]})
        difference = await mesh.connection.call(mesh.uris.snapshot, position=position)

        assert difference["revision"] == number
        assert difference["entries"] == f'[[["texts",{number}],[{number}]]]'

    store.hold()
    writing = Deferred.fromCoroutine(mesh.write({"texts": [("late", [1])]}))
    whole = Deferred.fromCoroutine(mesh.connection.call(mesh.uris.snapshot))
    await until(lambda: store.held)
    difference = await mesh.connection.call(mesh.uris.snapshot, position=leader.position.to_wire())

    assert (difference["revision"], difference["entries"]) == (19, "[]")
    assert not whole.called
    store.release()
    await writing
    assert (await whole)["revision"] == 20


async def test_an_answer_contains_what_the_mirror_took_in_just_before(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    opened = await mesh.connection.call(mesh.uris.open, "words", {})
    mirroring: Any = follower._mirroring
    changed, answers = mirroring._changed, []  # type: ignore[var-annotated]
    nobody = SimpleNamespace(caller=None, caller_authid=None, caller_authrole=None, progress=None)

    def changed_and_opened() -> None:
        changed()
        answers.append(Deferred.fromCoroutine(follower._open(nobody, "words", {}, [opened["epoch"], opened["revision"]])))

    mirroring._changed = changed_and_opened
    await mesh.write({"texts": [("a", [1])]})
    await until(lambda: answers)
    answer = await answers[0]

    assert (answer["from"], answer["revision"], answer["entries"]) == (0, 1, '[["a",[1]]]')
