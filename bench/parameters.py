"""
Four architectures of configuration, side by side: the same repository, clients, changes and router.

    python -m bench.parameters [--turns 3] [--docs docs]

Each request goes to the store; the service has a cache, whose entries are evicted; the client has one too, which a topic invalidates; and
Deltamesh, where the client has subscribed. Each in turn, so often; medians. Prints a table as Markdown; with `--docs`, it replaces the one
in `parameters.md` of that folder, and the plot beside it, `parameters.svg`. About 6 minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from bench.processes import ROOT, end_in_order
from bench.runs import Row, in_turn, ours

TITLES: Final = {
    "each": "each request to the store",
    "cache": "cache in the service",
    "invalidation": "cache in the client, invalidated",
    "subscription": "subscription (Deltamesh)",
}
"""By kind of `bench.parameters_run`."""

REQUIREMENTS: Final = ROOT / "requirements" / "bench-parameters.txt"
VENV: Final = ROOT / "bench" / "anchors" / "parameters" / "venv"
PYTHON: Final = VENV / "bin" / "python"

BEGIN: Final = "<!-- make bench-parameters -->"
END: Final = "<!-- end -->"


def measured(turns: int, *arguments: object) -> dict[str, Row]:
    """Return the row of each architecture, the medians of so many turns."""
    return dict(zip(TITLES, in_turn(turns, *[_run(kind, arguments) for kind in TITLES]), strict=True))


def _run(kind: str, arguments: tuple[object, ...]) -> Callable[[], list[Row]]:
    def run() -> list[Row]:
        print(f"== {TITLES[kind]}", file=sys.stderr, flush=True)
        return ours("bench.parameters_run", "--kind", kind, *arguments)[-1:]

    return run


def table(rows: dict[str, Row]) -> str:
    """Return the table as Markdown."""
    lines = [f"| | {' | '.join(TITLES[kind] for kind in rows)} |", f"| --- |{' ---: |' * len(rows)}"]
    for what, cell in CELLS.items():
        lines.append(f"| {what} | {' | '.join(cell(row) if 'failed' not in row else '–' for row in rows.values())} |")
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def _times(what: str) -> Callable[[Row], str]:
    return lambda row: " / ".join(_duration(row[what][p]) for p in ("p50", "p99")) if row[what] else "–"


def _rate(what: str) -> Callable[[Row], str]:
    return lambda row: f"{row[what]:,.1f}" if row[what] < 100 else f"{row[what]:,.0f}"


def _answered(phase: str) -> Callable[[Row], str]:
    def cell(row: Row) -> str:
        found = row[phase]
        marked = f", {found['marked']:.0%} of them marked stale" if found["answered"] else ""
        return f"{found['answered']:.0%}{marked}"

    return cell


CELLS: Final[dict[str, Callable[[Row], str]]] = {
    "reads answered [1/s]": _rate("reads_per_s"),
    "reads of the store [1/s]": _rate("store_reads_per_s"),
    "calls of clients [1/s]": _rate("calls_per_s"),
    "events to clients [1/s]": _rate("events_per_s"),
    "latency of a read, p50 / p99": _times("latency"),
    "staleness after a change, p50 / p99": _times("staleness"),
    "reads answered when the store has died": _answered("no_store"),
    "reads answered when the service has died as well": _answered("no_service"),
}


def plot(rows: dict[str, Row], file: Path) -> None:
    """Draw the figures, with matplotlib in an environment of its own, which is made the first time."""
    done = VENV / ".done"
    if not done.exists() or done.stat().st_mtime < REQUIREMENTS.stat().st_mtime:
        print("== matplotlib", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        install = [PYTHON, "-m", "pip", "--disable-pip-version-check", "-qq", "install", "--no-deps", "--requirement", REQUIREMENTS]
        subprocess.run(install, check=True)
        done.touch()
    given: dict[str, Any] = {"titles": TITLES, "rows": rows}
    subprocess.run([PYTHON, ROOT / "bench" / "parameters_plot.py", file], input=json.dumps(given), text=True, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3, help="(3)")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="where to replace the table and the plot")
    options = parser.parse_args()
    end_in_order()
    rows = measured(options.turns)
    print(table(rows))
    failed = {kind: row["failed"] for kind, row in rows.items() if "failed" in row}
    if failed:
        raise SystemExit(f"not measured: {failed}")
    if options.docs is not None:
        page = options.docs / "parameters.md"
        before, rest = page.read_text().split(BEGIN)
        page.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{rest.split(END, 1)[1]}")
        plot(rows, options.docs / "parameters.svg")


if __name__ == "__main__":
    main()
