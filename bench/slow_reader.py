"""
Measures what one reader that stops reading costs: the router's memory, and the time until the other readers have each event.

    python -m bench.slow_reader [--megabytes 200] [--readers 10] [--rounds 2] [--only ours|stock]

Events of 50,000 bytes are published one after the other, each when all other readers have the one before: first with
everybody reading, then with one more reader that has stopped. Both are measured on the same router, in turn, so whatever else
the machine does hits both; the times of each kind of round are put together.
"""

from __future__ import annotations

import argparse
import select
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import psutil

from bench.clients import Frames
from tests.running_router import OURS, STOCK, RunningRouter
from tests.wire_connection import PUBLISH, WireConnection

TOPIC: Final = "com.example.hackernews.live.slow"
TEXT: Final = "x" * 50_000

RECOVERY: Final = 15.0
"""How long after the last event, and after the stopped reader has gone, the memory may take to come back [s]."""


class Reader:
    """Counts events on a connection, without decoding them."""

    def __init__(self, address: str) -> None:
        self.connection = WireConnection(address)
        self.connection.subscribe(TOPIC)
        self.fileno = self.connection.socket.fileno
        self._frames = Frames(self.connection)

    def has_event(self) -> bool:
        """Read once; return whether an event is complete now."""
        return self._frames.read() > 0


class Cost(NamedTuple):
    """What a stopped reader costs."""

    before: int
    """Memory of the routing process when everybody had been reading for a while [B]."""
    peak: int
    """The most that it was while one reader did not [B]."""
    after: int
    """What it was in the end, when that one had gone [B]."""
    without: list[float]
    """Time from publishing until a reader has the event, with everybody reading [s]; one for each event and reader."""
    with_one: list[float]
    """The same, while one more has stopped."""
    is_closed: bool
    """Whether the router closed the stopped one by itself."""


def percentile(times: list[float], percent: int) -> float:
    """Return a percentile of some times [s]."""
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


class Hall:
    """A router, a publisher, and readers that read: one half on WebSocket, the other one on the Unix socket."""

    def __init__(self, router: RunningRouter, readers: int, stack: ExitStack) -> None:
        self._router = router
        self._publisher = stack.enter_context(WireConnection(router.unix_path))
        self._readers = [Reader(address) for _ in range(readers // 2) for address in (router.ws_url, router.unix_path)]
        for reader in self._readers:
            stack.enter_context(reader.connection)
        processes = psutil.Process(router.process.pid).children(recursive=True)
        self._worker = max(processes, key=lambda process: process.memory_info().rss)

    @property
    def resident(self) -> int:
        """Memory of the routing process [B]."""
        return int(self._worker.memory_info().rss)

    def send(self, events: int) -> tuple[list[float], int]:
        """Publish events; return how long each reader waited for each [s], and the most memory meanwhile [B]."""
        times = []
        peak = 0
        for _ in range(events):
            begin = time.perf_counter()
            self._publisher.send([PUBLISH, 1, {}, TOPIC, [TEXT]])
            waiting = list(self._readers)
            while waiting:
                for reader in select.select(waiting, [], [])[0]:
                    if reader.has_event():
                        times.append(time.perf_counter() - begin)
                        waiting.remove(reader)
            peak = max(peak, self.resident)
        return times, peak

    def joined(self) -> int:
        """Return how many sessions there are."""
        count = self._publisher.call("wamp.session.count")[3][0]
        return int(count)


def measure(program: tuple[str, ...], *, megabytes: int = 200, readers: int = 10, rounds: int = 2) -> Cost:
    """Measure one kind of router, `OURS` or `STOCK`."""
    events = megabytes * 1_000_000 // len(TEXT)
    without: list[float] = []
    with_one: list[float] = []
    peak = 0
    is_closed = True
    with tempfile.TemporaryDirectory() as folder, RunningRouter(Path(folder), program=program) as router, ExitStack() as stack:
        hall = Hall(router, readers, stack)
        hall.send(events // 4)
        before = hall.resident
        for _ in range(rounds):
            without += hall.send(events)[0]
            everybody = hall.joined()
            with Reader(router.ws_url).connection:
                times, most = hall.send(events)
                is_closed = is_closed and hall.joined() == everybody
            with_one += times
            peak = max(peak, most)
        after = hall.resident
        end = time.monotonic() + RECOVERY
        while after - before > 1_000_000 and time.monotonic() < end:
            time.sleep(0.5)
            after = hall.resident
    return Cost(before, peak, after, without, with_one, is_closed)


def line(name: str, cost: Cost) -> str:
    """Return what was measured, for people."""
    grown, left = [(size - cost.before) / 1e6 for size in (cost.peak, cost.after)]
    halves = [f"{percentile(times, 50) * 1e3:.2f} and {percentile(times, 99) * 1e3:.2f} ms" for times in (cost.without, cost.with_one)]
    fate = "was closed" if cost.is_closed else "was not closed by the router"
    return (
        f"{name}: memory {cost.before / 1e6:.0f} MB before, at most {grown:+.1f} MB, afterwards {left:+.1f} MB; the stopped reader {fate}\n"
        f"{name}: p50 and p99 of the others {halves[0]} without a stopped reader, {halves[1]} with one"
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200, help="events for a stopped reader, in each round")
    parser.add_argument("--readers", type=int, default=10, help="readers that read")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=["ours", "stock"])
    options = parser.parse_args()
    for name, program in {"ours": OURS, "stock": STOCK}.items():
        if options.only in (None, name):
            cost = measure(program, megabytes=options.megabytes, readers=options.readers, rounds=options.rounds)
            print(line(name, cost), flush=True)


if __name__ == "__main__":
    main()
