"""
Show what the router promises: one line for each item, ok or short, with its figure. Exits with 1 if an item falls short.

    python -m bench.show_router [--only tests|speed|queue|jobs|readers]

Takes about 25 minutes. Figures are compared within the run: the two sides take turns, and medians count. Plain Crossbar.io is called stock.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from bench import jobs, slow_reader
from bench.nats import install_nats
from bench.processes import end_in_order
from bench.queue_cost import queue_cost
from bench.router import Routers, cases, in_rounds
from bench.runs import in_turn, install_anchors, ours
from bench.show import Item, Line, Tests, chosen, compared, print_lines, why
from bench.slow_worker import POLICIES, slow_worker
from bench.talk import ideal, talk
from bench.workloads import SOCKET_IO, Effort, fan_out_rows, figure
from tests.running_router import OURS

EFFORT: Final = Effort(turns=3, seconds=3, is_quick=False)
ROUNDS: Final = 5
SUBSCRIBERS: Final = 1000
STOCK: Final = "stock"
NATS: Final = "NATS"

TALK_TOLERANCE: Final = 0.05
MAX_QUEUE_COST: Final = 0.1
"""Of what a call costs."""
MAX_GROWTH: Final = 30_000_000
"""Of the router's memory, by a reader that has stopped [B]."""
MAX_LEFT: Final = 10_000_000
"""Of that, when it has gone [B]."""
NOISE: Final = 1.3
"""Times that are not further apart than this are the same: identical runs differ as much."""
MIN_JOBS: Final = 190.0
"""A second; the ideal is 200."""
MAX_WAITING: Final = 1.1
"""Of the ideal time of a job that waits for its turn."""

SPEED: Final[dict[str, float | None]] = {
    "64 calls at a time, Unix": 1.6,
    "64 calls at a time, WebSocket": 1.6,
    "publish to 1, 64 at a time, Unix": 1.3,
    f"publish to {SUBSCRIBERS:,}, 16 at a time, WebSocket": 1.5,
    f"publish to {SUBSCRIBERS:,}, one at a time, WebSocket": None,
}
"""Cases of `bench.router`, and how many times better than stock they have to be. None: the time is mostly that of the thousand clients."""


def speed() -> Iterator[Line]:
    """Calls, publications and fan-out beside plain Crossbar.io."""
    with Routers("ours", "stock") as routers:
        every = cases(SUBSCRIBERS)
        for title, at_least in SPEED.items():
            rounds = EFFORT.turns if "1,000" in title else ROUNDS
            found = in_rounds(routers.running, every[title], rounds=rounds, seconds=2.0)
            yield compared(title, "1/s", found["ours"], found["stock"], STOCK, "per_s", at_least=at_least)
            yield compared(f"{title}: CPU each", "µs", found["ours"], found["stock"], STOCK, "cpu_us", less_is_better=True)


def fan_out() -> Iterator[Line]:
    """The same beside Socket.IO, 200 bytes, clients on Node.js."""
    mine, theirs = fan_out_rows(SUBSCRIBERS, EFFORT)
    yield compared("1,000 clients: delivered", "1/s", mine, theirs, SOCKET_IO, "delivered_per_s", at_least=1)
    yield compared("1,000 clients: CPU a delivery", "µs", mine, theirs, SOCKET_IO, "server_us_per_delivery", less_is_better=True)


def queue() -> Iterator[Line]:
    """What the call queue costs."""
    for what, row in queue_cost(2.0, ROUNDS).items():
        item = f"the queue costs at most {MAX_QUEUE_COST:.0%} of a call, {what.replace('_', ' ')}"
        said = f"{row['share']:.1%}: {row['alone_us']:.1f} of {row['cpu_us']:.1f} µs of processor"
        yield Line(item, row["share"] <= MAX_QUEUE_COST, said)


def publish_many() -> Iterator[Line]:
    """Many events in one call."""
    for row in ours("bench.publish_many", "--seconds", 2, "--turns", 3, "--stock"):
        if "failed" in row:
            yield Line("events for 1,000 topics in one call", False, why(row))
            continue
        item = f"events for 1,000 topics in one call, {row['readers']}, {row['publisher']}: at least 4 times stock's single ones"
        times, own = row["stock_all_single"] / row["all_many"], row["all_single"] / row["all_many"]
        said = f"{times:.2f} times: {row['all_many']} µs of processor an event, {STOCK} {row['stock_all_single']} µs; {own:.2f} times ours"
        yield Line(item, times >= 4, said)


def policies() -> Iterator[Line]:
    """Calls to whom has least to do, with one slow worker."""
    in_order, least = in_turn(1, *[partial(lambda policy: [slow_worker(policy, 800, 80.0)], policy) for policy in POLICIES])
    item = "one slow worker of four: least_loaded beats roundrobin on p99"
    yield compared(item, "ms", least, in_order, "roundrobin", "ms", "p99", at_least=1, less_is_better=True)


