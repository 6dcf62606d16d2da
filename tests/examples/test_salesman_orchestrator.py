"""The orchestrator as a process on a real mesh, with a real worker, and with one that lies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from random import Random
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.errors import ApplicationError, DeltameshError
from examples.salesman.landscape import Landscape
from examples.salesman.problem import Problem
from tests.mesh.mesh import TIMEOUT, pause, run, until
from tests.running_router import ROOT, RunningRouter

pytestmark = pytest.mark.mesh

S = "com.example.salesman"
NUMBERS = Random(5)
CITIES = [[NUMBERS.randrange(1000), NUMBERS.randrange(1000)] for _ in range(60)]
PROBLEM = {"name": "random60", "kind": "EUC_2D", "cities": CITIES}
LANDSCAPE = Landscape(Problem.from_json(PROBLEM))

ORCHESTRATOR = "examples.salesman.orchestrator"

Start = Callable[..., subprocess.Popen[bytes]]


class Farming(Mesh):
    """A client of the service, and the process of its orchestrator."""

    def __init__(self, connection: Connection, orchestrator: subprocess.Popen[bytes]) -> None:
        super().__init__(connection, S)
        self.orchestrator = orchestrator


@pytest.fixture(scope="module")
def start(router: RunningRouter) -> Iterator[Start]:
    """`start("deltamesh", "worker", …)` starts a component as a process."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(module: str, *arguments: str, said: Path | None = None) -> subprocess.Popen[bytes]:
        paths = [str(ROOT / "components"), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "DELTAMESH_ROUTER": f"unix:{router.unix_path}"}
        with said.open("wb") if said else nullcontext() as stderr:
            command = [sys.executable, "-m", module, *arguments]
            started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stderr=stderr))
        return started[-1]

    yield begin
    for each in started:
        each.kill()
        each.wait(TIMEOUT)


@pytest.fixture(scope="module")
def mesh(router: RunningRouter, start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farming]:
    """A client of a service that is there, with its orchestrator."""
    start("deltamesh", "leader", "examples.salesman:app", "--journal", "memory:")
    start("deltamesh", "follower", "examples.salesman:app")
    said = tmp_path_factory.mktemp("orchestrator") / "said"
    orchestrator = start(ORCHESTRATOR, said=said)
    connection = Connection(f"unix:{router.unix_path}")

    async def join() -> None:
        connection.start()
        await connection.joined()
        await until_orchestrated(connection)

    run(join())
    yield Farming(connection, orchestrator)
    run(connection.stop())
    complaints = [line for line in said.read_text().splitlines() if "error:" in line or "Traceback" in line]
    assert complaints == []


@pytest.fixture(scope="module")
def worker(mesh: Mesh, start: Start) -> subprocess.Popen[bytes]:
    """A worker that takes one unit at a time."""
    begun = start("deltamesh", "worker", "examples.salesman", "--cores", "1", "--name", "honest")

    async def there() -> None:
        live = await mesh.live("workers")
        await until(lambda: [values.one()["name"] for _, values in live.entries()] == ["honest"])
        live.close()

    run(there())
    return begun


async def until_orchestrated(connection: Connection) -> None:
    while True:
        try:
            await connection.call(f"{S}.problem", "x")
        except DeltameshError as error:
            if error.uri == f"{S}.error.no_such_problem":
                return
        await pause()


