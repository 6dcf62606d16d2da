"""
What the call queue costs.

    python -m bench.queue_cost [--seconds 2] [--rounds 5]

- *alone*: the queue by itself, in this process: a call is taken in, given to a callee, answered.
- *not waiting*, *waiting*: the processor time of the router's worker for a call. Both times a callee works on 64 calls at once. One
  registration has no limit, and there are 64 calls at any time; the other one has 64 slots, and there are 128 calls, so half of
  them wait. The two take turns on one router, and medians count.

The share of the queue is the one divided by the other.
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from typing import Final

from bench import measure
from bench.clients import Echo, Stopwatch, pipeline
from bench.router import Routers
from bench.runs import Row, in_turn
from deltamesh_router.queue.callee import QueuedCall
from deltamesh_router.queue.callqueue import CallQueue
from deltamesh_router.settings.settings import CallRule
from tests.running_router import RunningRouter
from tests.wire_connection import WireConnection

SLOTS: Final = 64


def calls(router: RunningRouter, *, are_waiting: bool, seconds: float) -> list[Row]:
    """Return the processor time for a call [µs]."""
    callee = Echo(router, invoke="roundrobin", **({"concurrency": SLOTS} if are_waiting else {}))
    with callee.connection, WireConnection(router.unix_path) as caller:
        watch = Stopwatch(router)
        done = pipeline(caller, callee, watch, window=2 * SLOTS if are_waiting else SLOTS, seconds=seconds)
        return [{"cpu_us": watch.cpu / done * 1e6, "per_s": done / watch.seconds}]


def alone(*, are_waiting: bool, num_calls: int = 50_000) -> float:
    """Return what the queue by itself takes for a call [µs]."""
    queue = CallQueue(CallRule(), "roundrobin", lambda below: 0)
    queue.join("callee", 1, 0.0)
    given = QueuedCall()
    queue.offer(given, 0.0)
    begin = time.process_time()
    for number in range(num_calls):
        now = float(number)
        if are_waiting:
            queue.offer(QueuedCall(), now)
            (move,) = queue.answered(given, now)
            given = move.call
        else:
            queue.answered(given, now)
            given = QueuedCall()
            queue.offer(given, now)
    return (time.process_time() - begin) / num_calls * 1e6


def queue_cost(seconds: float, rounds: int) -> dict[str, Row]:
    """Return what was measured of calls that wait, and of those that do not; `share` is that of the queue."""
    with Routers("ours") as routers:
        case = partial(calls, routers.running["ours"], seconds=seconds)
        waiting, not_waiting = in_turn(rounds, partial(case, are_waiting=True), partial(case, are_waiting=False))
    for row, are_waiting in ((waiting, True), (not_waiting, False)):
        row["alone_us"] = min(alone(are_waiting=are_waiting) for _ in range(rounds))
        row["share"] = row["alone_us"] / row["cpu_us"]
    return {"waiting": waiting, "not_waiting": not_waiting}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each kind of call, in each round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for what, row in queue_cost(options.seconds, options.rounds).items():
        measure.emit(calls=what, **{name: round(value, 3) for name, value in row.items()})


if __name__ == "__main__":
    main()