def talk_demo() -> Iterator[Line]:
    """The demo of talks."""
    with Routers("ours") as routers:
        for is_joined, what in ((False, "callees with 2 and 3 slots"), (True, "a third one with 5 joins after 2 s")):
            took, best = talk(routers.running["ours"], 2.0, is_joined=is_joined), ideal(2.0, is_joined=is_joined)
            item = f"20 calls of 2 s, {what}: {best:.1f} s ± {TALK_TOLERANCE:.0%}"
            yield Line(item, abs(took - best) <= TALK_TOLERANCE * best, f"{took:.2f} s")


def shared_jobs() -> Iterator[Line]:
    """Jobs of 20 ms on four workers, beside queue groups of NATS."""
    for count in (4, 64):
        arguments = ("bench.jobs", "--in-flight", count, "--seconds", 5)
        mine, theirs = in_turn(EFFORT.turns, partial(ours, *arguments), partial(ours, *arguments, "--peer", "nats"))
        our_rate, our_p99 = figure(mine, "per_s"), figure(mine, "ms", "p99")
        if our_rate is None or our_p99 is None or figure(theirs, "per_s") is None:
            yield Line(f"a job of 20 ms on 4 workers, {count} in flight", False, why(mine, theirs))
            continue
        best = count / jobs.NUM_WORKERS * jobs.JOB * 1e3
        said = f"{our_rate:.0f}/s, p99 {our_p99:.0f} ms; {NATS} {theirs['per_s']:.0f}/s, p99 {theirs['ms']['p99']:.0f} ms"
        if count == jobs.NUM_WORKERS:
            yield Line(f"a job of 20 ms on 4 workers, 4 in flight: at least {MIN_JOBS:.0f} of 200/s", our_rate >= MIN_JOBS, said)
        else:
            item = f"a job of 20 ms on 4 workers, 64 in flight: p99 within {MAX_WAITING - 1:.0%} of {best:.0f} ms"
            yield Line(item, our_p99 <= MAX_WAITING * best, said)


def stopped_reader() -> Iterator[Line]:
    """A reader that stops under 200 MB of events."""
    cost = slow_reader.measure(OURS)
    grown, left = cost.peak - cost.before, cost.after - cost.before
    item = f"a reader stops under 200 MB of events: memory grows by less than {MAX_GROWTH / 1e6:.0f} MB, and comes back"
    said = f"{grown / 1e6:+.1f} MB, afterwards {left / 1e6:+.1f} MB; it {'was' if cost.is_closed else 'was not'} closed"
    yield Line(item, grown < MAX_GROWTH and left < MAX_LEFT and cost.is_closed, said)
    without, with_one = [slow_reader.percentile(times, 99) * 1e3 for times in (cost.without, cost.with_one)]
    said = f"{with_one:.2f} ms, without it {without:.2f} ms"
    yield Line("a reader stops: p99 of the other readers is unchanged", with_one <= NOISE * without, said)


TESTS: Final[tuple[Item, ...]] = (
    Tests(
        "shared registrations: each row of the table, on stock and on ours, with real kills",
        ("tests/router/test_shared_registrations.py",),
    ),
    Tests("calls through workers that come, crash and go", ("tests/router/test_crowd.py",), calls=100_000),
    Tests(
        "call queue: random histories, beside a model",
        ("tests/router/test_callqueue_histories.py", "tests/router/test_callqueue.py", "tests/router/test_callqueue_affinity.py"),
    ),
    Tests("Crossbar.io's own router tests pass with our dealer and broker", ("tests/router/test_stock_suite.py",)),
    Tests(
        "workers in Python, for Twisted and asyncio, and JavaScript, autobahn-js and wampy, share a registration",
        ("tests/router/test_languages.py",),
    ),
    Tests(
        "slow readers are closed, and told why; strangers are bounded",
        ("tests/router/test_outbound.py", "tests/router/test_admission.py"),
    ),
    Tests(
        "what comes in and goes out is what Autobahn reads and writes",
        ("tests/router/test_formats.py", "tests/router/test_wire_protocols.py", "tests/router/test_connection.py"),
    ),
)

ITEMS: Final[dict[str, tuple[Item, ...]]] = {
    "tests": TESTS,
    "speed": (speed, fan_out, publish_many),
    "queue": (queue, policies),
    "jobs": (talk_demo, shared_jobs),
    "readers": (stopped_reader,),
}


def main() -> None:
    items = chosen(__doc__, ITEMS)
    end_in_order()
    install_anchors()
    install_nats()
    print_lines(items)


if __name__ == "__main__":
    main()
