"""
Show what the spine promises: one line for each item, ok or short, with its figure. Exits with 1 if an item falls short.

    python -m bench.spine [--only tests|figures|start]

Takes about 20 minutes. Figures are compared within the run, never with times of another machine.
"""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Iterator
from typing import Final

from bench.processes import ROOT, Servers, end_in_order, free_port, run
from bench.runs import Row, in_turn, install_anchors, median, ours
from bench.show import TEST_LIMIT, Item, Line, Tests, chosen, compared, print_lines, why
from bench.workloads import DB_IVM, SKIP, SOCKET_IO, Effort, end_to_end_rows, engine_rows, fan_out_rows, figure

EFFORT: Final = Effort(turns=3, seconds=3, is_quick=False)

ENGINE_EFFORT: Final = Effort(turns=15, seconds=0.5, is_quick=False)
"""Short turns, and many: a machine that is faster for some seconds is so for both sides of a turn."""

MAX_MEMORY: Final = 700
"""Of `hn` with N = 100,000 [MB]."""

MAX_GROWTH: Final = 1.5
"""Of the cost of a write that touches no instance, from one instance to 10,000."""


def engine() -> Iterator[Line]:
    """The engine beside Skip and db-ivm."""
    single, batch, load = ("single_ms", "p50"), ("batch_entries_per_s",), ("load_entries_per_s",)
    mine, skip, db_ivm = engine_rows("hn", 10_000, ENGINE_EFFORT)
    yield compared("engine, hn, N=10,000: one write", "ms", mine, skip, SKIP, *single, at_least=20, less_is_better=True)
    yield compared("engine, hn, N=10,000: batches of 1,000", "entries/s", mine, skip, SKIP, *batch, at_least=15)
    yield compared("engine, hn, N=10,000: load", "entries/s", mine, skip, SKIP, *load, at_least=4)
    yield compared("engine, hn, N=10,000: one write", "ms", mine, db_ivm, DB_IVM, *single, at_least=1, less_is_better=True)
    mine, skip, db_ivm = engine_rows("sum", 10_000, EFFORT)
    for anchor, theirs in ((SKIP, skip), (DB_IVM, db_ivm)):
        yield compared("engine, sum, N=10,000: one write", "ms", mine, theirs, anchor, *single, less_is_better=True)
        yield compared("engine, sum, N=10,000: batches of 1,000", "entries/s", mine, theirs, anchor, *batch)
    large = median(ours("bench.engine", "--graph", "hn", "--n", 100_000, "--secs", 1))
    memory = figure(large, "rss_mb")
    said = why(large) if memory is None else f"{memory:,.0f} MB"
    yield Line(f"engine, hn, N=100,000: under {MAX_MEMORY} MB", memory is not None and memory < MAX_MEMORY, said)


def instances() -> Iterator[Line]:
    """A write that touches no instance costs what it costs with one."""
    for kind in ("shared", "own", "one"):

        def measured(kind: str = kind) -> list[Row]:
            rows = ours("bench.instances", "--kind", kind, "--ks", "1,10000", "--secs", 1)
            return [{str(row["k"]): row["cold_ms"] for row in rows} if "failed" not in rows[-1] else rows[-1]]

        (row,) = in_turn(EFFORT.turns, measured)
        few, many = figure(row, "1", "p50"), figure(row, "10000", "p50")
        item = f"10,000 instances, {kind}: a write that touches none costs at most {MAX_GROWTH} times what it costs with one"
        if few is None or many is None:
            yield Line(item, False, why(row))
        else:
            yield Line(item, many <= MAX_GROWTH * few, f"{many / few:.2f} times: {many * 1e3:.3g} µs, with one {few * 1e3:.3g} µs")


