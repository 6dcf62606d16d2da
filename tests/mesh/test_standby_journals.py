"""Standbys whose journal is not the leader's, or no longer: nobody leads with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deltamesh.client import Mesh
from deltamesh.errors import AnotherJournal, Fenced
from deltamesh.journal import Record
from deltamesh.leader.leader import Leader, State
from deltamesh.stream import Position
from tests.mesh.mesh import Inside, until
from tests.mesh.test_standby import once, pair, refused, write
from tests.shared_journal import Store


def older(store: Store, number: int) -> Store:
    """Return a copy of a store, from when it had so many transactions."""
    copy = Store(store.epoch)
    copy.log = store.log[:number]
    return copy


async def objects(leader: Leader, errors: list[str]) -> None:
    """Return when the leader has said, once, that it does not lead."""
    await until(lambda: leader.objection is not None)
    assert leader.readiness() == [leader.objection.message if leader.objection is not None else None]
    [error] = errors
    assert "it is not the leader's" in error
    errors.clear()


@pytest.mark.parametrize("kind", ["older", "new"])
async def test_a_standby_with_another_journal_says_so_and_never_leads(inside: Callable[..., Inside], errors: list[str], kind: str) -> None:
    place, store = inside(), Store()
    first = await place.lead(store.open())
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    for number in range(3):
        await write(mesh, number, number)
    other = older(store, 2) if kind == "older" else Store("of its own")
    second = await place.lead(other.open())
    await objects(second, errors)

    first._connection.session.disconnect()  # the other one is asked to hurry

    assert await write(mesh, "after", 1) == Position("kept", 4)
    assert first.leads
    assert (second.state, other.term) == (State.STANDBY, 0)
    assert second._registered == []


async def test_a_standby_whose_journal_was_put_right_may_lead(inside: Callable[..., Inside], errors: list[str]) -> None:
    place, store = inside(), Store()
    first = await place.lead(store.open())
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    await write(mesh, "a", 1)
    other = older(store, 0)
    second = await place.lead(other.open())
    await objects(second, errors)

    other.log = store.log
    await until(lambda: second.objection is None)
    await first.stop()

    assert await write(mesh, "b", 1) == Position("kept", 2)
    assert second.leads


async def test_a_journal_that_turns_out_to_be_another_when_it_is_taken_is_given_back(
    inside: Callable[..., Inside], errors: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place, store = inside(), Store()
    first, second = await pair(place, store)
    mesh = Mesh(await place.connect(), place.service.uris.prefix, patience=0.0)
    await write(mesh, "a", 1)
    await until(lambda: second.position == Position("kept", 1))
    journal: Any = second._journal
    take = journal.take

    def take_another() -> int:  # the file was removed, which shows only now
        journal.store = Store("new and empty")
        return int(take())

    monkeypatch.setattr(journal, "take", take_another)
    await first.stop()
    await objects(second, errors)
    await until(lambda: second.state is State.STANDBY)

    assert (await refused(once(mesh, "b"))).uri == "wamp.error.no_such_procedure"
    third = await place.lead(store.open())  # one with the right journal leads
    assert third.leads
    assert (await write(mesh, "b", 1)) == Position("kept", 2)


async def test_a_leader_whose_journal_was_replaced_while_it_was_away_leads_no_more(
    inside: Callable[..., Inside], errors: list[str]
) -> None:
    place, store = inside(), Store()
    leader = await place.lead(store.open())
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    await write(mesh, "a", 1)
    journal: Any = leader._journal
    leader._away_since = 0.0  # so it has to be taken again
    journal.store = Store("of a backup")

    error = await refused(once(mesh, "b"))

    assert (error.uri, error.retry) == (AnotherJournal.uri, True)
    await objects(leader, errors)
    await until(lambda: leader.state is State.STANDBY)
    assert journal.store.log == []


async def test_who_has_heard_of_no_leader_leads_with_an_older_copy(inside: Callable[..., Inside]) -> None:
    place, store = inside(), Store()
    store.log = [Record.of(number, {"texts": [(number, [number])]}) for number in (1, 2, 3)]
    first = await place.lead(store.open())
    await first.stop()

    second = await place.lead(older(store, 1).open())

    assert second.leads
    assert second.position == Position("kept", 1)


async def test_in_memory_a_standby_takes_over(inside: Callable[..., Inside]) -> None:
    place = inside()
    first, second = await place.lead(Store().open()), await place.lead()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    await write(mesh, "a", 1)
    await until(lambda: second._claim.known == Position("kept", 1))

    await first.stop()

    assert (await write(mesh, "a", 1)).revision == 1
    assert second.leads
    assert second.objection is None


async def test_two_meshes_with_one_journal_are_told(inside: Callable[..., Inside], errors: list[str]) -> None:
    place, store = inside(), Store()
    leader = await place.lead(store.open())
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    for number in (1, 2, 3):
        assert errors == []
        store.open().take()  # the leader of the other mesh, for a write there
        assert (await refused(once(mesh, "a"))).uri == Fenced.uri
        await until(lambda: leader.state is not State.LEADING)
        await until(lambda: leader.leads)
        if number == 2:
            [error] = errors
            assert "another mesh uses it" in error
            errors.clear()


async def test_a_follower_that_is_ahead_of_its_leader_says_so_once(inside: Callable[..., Inside], errors: list[str]) -> None:
    place, store = inside(), Store()
    first = await place.lead(store.open())
    follower = await place.follow()
    mesh = Mesh(await place.connect(), place.service.uris.prefix)
    for number in range(3):
        await write(mesh, number, number)
    await until(lambda: follower.position == Position("kept", 3))
    await first.stop()

    second = await place.lead(older(store, 1).open())
    for _ in range(5):  # seconds, if nobody makes it say so
        second._announce()
    await until(lambda: errors)

    [error] = errors
    assert "the leader is at ['kept', 1], behind ['kept', 3] here" in error
    errors.clear()
    assert follower.position == Position("kept", 3)
