"""
What happens to a farm while it computes, one scenario after the other, so often, and how long it took.

    python -m tests.compute.chaos --seed 1 --rounds 3 [--only killed]

Prints a JSON line for each scenario. Exits with 1 if something was shown that is not true.
"""

from __future__ import annotations

import json
import sys
import tempfile
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from pathlib import Path
from typing import Any, Final

from deltamesh.cli import log, loop
from tests.compute import scenarios
from tests.compute.farm import Farm

SCENARIOS: Final[dict[str, tuple[scenarios.Scenario, float]]] = {
    "same": (scenarios.same, 10),
    "liars": (scenarios.liars, 8.0),
    "slow-liars": (scenarios.slow_liars, 8.0),
    "killed": (scenarios.killed, 8.0),
    "added": (scenarios.added, 12.0),
    "frozen": (scenarios.frozen, 10.0),
    "mixed": (scenarios.mixed, 8.0),
}
"""Each with its budget [s]; `same` with its number of units."""


async def main(options: Namespace, directory: Path) -> bool:
    """Run the scenarios; return whether all that was shown was true."""
    is_ok = True
    async with Farm(directory) as farm:
        for name in options.only:
            scenario, extent = SCENARIOS[name]
            rows: list[dict[str, Any]] = []
            wrong = ""
            try:
                while len(rows) < options.rounds:
                    rows.append(await scenarios.enough(scenario, farm, extent, options.seed + len(rows)))
            except AssertionError as error:
                wrong = str(error)[:2000] or "an assertion of the scenario does not hold"
                farm.tell_last_words()
            wrong = "\n".join(filter(None, [wrong, *farm.complaints()]))
            is_ok = is_ok and not wrong
            print(json.dumps({"scenario": name, "ok": not wrong, "wrong": wrong, "rounds": rows}), flush=True)
    return is_ok


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each has another one (1)")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="how often (1)")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS), help="which (all of them)")
    options = parser.parse_args()
    log.begin("chaos", only_errors=True)
    with tempfile.TemporaryDirectory(prefix="deltamesh-farm-") as directory:
        is_ok = loop.run(lambda: main(options, Path(directory)))
    sys.exit(0 if is_ok else 1)