def end_to_end() -> Iterator[Line]:
    """A thousand clients beside Skip's."""
    updates, latency = ("open", "updates_per_s"), ("closed", "all_clients_ms", "p50")
    mine, skip = end_to_end_rows("same", 1000, EFFORT)
    item = f"1,000 clients, equal parameters: updates delivered{_in_frames(mine)}"
    yield compared(item, "1/s", mine, skip, SKIP, *updates, at_least=3)
    item = "1,000 clients, equal parameters: all have a write"
    yield compared(item, "ms", mine, skip, SKIP, *latency, at_least=2, less_is_better=True)
    mine, skip = end_to_end_rows("own", 1000, EFFORT)
    item = f"1,000 clients, own parameters: updates delivered{_in_frames(mine)}"
    yield compared(item, "1/s", mine, skip, SKIP, *updates, at_least=5)
    item = "1,000 clients, own parameters: all have a write"
    yield compared(item, "ms", mine, skip, SKIP, *latency, less_is_better=True)


def fan_out() -> Iterator[Line]:
    """The router alone, beside Socket.IO."""
    mine, theirs = fan_out_rows(1000, EFFORT)
    delivered, cpu = "delivered_per_s", "server_us_per_delivery"
    yield compared("router alone, 1,000 clients: delivered", "1/s", mine, theirs, SOCKET_IO, delivered)
    yield compared("router alone, 1,000 clients: CPU a delivery", "µs", mine, theirs, SOCKET_IO, cpu, less_is_better=True)


def start() -> Iterator[Line]:
    """A clone of the last commit, in a new folder, starts with one command. It installs everything, as on a fresh machine."""
    item = "make run, in a clone of the last commit: all starts, and the page is served"
    begin = time.monotonic()
    for name in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
        os.environ.pop(name, None)  # what is said to this make does not concern the other one
    with Servers(None) as servers:
        clone = servers.folder / "clone"
        _, problem = run(["git", "clone", "--quiet", ROOT, clone], limit=60)
        if problem:
            yield Line(item, False, problem)
            return
        port = free_port()
        apps = "examples.departures:app examples.hackernews:app"
        servers.start("make", ["make", "run", f"RUN=.venv/bin/deltamesh run {apps} --followers 2 --port {port}"], clone)
        try:
            servers.wait_for("make", "| ready:", limit=TEST_LIMIT)
        except RuntimeError as error:
            yield Line(item, False, str(error))
            return
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as response:
            is_page = b"<html" in response.read()
    yield Line(item, is_page, f"{time.monotonic() - begin:.0f} s")


def _in_frames(row: Row) -> str:
    frames = figure(row, "open", "messages_per_s")
    return "" if frames is None else f" (in {frames:,.0f} frames/s)"


TESTS: Final[tuple[Item, ...]] = (
    Tests("graph: random graphs and histories equal a computation from scratch", ("tests/graph/test_property.py",), histories=400),
    Tests("graph: each rule, broken on purpose, is found", ("tests/graph/test_mutations.py",)),
    Tests(
        "stream: no history of faults breaks a promise, and each rule, broken on purpose, is found",
        ("tests/stream/test_simulator.py", "tests/stream/test_cases.py"),
        histories=10_000,
    ),
    Tests("a follower is killed under 100 live clients: no wrong state, nothing lost", ("tests/mesh/test_followers.py",)),
    Tests("the router is killed and comes back: all go on in the same epoch", ("tests/mesh/test_router.py",)),
    Tests("the leader is killed and comes back: a new epoch, all follow", ("tests/mesh/test_leader.py",)),
    Tests(
        "two browsers: an upvote in one reorders the other; a killed follower is seen in the status alone",
        ("tests/browser/test_hackernews.py",),
    ),
    Tests(
        "a plain session has a live resource with one open and one subscribe: Autobahn and wampy",
        ("tests/mesh/test_plain_client.py", "tests/mesh/test_plain_wampy.py"),
    ),
    Tests("bad input gets a documented error, and the mesh goes on", ("tests/mesh/test_bad_input.py",)),
    Tests("the wheel, in an environment of its own, has the command", ("tests/packaging",)),
)

ITEMS: Final[dict[str, tuple[Item, ...]]] = {
    "tests": TESTS,
    "figures": (engine, instances, end_to_end, fan_out),
    "start": (start,),
}


def main() -> None:
    items = chosen(__doc__, ITEMS)
    end_in_order()
    install_anchors()
    print_lines(items)


if __name__ == "__main__":
    main()
