"""
Clients that start at random moments, as a program: each prints all that one parameter has ever been to it, from the very first moment.

    python -m tests.parameters.proof.starters --router URL --count 100 --within 10 --seed 1

Each client has a connection of its own. It gets a parameter before it is connected; at another random moment later it gets a second one,
through the same client, so that what it holds changes while everything goes on. All of them are read every few milliseconds, and each value
that is none, or older than the one before, is a fault.

Prints `starters: ready` when all have started and are live, `starters: at n` when all have the value n, and after SIGTERM a JSON line for
each client:
`{"client": n, "first": [[source, value], …], "second": […], "reads": n, "faults": […]}`.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from random import Random
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall

from deltamesh.cli import log, loop
from deltamesh.connection import Connection
from deltamesh.parameters import Parameters
from tests.parameters.proof.application import SERVICE
from tests.parameters.proof.committer import NAME
from tests.reliability.waiting import pause, until

SECOND: Final = "clock.again"
DEFAULT: Final = -1
LOOK: Final = 0.004
"""Between two reads of each parameter [s]."""


class Held:
    """A parameter, and what it has been."""

    def __init__(self, parameters: Parameters, name: str) -> None:
        self.parameter = parameters.get(name, DEFAULT, int)
        self.past: list[tuple[str, int]] = [(self.parameter.source, self.parameter.value)]
        self.faults: list[str] = []
        self.num_reads = 0
        self._last = DEFAULT
        self.parameter.on_change(self._changed)

    def _changed(self, _: Any) -> None:
        self.past.append((self.parameter.source, self.parameter.value))

    def read(self) -> None:
        """Read it, as a program does at any moment."""
        value: Any = self.parameter.value
        self.num_reads += 1
        if not isinstance(value, int):
            self.faults.append(f"the value is {value!r}")
        elif value < self._last:
            self.faults.append(f"the value is {value} after {self._last}")
        else:
            self._last = value


class Starter:
    """One client."""

    def __init__(self, number: int, url: str) -> None:
        self.number = number
        self.connection = Connection(url)
        self.parameters = Parameters(self.connection, SERVICE, client=f"starter {number}")
        self.held: list[Held] = []

    async def run(self, first: float, second: float) -> None:
        """Start after `first` [s], and get more `second` later."""
        await pause(first)
        self.held.append(Held(self.parameters, NAME))
        self.connection.start()
        await pause(second)
        self.held.append(Held(self.parameters, SECOND))
        await until(lambda: all([each.parameter.source == "live" for each in self.held]), f"client {self.number} is live")

    def told(self) -> dict[str, Any]:
        """Return what it has seen."""
        first, second = self.held
        faults = [*first.faults, *second.faults]
        reads = first.num_reads + second.num_reads
        return {"client": self.number, "first": first.past, "second": second.past, "reads": reads, "faults": faults[:5]}


async def work(url: str, count: int, within: float, random: Random) -> None:
    """Start the clients, and wait until the end."""
    starters = [Starter(number, url) for number in range(count)]
    looking = LoopingCall(lambda: [held.read() for each in starters for held in each.held])
    looking.start(LOOK)
    running = [Deferred.fromCoroutine(each.run(random.uniform(0, within), random.uniform(0, within / 2))) for each in starters]
    for each in running:
        await each
    print("starters: ready", flush=True)
    told = DEFAULT
    try:
        while True:
            now = min(held.parameter.value for each in starters for held in each.held)
            if now > told:
                told = now
                print(f"starters: at {now}", flush=True)
            await pause(0.05)
    except CancelledError:  # SIGTERM
        looking.stop()
        for each in starters:
            print(json.dumps(each.told()), flush=True)
            await each.parameters.stop()
            await each.connection.stop()


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--router", required=True)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--within", type=float, default=10.0, help="[s]")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    log.begin("starters", only_errors=True)
    loop.run(lambda: work(options.router, options.count, options.within, Random(options.seed)))
