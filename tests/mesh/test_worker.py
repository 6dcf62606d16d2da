"""Workers: what a task gets and answers, slots, loads, cancelled calls, and how a worker leaves and comes back."""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Self

import pytest
from msgspec import Meta
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

import deltamesh.working
from deltamesh.application.transaction import Caller
from deltamesh.application.worker import Call, Worker
from deltamesh.connection import Connection
from deltamesh.errors import ConfigurationError, DeltameshError
from deltamesh.operation.status import listen
from deltamesh.working import Working
from examples.salesman import worker as salesman
from examples.salesman.problem import Problem
from tests.mesh.mesh import TIMEOUT, Inside, run, until
from tests.running_router import ROOT, STOCK, RunningRouter

NODE = ["node", str(ROOT / "web/salesman/worker.mjs")]

Start = Callable[..., Any]


@pytest.fixture
def start(router: RunningRouter) -> Any:
    """`await start(worker)` runs one, and returns it when it takes calls."""
    running: list[Working] = []

    async def started(worker: Worker, **options: Any) -> Working:
        connection = Connection(f"unix:{router.unix_path}")
        running.append(Working(worker, connection, **options))
        running[-1].start()
        await connection.joined()
        return running[-1]

    yield started
    for each in running:
        run(each.stop())


def later(connection: Connection, uri: str, *args: Any, **kwargs: Any) -> Deferred[Any]:
    """Call without waiting for the answer."""
    return Deferred.fromCoroutine(connection.call(uri, *args, **kwargs))


async def settled(client: Connection, component: Working) -> None:
    """Return when what `client` has sent has come to the worker, as far as the router gives it."""
    for connection in (client, component._connection):
        await connection.call("wamp.session.count")


async def refusal(connection: Connection, uri: str, *args: Any, **kwargs: Any) -> DeltameshError:
    with pytest.raises(DeltameshError) as caught:
        await connection.call(uri, *args, **kwargs)
    return caught.value


async def test_a_task_gets_checked_arguments_and_answers_json(start: Start, inside: Callable[..., Inside], errors: list[str]) -> None:
    worker = Worker("com.example.tasks")

    @worker.task
    def add(x: int, y: Annotated[int, Meta(le=9)] = 1) -> dict[str, int]:
        return {"sum": x + y}

    @worker.task
    def who(call: Call, caller: Caller) -> Any:
        return [call.worker, caller.authrole, threading.current_thread() is not threading.main_thread()]

    @worker.task
    def fail(how: str) -> object:
        if how == "own":
            raise worker.error("too_hot", temperature=7)
        return {"no JSON": object()} if how == "result" else 1 // 0

    await start(worker, name="w1")
    client = await inside().connect()

    assert await client.call("com.example.tasks.add", 2) == {"sum": 3}
    assert await client.call("com.example.tasks.add", x=2, y=9) == {"sum": 11}
    assert await client.call("com.example.tasks.who") == ["w1", "component", True]
    for wrong in ({"x": "2"}, {"x": 2, "y": 10}, {"x": 2, "z": 1}, {}):
        assert (await refusal(client, "com.example.tasks.add", **wrong)).uri == "deltamesh.error.invalid_parameters"
    too_hot = await refusal(client, "com.example.tasks.fail", "own")
    assert (too_hot.uri, too_hot.facts) == ("com.example.tasks.error.too_hot", {"temperature": 7})
    assert errors == []
    for how, reason in (("divide", "ZeroDivisionError"), ("result", "NotJSON")):
        failed = await refusal(client, "com.example.tasks.fail", how)
        assert (failed.uri, reason in failed.message) == ("deltamesh.error.computation_failed", True)
    assert ["fail raised" in each and "Traceback" in each for each in errors] == [True, True]
    errors.clear()
    assert await client.call("com.example.tasks.add", 2) == {"sum": 3}


async def test_no_more_calls_run_than_there_are_slots(start: Start, inside: Callable[..., Inside]) -> None:
    worker = Worker("com.example.slots")
    running, release = [], threading.Event()

    @worker.task
    def hold(number: int) -> int:
        running.append(number)
        release.wait(TIMEOUT)
        return number

    component = await start(worker, concurrency=2)
    client = await inside().connect()
    calls = [later(client, "com.example.slots.hold", number) for number in range(3)]
    await until(lambda: len(running) == 2)
    await settled(client, component)
    assert (len(component._calls), sorted(running)) == (2, [0, 1])
    release.set()

    assert await gatherResults(calls) == [0, 1, 2]


