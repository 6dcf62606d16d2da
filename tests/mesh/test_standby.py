"""A leader and its standby in one process, on a real router, with a journal that both can see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from deltamesh.client import Mesh
from deltamesh.errors import DeltameshError, Fenced, JournalFull, JournalUnavailable
from deltamesh.leader.leader import Leader, State
from deltamesh.stream import Position
from tests.mesh.mesh import Inside, until
from tests.shared_journal import Store


async def pair(place: Inside, store: Store) -> tuple[Leader, Leader]:
    """Return a leader and a standby."""
    first = await place.lead(store.open())
    second = await place.lead(store.open())
    assert (first.state, second.state) == (State.LEADING, State.STANDBY)
    return first, second


async def write(mesh: Mesh, key: Any, value: Any, **options: Any) -> Position:
    return (await mesh.write({"texts": [(key, [value])]}, **options)).position


async def refused(work: Any) -> DeltameshError:
    """Return the error of a call that is made once."""
    try:
        await work
    except DeltameshError as error:
        return error
    raise AssertionError("it was not refused")


def once(mesh: Mesh, key: Any, **options: Any) -> Any:
    """Write without trying again."""
    return mesh.connection.call(mesh.uris.write, [["texts", [[key, [1]]]]], **options)


async def test_a_standby_stands_at_every_revision_and_takes_over_in_the_same_epoch(inside: Callable[..., Inside]) -> None:
    place, store = inside(), Store()
    first, second = await pair(place, store)
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    live = await mesh.live("words")
    changes: list[Any] = []
    live.on_change(changes.append)
    for number in range(5):
        await write(mesh, number, number)
    await until(lambda: second.position == Position("kept", 5))
    resumed = [second._standby.shared.resume(Position("kept", revision), 1000) for revision in range(6)]
    assert all(resumed)

    await first.stop()
    after = await write(mesh, "after", 1)

    assert after == Position("kept", 6)
    assert (second.leads, second.term) == (True, 2)
    await until(lambda: live.position == after)
    assert changes == [[0], [1], [2], [3], [4], ["after"]]  # each once: nobody was shown anything anew
    assert follower.position == after


async def test_what_a_leader_committed_and_told_nobody_is_found_by_the_next(inside: Callable[..., Inside]) -> None:
    place, store = inside(), Store()
    first, second = await pair(place, store)
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    await write(mesh, "a", 1)
    store.hold()
    lost = Deferred.fromCoroutine(write(mesh, "b", 2, idempotency_key="the write"))
    await until(lambda: store.held)

    first._connection.session.disconnect()
    store.release()  # it is committed by one that nobody hears any more, or refused
    position = await lost

    assert position == Position("kept", 2)
    assert [each.idempotency_key for each in store.log].count("the write") == 1
    await until(lambda: second.leads or first.leads)
    await until(lambda: follower.position == position)
    assert await mesh.read("words", at_least=position) == [("a", (1,)), ("b", (2,))]


async def test_a_fenced_leader_takes_everything_back_and_stands_by(inside: Callable[..., Inside]) -> None:
    place, store = inside(), Store()
    first, second = await pair(place, store)
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    await write(mesh, "a", 1)
    store.open().take()  # somebody has taken the journal, and the leader does not know

    errors = await gatherResults([Deferred.fromCoroutine(refused(once(mesh, key))) for key in "bc"])

    assert all(each.uri == Fenced.uri and each.retry for each in errors)
    assert len(store.log) == 1
    await until(lambda: second.leads)
    await until(lambda: first.state is State.STANDBY)
    assert await write(mesh, "d", 4) == Position("kept", 2)
    await until(lambda: first.position == follower.position == Position("kept", 2))
    assert await mesh.read("words") == [("a", (1,)), ("d", (4,))]


async def test_a_standby_that_is_too_far_behind_recovers(inside: Callable[..., Inside]) -> None:
    place, store = inside(), Store()
    first, second = await pair(place, store)
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    second._connection.session.disconnect()
    await until(lambda: second.state is State.STARTING)
    await write(mesh, "a", 1)
    await write(mesh, "b", 1)
    store.fold()
    await until(lambda: second.state is State.STANDBY)

    await first.stop()
    await place.follow()

    assert await write(mesh, "c", 1) == Position("kept", 3)
    assert [key for key, _ in await mesh.read("words", at_least=Position("kept", 3))] == ["a", "b", "c"]


async def test_a_leader_that_loses_its_session_leads_again_where_it_was(inside: Callable[..., Inside]) -> None:
    place, store = inside(), Store()
    leader = await place.lead(store.open())
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    await write(mesh, "a", 1)

    leader._connection.session.disconnect()

    assert await write(mesh, "b", 1) == Position("kept", 2)
    assert leader.term == 2


@pytest.mark.parametrize("is_kept", [False, True])
async def test_a_journal_out_of_reach_is_told_and_taken_again(inside: Callable[..., Inside], is_kept: bool) -> None:
    place, store = inside(), Store()
    leader = await place.lead(store.open())
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    await write(mesh, "a", 1)
    store.failures.append((JournalUnavailable("away"), is_kept))

    error = await refused(once(mesh, "b", idempotency_key="b"))
    assert (error.uri, error.retry) == (JournalUnavailable.uri, True)
    assert leader.position == Position("kept", 1)
    wire = await once(mesh, "b", idempotency_key="b")

    assert wire == {"epoch": "kept", "revision": 2}
    assert len(store.log) == 2
    assert leader.term == 2
    await until(lambda: follower.position == Position("kept", 2))


async def test_a_leader_that_alone_cannot_reach_the_journal_makes_room(
    inside: Callable[..., Inside], errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deltamesh.leader.leader.GIVE_UP", 0.0)
    place, store = inside(), Store()
    journal = store.open()
    first, second = await place.lead(journal), await place.lead(store.open())
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    await write(mesh, "a", 1)

    journal.is_away = True
    assert await write(mesh, "b", 1) == Position("kept", 2)
    assert second.leads
    assert first.state is State.STARTING
    journal.is_away = False
    await until(lambda: first.state is State.STANDBY)

    assert first.position == Position("kept", 2)
    assert all("the journal is out of reach" in each for each in errors)
    errors.clear()


async def test_a_full_journal_refuses_writes_and_reads_go_on(inside: Callable[..., Inside]) -> None:
    place, store = inside(), Store()
    await place.lead(store.open())
    await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    await write(mesh, "a", 1)
    store.failures.append((JournalFull("no space"), False))

    error = await refused(once(mesh, "b"))

    assert (error.uri, error.retry) == (JournalFull.uri, True)
    assert [key for key, _ in await mesh.read("words")] == ["a"]
    assert await write(mesh, "c", 1) == Position("kept", 2)


async def test_a_caller_that_goes_away_disturbs_nobody(inside: Callable[..., Inside]) -> None:
    place, store = inside(), Store()
    await place.lead(store.open())
    leaving, mesh = [Mesh(await place.connect(), place.service.uris.prefix, patience=0.0) for _ in range(2)]
    store.hold()
    lost = Deferred.fromCoroutine(refused(write(leaving, "a", 1)))
    await until(lambda: store.held)
    lost_too = Deferred.fromCoroutine(refused(write(leaving, "b", 1)))
    kept = Deferred.fromCoroutine(write(mesh, "c", 1))
    await until(lambda: len(place._components[0].line._waiting) == 2)  # type: ignore[union-attr]

    await leaving.connection.stop()
    await until(lambda: place._components[0].line._waiting[0][1].called)  # type: ignore[union-attr]
    store.release()

    assert await kept == Position("kept", 2)
    assert [(await each).retry for each in (lost, lost_too)] == [True, True]
    assert [[key for key, _ in each.changes()["texts"]] for each in store.log] == [["a"], ["c"]]


async def test_who_was_answered_reads_it_without_saying_so(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead(Store().open())
    await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)

    for number in range(50):
        await write(mesh, "n", number)
        assert await mesh.read("words") == [("n", (number,))]
