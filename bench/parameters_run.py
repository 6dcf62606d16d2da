"""
One architecture of configuration under load, until its store and then its service die.

    python -m bench.parameters_run --kind each|cache|invalidation|subscription [--clients 100] [--names 100] [--of 1000]

All four have the same repository, the same clients with the same names, the same pauses between reads and the same changes, and the same
router. Prints a JSON line. Times are in seconds:

    store_reads_per_s, calls_per_s, events_per_s   while all is well; what clients need to begin with is counted apart
    latency     of a read
    staleness   from a commit until a client that holds the changed name reads the new value; it does nothing but read it
    well, no_store, no_service   how many of the reads were answered then, and how many answers were marked as possibly old
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from bench import measure
from bench.parameters_clients import SERVICE, Asking, Caching, Client, Subscribing
from bench.parameters_service import EVICT, NUM_READS
from deltamesh.cli import log, loop
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from tests.parameters.proof.world import APPLICATION, counted
from tests.parameters.repositories import Repo, made
from tests.reliability.figures import percentile
from tests.reliability.processes import Program, deltamesh
from tests.reliability.waiting import pause, until
from tests.running_router import RunningRouter

KINDS: Final = ("each", "cache", "invalidation", "subscription")
GROUPS: Final = 50
"""Files that the parameters are in."""
PROBES: Final = 3
"""Clients that wait for a change, of those that hold the name."""
PROBE_PAUSE: Final = 0.001
"""Between two reads of such a client [s]."""
PATIENCE: Final = 5.0
"""How long it waits [s]."""


class Bench:
    """Everything that one measurement needs. Use it in `async with`."""

    def __init__(self, options: argparse.Namespace, directory: Path) -> None:
        self.options = options
        self.random = Random(options.seed)
        self.path = directory / "parameters.git"
        self.repository: Repo = made(self.path)
        self.values = {f"g{number % GROUPS}.n{number}": 0 for number in range(options.of)}
        self.router = RunningRouter(directory)
        self.url = f"unix:{self.router.unix_path}"
        self.traffic: Counter[str] = Counter()
        self.services = self._services(directory)
        self.connection = Connection(self.url)
        self.clients: list[Client] = []
        self.names: list[list[str]] = []
        self.superseded: dict[str, dict[int, float]] = {}
        """By name and value: since when it is not the newest one any more."""

    def _services(self, directory: Path) -> list[Program]:
        if self.options.kind == "subscription":
            reader = [sys.executable, "-m", "tests.parameters.proof.countedreader", "parameters", "reader", SERVICE, self.path]
            return [
                Program("leader", deltamesh("leader", APPLICATION, "--router", self.url, "--journal", f"sqlite:{directory / 'journal'}")),
                Program("follower", deltamesh("follower", APPLICATION, "--router", self.url)),
                Program("reader", [*reader, "--branch", "main", "--router", self.url]),
            ]
        command = [sys.executable, "-m", "bench.parameters_service", "--router", self.url, "--repository", self.path]
        return [Program("configuration", [*command, *([] if self.options.kind == "each" else ["--cache"])])]

    async def __aenter__(self) -> Self:
        self.repository.commit(self._files(range(GROUPS)), "Begin")
        await deferToThread(self.router.start)
        for each in self.services:
            each.start()
        for each in self.services:
            await until(lambda each=each: each.is_ready, f"{each.name} is ready")  # type: ignore[misc]
        self.connection.start()
        await self.connection.joined()
        kinds: dict[str, Any] = {"each": Asking, "cache": Asking, "invalidation": Caching, "subscription": Subscribing}
        for _ in range(self.options.clients):
            self.names.append(self.random.sample(sorted(self.values), self.options.names))
            self.clients.append(kinds[self.options.kind](self.url, self.names[-1], self.traffic))
        for start in range(0, len(self.clients), 10):
            await gatherResults([Deferred.fromCoroutine(each.start()) for each in self.clients[start : start + 10]])
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in self.clients:
            await each.stop()
        await self.connection.stop()
        for service in self.services:
            if service.is_running:
                await deferToThread(service.stop)
        await deferToThread(self.router.stop)

    def _files(self, groups: Sequence[int]) -> dict[str, Any]:
        lines: dict[int, list[str]] = {group: [] for group in groups}
        for name, value in self.values.items():
            group, key = name.split(".")
            if int(group[1:]) in lines:
                lines[int(group[1:])].append(f'"{key}": {value}')
        return {f"base/g{group}.json": "{\n" + ",\n".join(content) + "\n}\n" for group, content in lines.items()}

    async def change(self) -> tuple[str, float]:
        """Commit a change of one parameter; return its name, and when that was."""
        name = self.random.choice(sorted(self.values))
        self.values[name] += 1
        group = int(name.split(".")[0][1:])
        self.repository.commit(self._files([group]), f"Change {name}")
        at = time.perf_counter()
        self.superseded.setdefault(name, {})[self.values[name] - 1] = at
        if self.options.kind in ("cache", "invalidation"):
            await self.connection.call(EVICT, [name])  # as the administration of such a system does
        return name, at

    async def num_store_reads(self) -> int:
        """Return how often the store was read until now."""
        if self.options.kind == "subscription":
            return counted(self.services[-1]).get("load", 0)
        return int(await self.connection.call(NUM_READS))


class Phase:
    """So many seconds of reads by all clients."""

    def __init__(self, bench: Bench, name: str) -> None:
        self._name = name
        self._bench = bench
        self.latencies: list[float] = []
        self.staleness: list[float] = []
        self.never = 0
        """Changes that somebody did not see within `PATIENCE`."""
        self.num_failed = self.num_marked = self.num_old = 0

    async def run(self, seconds: float, changes: float) -> None:
        """Let all clients read, and change so many parameters a second."""
        end = time.perf_counter() + seconds
        readers = [Deferred.fromCoroutine(self._read(number, end)) for number in range(len(self._bench.clients))]
        probes: list[Deferred[None]] = []
        while changes and time.perf_counter() < end:
            name, at = await self._bench.change()
            holders = [number for number, names in enumerate(self._bench.names) if name in names][:PROBES]
            probes += [Deferred.fromCoroutine(self._probe(number, name, self._bench.values[name], at)) for number in holders]
            await pause(max(0.0, 1 / changes - (time.perf_counter() - at)))
        await gatherResults([*readers, *probes])

    async def _read(self, number: int, end: float) -> None:
        bench = self._bench
        client, names = bench.clients[number], bench.names[number]
        random = Random(f"{bench.options.seed}-{number}-{self._name}")
        think = 1 / bench.options.rate
        await pause(random.uniform(0, think))
        while time.perf_counter() < end:
            name = random.choice(names)
            began = time.perf_counter()
            try:
                answer = await client.read(name)
            except DeltameshError:
                self.num_failed += 1
            else:
                self.latencies.append(time.perf_counter() - began)
                self.num_marked += answer.is_marked
                self.num_old += answer.value != bench.values[name]
            await pause(think * random.uniform(0.5, 1.5))

    async def _probe(self, number: int, name: str, value: int, at: float) -> None:
        client = self._bench.clients[number]
        while time.perf_counter() - at < PATIENCE:
            try:
                answer = await client.read(name)
            except DeltameshError:
                return
            if answer.value >= value:
                self.staleness.append(time.perf_counter() - at)
                return
            await pause(PROBE_PAUSE)
        self.never += 1

    def figures(self) -> dict[str, Any]:
        """Return how reads went."""
        number = len(self.latencies) + self.num_failed
        answered = len(self.latencies)
        return {
            "reads": number,
            "answered": round(answered / number, 4) if number else 0.0,
            "marked": round(self.num_marked / answered, 4) if answered else 0.0,
            "old": round(self.num_old / answered, 4) if answered else 0.0,
        }


def times(values: list[float]) -> dict[str, float]:
    """Return percentiles [s]."""
    return {name: percentile(values, p) for name, p in (("p50", 50), ("p99", 99))} if values else {}


async def main(options: argparse.Namespace, directory: Path) -> None:
    async with Bench(options, directory) as bench:
        beginning = {**bench.traffic, "store_reads": await bench.num_store_reads()}
        warm = Phase(bench, "warm")
        await warm.run(options.warm, options.changes)
        before, traffic = await bench.num_store_reads(), Counter(bench.traffic)
        began = time.perf_counter()
        well = Phase(bench, "well")
        await well.run(options.seconds, options.changes)
        took = time.perf_counter() - began
        await pause(0.3)  # a reader tells its counts a few times a second
        reads, traffic = await bench.num_store_reads() - before, bench.traffic - traffic
        bench.path.rename(directory / "away.git")
        await pause(2.0)
        no_store = Phase(bench, "no_store")
        await no_store.run(options.dead, 0)
        for each in bench.services:
            each.kill()
        await pause(2.0)
        no_service = Phase(bench, "no_service")
        await no_service.run(options.dead, 0)
        measure.emit(
            kind=options.kind,
            beginning=beginning,
            store_reads_per_s=round(reads / took, 2),
            calls_per_s=round(traffic["calls"] / took, 1),
            events_per_s=round(traffic["events"] / took, 1),
            reads_per_s=round(len(well.latencies) / took, 1),
            latency=times(well.latencies),
            staleness=times(well.staleness),
            changes=len(well.staleness),
            never=well.never,
            well=well.figures(),
            no_store=no_store.figures(),
            no_service=no_service.figures(),
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", choices=KINDS, required=True)
    for name, number, text in (("clients", 100, ""), ("names", 100, "of each client"), ("of", 1000, "names there are"), ("seed", 1, "")):
        parser.add_argument(f"--{name}", type=int, default=number, help=f"{text} ({number})")
    for name, seconds, text in (
        ("rate", 10.0, "reads of each client a second"),
        ("changes", 5.0, "a second"),
        ("warm", 3.0, "before anything is measured [s]"),
        ("seconds", 10.0, "of the measurement [s]"),
        ("dead", 3.0, "without a store, and without a service [s]"),
    ):
        parser.add_argument(f"--{name}", type=float, default=seconds, help=f"{text} ({seconds})")
    options = parser.parse_args()
    log.begin("parameters", only_errors=True)
    with tempfile.TemporaryDirectory(prefix="deltamesh-parameters-") as folder:
        loop.run(lambda: main(options, Path(folder)))
