"""
Show what the spine promises: one line for each item, ok or short, with its figure. Exits with 1 if an item falls short.

    python -m bench.spine [--only tests|figures]

Takes about a quarter of an hour. Figures are ratios within this run, never times of another machine.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from bench.processes import ROOT, end_in_order
from bench.runs import install_anchors, ours
from bench.workloads import DB_IVM, SKIP, end_to_end_rows, engine_rows, figure

LIMIT: Final = 600.0
"""How long the tests of one item may take [s]."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One line."""

    item: str
    is_ok: bool
    said: str


@dataclass(frozen=True, slots=True)
class Tests:
    """An item that tests show."""

    item: str
    paths: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()

    def show(self) -> Iterator[Shown]:
        begin = time.monotonic()
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", *self.paths]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT,
                env={**os.environ, **dict(self.environment)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            yield Shown(self.item, False, f"not done after {LIMIT:.0f} s")
            return
        passed = re.search(r"(\d+) passed", done.stdout)
        is_ok = done.returncode == 0 and passed is not None
        said = f"{passed[1]} tests in {time.monotonic() - begin:.0f} s" if is_ok and passed else done.stdout.strip()[-600:]
        yield Shown(self.item, is_ok, said)


def _factor(
    item: str, mine: float | None, theirs: float | None, anchor: str, *, at_least: float, unit: str, less_is_better: bool = False
) -> Shown:
    """Compare two figures of one run."""
    if not mine or not theirs:
        return Shown(item, False, "not measured")
    factor = theirs / mine if less_is_better else mine / theirs
    said = f"{factor:.1f} times, {at_least:g} asked for: {mine:,.4g} {unit}; {anchor}: {theirs:,.4g} {unit}"
    return Shown(item, factor >= at_least, said)


def engine() -> Iterator[Shown]:
    """The engine beside Skip and db-ivm."""
    mine, skip, db_ivm = engine_rows("hn", 10_000, seconds=2, times=5)
    single, batch, load = ("single_ms", "p50"), ("batch_entries_per_s",), ("load_entries_per_s",)
    for what, path, at_least, unit, less in (
        ("one write", single, 20, "ms", True),
        ("batches of 1,000", batch, 15, "entries/s", False),
        ("load", load, 4, "entries/s", False),
    ):
        item = f"engine, hn, N=10,000: {what}, beside Skip"
        yield _factor(item, figure(mine, *path), figure(skip, *path), SKIP, at_least=at_least, unit=unit, less_is_better=less)
    item = "engine, hn, N=10,000: one write, beside db-ivm"
    yield _factor(item, figure(mine, *single), figure(db_ivm, *single), DB_IVM, at_least=1, unit="ms", less_is_better=True)
    large = ours("bench.engine", "--graph", "hn", "--n", 100_000, "--secs", 1)[0]
    memory = figure(large, "rss_mb")
    said = "not measured" if memory is None else f"{memory:,.0f} MB"
    yield Shown("engine, hn, N=100,000: under 700 MB", memory is not None and memory < 700, said)


def instances() -> Iterator[Shown]:
    """A write that concerns no instance costs what it costs with one."""
    for kind in ("shared", "own", "one"):
        item = f"10,000 instances, {kind}: a write that touches none costs at most 1.5 times what it costs with one"
        rows = {row.get("k"): row for row in ours("bench.instances", "--kind", kind, "--ks", "1,10000", "--secs", 2)}
        few, many = (figure(rows.get(k, {}), "cold_ms", "p50") for k in (1, 10_000))
        if few is None or many is None:
            yield Shown(item, False, "not measured")
        else:
            yield Shown(item, many <= 1.5 * few, f"{many / few:.2f} times: {many * 1e3:.0f} µs beside {few * 1e3:.0f} µs")


def end_to_end() -> Iterator[Shown]:
    """A thousand clients beside Skip's."""
    for mode, at_least in (("same", 3), ("own", 5)):
        mine, skip = end_to_end_rows(mode, 1000, seconds=4, times=2)
        updates, latency = ("open", "updates_per_s"), ("closed", "all_clients_ms", "p50")
        item = f"1,000 clients, {mode} parameters: updates delivered"
        yield _factor(item, figure(mine, *updates), figure(skip, *updates), SKIP, at_least=at_least, unit="1/s")
        if mode == "same":
            item = "1,000 clients, same parameters: all have a write"
            yield _factor(item, figure(mine, *latency), figure(skip, *latency), SKIP, at_least=2, unit="ms", less_is_better=True)


MESH: Final = "tests/mesh/"

ITEMS: Final[tuple[Callable[[], Iterator[Shown]], ...]] = (
    Tests(
        "graph: random graphs and transactions equal a from-scratch evaluation, also under failures",
        ("tests/graph/test_property.py",),
    ).show,
    Tests("graph: each operator broken on purpose is found", ("tests/graph/test_mutations.py",)).show,
    Tests(
        "stream: 10,000 histories of faults without divergence, and broken rules are found",
        ("tests/stream/test_simulator.py",),
        (("DELTAMESH_HISTORIES", "10000"),),
    ).show,
    Tests(
        "a follower killed under 100 live clients, replaced without a wrong state",
        (MESH + "test_followers.py::test_a_killed_follower_is_replaced_by_another_one",),
    ).show,
    Tests("a router restarted: all go on in the same epoch", (MESH + "test_router.py",)).show,
    Tests("a leader restarted: a new epoch, clean convergence", (MESH + "test_leader.py",)).show,
    Tests("bad input gets a documented error, and the mesh goes on", (MESH + "test_bad_input.py",)).show,
    Tests(
        "a plain session has a live resource with one open and one subscribe",
        (MESH + "test_plain_client.py", MESH + "test_plain_wampy.py"),
    ).show,
    Tests("two browsers: an upvote reorders the other; a killed follower is seen in the status alone", ("tests/browser",)).show,
    Tests("the wheel in an empty environment runs the command line", ("tests/packaging",)).show,
    engine,
    instances,
    end_to_end,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("tests", "figures"), help="leave out the others")
    options = parser.parse_args()
    end_in_order()
    install_anchors()
    short = 0
    for item in ITEMS:
        if options.only and (options.only == "tests") != isinstance(getattr(item, "__self__", None), Tests):
            continue
        for shown in item():
            short += not shown.is_ok
            print(f"{'ok   ' if shown.is_ok else 'short'}  {shown.item}: {shown.said}", flush=True)
    print(f"{short} short" if short else "all ok")
    sys.exit(1 if short else 0)


if __name__ == "__main__":
    main()
