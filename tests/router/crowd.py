"""
A crowd: callers, and 1 to 8 worker processes that come, crash and go at random, on a real router. What must hold is checked all the time.

    python -m tests.router.crowd --calls 100000 --seed 1

The same seed makes the same calls and the same fates; what meets when is up to the operating system.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from tests.router.crowd_members import SILENCE, Broken, Call, Caller, Keys, Worker
from tests.router.parties import CANCELED, write_settings
from tests.router.workers.crowd import DRAIN, ENDED, FAIL, FAILED, HOLD, LEAVE, LEFT, READY, RECORD, RELEASE, STARTED, TOO_MANY, WORK
from tests.running_router import RunningRouter
from tests.wire_connection import CANCEL, WireConnection

PLAIN: Final = "com.example.crowd.plain"
TWICE: Final = "com.example.crowd.twice"
KEYED: Final = "com.example.crowd.keyed"
PROCEDURES: Final = (PLAIN, TWICE, KEYED)
SETTINGS: Final = f"""
[[calls]]
uri = "{TWICE}"
tries = 100
choose = "least_loaded"

[[calls]]
uri = "{KEYED}"
tries = 100
choose = "affinity"
key = 1
"""

TIMEOUT: Final = "wamp.error.timeout"

MAX_WORKERS: Final = 8
NUM_CALLERS: Final = 3
CALLS_AT_A_TIME: Final = 40
"""Of one caller."""
NUM_KEYS: Final = 6
"""So few that several calls of a caller with one key are under way at any time."""
MAX_WORK: Final = 4.0
"""Milliseconds that a worker takes for a call."""
MAX_GROWTH: Final = 3_000_000
"""Bytes that the router may have more at the end than after a fifth of the calls. 100 bytes lost per call would be 8,000,000 in 100,000."""
INTERVAL: Final = 80
"""Answers between two fates."""


@dataclass
class Report:
    """What happened."""

    seed: int
    answers: Counter[str] = field(default_factory=Counter)
    """How many calls ended how: "result", an error, or "abandoned" because the caller left."""
    num_calls: int = 0
    """Calls that were made, except for those that show that all slots can be used."""
    fates: Counter[str] = field(default_factory=Counter)
    """How many workers and callers met which fate."""
    num_started: int = 0
    """How often a worker began to work on a call; more than there are calls, as some are worked on twice."""
    seconds: float = 0.0
    memory: tuple[int, int] = (0, 0)
    """Resident memory of the router's worker process [B] after a fifth of the calls, and at the end."""

    def __str__(self) -> str:
        before, after = (size / 1e6 for size in self.memory)
        return (
            f"seed {self.seed}: {self.num_calls} calls in {self.seconds:.1f} s, {dict(self.answers.most_common())}, "
            f"{self.num_started} times worked on, {dict(self.fates.most_common())}, memory of the router {before:.1f} -> {after:.1f} MB"
        )


