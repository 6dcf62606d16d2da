"""The reader with a real repository, a real router and a real service."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from click.testing import CliRunner
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.logger import formatEvent, globalLogPublisher

from deltamesh.application.service import Service
from deltamesh.cli.command import main
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError, from_wire
from deltamesh.parameters import service
from deltamesh.parameters.content.branch import state_of
from deltamesh.parameters.content.reading import Reading
from deltamesh.parameters.content.writing import Contents, contents, held_by
from deltamesh.parameters.git.remote import OutOfReach
from deltamesh.parameters.git.repository import Repository
from deltamesh.parameters.reader import reader as reader_module
from deltamesh.parameters.reader.greeting import Greeting
from deltamesh.parameters.reader.reader import Reader
from deltamesh.parameters.reader.record import _contents, _why
from deltamesh.stream import Answer, Delta, decode, encode, join
from deltamesh.values import Values
from tests.mesh.mesh import Inside, pause, reactor, run, until
from tests.parameters.repositories import Repo, made
from tests.parameters.servers import Daemon
from tests.running_router import ROOT
from tests.shared_journal import Store

pytestmark = pytest.mark.mesh

NEVER = 1_000.0
"""Pause between two looks, where something else has to cause them [s]."""

_counter = iter(range(1_000))


class Place:
    """A service, a client that sees what it holds, and readers."""

    def __init__(self, inside: Inside) -> None:
        self.inside = inside
        self.uri = inside.service.uris.prefix
        self.client: Connection = None  # type: ignore[assignment]
        self.deltas: list[dict[str, set[Any]]] = []
        """What was written to the inputs of a reader: for each transaction the keys by input."""
        self.said: list[dict[str, Any]] = []
        """What was published on `S.on_reading`."""
        self._readers: list[Reader] = []

    async def begin(self, journal: Any = None) -> Any:
        leader = await self.inside.lead(journal)
        self.client = await self.inside.connect()
        await self.client.session.subscribe(self._heard, f"{self.uri}.shared")
        await self.client.session.subscribe(lambda **said: self.said.append(said), f"{self.uri}.on_reading")
        return leader

    def _heard(self, *arguments: Any) -> None:
        changed: dict[str, set[Any]] = {}
        for name, key in decode(Delta.from_wire(*arguments).entries):
            changed.setdefault(name, set()).add(key)
        if changed:
            self.deltas.append(changed)

    async def reader(self, place: str | Path, branch: str | None = None, *, poll: float = NEVER, **options: Any) -> Reader:
        """Start one; it works as soon as no other one does."""
        directory, after = options.pop("directory", None), options.pop("after", None)
        repository = Repository(str(place), branch, **({} if directory is None else {"directory": directory}))
        found = Reader(Connection(self.inside.url), self.uri, repository, poll=poll, **options)
        self._readers.append(found)
        if after is not None:
            found._connection.on_join(after)
        found.start()
        return found

    async def held(self) -> Contents:
        """Return what the service holds."""
        texts: list[str] = []
        wire = await self.client.call(f"{self.uri}.shared.snapshot", on_progress=lambda part: texts.append(part["entries"]))
        entries: dict[str, list[Any]] = {}
        for (name, key), values in decode(join([*texts, wire["entries"]])).items():
            entries.setdefault(name, []).append((key, values))
        return held_by(entries)

    async def values(self) -> dict[str, Any]:
        """Return the parameters."""
        return {name: held["value"] for name, held in (await self.held())["values"].items()}

    async def shows(self, expected: Mapping[str, Any]) -> None:
        """Return when the parameters are these."""
        found: dict[str, Any] = {}

        async def looking() -> None:
            nonlocal found
            while (found := await self.values()) != expected:
                await pause()

        try:
            await Deferred.fromCoroutine(looking()).addTimeout(60, reactor)
        except BaseException as error:
            raise AssertionError(f"{found} instead of {expected}") from error

    async def agrees(self, repo: Repo, branch: str = "main", **options: Any) -> None:
        """See that the service holds what a reading from scratch finds."""
        repository = Repository(str(repo.path), branch)
        reading = Reading(repository.load, **options)
        state = state_of([(each, lambda each=each: reading.read(repository.files(each.id))) for each in repository.chain()])  # type: ignore[misc]
        held = dict(await self.held())
        held.pop("reading")

        assert held == contents(state)

    async def stop(self) -> None:
        for each in self._readers:
            await each.stop()


@pytest.fixture
def place(inside: Callable[..., Inside]) -> Any:
    made_here = Place(inside(service(f"com.example.reader{next(_counter)}")))
    yield made_here
    run(made_here.stop())


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return made(tmp_path / "repository.git")


async def written(reader: Reader, commit: str) -> None:
    """Return when the service holds the state of `commit`."""

    def is_written() -> bool:
        return reader.position is not None and reader.state is not None and reader.state.head is not None and reader.state.head.id == commit

    await until(is_written, f"{commit} is written: {reader.facts()}")


async def test_what_is_there_and_each_push_is_written_at_once(place: Place, repo: Repo) -> None:
    """The first time all of it; then only what differs, in one transaction each."""
    repo.commit({"base/payment/limits.yaml": "daily: {eur: 5, usd: 6}\n", "base/fees.json": '{"rate": 1}'}, "Begin.")
    await place.begin()
    reader = await place.reader(repo.path)
    first = repo.head()
    await written(reader, first)

    assert await place.values() == {"payment.limits.daily.eur": 5, "payment.limits.daily.usd": 6, "fees.rate": 1}
    held = await place.held()
    assert held["reading"][None] == {
        "repository": str(repo.path),
        "branch": "main",
        "environment": None,
        "region": None,
        "head": first,
        "good": first,
        "number": 0,
        "layers": ("base",),
        "files": 2,
        "parameters": 3,
    }
    await place.agrees(repo)
    assert len(place.deltas) == 1
    second = repo.commit({"base/payment/limits.yaml": "daily: {eur: 7, usd: 6}\n"}, "Raise.")
    await written(reader, second)
    await until(lambda: len(place.deltas) == 2)
    assert place.deltas[1] == {
        "values": {"payment.limits.daily.eur"},
        "changes": {("payment.limits.daily.eur", 1)},
        "commits": {1},
        "reading": {None},
    }
    await place.agrees(repo)


async def test_layers_are_those_of_environment_and_region(place: Place, repo: Repo) -> None:
    files = {"base/a.json": '{"x": 1, "y": 1, "z": 1}', "environments/live/a.json": '{"y": 2, "z": 2}', "regions/eu/a.json": '{"z": 3}'}
    head = repo.commit(files)
    await place.begin()
    await written(await place.reader(repo.path, environment="live", region="eu"), head)

    assert await place.values() == {"a.x": 1, "a.y": 2, "a.z": 3}
    reading = (await place.held())["reading"][None]
    assert (reading["environment"], reading["region"], reading["layers"]) == ("live", "eu", ("base", "environment", "region"))


async def test_a_bad_commit_changes_nothing_and_is_told_until_it_is_fixed(place: Place, repo: Repo) -> None:
    good = repo.commit({"base/a.json": '{"x": 1}'})
    await place.begin()
    reader = await place.reader(repo.path)
    await written(reader, good)
    bad = repo.commit({"base/a.json": '{\n  "x": 2,\n}'}, author="Bob <bob@b.org>")
    await written(reader, bad)

    held = await place.held()
    problem = held["problems"][0]
    assert (problem["commit"], problem["file"], problem["line"], problem["author"]) == (bad, "base/a.json", 3, "Bob <bob@b.org>")
    assert (held["reading"][None]["head"], held["reading"][None]["good"]) == (bad, good)
    assert held["values"]["a.x"]["value"] == 1
    facts = reader.facts()
    assert (facts["head"], facts["good"], facts["is_current"]) == (bad, good, True)
    assert facts["problem"] == f"commit {bad[:12]} by Bob <bob@b.org> is not good: 1 problem"
    fixed = repo.commit({"base/a.json": '{"x": 3}'})
    await written(reader, fixed)
    assert ((await place.held())["problems"], reader.facts()["problem"]) == ({}, None)
    await place.shows({"a.x": 3})
    await place.agrees(repo)


async def test_every_kind_of_move_of_the_branch(place: Place, repo: Repo) -> None:
    ids = [repo.commit({"base/a.json": f'{{"x": {number}, "y": 1}}'}) for number in range(3)]
    await place.begin()
    reader = await place.reader(repo.path)
    await written(reader, ids[-1])

    async def after(commit: str) -> None:
        await written(reader, commit)
        await place.agrees(repo)

    repo.force(ids[0])  # back
    await after(ids[0])
    repo.force(repo.commit({"base/b.toml": "z = 1"}, branch="aside", parents=[ids[1]]))  # aside
    await after(repo.head())
    await after(repo.commit({"base/b.toml": None, "base/renamed/b.toml": "z = 1"}))  # renamed
    await after(repo.commit({"base/a.json": None}))  # removed
    await after(repo.commit({"other.json": "[1]"}, parents=[]))  # another history
    repo.pack()
    await after(repo.commit({"other.json": "[2]"}))
    assert await place.values() == {"other": (2,)}


async def test_head_is_followed_to_another_branch(place: Place, repo: Repo) -> None:
    repo.commit({"base/a.json": "1"})
    other = repo.commit({"base/a.json": "2"}, branch="deep/other")
    await place.begin()
    reader = await place.reader(repo.path)
    await place.shows({"a": 1})
    repo.switch("deep/other")
    await written(reader, other)

    assert (await place.held())["reading"][None]["branch"] == "deep/other"
    await written(reader, repo.commit({"base/a.json": "3"}, branch="deep/other"))
    await place.shows({"a": 3})


async def test_the_same_commit_on_another_branch_is_told(place: Place, repo: Repo) -> None:
    head = repo.commit({"base/a.json": "1"})
    await place.begin()
    await written(await place.reader(repo.path), head)
    repo.force(head, branch="other")
    repo.switch("other")
    held = await place.held()
    while held["reading"][None]["branch"] != "other":
        await pause()
        held = await place.held()

    assert held["values"]["a"]["value"] == 1


async def test_a_repository_that_is_not_there_yet_or_goes_away(place: Place, tmp_path: Path, repo: Repo) -> None:
    """What was read is kept, and it is said that it may be old."""
    path = tmp_path / "later.git"
    await place.begin()
    reader = await place.reader(path, poll=0.2)
    await until(lambda: any(each["problem"] for each in place.said))
    assert place.said[-1] == {
        "head": None,
        "good": None,
        "number": None,
        "is_current": False,
        "problem": "Repository not found at later.git",
    }
    assert reader.problem == f"Repository not found at {path}"
    with pytest.raises(OutOfReach):
        await reader.look()
    repository = made(path)
    await until(lambda: "there is no branch main" in str(reader.facts()["problem"]))
    first = repository.commit({"base/a.json": "1"})
    await written(reader, first)
    assert reader.is_current
    assert reader.facts() == {"head": first, "good": first, "number": 0, "is_current": True, "problem": None}
    for go, come in (
        (lambda: path.rename(tmp_path / "away"), lambda: (tmp_path / "away").rename(path)),
        (lambda: repository.delete("main"), lambda: repository.force(first)),
    ):
        go()
        await until(lambda: not reader.is_current)
        assert reader.facts()["head"] == first
        await place.shows({"a": 1})
        come()
        await until(lambda: reader.is_current)
    shutil.rmtree(path)
    await until(lambda: not reader.is_current)
    another = made(path).commit({"base/b.json": "2"})
    await written(reader, another)
    await place.shows({"b": 2})


async def test_a_commit_of_which_something_is_missing_is_not_good_until_it_is_there(place: Place, repo: Repo) -> None:
    await place.begin()
    first = repo.commit({"base/a.json": "1"})
    reader = await place.reader(repo.path, poll=0.2)
    await written(reader, first)
    second = repo.commit({"base/a.json": "2"}, branch="aside", parents=[first])
    blob = str(repo.git[second].tree["base/a.json"].id)
    file = repo.path / "objects" / blob[:2] / blob[2:]
    file.rename(repo.path / "kept")
    repo.force(second)
    await written(reader, second)

    assert reader.facts()["good"] == first
    assert reader.facts()["problem"] == f"commit {second[:12]} by Ada <ada@example.com> is not good: 1 problem"
    assert [blob in problem["reason"] for problem in (await place.held())["problems"].values()] == [True]
    await place.shows({"a": 1})
    (repo.path / "kept").rename(file)
    await place.shows({"a": 2})
    await until(lambda: reader.facts()["good"] == second)
    await place.agrees(repo)


@pytest.mark.parametrize("what", ["blob", "tree", "deep"])
async def test_a_commit_that_cannot_be_read_is_healed_by_the_next_good_one(place: Place, repo: Repo, what: str) -> None:
    """Also by one before it: whoever starts later finds older values."""
    await place.begin()
    first = repo.commit({"base/a.json": "1"})
    bad = repo.commit({f"base/{'x/' * 65}y": "1"} if what == "deep" else {"base/a.json": "2"})
    last = repo.commit({f"base/{'x/' * 65}y": None, "base/a.json": "3"} if what == "deep" else {"base/a.json": "3"})
    if what != "deep":
        missing = str(repo.git[bad].tree["base/a.json" if what == "blob" else "base"].id)
        (repo.path / "objects" / missing[:2] / missing[2:]).unlink()
    repo.force(bad)
    reader = await place.reader(repo.path)
    await written(reader, bad)
    await place.shows({"a": 1})
    assert [each["commit"] for each in (await place.held())["problems"].values()] == [bad]
    repo.force(last)
    await written(reader, last)
    await place.shows({"a": 3})

    assert reader.facts() == {"head": last, "good": last, "number": 2, "is_current": True, "problem": None}
    assert {each["commit"]: each["good"] for each in (await place.held())["commits"].values()} == {first: True, bad: False, last: True}


async def test_values_stay_if_no_commit_can_be_read(place: Place, repo: Repo) -> None:
    await place.begin()
    head = repo.commit({"base/a.json": "1"})
    await written(await place.reader(repo.path), head)
    other = repo.commit({"base/a.json": "2"}, parents=[], branch="aside")
    blob = str(repo.git[other].tree["base/a.json"].id)
    (repo.path / "objects" / blob[:2] / blob[2:]).unlink()
    repo.force(other)
    await until(lambda: "cannot be read" in str(place.said[-1]["problem"]))

    assert not place.said[-1]["is_current"]
    assert str(repo.path.parent) not in place.said[-1]["problem"]
    assert await place.values() == {"a": 1}


async def test_after_an_outage_old_values_are_not_current(place: Place, repo: Repo) -> None:
    repo.commit({"base/a.json": "1"})
    other = repo.commit({"base/a.json": "2"}, branch="other")
    await place.begin()
    reader = await place.reader(repo.path, poll=0.2)
    await place.shows({"a": 1})
    await until(lambda: reader.is_current)
    head = (repo.path / "HEAD").read_text()
    (repo.path / "HEAD").write_text("garbage")
    await until(lambda: not reader.is_current)
    seen: list[bool] = []
    write = reader._record.write

    async def writing(contents: Contents) -> Any:
        seen.append(reader.is_current)
        return await write(contents)

    reader._record.write = writing  # type: ignore[method-assign]
    (repo.path / "HEAD").write_text(head.replace("main", "other"))
    await written(reader, other)

    assert seen[0] is False
    assert reader.is_current


@pytest.mark.parametrize("is_kept", [True, False], ids=["journal kept", "journal lost"])
async def test_a_service_that_is_away_gets_all_of_it_when_it_is_back(place: Place, repo: Repo, is_kept: bool) -> None:
    store = Store("kept")
    leader = await place.begin(store.open())
    reader = await place.reader(repo.path)
    await written(reader, repo.commit({"base/a.json": '{"x": 1}', "base/b.json": "1"}))
    await leader.stop()
    last = [repo.commit({"base/a.json": f'{{"x": {number}}}'}) for number in (2, 3)][-1]
    await until(lambda: reader.facts()["head"] == last or reader.num_looks > 2)
    await until(lambda: not reader.is_current and place.said[-1]["problem"], "it is said that it is not written, and why")
    assert place.said[-1]["problem"] == f"nobody leads {place.uri} now: what was read is written when somebody does"

    place.inside._components.remove(leader)
    await place.inside.lead((store if is_kept else Store("another")).open())
    await written(reader, last)
    assert reader.is_current
    assert reader.facts()["problem"] is None
    await place.agrees(repo)


@pytest.mark.parametrize(
    ("uri", "is_leaderless"),
    [
        ("wamp.error.no_such_procedure", True),
        ("wamp.error.no_available_callee", True),
        ("wamp.error.canceled", True),
        ("deltamesh.error.no_callee", True),
        ("deltamesh.error.queue_full", False),
        ("deltamesh.error.journal_full", False),
    ],
)
def test_that_nobody_leads_is_told_in_words_and_other_errors_as_they_are(uri: str, is_leaderless: bool) -> None:
    error = from_wire(uri, ["com.example.shop.write: why"], {})

    assert _why(error, "com.example.shop").startswith("nobody leads com.example.shop now: ") is is_leaderless
    assert (_why(error, "com.example.shop") == error.message) is not is_leaderless


async def test_a_service_that_has_lost_something_is_mended_without_a_push(place: Place, repo: Repo) -> None:
    """It came back with another history, and nothing has happened in the repository. Before that it is said that it may be wrong."""
    leader = await place.begin(Store("one").open())
    reader = await place.reader(repo.path)
    await written(reader, repo.commit({"base/a.json": "1"}))
    await until(lambda: place.said and place.said[-1]["is_current"])
    events: list[tuple[str, Any]] = []  # what is said of the service, and of the reading, in the order in which it comes
    await place.client.session.subscribe(lambda epoch, *_: events.append(("epoch", epoch)), f"{place.uri}.shared")
    await place.client.session.subscribe(lambda **said: events.append(("current", said["is_current"])), f"{place.uri}.on_reading")
    await leader.stop()
    before = len(events)
    place.inside._components.remove(leader)
    await place.inside.lead(Store("two").open())
    await place.shows({"a": 1})
    await until(lambda: reader.is_current)

    await place.agrees(repo)
    since = events.index(("epoch", "two"), before)
    assert ("current", False) in events[since:]
    await until(lambda: events[-1] == ("current", True))


async def test_a_reader_that_starts_again_writes_only_what_differs(place: Place, repo: Repo) -> None:
    """Whether the service is behind, ahead, or where the branch is."""
    ids = [repo.commit({"base/a.json": f'{{"x": {number}, "y": 0}}'}) for number in range(4)]
    await place.begin()
    for target, changed in ((ids[1], {"a.x", "a.y"}), (ids[1], None), (ids[3], {"a.x"}), (ids[2], {"a.x"})):
        repo.force(target)
        place.deltas.clear()
        reader = await place.reader(repo.path)
        await written(reader, target)
        await place.agrees(repo)
        await reader.stop()

        if changed is None:
            assert place.deltas == []
        else:
            await until(lambda: len(place.deltas) == 1)
            assert place.deltas[0]["values"] == changed


async def test_a_second_reader_stands_by_until_the_first_is_gone(place: Place, repo: Repo) -> None:
    repo.commit({"base/a.json": "1"})
    await place.begin()
    first = await place.reader(repo.path)
    await place.shows({"a": 1})
    after: list[bool] = []

    async def also(_: Connection) -> None:
        after.append(second.is_active)

    second = await place.reader(repo.path, after=also)
    await until(lambda: second.readiness() == ["another reader works"] and second._has_waited)
    head = repo.commit({"base/a.json": "2"})
    await written(first, head)

    assert (first.is_active, second.is_active, second.num_reads) == (True, False, 0)
    await second.asked()  # passes it on
    second._connection.session.disconnect()  # which ends nothing of the first, and begins nothing beside the second
    await until(lambda: second._connection.num_joined == 2 and second._connection.session is not None)
    await first.stop()
    await written(second, head)
    await written(second, repo.commit({"base/a.json": "3"}))
    await place.shows({"a": 3})
    assert after == [True]


async def test_who_stands_by_says_if_it_could_not_take_over(place: Place, repo: Repo, tmp_path: Path) -> None:
    """Another path, another branch, a server that is away; the one that works goes on, with the mirror that it shares with another one."""
    repo.commit({"base/a.json": "1"})
    await place.begin()
    said: list[str] = []
    globalLogPublisher.addObserver(observe := lambda event: said.append(formatEvent(event)))  # type: ignore[arg-type]
    with Daemon(tmp_path) as server:
        url = f"{server.url}/repository.git"
        first = await place.reader(url, "main", directory=tmp_path / "mirrors")
        await place.shows({"a": 1})
        fit = await place.reader(url, "main", directory=tmp_path / "mirrors")
        await until(lambda: fit._has_waited)
        await fit.in_thread(lambda: None)  # it has looked
        for where, branch, problem in (
            (tmp_path / "nowhere", None, f"Repository not found at {tmp_path}/nowhere"),
            (repo.path, "other", f"{repo.path} has nothing to read: there is no branch other"),
            (url, "other", f"{url} has nothing to read: there is no branch other"),
            (f"{server.url}/nowhere", None, f"{server.url}/nowhere cannot be reached"),
        ):
            reader = await place.reader(where, branch, directory=tmp_path / "mirrors")
            await until(lambda problem=problem: any(problem in each for each in said), problem)  # type: ignore[misc]
            assert reader.readiness() == ["another reader works"]
        await first.asked()
    globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]

    unfit = [each for each in said if each.startswith("this reader could not take over: ")]
    assert len(unfit) == 4
    assert all("; start it with another repository or branch, or mend that" in each for each in unfit)
    assert first.is_current
    assert list((tmp_path / "mirrors").iterdir()) == [first.repository.path]


async def test_a_lost_session_is_no_loss(place: Place, repo: Repo) -> None:
    await place.begin()
    reader = await place.reader(repo.path)
    await written(reader, repo.commit({"base/a.json": "0"}))
    for number in range(1, 4):
        reader._connection.session.disconnect()
        head = repo.commit({"base/a.json": str(number)})
        await written(reader, head)
        await place.agrees(repo)

    assert reader._connection.num_joined == 4


async def test_commits_while_another_one_is_read_are_all_told(place: Place, repo: Repo) -> None:
    """One look is under way at a time; what happens meanwhile is one more."""
    repo.commit({"base/a.json": "0"})
    await place.begin()
    reader = await place.reader(repo.path)
    await place.shows({"a": 0})
    for number in range(1, 31):
        repo.commit({"base/a.json": str(number)})
        await pause(0)
    await written(reader, repo.head())

    await place.agrees(repo)
    assert len((await place.held())["commits"]) == 31
    assert reader.num_reads <= 31
    before = reader.num_looks
    await Deferred.fromCoroutine(_all([reader.look() for _ in range(10)]))
    assert reader.num_looks == before + 2  # one was under way when the others were asked for


async def test_who_begins_to_listen_hears_at_once_how_the_reading_is(place: Place, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nobody else, and nothing of a reader that stands by."""
    head = repo.commit({"base/a.json": "1"})
    await place.begin()
    readers = [await place.reader(repo.path)]
    await written(readers[0], head)
    await until(lambda: readers[0].is_current and place.said[-1:] == [readers[0].facts()])
    monkeypatch.setattr(reader_module, "TICK", NEVER)
    readers[0]._ticking.stop()
    readers.append(await place.reader(repo.path))
    for each in readers:
        connection = await place.inside.connect()
        greeting = Greeting(connection, f"{place.uri}.on_reading", each.greet)
        connection.session.disconnect()  # it begins to listen with the next session
        await until(lambda greeting=greeting: greeting._subscription is not None)  # type: ignore[misc]
    place.said.clear()

    heard: list[dict[str, Any]] = []
    client = await place.inside.connect()
    for _ in range(2):
        subscription = await client.session.subscribe(lambda **said: heard.append(said), f"{place.uri}.on_reading")
        await until(lambda: len(heard) > 0)
        assert [heard.pop()] == [readers[0].facts()]
        await subscription.unsubscribe()
    assert place.said == heard == []


