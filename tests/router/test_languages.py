"""Workers in Python and JavaScript, on four clients that know nothing of this router, share one registration."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from tests.router.parties import Caller, Stage, write_settings
from tests.running_router import ROOT, RunningRouter
from tests.wire_connection import TIMEOUT

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

PROCEDURE: Final = "com.example.languages"
SETTINGS: Final = f"""
[[calls]]
uri = "{PROCEDURE}"
tries = 5
"""
CONCURRENCY: Final = 2
WORKERS: Final = {
    "twisted": [sys.executable, "-m", "tests.router.workers.twisted_worker"],
    "asyncio": [sys.executable, "-m", "tests.router.workers.asyncio_worker"],
    "autobahn": ["node", "tests/router/workers/autobahn_worker.mjs"],
    "wampy": ["node", "tests/router/workers/wampy_worker.mjs"],
}


class Worker:
    """A program that prints "ready", and "given" with the number of each call; it answers the calls whose numbers it reads."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self.at_work: list[int] = []
        """The calls that it was given and has not answered."""
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [*WORKERS[name], url, PROCEDURE, str(CONCURRENCY)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line.strip())
        self._lines.put("ended")

    def ready(self) -> Worker:
        """Wait until it has registered."""
        given = []
        while (line := self._lines.get(timeout=TIMEOUT)) != "ready":
            given.append(line)  # some clients say that they have registered after they have begun to work
            assert line != "ended", f"{self.name} did not start (are the packages of web/ installed? make test does that): {given}"
        for line in given:
            self._lines.put(line)
        return self

    def given_next(self) -> int:
        """Wait until it is given a call."""
        word, number = self._lines.get(timeout=TIMEOUT).split()
        assert word == "given"
        self.at_work.append(int(number))
        return int(number)

    def answer(self, number: int) -> None:
        """Let it answer a call."""
        self.at_work.remove(number)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it by SIGKILL."""
        self._process.kill()
        self._process.wait(TIMEOUT)
        self._reader.join(TIMEOUT)
        assert self._process.stdin is not None
        self._process.stdin.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    """A router on which components may use WebSocket as well."""

    def edit(config: dict[str, Any]) -> None:
        web, _ = config["workers"][0]["transports"]
        web["paths"]["component"] = {**web["paths"]["ws"], "auth": {"anonymous": {"type": "static", "role": "component"}}}

    directory = tmp_path_factory.mktemp("languages")
    write_settings(directory, SETTINGS)
    with RunningRouter(directory, edit=edit) as router:
        yield router
    assert router.stderr == []


@pytest.fixture
def caller(running: RunningRouter) -> Iterator[Caller]:
    with ExitStack() as stack:
        yield Stage(running, stack=stack).caller()


@pytest.fixture
def start(running: RunningRouter) -> Iterator[Callable[[str], Worker]]:
    """Starts a worker by its name; all are ended."""
    with ExitStack() as stack:

        def started(name: str) -> Worker:
            url = running.unix_path if name == "twisted" else f"ws://127.0.0.1:{running.port}/component"
            worker = Worker(name, url)
            stack.callback(worker.kill)
            return worker

        yield started


def test_workers_are_added_while_calls_wait(caller: Caller, start: Callable[[str], Worker]) -> None:
    """Each is given as many calls as it may at once, in the order of the calls, and the next one when it has answered one."""
    workers = [start("twisted").ready()]
    caller.call(PROCEDURE, *range(12))
    for name in ("asyncio", "autobahn", "wampy"):
        assert [workers[-1].given_next(), workers[-1].given_next()] == [2 * len(workers) - 2, 2 * len(workers) - 1]
        workers.append(start(name).ready())
    assert [workers[-1].given_next(), workers[-1].given_next()] == [6, 7]
    for place, worker in enumerate(workers):
        worker.answer(2 * place)

        assert caller.told_next() == f"{2 * place} done by {worker.name}"
        assert worker.given_next() == 8 + place
    for worker in workers:
        for number in list(worker.at_work):
            worker.answer(number)
            assert caller.told_next() == f"{number} done by {worker.name}"


def test_workers_of_every_kind_may_be_killed(caller: Caller, start: Callable[[str], Worker]) -> None:
    """What they had is done by the others."""
    starting = [start(name) for name in WORKERS]
    workers = [worker.ready() for worker in starting]
    caller.call(PROCEDURE, *range(2 * len(workers)))
    assert {worker.given_next() for worker in workers for _ in range(CONCURRENCY)} == set(range(8))
    answers = []
    while len(workers) > 1:
        victim = workers.pop(0)
        victim.kill()
        for number in victim.at_work:
            heir = workers[0]
            done = heir.at_work[0]
            heir.answer(done)
            answers.append(f"{done} done by {heir.name}")
            assert caller.told_next() == answers[-1]
            assert heir.given_next() == number
    (last,) = workers
    last.answer(last.at_work[0])
    answers.append(caller.told_next())
    last.kill()

    assert caller.told_next() == f"{last.at_work[0]} deltamesh.error.no_callee"
    assert len(answers) == 7
