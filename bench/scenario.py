"""Scenarios of `tests`, run as commands of their own, and the line that says whether what they found was true."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Final

from bench.processes import run
from bench.runs import Row
from bench.show import Line

SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Scenarios:
    """The scenarios of a package."""

    package: str
    limit: float
    """How long one may take [s]."""

    def __call__(self, name: str, *arguments: object) -> Row:
        """Run a scenario; return its JSON line. Times are held to their limits here, not there."""
        command = [sys.executable, "-m", f"{self.package}.{name}", "--seed", SEED, "--untimed", *arguments]
        out, problem = run(command, limit=self.limit)
        rows: list[Row] = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        return rows[-1] if rows else {"ok": False, "violations": [problem or out.strip()[-500:]]}


def untrue(item: str, row: Row) -> Line | None:
    """Return the line of a scenario that was violated; None if it was not."""
    if row["ok"]:
        return None
    return Line(item, False, "; ".join(map(str, row["violations"][:3])) or "ended without a result")
