"""
Four workers, one of them ten times as slow: calls in turn (`roundrobin`), and to whom has least to do (`least_loaded`).

    python -m bench.slow_worker [--calls 800] [--rate 80]

Each worker does one call after the other, however many it was given, and has told the router no limit. Calls come at random times, the same
times with each policy. In turn, the slow one has work for 80 % of the time.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from typing import Final

from bench import measure
from bench.runs import Row
from bench.workers import Worker, Workplace
from tests.running_router import RunningRouter

QUICK: Final = 0.004
SLOW: Final = 0.04
"""How long a call takes [s]."""

POLICIES: Final = {"roundrobin": "com.example.hackernews.in_turn", "least_loaded": "com.example.hackernews.least_loaded"}
SETTINGS: Final = f'[[calls]]\nuri = "{POLICIES["least_loaded"]}"\nchoose = "least_loaded"\n'


def slow_worker(policy: str, calls: int, rate: float) -> Row:
    """Return how long calls took [ms]."""
    with tempfile.TemporaryDirectory(prefix="deltamesh-bench-") as folder:
        settings = Path(folder) / "router" / "router.toml"
        settings.parent.mkdir()
        settings.write_text(SETTINGS)
        with RunningRouter(Path(folder)) as router, Workplace(router) as place:
            kinds = (QUICK, QUICK, QUICK, SLOW)
            workers = [Worker(place, POLICIES[policy], seconds, hands=1, invoke="roundrobin") for seconds in kinds]
            place.run(lambda: all(worker.is_registered for worker in workers))
            chance = random.Random(7)
            at = 0.0
            for _ in range(calls):
                at += chance.expovariate(rate)
                place.after(at, lambda: place.call(POLICIES[policy]))
            place.run(lambda: len(place.took) == calls)
            return {"policy": policy, "ms": measure.statistics([took * 1e3 for took in place.took])}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=800)
    parser.add_argument("--rate", type=float, default=80.0, help="calls a second")
    options = parser.parse_args()
    for policy in POLICIES:
        measure.emit(**slow_worker(policy, options.calls, options.rate))


if __name__ == "__main__":
    main()