async def test_the_load_tells_slots_units_and_counts_per_second(
    start: Start, inside: Callable[..., Inside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deltamesh.working, "INTERVAL", 0.05)
    worker = Worker("com.example.loads")
    routes = worker.counter("routes")
    release = threading.Event()

    @worker.task
    def hold(call: Call) -> None:
        routes.add(1000)
        release.wait(TIMEOUT)

    client = await inside().connect()
    loads: list[dict[str, Any]] = []
    await client.session.subscribe(lambda **load: loads.append(load), "com.example.loads.on_load")
    component = await start(worker, name="w1", concurrency=2)
    await until(lambda: loads)
    call = later(client, "com.example.loads.hold")
    await until(lambda: loads[-1]["busy"] == 1)
    release.set()
    await call
    await until(lambda: loads[-1]["units"] == 1)
    await component.stop()
    num_told = len(loads)

    first = {**loads[0], "host": "", "cpu": 0.0}
    assert first == {
        "name": "w1",
        "kind": "python",
        "host": "",
        "cpu": 0.0,
        "concurrency": 2,
        "busy": 0,
        "units": 0,
        "routes": 0.0,
    }
    assert all(0 <= each["cpu"] <= 1 for each in loads)
    assert [each["routes"] > 0 for each in loads].count(True) == 1
    assert (await refusal(client, "com.example.loads.hold")).uri == "wamp.error.no_such_procedure"
    assert len(loads) == num_told


async def test_a_cancelled_call_is_told_and_keeps_its_slot_until_it_has_ended(start: Start, inside: Callable[..., Inside]) -> None:
    worker = Worker("com.example.cancelling")
    begun, release = [], threading.Event()

    @worker.task
    def hold(call: Call, number: int) -> int:
        begun.append(call)
        release.wait(TIMEOUT)
        return number

    component = await start(worker, concurrency=1)
    client = await inside().connect()
    first = later(client, "com.example.cancelling.hold", 1)
    await until(lambda: begun)
    second = later(client, "com.example.cancelling.hold", 2)
    first.cancel()
    first.addErrback(lambda failure: None)
    await until(lambda: begun[0].is_cancelled)
    await settled(client, component)
    assert component._calls == {begun[0]}
    release.set()

    assert await second == 2
    assert [each.is_cancelled for each in begun] == [True, False]


async def test_a_worker_that_leaves_finishes_what_it_has(start: Start, inside: Callable[..., Inside]) -> None:
    worker = Worker("com.example.leaving")
    begun, release = threading.Event(), threading.Event()

    @worker.task
    def hold() -> str:
        begun.set()
        release.wait(TIMEOUT)
        return "done"

    client = await inside().connect()
    heard: list[tuple[str, str]] = []
    await listen(client, worker.uris, lambda status: heard.append((status.kind, status.state)))
    component = await start(worker)
    call = later(client, "com.example.leaving.hold")
    await until(begun.is_set)
    leaving = Deferred.fromCoroutine(component.stop())
    await until(lambda: not component._registered)
    assert component.readiness() == ["it is leaving"]
    assert (await refusal(client, "com.example.leaving.hold")).uri == "wamp.error.no_such_procedure"
    release.set()

    assert await call == "done"
    await leaving
    assert list(dict.fromkeys(heard)) == [("worker", "serves"), ("worker", "leaving")]


async def test_a_worker_that_loses_its_connection_gives_up_its_calls_and_comes_back(start: Start, inside: Callable[..., Inside]) -> None:
    worker = Worker("com.example.back")
    begun: list[Call] = []

    @worker.task
    def wait(call: Call) -> str:
        begun.append(call)
        while len(begun) == 1 and not call.is_cancelled:
            pass
        return "done"

    component = await start(worker, concurrency=1)
    client = await inside().connect()
    call = later(client, "com.example.back.wait")
    await until(lambda: begun)
    component._connection.session.abort()
    with pytest.raises(DeltameshError) as lost:
        await call
    await until(lambda: component._registered)

    assert lost.value.retry
    assert begun[0].is_cancelled
    assert await client.call("com.example.back.wait") == "done"


async def test_a_task_calls_others_and_is_prepared_once(start: Start, inside: Callable[..., Inside]) -> None:
    worker = Worker("com.example.fetching")
    prepared: list[str] = []

    @worker.prepare
    def load() -> None:
        prepared.append(threading.current_thread().name)

    @worker.task
    def double(call: Call, uri: str) -> Any:
        return 2 * call.fetch(uri, 21)

    async def echo(details: Any, number: int) -> int:
        assert len(prepared) == 1
        return number

    component = await start(worker)
    client = await inside().connect()
    await client.register("com.example.fetching.echo", echo)

    assert await client.call("com.example.fetching.double", "com.example.fetching.echo") == 42
    assert (await refusal(client, "com.example.fetching.double", "com.example.fetching.nobody")).uri == "wamp.error.no_such_procedure"
    joins = component._connection.num_joined
    component._connection.session.abort()
    await until(lambda: component._connection.num_joined > joins and component._registered)
    assert len(prepared) == 1


def test_what_cannot_be_declared() -> None:
    worker = Worker("com.example.declared")

    def on_load() -> None: ...
    def Upper() -> None: ...
    def fine() -> None: ...

    worker.task(fine)
    worker.counter("routes")
    for wrong in (on_load, Upper, fine):
        with pytest.raises(ConfigurationError):
            worker.task(wrong)
    for name in ("routes", "busy", "A"):
        with pytest.raises(ConfigurationError):
            worker.counter(name)
    with pytest.raises(ConfigurationError, match="no tasks"):
        Working(Worker("com.example.empty"), Connection())
    with pytest.raises(ConfigurationError, match="1 to 256"):
        Working(worker, Connection(), concurrency=0)


class Lent:
    """The workers of `lent.mjs`, in `with`: what they say, and what they are told."""

    def __init__(self, url: str) -> None:
        self.said: list[dict[str, Any]] = []
        command = ["node", str(Path(__file__).with_name("lent.mjs")), url]
        self._process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.said.append(json.loads(line))

    def tell(self, command: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._process:
            self._process.kill()
        self._reader.join(TIMEOUT)


@pytest.mark.parametrize("is_ours", [True, False], ids=["ours", "stock"])
def test_python_wampy_and_autobahn_share_one_procedure(is_ours: bool, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Each with its own number of slots, on our router and on plain Crossbar.io."""
    with ExitStack() as stack:
        router = request.getfixturevalue("router") if is_ours else stack.enter_context(RunningRouter(tmp_path, program=STOCK))
        lent = stack.enter_context(Lent(router.ws_url))
        client, other = Connection(f"unix:{router.unix_path}"), Connection(f"unix:{router.unix_path}")
        release = threading.Event()
        try:
            run(_share(client, other, lent, release, is_ours=is_ours))
        finally:
            release.set()
            run(other.stop())
            run(client.stop())


async def _share(client: Connection, other: Connection, lent: Lent, release: threading.Event, *, is_ours: bool) -> None:
    uri = "com.example.salesman.anneal"
    worker = Worker("com.example.salesman")
    begun: list[int] = []

    @worker.task
    def anneal(call: Call, number: int) -> dict[str, Any]:
        begun.append(number)
        release.wait(TIMEOUT)
        return {"number": number, "worker": call.worker}

    client.start()
    await client.joined()
    loads: dict[str, dict[str, Any]] = {}
    await client.session.subscribe(lambda **load: loads.update({load["name"]: load}), "com.example.salesman.on_load")
    await until(lambda: len(loads) == 2, "both are there")
    own_error, fault = await refusal(client, uri, fail="own"), await refusal(client, uri, fail="fault")
    component = Working(worker, other, name="python", concurrency=2)
    component.start()
    await until(lambda: len(loads) == 3, "all are there")
    calls = [later(client, uri, number=number) for number in range(7)]
    await until(lambda: len(begun) + sum("begun" in each for each in lent.said) == 7, "all slots are taken")
    if is_ours:
        calls.append(later(client, uri, number=7))  # which waits
    else:
        assert (await refusal(client, uri, number=7)).uri == "crossbar.error.max_concurrency_reached"
    release.set()
    lent.tell("release")
    answers = (await gatherResults(calls))[:7]
    lent.tell("drain")
    await until(lambda: sum(each.get("status") == "closed" for each in lent.said) == 2, "both have left")
    await component.stop()

    assert Counter(each["worker"] for each in answers) == {"python": 2, "wampy": 3, "autobahn": 2}
    assert {name: load["concurrency"] for name, load in loads.items()} == {"python": 2, "wampy": 3, "autobahn": 2}
    assert (own_error.uri, own_error.retry, own_error.facts) == ("com.example.salesman.error.too_hot", True, {"temperature": 7})
    assert (fault.uri, "a fault" in fault.message) == ("wamp.error.runtime_error", True)
    assert (await refusal(client, uri)).uri == "wamp.error.no_such_procedure"


async def test_workers_in_python_and_node_compute_the_same(start: Start, router: RunningRouter, inside: Callable[..., Inside]) -> None:
    problem = Problem.of("lattice", "EUC_2D", [[7 * (number % 6) + number, 11 * (number // 6)] for number in range(30)])
    unit = {"problem": problem.id, "tour": json.dumps(list(range(30))), "hot": 9.0, "cold": 1.0, "steps": 3_000, "seed": 7}
    client = await inside().connect()

    async def answer(details: Any, wanted: str) -> Any:
        return problem.to_json()

    await client.register("com.example.salesman.problem", answer)
    loads: dict[str, dict[str, Any]] = {}
    await client.session.subscribe(lambda **load: loads.update({load["name"]: load}), "com.example.salesman.on_load")
    node = await deferToThread(subprocess.Popen, [*NODE, "--router", router.ws_url, "--cores", "1", "--name", "n1"], stdout=subprocess.PIPE)
    try:
        await until(lambda: "n1" in loads, "the worker in Node is there")
        results = [await client.call("com.example.salesman.anneal", **unit)]
        wrong = await refusal(client, "com.example.salesman.anneal", **{**unit, "tour": "[]"})
        node.terminate()
        code = await deferToThread(node.wait)
        component = await start(salesman.worker, name="p1", concurrency=1)
        results.append(await client.call("com.example.salesman.anneal", **unit))
        await component.stop()
    finally:
        node.kill()
        await deferToThread(node.communicate)

    assert [each.pop("worker") for each in results] == ["n1", "p1"]
    assert [each.pop("seconds") > 0 for each in results] == [True, True]
    assert results[0] == results[1]
    assert wrong.uri == "com.example.salesman.error.bad_tour"
    assert code == 0
    first = loads["n1"]
    assert (first["kind"], first["concurrency"], 0 <= first["cpu"] <= 1) == ("node", 1, True)
