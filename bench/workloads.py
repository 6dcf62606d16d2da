"""What is measured, and against which anchor. Each measurement and its anchors run in turn, several times; medians count."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench.runs import Row, in_turn, ours, peer, skip
from bench.table import Anchor, Comparison


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


def engine_of(graph: str, n: int, effort: Effort) -> list[Comparison]:
    arguments = ("--graph", graph, "--n", n, "--secs", effort.seconds)
    mine, theirs, others = in_turn(
        effort.turns,
        partial(ours, "bench.engine", *arguments),
        partial(skip, "engine.mjs", *arguments),
        partial(peer, "engine.mjs", *arguments),
    )

    def comparison(what: str, unit: str, *path: str, less_is_better: bool = False) -> Comparison:
        anchors = (Anchor("Skip", _at(theirs, *path)), Anchor("db-ivm", _at(others, *path)))
        return Comparison(
            f"{graph}, N={n:,}: {what}", unit, _at(mine, *path), *anchors, less_is_better=less_is_better, note=_failed(mine, theirs, others)
        )

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
        touched = "touches one" if kind == "one" else "touches all"
        for k in ks:
            note = "" if k in theirs else f"Skip made {max(theirs, default=0):,} of them in a minute"
            for what, name in ((touched, "hot_ms"), ("touches none", "cold_ms")):
                anchor = Anchor("Skip", _at(theirs.get(k, {}), name, "p50"))
                title = f"{k:,} {KINDS[kind]}: a write that {what}"
                found.append(Comparison(title, "ms", _at(mine.get(k, {}), name, "p50"), anchor, less_is_better=True, note=note))
    return found


KINDS: Final = {
    "shared": "instances, equal parameters",
    "own": "instances, own parameters",
    "one": "instances, own keys",
}


def end_to_end(effort: Effort) -> list[Comparison]:
    """From a write to WebSocket clients (Skip: clients of server-sent events)."""
    return [each for mode in ("same", "own") for k in effort.sizes(1, 100, 1000) for each in end_to_end_of(mode, k, effort)]


def end_to_end_of(mode: str, k: int, effort: Effort) -> list[Comparison]:
    arguments = ("--mode", mode, "--k", k, "--secs", effort.seconds)
    mine, theirs = in_turn(
        effort.turns,
        partial(ours, "bench.end_to_end", *arguments),
        partial(ours, "bench.end_to_end", "--peer", "skip", *arguments),
    )
    frames = _at(mine, "open", "messages_per_s")
    in_frames = "" if frames is None else f"in {frames:,.0f} frames/s"

    def comparison(what: str, unit: str, *path: str, less_is_better: bool = True, note: str = "") -> Comparison:
        title = f"{k:,} {'client' if k == 1 else 'clients'}, {'equal' if mode == 'same' else 'own'} parameters: {what}"
        anchor = Anchor("Skip", _at(theirs, *path))
        return Comparison(title, unit, _at(mine, *path), anchor, less_is_better=less_is_better, note=_failed(mine, theirs) or note)

    return [
        comparison("all have it", "ms", "closed", "all_clients_ms", "p50"),
        comparison("all have it, p99", "ms", "closed", "all_clients_ms", "p99"),
        comparison("updates delivered", "1/s", "open", "updates_per_s", less_is_better=False, note=in_frames),
        comparison("CPU for an update, one write at a time", "µs", "closed", "cpu_us_per_update"),
        comparison("CPU for an update, 8 writers", "µs", "open", "cpu_us_per_update"),
    ]


def fan_out(effort: Effort) -> list[Comparison]:
    """The router alone: 200 bytes from one publisher to many WebSocket clients."""
    return [each for n in effort.sizes(1, 100, 1000) for each in fan_out_of(n, effort)]


def fan_out_of(n: int, effort: Effort) -> list[Comparison]:
    arguments = ("--n", n, "--secs", effort.seconds)
    mine, theirs = in_turn(
        effort.turns,
        partial(ours, "bench.fan_out", *arguments),
        partial(ours, "bench.fan_out", "--peer", "socket.io", *arguments),
    )

    def comparison(what: str, unit: str, *path: str, less_is_better: bool = True) -> Comparison:
        title = f"router alone, {n:,} {'client' if n == 1 else 'clients'}: {what}"
        anchor = Anchor("Socket.IO", _at(theirs, *path))
        return Comparison(title, unit, _at(mine, *path), None, anchor, less_is_better=less_is_better, note=_failed(mine, theirs))

    return [
        comparison("delivered", "1/s", "delivered_per_s", less_is_better=False),
        comparison("CPU for a delivery", "µs", "server_us_per_delivery"),
        comparison("the last one has it", "ms", "last_client_ms", "p50"),
    ]


WORKLOADS: Final[dict[str, Callable[[Effort], list[Comparison]]]] = {
    "engine": engine,
    "instances": instances,
    "end-to-end": end_to_end,
    "fan-out": fan_out,
}


def _at(row: Row, *path: str) -> float | None:
    found: object = row
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return float(found) if isinstance(found, int | float) else None


def _failed(*rows: Row) -> str:
    """Return why a measurement has no figures, "" if all have."""
    return "; ".join([row["failed"] for row in rows if "failed" in row])
