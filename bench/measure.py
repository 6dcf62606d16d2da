"""Clocks, percentiles and memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def timed(action: Callable[[], object]) -> float:
    """Return how long `action()` takes [ms]."""
    start = time.perf_counter()
    action()
    return (time.perf_counter() - start) * 1e3


def statistics(values: Iterable[float]) -> dict[str, float]:
    """Return number, percentiles and mean."""
    ordered = sorted(values)

    def percentile(p: float) -> float:
        return float(f"{ordered[min(len(ordered) - 1, int(p * len(ordered)))]:.4g}")

    return {
        "n": len(ordered),
        "p50": percentile(0.5),
        "p99": percentile(0.99),
        "max": percentile(1.0),
        "mean": float(f"{sum(ordered) / len(ordered):.4g}"),
    }


def resident(pid: int | str = "self") -> int:
    """Return the resident memory of a process [MB]."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) // 1024
    raise LookupError(f"process {pid} has no memory")


def repeat(action: Callable[[], float], *, seconds: float, most: int) -> list[float]:
    """Collect what `action()` returns, for so long or so often."""
    end = time.perf_counter() + seconds
    found: list[float] = []
    while time.perf_counter() < end and len(found) < most:
        found.append(action())
    return found


def emit(**row: Any) -> None:
    """Print one measurement as a line of JSON."""
    print(json.dumps(row), flush=True)