class Crowd:
    """One run."""

    def __init__(self, router: RunningRouter, seed: int) -> None:
        self.report = Report(seed)
        self._random = random.Random(seed)
        self._address = router.unix_path
        (self._router,) = psutil.Process(router.process.pid).children()
        self._workers: dict[int, Worker] = {}
        self._callers: list[Caller] = []
        self._calls: list[Call | None] = [None]
        self._reader, self._writer = os.pipe()
        self._keys = Keys(self._workers)
        self._held: set[int] = set()
        self._target = 0
        """How many calls to make before the next pause."""
        self._next_fate = 0
        """How many answers there have to be before somebody comes or goes."""
        self._changed = asyncio.Event()

    # -- what workers tell

    def _read_records(self) -> None:
        for what, place, number, call, key in RECORD.iter_unpack(os.read(self._reader, RECORD.size * 4096)):
            worker = self._workers[number]
            if what == STARTED:
                self.report.num_started += 1
                known = self._calls[call]
                assert known is not None
                if PROCEDURES[place] == KEYED:
                    self._keys.started(known.caller, key, call, number)
                if known.what == HOLD:
                    self._held.add(call)
            elif what == ENDED:
                if PROCEDURES[place] == KEYED:
                    self._keys.ended(key, call, number)
            elif what == READY:
                worker.is_ready = True
            elif what == LEFT:
                worker.is_dead, worker.is_ready = True, False
            elif what == TOO_MANY:
                raise Broken(f"worker {number} was given call {call}, and has more of {PROCEDURES[place]} than its {worker.limits}")
        self._changed.set()

    # -- calls

    def answered(self, call: Call, error: str) -> None:
        """A call has ended, with a result or an error."""
        self.report.answers[error or "result"] += 1
        if error and error not in call.may_be:
            raise Broken(f"{error} is no answer to {call}")
        self._next(call.caller)

    def _next(self, caller: Caller) -> None:
        self._changed.set()
        if len(self._calls) <= self._target:
            self._call(caller)
        if sum(self.report.answers.values()) >= self._next_fate:
            self._next_fate += INTERVAL
            self._fate()

    def _call(self, caller: Caller) -> None:
        chance = self._random.random
        procedure = self._random.choice(PROCEDURES)
        what = FAIL if chance() < 0.05 else WORK
        options = {"timeout": 2} if procedure != KEYED and chance() < 0.02 else {}
        milliseconds = chance() * MAX_WORK if chance() < 0.5 else 0
        call = caller.call(len(self._calls), procedure, self._random.randrange(NUM_KEYS), what, milliseconds, **options)
        self._calls.append(call)
        if what == FAIL:
            call.may_be.add(FAILED)
        if procedure == PLAIN:
            call.may_be.add(CANCELED)
        if options:
            call.may_be.add(TIMEOUT)
        if chance() < 0.02:
            call.may_be.add(CANCELED)
            caller.connection.send([CANCEL, call.request, {"mode": self._random.choice(["skip", "kill", "killnowait"])}])

    # -- fates

    def _fate(self) -> None:
        alive = [worker for worker in self._workers.values() if worker.is_ready]
        starting = [worker for worker in self._workers.values() if not worker.is_ready and not worker.is_dead]
        fates = ["caller leaves"]
        if len(alive) + len(starting) < MAX_WORKERS:
            fates += ["comes"] * 4
        if len(alive) > 1:  # one always lives
            fates += ["is killed", "drains"] * 2 + ["leaves"]
        fate = self._random.choice(fates)
        self.report.fates[fate] += 1
        if fate == "comes":
            self._come()
        elif fate == "is killed":
            self._random.choice(alive).kill()
        elif fate == "leaves":
            self._random.choice(alive).tell(LEAVE)
        elif fate == "drains":
            self._random.choice(alive).tell(DRAIN)
        else:
            place = self._random.randrange(NUM_CALLERS)
            leaves, self._callers[place] = self._callers[place], Caller(self._address, self.answered)
            leaves.leave()
            self.report.answers["abandoned"] += len(leaves.calls)
            self._fill(self._callers[place])

    def _come(self) -> None:
        number = len(self._workers)
        limits = {procedure: self._random.randint(1, 4) for procedure in PROCEDURES}
        self._workers[number] = Worker(number, self._address, self._writer, limits)

    def _fill(self, caller: Caller) -> None:
        while len(caller.calls) < CALLS_AT_A_TIME and len(self._calls) <= self._target:
            self._call(caller)

    # -- the run

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        while not condition():
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), SILENCE)
            except TimeoutError as error:
                unanswered = [call for caller in self._callers for call in caller.calls.values()]
                raise Broken(f"nothing has happened for {SILENCE:g} s, and not {what}; not answered: {unanswered}") from error

    async def _make(self, target: int) -> int:
        """Make calls until there are `target`, and wait for all answers; return the router's memory."""
        self._target = target
        for caller in list(self._callers):
            self._fill(caller)
        await self._until(lambda: len(self._calls) > target and not any(caller.calls for caller in self._callers), "all calls are answered")
        return int(self._router.memory_info().rss)

    async def run(self, calls: int) -> Report:
        """Make `calls` calls."""
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[None] = loop.create_future()

        def fail(_: object, context: dict[str, Any]) -> None:
            if not failed.done():
                failed.set_exception(context.get("exception") or Broken(str(context)))

        loop.set_exception_handler(fail)
        loop.add_reader(self._reader, self._read_records)
        began = loop.time()
        work = asyncio.ensure_future(self._run(calls))
        try:
            await asyncio.wait([work, failed], return_when=asyncio.FIRST_COMPLETED)
            (failed if failed.done() else work).result()
        finally:
            work.cancel()
            self._end()
        self.report.seconds = loop.time() - began
        return self.report

    async def _run(self, calls: int) -> None:
        self._come()
        await self._until(lambda: self._workers[0].is_ready, "a worker has come")
        self._callers = [Caller(self._address, self.answered) for _ in range(NUM_CALLERS)]
        self._next_fate = INTERVAL
        before = await self._make(calls // 5)
        self.report.memory = (before, await self._make(calls))
        if (total := sum(self.report.answers.values())) != calls:
            raise Broken(f"{total} of {calls} calls have ended")
        self.report.num_calls = total
        growth = self.report.memory[1] - before
        if growth > MAX_GROWTH:
            raise Broken(f"the router has {growth} bytes more than after {calls // 5} calls")
        await self._use_all_slots()

    async def _use_all_slots(self) -> None:
        """See that as many calls as the workers have slots are worked on at once, and that one more waits."""
        self._target = 0
        self._next_fate = sys.maxsize
        workers = self._workers.values()
        await self._until(lambda: all(worker.is_ready or worker.is_dead for worker in workers), "all workers have come or gone")
        alive = [worker for worker in workers if worker.is_ready]
        self._await_callees(len(alive))
        held = 0
        for procedure in PROCEDURES:
            slots = sum(worker.limits[procedure] for worker in alive)
            for number in range(slots + 1):
                self._calls.append(self._callers[0].call(len(self._calls), procedure, NUM_KEYS + number, HOLD, 0))
            held += slots
            await self._until(lambda held=held: len(self._held) >= held, f"{slots} calls of {procedure} are worked on at once")
        # Everything that was asked for before this has been done, so what was not given now waits.
        if len(self._held) > held:
            raise Broken(f"{len(self._held)} calls are worked on in {held} slots")
        for worker in alive:
            worker.tell(RELEASE)
        await self._until(lambda: len(self._held) == held + len(PROCEDURES), "what waited is worked on")
        for worker in alive:
            worker.tell(RELEASE)
        await self._until(lambda: not self._callers[0].calls, "all calls are answered")

    def _await_callees(self, number: int) -> None:
        """Ask until the router knows of each death: a call that it still gives to a worker that has just been killed is lost."""
        with WireConnection(self._address) as looking:
            for procedure in PROCEDURES:
                (registration,) = looking.call("wamp.registration.lookup", procedure)[3]
                while looking.call("wamp.registration.count_callees", registration)[3] != [number]:
                    pass

    def _end(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._reader)
        for caller in self._callers:
            caller.leave()
        codes = {worker.number: worker.end() for worker in self._workers.values()}
        os.close(self._reader)
        os.close(self._writer)
        wrong = {number: code for number, code in codes.items() if code not in (0, -9)}
        if wrong and sys.exc_info()[0] is None:
            raise Broken(f"workers ended with {wrong}")


def run(calls: int, seed: int, directory: Path) -> Report:
    """
    Let a crowd make `calls` calls on a router of its own.

    Raises:
        Broken: something that must hold does not.
    """
    write_settings(directory, SETTINGS)
    with RunningRouter(directory) as router:

        async def crowd() -> Report:
            return await Crowd(router, seed).run(calls)

        report = asyncio.run(crowd())
    if router.stderr:
        raise Broken("the router said:\n" + "\n".join(router.stderr))
    return report


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        sys.stdout.write(f"{run(options.calls, options.seed, Path(directory))}\n")


if __name__ == "__main__":
    main()
