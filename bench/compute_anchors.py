"""
The anchors of the salesman: OR-Tools' routing, and LKH through elkai. They have an environment of their own, and disturb nobody's packages.

    bench/anchors/salesman/venv/bin/python bench/compute_anchors.py ortools --seconds 5 < distances.json

Reads the matrix of distances, prints a tour as JSON: `{"tour": […], "seconds": …}`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
REQUIREMENTS: Final = ROOT / "requirements" / "bench-compute.txt"
FOLDER: Final = ROOT / "bench" / "anchors" / "salesman" / "venv"
PYTHON: Final = FOLDER / "bin" / "python"

LIMIT: Final = 300.0
"""How long an anchor may take [s]."""


def install_solvers() -> None:
    """Install the packages of the anchors, once."""
    done = FOLDER / ".done"
    if done.exists() and done.stat().st_mtime >= REQUIREMENTS.stat().st_mtime:
        return
    print("== OR-Tools and elkai", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", FOLDER], check=True)
    install = [PYTHON, "-m", "pip", "--disable-pip-version-check", "-qq", "install", "--requirement", REQUIREMENTS]
    subprocess.run(install, check=True)
    done.touch()


def solve(anchor: str, distances: list[list[int]], seconds: float) -> list[int]:
    """Return the tour that an anchor finds; only OR-Tools can be told how long it may take."""
    process = subprocess.run(
        [PYTHON, __file__, anchor, "--seconds", str(seconds)],
        input=json.dumps(distances), capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    if process.returncode:
        raise RuntimeError(f"{anchor} failed: {process.stderr[-500:]}")
    tour: list[int] = json.loads(process.stdout)["tour"]
    return tour


def ortools(distances: list[list[int]], seconds: float) -> list[int]:
    """Cheapest arc, then guided local search: what OR-Tools' guide to routing recommends."""
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    size = len(distances)
    manager = pywrapcp.RoutingIndexManager(size, 1, 0)
    routing = pywrapcp.RoutingModel(manager)
    routing.SetArcCostEvaluatorOfAllVehicles(routing.RegisterTransitMatrix(distances))
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = routing_enums_pb2.FirstSolutionStrategy.PATH_CHEAPEST_ARC
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(round(seconds * 1000))
    solution = routing.SolveWithParameters(parameters)
    tour, index = [], routing.Start(0)
    while not routing.IsEnd(index):
        tour.append(manager.IndexToNode(index))
        index = solution.Value(routing.NextVar(index))
    return tour


def elkai(distances: list[list[int]], seconds: float) -> list[int]:
    """LKH, as it comes."""
    import elkai as lkh

    return [int(city) for city in lkh.DistanceMatrix(distances).solve_tsp()[:-1]]


SOLVERS: Final[dict[str, Any]] = {"ortools": ortools, "elkai": elkai}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("anchor", choices=SOLVERS)
    parser.add_argument("--seconds", type=float, default=5.0, help="for OR-Tools (5)")
    options = parser.parse_args()
    matrix = json.load(sys.stdin)
    begin = time.monotonic()
    tour = SOLVERS[options.anchor](matrix, options.seconds)
    print(json.dumps({"tour": tour, "seconds": time.monotonic() - begin}))
