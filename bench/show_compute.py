"""
Show what the compute farm promises: one line for each item, ok or short, with its figure. Exits with 1 if an item falls short.

    python -m bench.show_compute [--only tests|quality|speed|faults]

Takes about 15 minutes. Everything goes through a whole mesh of real processes, bound to two CPUs. The anchors are OR-Tools' routing, which
has the same CPUs and the same time while the farm is idle, and LKH (elkai), the best there is, which takes the time that it takes.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Iterator
from typing import Any, Final

from bench.compute_anchors import install_solvers
from bench.compute_quality import BUDGETS
from bench.processes import end_in_order, run
from bench.runs import Row, ours
from bench.show import Item, Line, Tests, chosen, print_lines, why

SEEDS: Final = 10
ENOUGH: Final = 9
"""Of these seeds have to be good enough."""
INFORMATION_SEEDS: Final = 3

WITHIN: Final = {"berlin52": 0.0, "kroA100": 0.0, "a280": 0.01, "lin318": 0.015}
"""How much longer than the shortest tour a route may be, as a part of it, by instance."""

TURNS: Final = 5
MIN_SPEEDUP: Final = 1.7
MAX_OVERHEAD: Final = 0.1

ROUNDS: Final = 3
TABLE_LIMIT: Final = 3.0
"""Until the table of workers is right [s]."""
TOLERANCE: Final = 0.05
"""Of a budget."""
LIMIT: Final = 600.0
"""How long all scenarios may take [s]."""

CPUS: Final = 2


def quality() -> Iterator[Line]:
    """Routes through the whole mesh with two workers, beside OR-Tools."""
    yield from _quality(list(WITHIN), SEEDS)
    yield from _quality([name for name in BUDGETS if name not in WITHIN], INFORMATION_SEEDS)


def _quality(names: list[str], seeds: int) -> Iterator[Line]:
    rows = ours("bench.compute_quality", "--seeds", seeds, "--instances", *names)
    for name in names:
        found = {by: [row for row in rows if row.get("instance") == name and row["by"] == by] for by in ("deltamesh", "ortools", "elkai")}
        mine, theirs, lkh = found["deltamesh"], found["ortools"], found["elkai"]
        seconds = BUDGETS[name]
        if len(mine) < seeds or not theirs or not lkh:
            yield Line(f"{name} in {seconds:g} s", False, why(*rows))
            continue
        gaps = sorted([gap(row) for row in mine])
        middle, other = statistics.median(gaps), statistics.median([gap(row) for row in theirs])
        said = f"median {middle:.2%} over {'the optimum' if name in WITHIN else 'LKH'}, from {gaps[0]:.2%} to {gaps[-1]:.2%}"
        anchors = f"OR-Tools {other:.2%}, LKH {gap(lkh[0]):.2%}"
        if name in WITHIN:
            good = sum(each <= WITHIN[name] for each in gaps)
            what = "optimal" if not WITHIN[name] else f"within {WITHIN[name]:.1%} of the optimum"
            item = f"{name} {what} in {seconds:g} s with 2 workers, in {ENOUGH} of {seeds} seeds"
            yield Line(item, good >= ENOUGH, f"in {good}; {said}; {anchors}")
            yield Line(f"{name}: better than OR-Tools, or optimal", middle <= max(other - 1e-9, 0.0), f"{middle:.2%}; {anchors}")
        else:
            yield Line(f"{name} in {seconds:g} s with 2 workers, for information", True, f"{said}; {anchors}")


def gap(row: Row) -> float:
    """Return how much longer a route is than the best one that is known, as a part of that."""
    return float(row["length"] / row["best"] - 1)


def speed() -> Iterator[Line]:
    """The second worker, and what the mesh costs."""
    rows = ours("bench.compute_speed", "--turns", TURNS)
    one, two = [[row for row in rows if row.get("workers") == number] for number in (1, 2)]
    item = f"routes per second grow by at least {MIN_SPEEDUP} with the second worker on two CPUs"
    if len(one) < TURNS or len(two) < TURNS:
        yield Line(item, False, why(*rows))
        return
    ratio, bare = [statistics.median([b[what] / a[what] for a, b in zip(one, two, strict=True)]) for what in ("routes_per_s", "bare_per_s")]
    alone, both = [statistics.median([row["routes_per_s"] for row in side]) / 1e6 for side in (one, two)]
    said = (
        f"{ratio:.2f} times: {alone:.1f} million with one, {both:.1f} with two; two processes of the solver without a mesh {bare:.2f} times"
    )
    yield Line(item, ratio >= MIN_SPEEDUP, said)
    shares = [statistics.median([row["overhead"] for row in side]) for side in (one, two)]
    said = f"{shares[1]:.1%} of the time of each of two workers, {shares[0]:.1%} of one alone"
    yield Line(f"the mesh costs less than {MAX_OVERHEAD:.0%} of a worker's time", max(shares) < MAX_OVERHEAD, said)


SCENARIOS: Final = {
    "killed": "both workers are killed during a search, one after the other",
    "added": "two workers are added during a search that began without any",
    "frozen": "a worker is frozen during a search, and thawed",
    "liars": "one honest worker among liars",
    "slow-liars": "one honest worker among liars that say they are slow",
    "mixed": "Python, Node and a browser's tab compute one problem at the same time; then the tab is closed",
}


def faults() -> Iterator[Line]:
    """What happens to workers."""
    command = [sys.executable, "-m", "tests.compute.chaos", "--rounds", ROUNDS]
    out, problem = run(command, limit=LIMIT)
    rows = {row["scenario"]: row for row in map(json.loads, filter(lambda line: line.startswith("{"), out.splitlines()))}
    for name, what in SCENARIOS.items():
        yield from fault(what, rows.get(name, {"ok": False, "wrong": problem, "rounds": []}))
    same = rows.get("same", {"ok": False, "wrong": problem, "rounds": []})
    said = ", ".join([f"{row['rounds']} units end at {row['length']:,}" for row in same["rounds"]])
    yield Line("with one worker the same seed gives the same route, another seed another one", same["ok"], same["wrong"] or said)


def fault(what: str, row: dict[str, Any]) -> Iterator[Line]:
    """Return the lines of one scenario."""
    rounds = row["rounds"]
    shown = sum(each["shown"] for each in rounds)
    said = f"{len(rounds)} times, {shown} routes shown, each a tour as long as it said and no longer than the one before"
    if rounds and "asked" in rounds[0]:
        said += f"; {sum(each['refused'] for each in rounds):,} units refused"
    yield Line(f"{what}: nothing wrong is shown", row["ok"], row["wrong"] or said)
    if not rounds:
        return
    off = max(each["off"] for each in rounds)
    yield Line(f"{what}: answer within the budget ± {TOLERANCE:.0%}", off <= TOLERANCE, f"{off:.1%} off at most")
    table = [seconds for each in rounds for seconds in each.get("table", [])]
    if table:
        said = f"longest {max(table):.2f} s, median {statistics.median(table):.2f} s, {len(table)} times"
        yield Line(f"{what}: the table is right within {TABLE_LIMIT:g} s", max(table) <= TABLE_LIMIT, said)


TESTS: Final[tuple[Item, ...]] = (
    Tests(
        "tours are permutations, and never longer than the start; the same unit gives the same route",
        ("tests/examples/test_salesman_solver.py",),
    ),
    Tests("a tab is lent, computes, and leaves without a trace when it is closed", ("tests/browser/test_lend.py",)),
    Tests("hot standby and the call queue of the talk", ("tests/examples/test_talk.py",)),
)

ITEMS: Final[dict[str, tuple[Item, ...]]] = {
    "tests": TESTS,
    "quality": (quality,),
    "speed": (speed,),
    "faults": (faults,),
}


def main() -> None:
    items = chosen(__doc__, ITEMS)
    end_in_order()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CPUS])  # and so for all that is started
    install_solvers()
    print_lines(items)


if __name__ == "__main__":
    main()
