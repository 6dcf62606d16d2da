"""What is measured against which anchor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from bench.program import Row, ours, peer, skip
from bench.table import Comparison


def _first(rows: list[Row]) -> tuple[Row, str]:
    """Return the first row, or an empty one with the reason why there is none."""
    row = rows[0] if rows else {"failed": "printed nothing"}
    return ({}, row["failed"]) if "failed" in row else (row, "")


def _at(row: Row, *path: str) -> float | None:
    found: object = row
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return float(found) if isinstance(found, int | float) else None


def engine(quick: bool) -> Iterator[Comparison]:
    """The engine alone: load, one write, a batch of 1,000, memory."""
    seconds = 1 if quick else 3
    for graph in ("hn", "sum"):
        for n in (10_000,) if quick else (10_000, 100_000):
            arguments = ("--graph", graph, "--n", n, "--secs", seconds)
            mine, my_note = _first(ours("bench.engine", *arguments))
            for anchor, rows, single, memory in (
                ("Skip 0.0.15", skip("engine.mjs", *arguments), ("single_update_ms", "p50"), ("mem_end", "rss_mb")),
                ("db-ivm 0.2.0", peer("ivm.mjs", "--lib", "db-ivm", *arguments), ("random_ms", "p50"), ("rss_end",)),
            ):
                theirs, note = _first(rows)
                note = my_note or note
                name = f"{graph}, N={n:,}"
                yield Comparison(f"{name}: load", "entries/s", _at(mine, "load_entries_per_s"), _at(theirs, "load_entries_per_s"), anchor, note=note)
                yield Comparison(f"{name}: one write, p50", "ms", _at(mine, "single_ms", "p50"), _at(theirs, *single), anchor, less_is_better=True)
                yield Comparison(f"{name}: batches of 1,000", "entries/s", _at(mine, "batch_entries_per_s"), _at(theirs, "batch_entries_per_s"), anchor)
                yield Comparison(f"{name}: memory", "MB", _at(mine, "rss_mb"), _at(theirs, *memory), anchor, less_is_better=True)


KINDS: Final = {"shared": "shared", "own": "topFor", "one": "one"}
"""Our names of the kinds of instances, and Skip's."""


def instances(quick: bool) -> Iterator[Comparison]:
    """A write with many instances: one that touches all, or one, of them, and one that touches none."""
    ks = "1,1000" if quick else "1,1000,10000"
    for kind, theirs in KINDS.items():
        mine = {row["k"]: row for row in ours("bench.instances", "--kind", kind, "--ks", ks, "--secs", 1) if "k" in row}
        anchor = {row["k"]: row for row in skip("instances.mjs", "--kind", theirs, "--n", 10_000, "--ks", ks, "--secs", 1, "--budget", 60) if "k" in row}
        reached = max(anchor, default=0)
        for k in map(int, ks.split(",")):
            my_row, row = mine.get(k, {}), anchor.get(k, {})
            note = "" if row else f"Skip made {reached:,} in 60 s"
            for what, mark in (("touches none", "cold"), ("touches one" if kind == "one" else "touches all", "hot")):
                yield Comparison(
                    f"{k:,} instances, {kind}: write that {what}, p50", "ms", _at(my_row, f"{mark}_ms", "p50"), _at(row, f"{mark}_write_ms", "p50"),
                    "Skip 0.0.15", less_is_better=True, note=note,
                )  # fmt: skip


def end_to_end(quick: bool) -> Iterator[Comparison]:
    """From a write to WebSocket clients (Skip: SSE). Servers have one CPU, clients the other, for both."""
    seconds = 2 if quick else 5
    for mode in ("same", "own"):
        for k in (1, 100) if quick else (1, 100, 1000):
            arguments = ("--mode", mode, "--k", k, "--secs", seconds)
            mine, my_note = _first(ours("bench.end_to_end", *arguments, timeout=400))
            theirs, note = _first(skip("e2e.mjs", *arguments, timeout=300, cpu=1))
            name = f"{k:,} clients, {mode} parameters"
            frames = _at(mine, "open", "frames_per_s")
            yield Comparison(
                f"{name}: one write, all have it, p50", "ms", _at(mine, "closed", "all_clients_ms", "p50"), _at(theirs, "closed", "all_clients_ms", "p50"),
                "Skip 0.0.15", less_is_better=True, note=my_note or note,
            )  # fmt: skip
            yield Comparison(
                f"{name}: the same, p99", "ms", _at(mine, "closed", "all_clients_ms", "p99"), _at(theirs, "closed", "all_clients_ms", "p99"),
                "Skip 0.0.15", less_is_better=True,
            )  # fmt: skip
            yield Comparison(
                f"{name}: 8 writers, updates delivered", "1/s", _at(mine, "open", "updates_per_s"), _at(theirs, "open", "events_per_s"),
                "Skip 0.0.15", note="" if frames is None else f"in {frames:,.0f} frames/s",
            )  # fmt: skip
            yield Comparison(
                f"{name}: CPU per update", "µs", _at(mine, "open", "cpu_us_per_update"), _at(theirs, "open", "server_cpu_us_per_event"),
                "Skip 0.0.15", less_is_better=True,
            )  # fmt: skip


def fan_out(quick: bool) -> Iterator[Comparison]:
    """The router alone: 200 bytes from one publisher to many WebSocket clients."""
    for n in (100,) if quick else (100, 1000):
        arguments = ("--n", n, "--secs", 2 if quick else 4)
        mine, my_note = _first(ours("bench.fan_out", *arguments))
        theirs, note = _first(ours("bench.fan_out", "--peer", "socket.io", *arguments))
        name = f"{n:,} clients"
        yield Comparison(f"{name}: delivered", "1/s", _at(mine, "delivered_per_s"), _at(theirs, "delivered_per_s"), "Socket.IO 4.8", note=my_note or note)
        yield Comparison(
            f"{name}: CPU per delivery", "µs", _at(mine, "server_us_per_delivery"), _at(theirs, "server_us_per_delivery"), "Socket.IO 4.8", less_is_better=True
        )
        yield Comparison(
            f"{name}: last client has it, p50", "ms", _at(mine, "last_client_ms", "p50"), _at(theirs, "last_client_ms", "p50"), "Socket.IO 4.8", less_is_better=True
        )


WORKLOADS: Final[dict[str, Callable[[bool], Iterable[Comparison]]]] = {
    "engine": engine,
    "instances": instances,
    "end-to-end": end_to_end,
    "fan-out": fan_out,
}
