"""
Measures the router beside plain Crossbar.io, both with the repository's own node configuration.

    python -m bench.router [--seconds 2] [--rounds 3] [--subscribers 1000] [--only ours|stock]

The clients are as cheap as they can be (they count frames), so that the router is what is measured. The two take turns, and the median
of the rounds counts: what else the machine does disturbs both. A call carries 100 bytes, an event 1,000.
"""

from __future__ import annotations

import argparse
import select
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Self

from bench.clients import Echo, Frames, Stopwatch, allow_many_connections, pipeline
from bench.runs import Row, median
from tests.running_router import OURS, STOCK, RunningRouter
from tests.wire_connection import CALL, PUBLISH, WireConnection

PROGRAMS: Final = {"stock": STOCK, "ours": OURS}
TOPIC: Final = "com.example.hackernews.live.measured"
TEXT: Final = "x" * 1000

Case = Callable[[RunningRouter, float], Row]
"""(router, seconds) -> what was measured."""


def sequential_calls(router: RunningRouter, address: str, seconds: float) -> Row:
    callee, caller = Echo(router), WireConnection(address)
    took = []
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        caller.send([CALL, len(took) + 1, {}, callee.procedure, ["x" * 100]])
        callee.answer([callee.connection.receive()])
        caller.receive()
        took.append((time.perf_counter() - begin) * 1e6)
    callee.connection.close()
    caller.close()
    took.sort()
    return {"median_us": statistics.median(took), "p99_us": took[len(took) * 99 // 100]}


def pipelined_calls(router: RunningRouter, address: str, seconds: float, window: int = 64) -> Row:
    """`window` calls are on their way at any time."""
    callee, caller = Echo(router), WireConnection(address)
    watch = Stopwatch(router)
    done = pipeline(caller, callee, watch, window=window, seconds=seconds)
    measured = {"per_s": done / watch.seconds, "cpu_us": watch.cpu / done * 1e6}
    callee.connection.close()
    caller.close()
    return measured


def publications(router: RunningRouter, address: str, subscribers: int, seconds: float, window: int) -> Row:
    """One publisher on the Unix socket; at most `window` publications that not everybody has received yet."""
    publisher = WireConnection(router.unix_path)
    connections = [WireConnection(address) for _ in range(subscribers)]
    for connection in connections:
        connection.subscribe(TOPIC)
    publisher.publish(TOPIC, TEXT)
    receivers = {}
    poll = select.epoll()
    for connection in connections:
        connection.receive()
        receivers[connection.socket.fileno()] = Frames(connection)
        poll.register(connection.socket, select.EPOLLIN)
    publication = publisher.frame([PUBLISH, 1, {}, TOPIC, [TEXT]])
    sent = delivered = 0
    watch = Stopwatch(router)
    while watch.seconds < seconds or delivered < sent * subscribers:
        if watch.seconds < seconds and (room := window - (sent - delivered // subscribers)) > 0:
            publisher.socket.sendall(publication * room)
            sent += room
        for fd, _ in poll.poll(1.0, 256):
            delivered += receivers[fd].read()
    measured = {"per_s": delivered / watch.seconds, "cpu_us": watch.cpu / delivered * 1e6}
    for connection in [publisher, *connections]:
        connection.close()
    return measured


def cases(subscribers: int) -> dict[str, Case]:
    many = f"publish to {subscribers:,}"
    return {
        "calls one by one, Unix": lambda router, seconds: sequential_calls(router, router.unix_path, seconds),
        "calls one by one, WebSocket": lambda router, seconds: sequential_calls(router, router.ws_url, seconds),
        "64 calls at a time, Unix": lambda router, seconds: pipelined_calls(router, router.unix_path, seconds),
        "64 calls at a time, WebSocket": lambda router, seconds: pipelined_calls(router, router.ws_url, seconds),
        "publish to 1, 64 at a time, Unix": lambda router, seconds: publications(router, router.unix_path, 1, seconds, 64),
        "publish to 1, 64 at a time, WebSocket": lambda router, seconds: publications(router, router.ws_url, 1, seconds, 64),
        f"{many}, one at a time, Unix": lambda router, seconds: publications(router, router.unix_path, subscribers, seconds, 1),
        f"{many}, one at a time, WebSocket": lambda router, seconds: publications(router, router.ws_url, subscribers, seconds, 1),
        f"{many}, 16 at a time, WebSocket": lambda router, seconds: publications(router, router.ws_url, subscribers, seconds, 16),
    }


class Routers(ExitStack):
    """Running routers, by name: `stock` is plain Crossbar.io."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        allow_many_connections()
        self.running: dict[str, RunningRouter] = {}
        self._names = names

    def __enter__(self) -> Self:
        super().__enter__()
        for name in self._names:
            directory = self.enter_context(tempfile.TemporaryDirectory(prefix="deltamesh-bench-"))
            self.running[name] = self.enter_context(RunningRouter(Path(directory), program=PROGRAMS[name]))
        return self


def in_rounds(routers: Mapping[str, RunningRouter], case: Case, *, rounds: int, seconds: float) -> dict[str, Row]:
    """Measure a case with each router in turn, so often; return the medians."""
    found: dict[str, list[Row]] = {name: [] for name in routers}
    for _ in range(rounds):
        for name, router in routers.items():
            found[name].append(case(router, seconds))
    return {name: median(rows) for name, rows in found.items()}


def text_of(row: Row) -> str:
    """Return a measurement for people."""
    if "median_us" in row:
        return f"{row['median_us']:7,.0f} µs median, {row['p99_us']:7,.0f} µs p99"
    return f"{row['per_s']:9,.0f} a second, {row['cpu_us']:6.1f} µs of processor each"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--only", choices=list(PROGRAMS))
    options = parser.parse_args()
    with Routers(*([options.only] if options.only else PROGRAMS)) as routers:
        for title, case in cases(options.subscribers).items():
            for name, row in in_rounds(routers.running, case, rounds=options.rounds, seconds=options.seconds).items():
                print(f"{title:42} {name:6} {text_of(row)}", flush=True)


if __name__ == "__main__":
    main()