async def test_looks_end_when_the_reader_leaves(place: Place, repo: Repo) -> None:
    """The first is in the thread, the other one is to follow it, when nothing more may."""
    repo.commit({"base/a.json": "0"})
    await place.begin()
    reader = await place.reader(repo.path)
    await place.shows({"a": 0})
    is_left = Event()
    held = reader.in_thread(is_left.wait)
    looks = [reader.look() for _ in range(2)]
    await reader.stop()
    is_left.set()
    await held
    for each in looks:
        with pytest.raises((OutOfReach, DeltameshError)):
            await each.addTimeout(30, reactor)


async def _all(looks: list[Any]) -> None:
    for each in looks:
        await each


async def test_how_the_reading_is_can_be_asked_and_is_published(place: Place, repo: Repo) -> None:
    head = repo.commit({"base/a.json": "1"})
    await place.begin()
    reader = await place.reader(repo.path)
    await written(reader, head)
    expected = {"head": head, "good": head, "number": 0, "is_current": True, "problem": None}

    assert await place.client.call(f"{place.uri}.repository.reader") == expected
    place.said.clear()
    await until(lambda: len(place.said) == 2)
    assert place.said == [expected, expected]


async def test_a_large_history_is_written_in_parts(place: Place, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """History first; the parameters together, in the last part."""
    import functools

    from deltamesh.parameters.content import writing
    from deltamesh.parameters.reader import record

    monkeypatch.setattr(record, "in_parts", functools.partial(writing.in_parts, max_entries=10))
    for number in range(30):
        repo.commit({"base/a.json": f'{{"x": {number}}}', f"base/{number}.json": "1"})
    await place.begin()
    reader = await place.reader(repo.path)
    await written(reader, repo.head())

    await place.agrees(repo)
    assert len(place.deltas) > 5
    assert [("values" in each, "reading" in each) for each in place.deltas] == [(False, False)] * (len(place.deltas) - 1) + [(True, True)]


async def test_a_remote_repository_is_read_when_somebody_says_so(place: Place, repo: Repo, tmp_path: Path) -> None:
    repo.commit({"base/a.json": "1"})
    await place.begin()
    with Daemon(tmp_path) as server:
        reader = await place.reader(f"{server.url}/repository.git", directory=tmp_path / "mirrors")
        await place.shows({"a": 1})
        head = repo.commit({"base/a.json": "2"})
        await reader.asked()
        await written(reader, head)
        for pack in reader.repository.path.rglob("*.pack"):  # the mirror is damaged: it is made anew
            pack.chmod(0o600)
            pack.write_bytes(b"no pack")
        head = repo.commit({"base/a.json": "3", "base/b.json": "1"})
        await reader.asked()
        await written(reader, head)
        await place.agrees(repo)
        server.stop()
        with pytest.raises(OutOfReach):
            await reader.asked()
        assert not reader.is_current
        await place.shows({"a": 3, "b": 1})
        server.start()
        await reader.asked()
        assert reader.is_current


async def test_a_service_that_refuses_is_told_and_tried_again(inside: Callable[..., Inside], repo: Repo) -> None:
    """It is another one, without the inputs."""
    place = Place(inside(Service(f"com.example.reader{next(_counter)}")))
    repo.commit({"base/a.json": "1"})
    await place.begin()
    reader = await place.reader(repo.path)
    try:
        await until(lambda: "input" in str(reader.problem))
        looks = reader.num_looks
        await until(lambda: reader.num_looks > looks, "it is tried again")

        assert not reader.is_current
        assert reader.readiness() == [reader.problem]
        assert place.said[-1]["problem"] == reader.problem
    finally:
        await place.stop()


def test_what_a_service_says_that_has_changed_is_taken_in() -> None:
    known = held_by({"values": [("a", [1]), ("b", [2])], "commits": [(0, [{"good": True}])], "reading": [(None, [{"head": "x"}])]})
    entries = [
        (("values", "a"), []),
        (("values", "c"), [3]),
        (("values", "gone"), []),
        (("holders", 7), [{}]),
        (("reading", None), [{"head": "y"}]),
    ]
    changed = Answer("epoch", 4, 5, encode([(key, Values(values)) for key, values in entries]))
    expected = held_by({"values": [("b", [2]), ("c", [3])], "commits": [(0, [{"good": True}])], "reading": [(None, [{"head": "y"}])]})

    assert _contents(changed, known) == expected
    assert _contents(Answer("epoch", None, 5, changed.entries), known) == held_by(
        {"values": [("c", [3])], "reading": [(None, [{"head": "y"}])]}
    )


@asynccontextmanager
async def process(place: Place, *arguments: str, **environment: str) -> AsyncIterator[tuple[subprocess.Popen[str], list[str]]]:
    """Run `deltamesh parameters reader`; yield it when it is ready, and what it has printed."""
    command = [sys.executable, "-m", "deltamesh", "--router", place.inside.url, "parameters", "reader", place.uri, *arguments]
    given = {**os.environ, "PYTHONPATH": str(ROOT / "components"), **environment}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    running = await deferToThread(subprocess.Popen, command, env=given, text=True, **pipes)
    assert running.stdout is not None
    lines: list[str] = []

    def until_ready() -> None:
        assert running.stdout is not None
        for line in running.stdout:
            lines.append(line.strip())
            if line.endswith(": ready\n"):
                return

    try:
        await deferToThread(until_ready)
        yield running, lines
    finally:
        running.kill()
        running.wait(60)
        running.stdout.close()


async def test_the_command_follows_listens_and_leaves_in_order(place: Place, repo: Repo) -> None:
    import http.client

    from tests.parameters.test_webhook import SECRET, body, gitlab

    repo.commit({"base/a.json": "1"})
    await place.begin()
    arguments = (str(repo.path), "--branch", "main", "--poll", "1000", "--webhook", "127.0.0.1:0", "--health", "127.0.0.1:0")
    async with process(place, *arguments, DELTAMESH_WEBHOOK_SECRET=SECRET) as (running, lines):
        await place.shows({"a": 1})
        repo.commit({"base/a.json": "2"})
        await place.shows({"a": 2})
        hook = next(line.rpartition("http://")[2].partition("/")[0] for line in lines if "web hook at" in line)

        def call() -> int:
            connection = http.client.HTTPConnection(hook, timeout=30)
            connection.request("POST", "/webhook", body(), gitlab(b""))
            return connection.getresponse().status

        assert await deferToThread(call) == 202
        running.send_signal(signal.SIGTERM)
        assert await deferToThread(running.wait, 60) == 0
    assert await place.client.call("wamp.registration.match", f"{place.uri}.repository.reader") is None


def test_the_command_is_told_by_arguments_or_by_variables() -> None:
    def asked(*arguments: str, **environment: str) -> str:
        given = {f"DELTAMESH_PARAMETERS{name}": value for name, value in environment.items()}
        answer = CliRunner().invoke(main, ["parameters", "reader", "com.example.nothing", *arguments], env=given)
        assert answer.exit_code != 0
        return " ".join(answer.output.split())

    assert "set DELTAMESH_PARAMETERS to it" in asked()
    assert "set DELTAMESH_PARAMETERS to it" in asked(**{"": ""})
    assert "leave it out, and name a file" in asked(**{"": "https://ada:geheim@host/p"})
    assert "cannot be followed" in asked("ftp://host/p", **{"": "https://ada:geheim@host/p"})  # arguments go first
    for name in ("_ENVIRONMENT", "_REGION"):
        assert "names no folder" in asked("/nowhere", **{name: "../x"})
    assert "cannot be the name of a branch" in asked("/nowhere", _BRANCH="a b", _REGION="")


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["ftp://host/p"], "cannot be followed"),
        (["https://ada:geheim@host/p"], "leave it out, and name a file that has it with --git-token-file"),
        (["/nowhere", "--branch", "a b"], "cannot be the name of a branch"),
        (["/nowhere", "--webhook", "127.0.0.1:0"], "a web hook needs a secret"),
        (["/nowhere", "--environment", "../x"], "names no folder"),
        (["/nowhere", "--git-token-file", "/nowhere"], "cannot be read"),
        (["/nowhere", "--poll", "0"], "--poll"),
    ],
)
def test_a_command_that_cannot_work_says_why(arguments: list[str], why: str) -> None:
    answer = CliRunner().invoke(main, ["parameters", "reader", "com.example.nothing", *arguments], env={"DELTAMESH_WEBHOOK_SECRET": ""})

    assert answer.exit_code != 0
    assert why in " ".join(answer.output.split())
    assert "geheim" not in answer.output
