"""
Make the cases that both solvers of the example "salesman" pass:

    python -m tests.cases.salesman > tests/cases/salesman.json

They are what the Python solver comes to. So they are made anew only when what it shall come to has changed.
"""

from __future__ import annotations

import json
import sys
from random import Random
from typing import Any

from examples.salesman.annealing import anneal
from examples.salesman.landscape import Landscape
from examples.salesman.problem import City, Kind, Problem
from examples.salesman.tour import checked_tour

SIZES: dict[Kind, tuple[int, ...]] = {"EUC_2D": (3, 4, 5, 6, 7, 8, 12, 60, 250), "ATT": (5, 40, 120), "GEO": (4, 9, 50, 100)}
STEPS = (0, 1, 40, 400)
SEEDS = (0, 1, 0xFFFF_FFFF)


def cases() -> list[dict[str, Any]]:
    random = Random(1)
    found = []
    for kind, sizes in SIZES.items():
        for size in sizes:
            problem = Problem.of(f"{kind} {size}", kind, [city(kind, random) for _ in range(size)])
            found.extend([case(problem, steps, random) for steps in (STEPS if size in (12, 40, 50) else STEPS[-1:])])
    twins = Problem.of("twins", "EUC_2D", [(x // 2, y // 3) for x in range(12) for y in range(9)])
    return [*found, case(twins, 400, random)]


def city(kind: Kind, random: Random) -> City:
    if kind == "GEO":
        latitude, longitude = [random.choice([-1, 1]) * (random.randint(0, most) + random.randint(0, 59) / 100) for most in (89, 179)]
        return latitude, longitude
    return random.randint(-5000, 5000) / 2, random.randint(0, 3000)


def case(problem: Problem, steps: int, random: Random) -> dict[str, Any]:
    landscape = Landscape(problem)
    tour = checked_tour(random.sample(range(len(problem)), len(problem)), len(problem))
    hot = round(landscape.neighbour_distance() * random.random(), 3)
    cold = round(hot * random.choice([0, 0.01, 1]), 3)
    seed = random.choice(SEEDS)
    found = anneal(landscape, tour, hot, cold, steps, seed)
    return {
        "kind": problem.kind, "cities": problem.cities, "tour": tour.tolist(), "length": landscape.length(tour),
        "hot": hot, "cold": cold, "steps": steps, "seed": seed,
        "expect": {"current": found.current.tolist(), "best": found.best.tolist(), "length": found.length, "routes": found.routes},
    }  # fmt: skip


if __name__ == "__main__":
    rows = ",\n".join([json.dumps(each, separators=(",", ":")) for each in cases()])
    sys.stdout.write(f'{{"cases":[\n{rows}\n]}}\n')
