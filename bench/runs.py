"""Running one measurement as a program of its own, so that nothing is left of one in the next; and several in turn."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from bench.processes import ROOT, run

SKIP: Final = ROOT / "bench" / "anchors" / "skip"
SKIP_NODE: Final = SKIP / "node_modules" / ".bin" / "node"
"""The Node.js that Skip's packages ask for."""
PEERS: Final = ROOT / "bench" / "anchors" / "peers"

LIMIT: Final = 500.0
"""How long one measurement may take [s]."""

Row = dict[str, Any]
"""What a measurement printed; with a member `failed`, why it printed nothing, or nothing more."""

Measurement = Callable[[], Row]


def install_anchors() -> None:
    """Install the packages of the anchors with npm, once."""
    if shutil.which("npm") is None:
        raise SystemExit("the anchors run on Node.js: install Node.js 20 or newer, with npm")
    for folder in (SKIP, PEERS):
        done = folder / "node_modules" / ".done"
        if not done.exists() or done.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime:
            print(f"== packages of bench/anchors/{folder.name}", file=sys.stderr, flush=True)
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            done.touch()


def ours(module: str, *arguments: object) -> list[Row]:
    """Run `python -m module`."""
    return _rows([sys.executable, "-m", module, *arguments], ROOT)


def skip(script: str, *arguments: object) -> list[Row]:
    """Run a script of the anchor Skip."""
    return _rows([SKIP_NODE, script, *arguments], SKIP)


def peer(script: str, *arguments: object) -> list[Row]:
    """Run a script of the other anchors."""
    return _rows(["node", script, *arguments], PEERS)


def _rows(command: Sequence[object], folder: Path) -> list[Row]:
    out, problem = run(command, folder, limit=LIMIT)
    rows: list[Row] = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return [*rows, {"failed": problem}] if problem else rows


def in_turn(times: int, *measurements: Callable[[], list[Row]]) -> list[Row]:
    """
    Run measurements of one row each in turn, so often, and return the median of each: what disturbs the machine disturbs all.

    The median of rows is taken of each number in them. The rows themselves, by turn, are in its member `turns`.
    """
    found: list[list[Row]] = [[] for _ in measurements]
    for _ in range(times):
        for measurement, rows in zip(measurements, found, strict=True):
            rows.extend(measurement())
    return [{**median(rows), "turns": rows} for rows in found]


def median(rows: Sequence[Row]) -> Row:
    """Return the row of medians, or a row that says what failed."""
    for row in rows:
        if "failed" in row:
            return row
    return _median(rows) if rows else {"failed": "printed nothing"}


def _median(values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, dict):
        return {name: _median([value[name] for value in values]) for name in first}
    return statistics.median(values) if isinstance(first, int | float) else first
