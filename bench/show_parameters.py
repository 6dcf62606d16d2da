"""
Show what live parameters promise: one line for each item, ok or short, with its figure. Exits with 1 if an item falls short.

    python -m bench.show_parameters [--only tests|push|crowd|outage|first|commits|architectures]

Takes about 15 minutes. Real processes and a real git server on loopback, seeded: each item is a command of its own, of
`tests.parameters.proof`, which its line is made from and that `docs/parameters.md` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bench.parameters import TITLES, measured
from bench.processes import end_in_order
from bench.runs import Row
from bench.scenario import Scenarios, untrue
from bench.show import Item, Line, Tests, chosen, print_lines, why

LIMIT: Final = 600.0
"""How long a scenario may take [s]."""

PUSHES: Final = 60
PUSH_LIMIT: Final = 0.15
"""From push to DOM, median [s]."""

CLIENTS, NAMES, OF, FEW, CHANGES = 1000, 1000, 5000, 10, 10
STARTED: Final = 400
COMMITS: Final = 500


scenario: Final = Scenarios("tests.parameters.proof", LIMIT)


def truth(item: str, row: Row, figure: str = "") -> Line:
    """Return the line that says whether everything was true."""
    return untrue(item, row) or Line(item, True, figure)


def said(times: dict[str, Any]) -> str:
    """Return durations in words."""
    return f"p50 {times['p50'] * 1e3:.0f} ms, p99 {times['p99'] * 1e3:.0f} ms, {times['num']} times"


def push() -> Iterator[Line]:
    """From git push to the DOM."""
    for kind, how in (("local", "the repository watched"), ("webhook", "told by a signed webhook")):
        row = scenario("push", "--rounds", PUSHES, "--only", kind)
        item = f"git push to a git server, {how}: in the DOM of a browser, p50 under {PUSH_LIMIT * 1e3:.0f} ms"
        took, whole, pushed = [row.get(f"{kind}_{what}_s") for what in ("push_to_dom", "command_to_dom", "pushed")]
        if not row["ok"] or not took or not whole or not pushed:
            yield truth(item, {"ok": False, "violations": row["violations"] or ["not measured"]})
        else:
            yield Line(
                item,
                took["p50"] < PUSH_LIMIT,
                f"{said(took)}; from the start of `git push` {said(whole)}; the command itself {said(pushed)}",
            )


def crowd() -> Iterator[Line]:
    """A thousand clients with a thousand names each."""
    row = scenario("crowd", "--rounds", CHANGES, "--clients", CLIENTS, "--names", NAMES, "--of", OF)
    many, few = [sum(row.get("store_reads", {}).get(str(count), {}).values()) for count in (CLIENTS, FEW)]
    item = f"{CLIENTS:,} clients with {NAMES:,} names each: as many reads of the store as with {FEW}"
    yield truth(item, row, f"{many} for {CHANGES} commits, with {FEW} clients {few}")
    item = f"{CLIENTS:,} clients with {NAMES:,} names each: a change reaches exactly those who hold the name"
    yield truth(
        item, row, f"{CHANGES} changes reached {row.get('events')} holders, once each, and nobody else; memory {row.get('memory_mb')} MB"
    )


def outage() -> Iterator[Line]:
    """Everything dies."""
    row = scenario("outage", "--rounds", 7)
    shown: dict[str, Row] = row.get("shown", {})
    states = f"{sum(each['states'] for each in shown.values()):,} states shown, all true"
    figure = f"{row.get('reads_meanwhile', 0):,} reads meanwhile, all answered; {states}"
    yield truth("kill -9 of the service, the router, the reader, the repository gone, in turn and together: reads from memory", row, figure)
    yield truth("… marked stale", row, said(row["stale_s"]) if "stale_s" in row else "")
    yield truth("… a client that is started again begins with its cache, and all converge by themselves", row, _converged(row))


def _converged(row: Row) -> str:
    return f"live again {said(row['converged_s'])}; {row['commits']} commits meanwhile" if "converged_s" in row else ""


def first() -> Iterator[Line]:
    """Default, snapshot, first change."""
    row = scenario("first", "--clients", STARTED, "--within", 20)
    saw = f"{row.get('clients')} clients saw {row.get('changes', 0):,} changes, of {row.get('commits')} commits"
    figure = f"{saw}, in {row.get('reads', 0):,} reads"
    yield truth("clients that start at random moments under continuous commits: no moment without a value, no change missed", row, figure)


def commits() -> Iterator[Line]:
    """Random commits."""
    row = scenario("commits", "--rounds", COMMITS)
    shown: dict[str, Row] = row.get("shown", {})
    states = sum(each.get("states", 0) for each in shown.values())
    shown_by = f"{states:,} states shown by {', '.join(shown)}, none wrong"
    figure = f"{row.get('bad')} were not good; {shown_by}; {row.get('checked')} times compared in full"
    yield truth(f"{COMMITS} random commits: clients show the last good state, and end equal to a reading from scratch", row, figure)


def architectures() -> Iterator[Line]:
    """The four architectures side by side."""
    rows = measured(1)
    mine = rows["subscription"]
    if any("failed" in row for row in rows.values()):
        yield Line("the four architectures side by side", False, why(*rows.values()))
        return
    others = {TITLES[kind]: row for kind, row in rows.items() if kind != "subscription"}
    reads = ", ".join(f"{name} {row['store_reads_per_s']:g}" for name, row in others.items())
    fewest = all(mine["store_reads_per_s"] <= row["store_reads_per_s"] for row in others.values())
    yield Line("subscription: no more reads of the store than any other architecture", fewest, f"{mine['store_reads_per_s']:g}/s; {reads}")
    latency = ", ".join(f"{name} {row['latency']['p99'] * 1e3:.3g} ms" for name, row in others.items())
    quickest = all(mine["latency"]["p99"] < row["latency"]["p99"] for row in others.values())
    yield Line("subscription: reads are the quickest, p99", quickest, f"{mine['latency']['p99'] * 1e6:.3g} µs; {latency}")
    stale = ", ".join(f"{name} {row['staleness']['p50'] * 1e3:.3g} ms" for name, row in others.items())
    yield Line("subscription: staleness p50, for information", True, f"{mine['staleness']['p50'] * 1e3:.3g} ms; {stale}")
    for phase, what in (("no_store", "the store has died"), ("no_service", "store and service have died")):
        theirs = ", ".join(f"{name} {row[phase]['answered']:.0%}" for name, row in others.items())
        found = mine[phase]
        is_ok = found["answered"] == 1 and found["marked"] == 1
        figure = f"{found['answered']:.0%} answered, {found['marked']:.0%} of them marked; {theirs}"
        yield Line(f"subscription: every read is answered, and marked stale, when {what}", is_ok, figure)


TESTS: Final[tuple[Item, ...]] = (
    Tests(
        "reading: files, layers and schemas become parameters, and what is wrong is named by file and line",
        ("tests/parameters", "--ignore=tests/parameters/proof"),
    ),
    Tests("the page: search, values, holders, history, and editing", ("tests/browser/test_parameters.py",)),
)

ITEMS: Final[dict[str, tuple[Item, ...]]] = {
    "tests": TESTS,
    "push": (push,),
    "crowd": (crowd,),
    "outage": (outage,),
    "first": (first,),
    "commits": (commits,),
    "architectures": (architectures,),
}


def main() -> None:
    items = chosen(__doc__, ITEMS)
    end_in_order()
    print_lines(items)


if __name__ == "__main__":
    main()
