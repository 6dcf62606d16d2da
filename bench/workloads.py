"""What is measured, and against which anchor. Each measurement and its anchors run in turn, several times; medians count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench.runs import Row, in_turn, ours, peer, skip
from bench.table import Anchor, Comparison

SKIP: Final = "Skip"
DB_IVM: Final = "db-ivm"
SOCKET_IO: Final = "Socket.IO"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    turns: int
    seconds: float
    """Of each measurement within a run."""
    is_quick: bool

    def sizes(self, *sizes: int) -> tuple[int, ...]:
        """Return which of these sizes are measured: not the last one, if it is to be quick."""
        return sizes[:-1] if self.is_quick else sizes


FULL: Final = Effort(turns=3, seconds=3, is_quick=False)
QUICK: Final = Effort(turns=1, seconds=1, is_quick=True)


def engine(effort: Effort) -> list[Comparison]:
    """The engine alone: load, one write, a batch of 1,000, memory."""
    return [each for graph in ("hn", "sum") for n in effort.sizes(10_000, 100_000) for each in engine_of(graph, n, effort)]


def engine_rows(graph: str, n: int, effort: Effort) -> list[Row]:
    """Return what the engines of Deltamesh, Skip and db-ivm do."""
    arguments = ("--graph", graph, "--n", n, "--secs", effort.seconds)
    return in_turn(
        effort.turns,
        partial(ours, "bench.engine", *arguments),
        partial(skip, "engine.mjs", *arguments),
        partial(peer, "engine.mjs", *arguments),
    )


def engine_of(graph: str, n: int, effort: Effort) -> list[Comparison]:
    mine, theirs, others = engine_rows(graph, n, effort)

    def comparison(what: str, unit: str, *path: str, less_is_better: bool = False) -> Comparison:
        anchors = (Anchor(SKIP, figure(theirs, *path)), Anchor(DB_IVM, figure(others, *path)))
        note = _failed(mine, theirs, others)
        return Comparison(f"{graph}, N={n:,}: {what}", unit, figure(mine, *path), *anchors, less_is_better=less_is_better, note=note)

    return [
        comparison("load", "entries/s", "load_entries_per_s"),
        comparison("one write", "ms", "single_ms", "p50", less_is_better=True),
        comparison("batches of 1,000", "entries/s", "batch_entries_per_s"),
        comparison("memory", "MB", "rss_mb", less_is_better=True),
    ]


def instances(effort: Effort) -> list[Comparison]:
    """A write with many instances: one that touches all of them, or one, and one that touches none."""
    ks = effort.sizes(1, 1000, 10_000)
    found = []
    for kind in ("shared", "own", "one"):
        arguments = ("--kind", kind, "--ks", ",".join(map(str, ks)), "--secs", 1)
        mine = {row["k"]: row for row in ours("bench.instances", *arguments) if "k" in row}
        theirs = {row["k"]: row for row in skip("instances.mjs", *arguments, "--budget", 60) if "k" in row}
        touched = "that touches one" if kind == "one" else "that touches all"
        for k in ks:
            note = "" if k in theirs else f"Skip made {max(theirs, default=0):,} of them in a minute"
            for what, name in ((touched, "hot_ms"), ("that touches none", "cold_ms")):
                anchor = Anchor(SKIP, figure(theirs.get(k, {}), name, "p50"))
                title = f"{k:,} {'instance' if k == 1 else 'instances'}, {KINDS[kind]}: write {what}"
                found.append(Comparison(title, "ms", figure(mine.get(k, {}), name, "p50"), anchor, less_is_better=True, note=note))
    return found


KINDS: Final = {
    "shared": "equal parameters",
    "own": "own parameters",
    "one": "own keys",
}


def end_to_end(effort: Effort) -> list[Comparison]:
    """From a write to WebSocket clients (Skip: clients of server-sent events)."""
    return [each for mode in ("same", "own") for k in effort.sizes(1, 100, 1000) for each in end_to_end_of(mode, k, effort)]


def end_to_end_rows(mode: str, k: int, effort: Effort) -> list[Row]:
    """Return how Deltamesh and Skip deliver to `k` clients."""
    arguments = ("--mode", mode, "--k", k, "--secs", effort.seconds)
    return in_turn(
        effort.turns,
        partial(ours, "bench.end_to_end", *arguments),
        partial(ours, "bench.end_to_end", "--peer", "skip", *arguments),
    )


def end_to_end_of(mode: str, k: int, effort: Effort) -> list[Comparison]:
    mine, theirs = end_to_end_rows(mode, k, effort)
    frames = figure(mine, "open", "messages_per_s")
    in_frames = "" if frames is None else f"in {frames:,.0f} frames/s"

    def comparison(what: str, unit: str, *path: str, less_is_better: bool = True, note: str = "") -> Comparison:
        title = f"{k:,} {'client' if k == 1 else 'clients'}, {'equal' if mode == 'same' else 'own'} parameters: {what}"
        anchor = Anchor(SKIP, figure(theirs, *path))
        return Comparison(title, unit, figure(mine, *path), anchor, less_is_better=less_is_better, note=_failed(mine, theirs) or note)

    return [
        comparison("all have it", "ms", "closed", "all_clients_ms", "p50"),
        comparison("all have it, p99", "ms", "closed", "all_clients_ms", "p99"),
        comparison("updates delivered", "1/s", "open", "updates_per_s", less_is_better=False, note=in_frames),
        comparison("CPU an update, writes one by one", "µs", "closed", "cpu_us_per_update"),
        comparison("CPU an update, 8 writers", "µs", "open", "cpu_us_per_update"),
    ]


def fan_out(effort: Effort) -> list[Comparison]:
    """The router alone: 200 bytes from one publisher to many WebSocket clients."""
    return [each for n in effort.sizes(1, 100, 1000) for each in fan_out_of(n, effort)]


def fan_out_rows(n: int, effort: Effort) -> list[Row]:
    """Return how our router and Socket.IO deliver to `n` clients."""
    arguments = ("--n", n, "--secs", effort.seconds)
    return in_turn(
        effort.turns,
        partial(ours, "bench.fan_out", *arguments),
        partial(ours, "bench.fan_out", "--peer", "socket.io", *arguments),
    )


def fan_out_of(n: int, effort: Effort) -> list[Comparison]:
    mine, theirs = fan_out_rows(n, effort)

    def comparison(what: str, unit: str, *path: str, less_is_better: bool = True) -> Comparison:
        title = f"router alone, {n:,} {'client' if n == 1 else 'clients'}: {what}"
        anchor = Anchor(SOCKET_IO, figure(theirs, *path))
        return Comparison(title, unit, figure(mine, *path), None, anchor, less_is_better=less_is_better, note=_failed(mine, theirs))

    return [
        comparison("delivered", "1/s", "delivered_per_s", less_is_better=False),
        comparison("CPU a delivery", "µs", "server_us_per_delivery"),
        comparison("the last one has it", "ms", "last_client_ms", "p50"),
    ]


WORKLOADS: Final[dict[str, Callable[[Effort], list[Comparison]]]] = {
    "engine": engine,
    "instances": instances,
    "end-to-end": end_to_end,
    "fan-out": fan_out,
}


def figure(row: Row, *path: str) -> float | None:
    """Return a figure of a measurement, None if it was not measured."""
    found: object = row
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return float(found) if isinstance(found, int | float) else None


def _failed(*rows: Row) -> str:
    """Return why a measurement has no figures, "" if all have."""
    return "; ".join([row["failed"] for row in rows if "failed" in row])
