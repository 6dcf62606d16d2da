"""
How good the routes are that the mesh finds with two workers in so many seconds, beside OR-Tools' routing in the same time, and LKH.

    python -m bench.compute_quality [--seeds 10] [--instances berlin52 kroA100 a280 lin318 random1000]

Prints a JSON line for each search: the length, and what else is known of the instance. Every third search is followed by one of OR-Tools,
while the farm is idle. Lengths are computed here, from the tours. `best` is the optimum, or what LKH finds where nobody knows it.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Final

from twisted.internet.threads import deferToThread

from bench import compute_anchors, measure
from deltamesh.cli import log, loop
from examples.salesman import known
from examples.salesman.landscape import Landscape
from examples.salesman.problem import Problem
from tests.compute.farm import Farm
from tests.compute.solving import Solving, cities, length

BUDGETS: Final = {"berlin52": 2.0, "kroA100": 2.0, "a280": 5.0, "lin318": 5.0, "random1000": 10.0}
"""By instance [s]."""
RANDOM: Final = "random"
EVERY: Final = 3
"""Searches of ours after which OR-Tools searches once: it has no seed, and differs little from run to run."""


async def main(names: list[str], seeds: int, directory: Path) -> None:
    async with Farm(directory) as farm:
        await farm.only("one", "two")
        for name in names:
            problem, optimum = instance(name)
            places = [list(city) for city in problem.cities]
            distances = Landscape(problem).distances.tolist()
            lkh = length(await anchor("elkai", distances, 0), places)
            best = optimum or lkh
            measure.emit(instance=name, by="elkai", length=lkh, best=best)
            for seed in range(seeds):
                solving = Solving({"name": name, "kind": problem.kind, "cities": places})
                await solving.solve(farm.client, BUDGETS[name], seed=seed)
                measure.emit(
                    instance=name, by="deltamesh", seed=seed, length=solving.lengths[-1], best=best, seconds=round(solving.took, 3)
                )
                if seed % EVERY == 0:
                    found = length(await anchor("ortools", distances, BUDGETS[name]), places)
                    measure.emit(instance=name, by="ortools", length=found, best=best)


async def anchor(name: str, distances: list[list[int]], seconds: float) -> list[int]:
    """Return the tour that an anchor finds."""
    tour: list[int] = await deferToThread(compute_anchors.solve, name, distances, seconds)
    return tour


def instance(name: str) -> tuple[Problem, int | None]:
    """Return an instance of TSPLIB with the length of its shortest tour, or one with random cities in a square."""
    if name.startswith(RANDOM):
        return Problem.from_json(cities(int(name.removeprefix(RANDOM)), 1)), None
    found = known.named(name)
    if found is None:
        raise SystemExit(f"there is no instance {name}")
    return found.problem, found.optimum


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10, help="searches of each instance (10)")
    parser.add_argument("--instances", nargs="+", choices=BUDGETS, default=list(BUDGETS), help="which (all of them)")
    options = parser.parse_args()
    log.begin("quality", only_errors=True)
    with tempfile.TemporaryDirectory(prefix="deltamesh-farm-") as folder:
        loop.run(lambda: main(options.instances, options.seeds, Path(folder)))
