"""
Show what users must be able to trust: one line for each item, ok or short, with its figure. Exits with 1 if an item falls short.

    python -m bench.show_reliability [--only kills|frozen|storage|split|scale|year|writes]

Takes about 25 minutes, as root and with PostgreSQL installed. Real processes, seeded: each item is a command of its own, which its line
is made from, and that `docs/reliability.md` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from bench.processes import end_in_order
from bench.runs import Row, install_anchors, ours
from bench.scenario import Scenarios, untrue
from bench.show import Item, Line, chosen, print_lines, why

LIMIT: Final = 900.0
"""How long a scenario may take [s]."""

SKIP: Final = "Skip"
PLAIN: Final = "plain SQLite"
KINDS: Final = ("lost", "twice", "order", "epoch", "state", "refused")
"""Violations that a scenario counts."""


scenario: Final = Scenarios("tests.reliability", LIMIT)


def truth(item: str, row: Row, figure: str = "") -> Line:
    """Return the line that says whether everything was true."""
    if (line := untrue(item, row)) is not None:
        return line
    counts = "" if "acknowledged" not in row else f"{row['acknowledged']:,} acknowledged, {row['lost']} lost, {row['twice']} twice"
    states = f"{row['states']:,} states shown, {row['state']} wrong" if row.get("states") else ""
    return Line(item, not any(row.get(kind) for kind in KINDS), "; ".join(filter(None, [counts, states, figure])))


def within(item: str, row: Row, what: str, limit: float, of: str = "p99") -> Line:
    """Return the line that says whether something was quick enough."""
    found: dict[str, Any] = row.get(f"{what}_s", {})
    if of not in found:
        return Line(item, False, "not measured")
    p99 = f"p99 {found['p99']:.2f} s, " if of == "p99" else ""
    said = f"{p99}longest {found['max']:.2f} s, median {found['p50']:.2f} s, {found['num']:,} times"
    return Line(item, found[of] < limit, said)


def leader() -> Iterator[Line]:
    """The leader is killed."""
    row = scenario("leader", "--rounds", 100)
    (anchor,) = ours("bench.lost_writes")
    theirs = why(anchor) if "failed" in anchor else f"{SKIP}, killed once: {anchor['lost']} of {anchor['acknowledged']} lost"
    yield truth("100 times kill -9 of the leader: nothing lost, nothing twice, one epoch, readers end equal to the journal", row, theirs)
    yield within("100 times kill -9 of the leader: take-over p99 under 2 s", row, "take_over", 2.0)


def follower() -> Iterator[Line]:
    """Followers are killed."""
    row = scenario("follower", "--rounds", 100)
    yield truth("100 times kill -9 of a follower: nothing lost, every state shown was one", row)
    yield within("100 times kill -9 of a follower: its readers live again p99 under 1 s", row, "live_again", 1.0)


def router() -> Iterator[Line]:
    """The router is killed."""
    row = scenario("router", "--rounds", 20)
    yield truth("20 times kill -9 of the router: nothing lost, one epoch", row)
    yield within("20 times kill -9 of the router: all live within 10 s of its return", row, "all_again", 10.0, "max")


def frozen() -> Iterator[Line]:
    """Processes are frozen."""
    row = scenario("frozen", "--rounds", 5)
    yield truth("SIGSTOP of leader, follower and router, 5 times each: nothing lost", row)
    for kind in ("leader", "follower", "router"):
        yield within(f"SIGSTOP of the {kind}: detected within 5 s", row, f"{kind}_detected", 5.0, "max")
    yield within("SIGSTOP of the router: all live within 10 s of its return", row, "router_over", 10.0, "max")


def postgres() -> Iterator[Line]:
    """PostgreSQL goes away."""
    row = scenario("postgres", "--rounds", 12)
    yield truth("PostgreSQL stopped, crashed, killed, frozen, 12 times: writes wait or are refused clearly, nothing lost", row)
    yield within("PostgreSQL away: reads go on, p99 under 1 s", row, "reads_meanwhile", 1.0)
    yield within("PostgreSQL back: every writer goes on within 15 s", row, "writes_again", 15.0, "max")


def full_disk() -> Iterator[Line]:
    """The disk is full."""
    row = scenario("full_disk", "--rounds", 10)
    refused = row.get("refusals", {}).get("deltamesh.error.journal_full", 0)
    yield truth("full disk, 10 times: writes are refused with journal_full, nothing lost", row, f"{refused} refused")
    yield within("full disk: reads go on, p99 under 1 s", row, "reads_meanwhile", 1.0)


def verified() -> Iterator[Line]:
    """The journal is replayed by checksum."""
    row = scenario("verify", "--rounds", 40)
    found = f"{row.get('damages_found')} of {row.get('damages')} damages found"
    yield truth("the journal is replayed and verified by checksum, and any damage is found", row, found)


def split_brain() -> Iterator[Line]:
    """Two leaders believe to lead."""
    unplugged = scenario("split_brain", "--rounds", 4, "--kinds", "unplugged")
    part = {**unplugged, **unplugged.get("unplugged", {})}
    yield truth("split brain, the leader's network unplugged 4 times: nothing lost", part)
    yield within("split brain: take-over within 10 s of unplugging", unplugged, "unplugged_take_over", 10.0, "max")
    both = scenario("split_brain", "--rounds", 6, "--kinds", "two-routers")
    refused = f"{both.get('fenced', 0)} callers told that another leader has taken over, and to try again"
    part = {**both, **both.get("east", {})}
    yield truth("split brain, two routers with a leader each: the fenced one is refused, nothing lost", part, refused)


def scale() -> Iterator[Line]:
    """The mesh grows and shrinks."""
    row = scenario("scale", "--rounds", 2)
    calls = f"{row.get('calls', 0):,} calls, {row.get('failed_calls')} failed"
    said = f"{calls}; {row.get('events', 0):,} deltas, {row.get('repeated')} repeated"
    yield truth("scale 2 → 5 → 1 under load, 200 clients: no failed call, no missing or repeated delta", row, said)
    yield within("scale up: instances spread to max/min ≤ 1.3 within 15 s", row, "spread", 15.0, "max")


def year() -> Iterator[Line]:
    """The year under faults."""
    row = scenario("year", "--minutes", 5)
    said = f"{row.get('days')} days, {row.get('events', 0):,} events, {sum(row.get('faults', {}).values())} faults"
    yield truth("the departures year under random faults: the end equals a computation from scratch", row, said)
    memory: dict[str, list[float]] = row.get("memory_mb", {})
    peaks: dict[str, float] = row.get("peaks_mb", {})
    said = ", ".join(f"{name} {' '.join(f'{each:.0f}' for each in quarters)} ({peaks[name]:.0f})" for name, quarters in memory.items())
    yield Line("the memory of every process is flat (MB, median of each quarter; peak)", bool(memory) and not row["grown"], said)


def writes() -> Iterator[Line]:
    """How many writes."""
    row = scenario("writes", "--rounds", 3, "--seconds", 5)
    item = "64 callers, full sync on SQLite: at least 5,000 acknowledged writes/s"
    if not row["ok"]:
        yield truth(item, row)
        return
    rate, plain, batch = row["writes_per_s"], row["plain_sqlite_per_s"], row["batch"]
    yield Line(item, rate >= 5000, f"{rate:,}/s; {PLAIN} with the same batches of {batch:.0f}: {plain:,}/s; ratio {row['ratio']:.3f}")


def restart() -> Iterator[Line]:
    """A restart with much data."""
    row = scenario("restart", "--rounds", 2)
    yield truth("restart with 1,000,000 live entries: all of them are there", row, f"leader {row.get('leader_mb')} MB")
    yield within("restart with 1,000,000 live entries: ready in under 30 s", row, "ready", 30.0, "max")


ITEMS: Final[dict[str, tuple[Item, ...]]] = {
    "kills": (leader, follower, router),
    "frozen": (frozen,),
    "storage": (postgres, full_disk, verified),
    "split": (split_brain,),
    "scale": (scale,),
    "year": (year,),
    "writes": (writes, restart),
}


def main() -> None:
    items = chosen(__doc__, ITEMS)
    end_in_order()
    install_anchors()
    print_lines(items)


if __name__ == "__main__":
    main()