async def solve(mesh: Mesh, budget: float = 0.6, problem: Any = PROBLEM, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the result and the progressive results."""
    told: list[dict[str, Any]] = []
    result = await mesh.connection.call(f"{S}.solve", problem, budget, options, on_progress=told.append)
    for each in (*told, result):
        tour = json.loads(each["tour"])
        assert sorted(tour) == list(range(len(CITIES)))
        assert LANDSCAPE.length(tour) == each["length"]
    lengths = [each["length"] for each in (*told, result)]
    assert lengths == sorted(lengths, reverse=True)
    return result, told


async def shown(mesh: Mesh, id: str, is_so: Callable[[Any], bool]) -> Any:
    """Return what is shown of a search, as soon as it is so."""
    live = await mesh.live("search", {"id": id})
    await until(lambda: live.values_of(id) and is_so(live.values_of(id).one()), f"what is shown of {id}: {live.entries()}")
    found = live.values_of(id).one()
    live.close()
    return found


def test_without_workers_the_first_tour_is_improved(mesh):
    result, _ = run(solve(mesh))
    assert (result["state"], result["units"], result["workers"]) == ("done", 0, 0)
    assert result["length"] < result["start"]


def test_a_search_is_told_and_shown(mesh, worker):
    async def scenario():
        result, told = await solve(mesh, 1.0)
        found = await shown(mesh, result["search"], lambda search: search["state"] == "done")
        route = (await mesh.read("route", {"search": result["search"]}))[0][1].one()
        points = [values.one() for _, values in await mesh.read("progress", {"search": result["search"]})]
        await until_accepted(mesh)
        return result, told, found, route, points

    result, told, found, route, points = run(scenario())
    assert told[0]["search"] == result["search"]
    assert result["units"] > 0
    assert (result["workers"], result["refused"], result["optimum"]) == (1, 0, None)
    assert {name: found[name] for name in ("length", "routes", "units")} == {name: result[name] for name in ("length", "routes", "units")}
    assert (route["tour"], route["length"]) == (result["tour"], result["length"])
    assert (points[0][1], points[-1][1]) == (result["start"], result["length"])


async def until_accepted(mesh):
    live = await mesh.live("workers")
    await until(lambda: any(values.one()["accepted"] > 0 for _, values in live.entries()))
    live.close()


def test_the_same_seed_and_rounds_give_the_same_route(mesh, worker):
    first, _ = run(solve(mesh, 30.0, seed=4, rounds=2))
    second, _ = run(solve(mesh, 30.0, seed=4, rounds=2))
    assert (first["units"], first["tour"]) == (2, second["tour"])
    assert first["seconds"] < 30


def test_two_searches_share_the_worker(mesh, worker):
    async def scenario():
        both = [Deferred.fromCoroutine(solve(mesh, 1.5, seed=seed)) for seed in (1, 2)]
        return [(await each)[0] for each in both]

    first, second = run(scenario())
    assert first["search"] != second["search"]
    assert first["units"] > 0
    assert second["units"] > 0


def test_a_cancelled_search_ends(mesh, worker):
    async def scenario():
        told = []
        call = Deferred.fromCoroutine(mesh.connection.call(f"{S}.solve", PROBLEM, 60.0, on_progress=told.append))
        outcome = []
        call.addBoth(outcome.append)
        await until(lambda: told)
        call.cancel()
        await until(lambda: outcome)
        assert outcome[0].check(CancelledError, DeltameshError)
        await shown(mesh, told[0]["search"], lambda search: search["state"] == "cancelled")

    run(scenario())


def test_searches_that_are_cancelled_together_end_quietly(mesh, worker):
    async def scenario():
        told, ended = [], []
        calls = [Deferred.fromCoroutine(mesh.connection.call(f"{S}.solve", PROBLEM, 60.0, on_progress=told.append)) for _ in range(4)]
        for call in calls:
            call.addBoth(ended.append)
        await until(lambda: len({each["search"] for each in told}) == 4)
        for call in calls:
            call.cancel()
        await until(lambda: len(ended) == 4)
        for id in {each["search"] for each in told}:
            await shown(mesh, id, lambda search: search["state"] == "cancelled")

    run(scenario())


def test_who_tells_a_load_but_takes_no_units_is_not_shown(mesh, worker, router):
    async def scenario():
        stranger = Connection(router.ws_url)
        stranger.start()
        await stranger.joined()
        load = {"name": "boaster", "kind": "browser", "host": "x", "concurrency": 8, "busy": 0, "cpu": None, "routes": 1e9, "units": 9}
        live = await mesh.live("workers")
        for _ in range(2):
            before = live.values_of(live.entries()[0][0]).one()
            stranger.session.publish(f"{S}.on_load", **load)
            await until(lambda before=before: live.values_of(live.entries()[0][0]).one() != before)
            assert [values.one()["name"] for _, values in live.entries()] == ["honest"]
            await solve(mesh, 0.3)
        live.close()
        await stranger.stop()

    run(scenario())


@pytest.mark.parametrize(
    "arguments, name",
    [
        ((PROBLEM, 10**400), "bad_budget"),
        (({"world": -(10**400)}, 1.0), "bad_problem"),
        ((7, 1.0), "bad_problem"),
        (({"name": "atlantis"}, 1.0), "no_such_instance"),
        (({**PROBLEM, "cities": CITIES[:2]}, 1.0), "bad_problem"),
        ((PROBLEM, 0.01), "bad_budget"),
        ((PROBLEM, 1.0, {"colour": 1}), "bad_options"),
    ],
)
def test_what_cannot_be_searched_is_refused(mesh, arguments, name):
    async def scenario():
        with pytest.raises(DeltameshError) as caught:
            await mesh.connection.call(f"{S}.solve", *arguments)
        return caught.value

    assert run(scenario()).uri == f"{S}.error.{name}"


def test_one_caller_has_so_many_searches_at_most_and_its_end_ends_them(mesh, worker, router):
    async def scenario():
        browser = Connection(router.ws_url)
        browser.start()
        await browser.joined()
        told = []
        calls = [Deferred.fromCoroutine(browser.call(f"{S}.solve", PROBLEM, 60.0, on_progress=told.append)) for _ in range(4)]
        for call in calls:
            call.addErrback(lambda failure: failure.trap(DeltameshError, CancelledError))
        await until(lambda: len({each["search"] for each in told}) == 4)
        with pytest.raises(DeltameshError) as caught:
            await browser.call(f"{S}.solve", PROBLEM, 1.0)
        assert (caught.value.uri, caught.value.retry) == (f"{S}.error.too_many_searches", True)
        await browser.stop()
        for id in {each["search"] for each in told}:
            await shown(mesh, id, lambda search: search["state"] == "cancelled")

    run(scenario())


def test_a_browser_may_work_but_not_hand_out_work_or_write(mesh, router):
    async def scenario():
        browser = Connection(router.ws_url)
        browser.start()
        await browser.joined()
        refused = []
        for procedure in ("anneal", "write", "shared.snapshot"):
            with pytest.raises(DeltameshError) as caught:
                await browser.call(f"{S}.{procedure}")
            refused.append(caught.value.uri)
        with pytest.raises(DeltameshError):
            await browser.topics.add(f"{S}.on_load", print)
        with pytest.raises(Exception, match="not_authorized"):
            await browser.session.register(print, f"{S}.solve")
        await browser.stop()
        return refused

    assert run(scenario()) == ["wamp.error.not_authorized"] * 3


def right(unit, **changes):
    """Return a right answer but for the length, made without any work."""
    text = unit["tour"]
    return {"current": text, "best": text, "length": 1, "routes": 10, "steps": unit["steps"], "seconds": 0.0, "worker": "liar", **changes}


def refuse(unit):
    raise ApplicationError("wamp.error.no_such_procedure", "there is no worker")


@pytest.mark.parametrize("lied", [right, lambda unit: right(unit, seconds=10**400), refuse], ids=["length", "number", "refusal"])
def test_a_worker_that_lies_changes_nothing_and_is_sent_away(mesh, worker, router, lied):
    async def scenario():
        liar = Connection(router.ws_url)
        lost, asked = [], []

        async def lie(details, **unit):
            asked.append(unit)
            return lied(unit)

        async def join(connection):
            if not lost:
                await connection.register(f"{S}.anneal", lie, invoke="roundrobin", concurrency=8)

        liar.on_join(join)
        liar.on_lost(lambda: lost.append(True))
        liar.start()
        await liar.joined()
        load = {"name": "liar", "kind": "browser", "host": "x", "concurrency": 8, "busy": 0, "cpu": None, "routes": 1e9, "units": 9}
        telling = LoopingCall(lambda: liar.session and liar.session.publish(f"{S}.on_load", **load))
        telling.start(0.5)
        live = await mesh.live("workers")
        await until(lambda: "liar" in [values.one()["name"] for _, values in live.entries()])
        result, _ = await solve(mesh, 5.0 if lied is refuse else 1.5)
        await until(lambda: lost)
        telling.stop()
        await liar.stop()
        await until(lambda: [values.one()["name"] for _, values in live.entries()] == ["honest"])
        live.close()
        return result, asked

    result, asked = run(scenario())
    assert asked
    assert (lied is refuse) or 1 <= result["refused"] <= len(asked)
    assert result["units"] > 0


def test_a_worker_that_freezes_leaves_the_table_and_the_search_goes_on(mesh, worker):
    async def scenario():
        live = await mesh.live("workers")
        call = Deferred.fromCoroutine(solve(mesh, 4.0))
        worker.send_signal(signal.SIGSTOP)
        await until(lambda: not live.entries())
        worker.send_signal(signal.SIGCONT)
        await until(live.entries)
        live.close()
        return (await call)[0]

    assert run(scenario())["state"] == "done"


def test_searches_of_an_orchestrator_that_died_are_lost(mesh, start, worker, tmp_path):
    said = tmp_path / "said"

    async def scenario():
        told = []
        call = Deferred.fromCoroutine(mesh.connection.call(f"{S}.solve", PROBLEM, 60.0, on_progress=told.append))
        call.addErrback(lambda failure: failure.trap(DeltameshError))
        await until(lambda: told)
        await shown(mesh, told[0]["search"], lambda search: search["state"] == "running")
        start(ORCHESTRATOR, said=said)
        await until(said.read_text)
        mesh.orchestrator.kill()
        await call
        await shown(mesh, told[0]["search"], lambda search: search["state"] == "lost")
        return (await solve(mesh, 1.0))[0]

    assert run(scenario())["state"] == "done"
    waiting, taking = said.read_text().splitlines()
    assert "standing by" in waiting
    assert "taking searches" in taking


def test_the_command_says_that_there_is_no_router(start, tmp_path):
    said = tmp_path / "said"
    assert start("examples.salesman.solve", "berlin52", "--router", "unix:nobody/here.sock", said=said).wait(TIMEOUT) == 1
    assert len(said.read_text().splitlines()) == 1
    assert "make run" in said.read_text()
