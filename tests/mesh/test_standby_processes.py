"""Leaders and standbys as processes, with one SQLite file: killed, stopped, and overtaken."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError, Fenced
from deltamesh.journal import Record, open_journal
from deltamesh.stream import Position
from tests.mesh.clients import SERVICE, Clients, clients
from tests.mesh.mesh import Component, until
from tests.running_router import RunningRouter

Start = Callable[..., Component]

KILLS = 3
WRITERS = 6


def leads(component: Component) -> bool:
    """Whether its last word is that it leads."""
    said = [line for line in component.lines if " leads com.example" in line or " stands by for com.example" in line]
    return bool(said) and " leads com.example" in said[-1]


def stands_by(component: Component) -> bool:
    return component.is_ready and not leads(component)


def recorded(journal: str) -> list[Record]:
    """Return all that was ever committed, as long as none of it is folded."""
    reading = open_journal(journal, SERVICE)
    try:
        reading.recover()
        records: list[Record] = []
        while found := reading.since(len(records)):
            records += found
        return records
    finally:
        reading.close()


class CountingWriter:
    """Adds entry after entry under names of its own, and remembers what it was answered."""

    def __init__(self, mesh: Mesh, name: str) -> None:
        self.name = name
        self.answers: list[tuple[str, Position]] = []
        """By idempotency key."""
        self.is_stopping = False
        self._mesh = mesh

    async def run(self) -> None:
        while not self.is_stopping:
            number = len(self.answers)
            key = f"{self.name} {number}"
            done = await self._mesh.write({"texts": [([self.name, number], [number])]}, idempotency_key=key)
            self.answers.append((key, done.position))


async def pair(component: Start, url: str, journal: str) -> list[Component]:
    """Return a leader and a standby."""
    first = await component("leader", url, journal=journal).ready()
    second = await component("leader", url, journal=journal).ready()
    assert leads(first)
    assert stands_by(second)
    return [first, second]


async def test_leaders_are_killed_under_writers_and_nothing_is_lost_or_done_twice(
    router: RunningRouter, component: Start, tmp_path: Path
) -> None:
    url, journal = f"unix:{router.unix_path}", f"sqlite:{tmp_path}/journal.sqlite"
    leaders = await pair(component, url, journal)
    await component("follower", url, name="one").ready()
    async with clients(url) as all_of_them:
        live = await (await all_of_them.mesh()).live("words")
        shown: list[Any] = []
        live.on_change(shown.extend)
        writers = [CountingWriter(await all_of_them.mesh(), f"writer {number}") for number in range(WRITERS)]
        running = gatherResults([Deferred.fromCoroutine(each.run()) for each in writers])

        for _ in range(KILLS):
            before = [len(each.answers) for each in writers]
            await until(lambda before=before: all(len(each.answers) > count + 3 for each, count in zip(writers, before, strict=True)))
            [leader] = [each for each in leaders if leads(each)]
            [standby] = [each for each in leaders if each is not leader]
            leader.kill()
            await until(lambda standby=standby: leads(standby), "the standby has taken over")
            await leader.ended()
            await leader.start().ready()
        for each in writers:
            each.is_stopping = True
        await running

        answered = dict(answer for each in writers for answer in each.answers)
        records = recorded(journal)
        assert [each.revision for each in records] == list(range(1, len(records) + 1))
        assert len({position.epoch for position in answered.values()}) == 1
        kept = {each.idempotency_key: each.revision for each in records}
        assert len(kept) == len(records)  # none was done twice
        assert {key: position.revision for key, position in answered.items()} == kept
        await until(lambda: live.is_live and live.position is not None and live.position.revision == len(records))
        assert len(live.entries()) == len(records)
        assert len(shown) == len(records)  # each once: there was no reload
        live.close()


async def test_a_stopped_leader_is_replaced_and_stands_by_when_it_goes_on(router: RunningRouter, component: Start, tmp_path: Path) -> None:
    url, journal = f"unix:{router.unix_path}", f"sqlite:{tmp_path}/journal.sqlite"
    first, second = await pair(component, url, journal)
    async with clients(url) as all_of_them:
        mesh = await all_of_them.mesh()
        before = (await mesh.write({"texts": [("a", [1])]})).position

        first.send(signal.SIGSTOP)
        try:
            after = (await mesh.write({"texts": [("b", [1])]}, idempotency_key="b")).position  # it is with the stopped one at first
            assert leads(second)
        finally:
            first.send(signal.SIGCONT)
        await until(lambda: len([line for line in first.lines if " stands by " in line]) == 1, "the first one stands by")
        later = (await mesh.write({"texts": [("c", [1])]})).position

        assert [after, later] == [Position(before.epoch, before.revision + 1), Position(before.epoch, before.revision + 2)]
        assert [each.idempotency_key for each in recorded(journal)].count("b") == 1


async def test_a_leader_whose_journal_was_taken_is_refused_and_stands_by(router: RunningRouter, component: Start, tmp_path: Path) -> None:
    url, journal = f"unix:{router.unix_path}", f"sqlite:{tmp_path}/journal.sqlite"
    first, second = await pair(component, url, journal)
    async with clients(url) as all_of_them:
        mesh = await all_of_them.mesh()
        position = (await mesh.write({"texts": [("a", [1])]})).position
        taking = open_journal(journal, SERVICE)
        taking.recover()
        taking.take()

        error = await once(mesh.connection, mesh.uris.write)

        assert (error.uri, error.retry) == (Fenced.uri, True)
        await until(lambda: leads(second), "the standby leads")
        await until(lambda: stands_by(first), "the one that was refused stands by")
        assert (await mesh.write({"texts": [("c", [1])]})).position == Position(position.epoch, position.revision + 1)
        taking.close()


async def once(connection: Connection, uri: str) -> DeltameshError:
    """Return the error of a write that is not tried again."""
    try:
        await connection.call(uri, [["texts", [["b", [1]]]]])
    except DeltameshError as error:
        return error
    raise AssertionError("it was not refused")


async def test_a_leader_that_is_started_again_alone_goes_on_in_its_epoch_and_clients_see_no_reload(
    router: RunningRouter, component: Start, tmp_path: Path
) -> None:
    url = f"unix:{router.unix_path}"
    leader = await component("leader", url, journal=f"sqlite:{tmp_path}/").ready()
    await component("follower", url, name="one").ready()
    async with clients(url) as all_of_them:
        live, shown = await watched(all_of_them)
        mesh = await all_of_them.mesh()
        for number in range(3):
            before = (await mesh.write({"texts": [(number, [number])]})).position

        leader.kill()
        await leader.ended()
        leader.start()
        after = (await mesh.write({"texts": [("after", [1])]})).position

        assert after == Position(before.epoch, before.revision + 1)
        await until(lambda: live.position == after)
        assert shown == [0, 1, 2, "after"]
        assert (tmp_path / f"{SERVICE}.sqlite").exists()
        live.close()


async def watched(all_of_them: Clients) -> tuple[Any, list[Any]]:
    live = await (await all_of_them.mesh()).live("words")
    shown: list[Any] = []
    live.on_change(shown.extend)
    return live, shown


async def test_a_standby_whose_file_was_removed_does_not_lead(router: RunningRouter, faulty: Start, tmp_path: Path) -> None:
    url, file = f"unix:{router.unix_path}", tmp_path / "journal.sqlite"
    first, second = await pair(faulty, url, f"sqlite:{file}")
    async with clients(url) as all_of_them:
        mesh = await all_of_them.mesh()
        await mesh.write({"texts": [("a", [1])]})

        remove(file)
        first.kill()
        await first.ended()
        await until(lambda: has_seen(second), "the standby has found out")
        error = await once(mesh.connection, mesh.uris.write)

        assert (error.uri, error.retry) == ("wamp.error.no_such_procedure", True)
        assert not leads(second)
        assert not any("Traceback" in line for line in second.lines)
        assert len([line for line in second.lines if "was removed or replaced" in line]) == 1


def has_seen(component: Component) -> bool:
    return any("was removed or replaced" in line for line in component.lines)


async def test_a_standby_with_a_file_of_its_own_does_not_lead(router: RunningRouter, faulty: Start, tmp_path: Path) -> None:
    url = f"unix:{router.unix_path}"
    first = await faulty("leader", url, journal=f"sqlite:{tmp_path}/one.sqlite").ready()
    second = await faulty("leader", url, journal=f"sqlite:{tmp_path}/two.sqlite").ready()
    async with clients(url) as all_of_them:
        mesh = await all_of_them.mesh()
        before = (await mesh.write({"texts": [("a", [1])]})).position
        await until(lambda: objects(second), "the standby has heard the leader")

        first.kill()
        await first.ended()
        first.start()

        assert (await mesh.write({"texts": [("b", [1])]})).position == Position(before.epoch, before.revision + 1)
        assert not leads(second)


def remove(file: Path) -> None:
    for each in file.parent.glob(f"{file.name}*"):
        each.unlink()


def objects(component: Component) -> bool:
    return any("does not lead" in line and "not the leader's" in line for line in component.lines)


@pytest.mark.parametrize("kind", ["damaged", "newer"])
async def test_a_leader_that_can_never_read_its_journal_says_so_and_ends(
    router: RunningRouter, faulty: Start, tmp_path: Path, kind: str
) -> None:
    url, file = f"unix:{router.unix_path}", tmp_path / "journal.sqlite"
    leader = await faulty("leader", url, journal=f"sqlite:{file}").ready()
    async with clients(url) as all_of_them:
        await (await all_of_them.mesh()).write({"texts": [("a", [1])]})
    leader.send(signal.SIGTERM)
    await leader.ended()
    database = sqlite3.connect(file)
    with database:
        if kind == "damaged":
            database.execute("UPDATE log SET writes = '[]'")
        else:
            database.execute("UPDATE deltamesh_schema SET version = 1000")
    database.close()

    leader.start()

    assert await leader.ended() == 1
    [said] = [line for line in leader.lines if ("journal is damaged" if kind == "damaged" else "newer Deltamesh") in line]
    assert said.startswith("Error: ")
    assert not any("Traceback" in line for line in leader.lines)
