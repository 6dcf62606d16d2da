"""
Draw what `bench.parameters` has measured: `parameters_plot.py FILE.svg < rows.json`. Needs matplotlib, and nothing else of ours.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams |= {"svg.hashsalt": "deltamesh", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}

from matplotlib import pyplot as plt  # noqa: E402 - it looks at the settings when it is imported

COLOURS = {"each": "#9aa5b1", "cache": "#7b8794", "invalidation": "#52606d", "subscription": "#1f6feb"}
SHORT = {
    "each": "each request\nto the store",
    "cache": "cache in\nthe service",
    "invalidation": "cache in\nthe client",
    "subscription": "subscription",
}
PHASES = {"well": "all is well", "no_store": "the store\nhas died", "no_service": "the service\nhas died too"}
FLOOR = 1e-7


def main(file: str, rows: dict[str, Any]) -> None:
    figure, ((store, latency), (staleness, answered)) = plt.subplots(2, 2, figsize=(9.5, 6.6), layout="constrained")
    kinds = list(rows)
    places = range(len(kinds))
    bar = 0.38

    values = [rows[kind]["store_reads_per_s"] for kind in kinds]
    calls = [rows[kind]["calls_per_s"] for kind in kinds]
    colours = [COLOURS[kind] for kind in kinds]
    store.bar([place - bar / 2 for place in places], values, bar, color=colours, label="reads of the store")
    store.bar([place + bar / 2 for place in places], calls, bar, color=colours, alpha=0.4, label="calls of clients")
    for place, value, call in zip(places, values, calls, strict=True):
        store.annotate(f"{value:,.3g}", (place - bar / 2, value), ha="center", va="bottom")
        store.annotate(f"{call:,.3g}", (place + bar / 2, call), ha="center", va="bottom")
    store.set_title("reads of the store (dark) and calls of clients (light), per second", fontsize=9)

    for axes, what, title in ((latency, "latency", "latency of a read"), (staleness, "staleness", "staleness after a change")):
        for place, kind in zip(places, kinds, strict=True):
            found = rows[kind][what]
            if not found:
                continue
            low, high = max(found["p50"], FLOOR), max(found["p99"], FLOOR)
            axes.plot([place, place], [low, high], color=COLOURS[kind], linewidth=5, alpha=0.4, solid_capstyle="round")
            axes.plot([place], [low], "o", color=COLOURS[kind])
            axes.annotate(duration(low), (place, low), xytext=(8, -3), textcoords="offset points")
            axes.annotate(duration(high), (place, high), xytext=(8, -3), textcoords="offset points")
        axes.set_yscale("log")
        axes.set_title(f"{title}: median (dot) to 99th percentile [s]", fontsize=9)
        axes.margins(x=0.2, y=0.15)
    for axes in (store, latency, staleness):
        axes.set_xticks(list(places), [SHORT[kind] for kind in kinds])

    width = 0.8 / len(kinds)
    for number, kind in enumerate(kinds):
        shares = [100 * rows[kind][phase]["answered"] for phase in PHASES]
        at = [place + (number - (len(kinds) - 1) / 2) * width for place in range(len(PHASES))]
        answered.bar(at, shares, width, color=COLOURS[kind], label=SHORT[kind].replace("\n", " "))
        for place, share in zip(at, shares, strict=True):
            answered.annotate(f"{share:.0f}", (place, share), ha="center", va="bottom", fontsize=8)
    answered.set_xticks(range(len(PHASES)), list(PHASES.values()))
    answered.set_title("reads that are answered [%]", fontsize=9)
    answered.set_ylim(0, 135)
    answered.legend(fontsize=8, ncols=2, frameon=False, loc="upper right")
    figure.savefig(file, metadata={"Date": None, "Creator": None})


def duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


if __name__ == "__main__":
    main(sys.argv[1], json.load(sys.stdin)["rows"])
