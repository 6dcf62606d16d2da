"""
How good the routes of the example "salesman" are without a mesh: two processes with a chain each, beside OR-Tools' routing and LKH.

    python -m bench.salesman [--budget 5] [--seeds 10] [--instances berlin52 kroA100 a280 lin318 random1000] [--alone]

Prints a table of how much longer than the best known route theirs and ours are, in the same time; LKH takes what it takes. `--alone` leaves
the others out, which are installed into an environment of their own. Instances are those of TSPLIB, or randomN: N cities in a square.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from random import Random
from statistics import median
from typing import Final

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import compute_anchors
from examples.salesman.annealing import Chain
from examples.salesman.known import named
from examples.salesman.landscape import Landscape
from examples.salesman.problem import Problem
from examples.salesman.schedule import COMBINE, MIN_STEPS, temperature
from examples.salesman.start import nearest_neighbour_tour
from examples.salesman.tour import Tour, checked_tour

CHAINS: Final = 2
"""One on each core."""
UNIT: Final = 0.25
"""How long a unit takes [s]."""
PIECE: Final = 200
"""Steps between two looks at the clock."""


def work(orders: Connection) -> None:
    """Compute units until the other end is closed. A unit: a landscape, or where to begin and how to go on."""
    landscape = None
    while True:
        try:
            order = orders.recv()
        except EOFError:
            return
        if isinstance(order, Landscape):
            landscape = order
            continue
        tour, hot, cold, steps, seed, limit = order
        begun = time.monotonic()
        chain = Chain(landscape, tour, hot, cold, steps, seed)
        while not chain.run(PIECE) and time.monotonic() < begun + limit:
            pass
        orders.send((chain.result(), chain.done, time.monotonic() - begun))


@contextmanager
def workers() -> Iterator[list[Connection]]:
    """Start the processes, compiled and warm; they end with the block."""
    context = get_context("spawn")
    pairs = [context.Pipe() for _ in range(CHAINS)]
    processes = [context.Process(target=work, args=(end,), daemon=True) for _, end in pairs]
    for process in processes:
        process.start()
    for _, end in pairs:
        end.close()
    ends = [begin for begin, _ in pairs]
    try:
        small = Landscape(Problem.of("small", "EUC_2D", [(x, y) for x in range(4) for y in range(4)]))
        for end in ends:
            end.send(small)
            end.send((np.arange(16), 1.0, 1.0, PIECE, 1, 60.0))
            end.recv()
        yield ends
    finally:
        for end in ends:
            end.close()
        for process in processes:
            process.join()


def search(landscape: Landscape, ends: list[Connection], budget: float, seed: int) -> tuple[Tour, int]:
    """Return the best tour that the chains find in so many seconds, the start tour included, and how many routes they have evaluated."""
    for end in ends:
        end.send(landscape)  # what a worker of a mesh fetches once, too
    begun = time.monotonic()
    seeds = Random(seed)
    distance = landscape.neighbour_distance()
    best = nearest_neighbour_tour(landscape)
    length = landscape.length(best)
    current = dict.fromkeys(ends, best)
    rates = dict.fromkeys(ends, 10_000.0)
    routes = 0

    def send(end: Connection) -> bool:
        passed = time.monotonic() - begun
        left = budget - passed - 0.01
        if left <= 0:
            return False
        seconds = min(UNIT, left)
        hot, cold = [temperature(at / budget, distance) for at in (passed, passed + seconds)]
        end.send((current[end], hot, cold, max(MIN_STEPS, round(rates[end] * seconds)), seeds.getrandbits(32), left))
        return True

    busy = [end for end in ends if send(end)]
    while busy:
        for end in wait(busy):
            found, steps, seconds = end.recv()
            routes += found.routes
            rates[end] = steps / max(seconds, 1e-6)
            current[end] = found.current
            if found.length < length:
                best, length = found.best, found.length
            if time.monotonic() - begun > COMBINE * budget:
                current[end] = min(current.values(), key=landscape.length)
            if not send(end):
                busy.remove(end)
    return best, routes


def problem_of(name: str) -> tuple[Problem, int | None]:
    """Return an instance, and how long its shortest tour is, if that is known."""
    if known := named(name):
        return known.problem, known.optimum
    if not name.startswith("random") or not name[6:].isdigit():
        raise SystemExit(f"there is no instance {name}")
    random = Random(1)
    size = int(name[6:])
    return Problem.of(name, "EUC_2D", [(random.randrange(100_000), random.randrange(100_000)) for _ in range(size)]), None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=5.0, help="seconds for each search (5)")
    parser.add_argument("--seeds", type=int, default=10, help="searches for each instance (10)")
    parser.add_argument("--instances", nargs="+", default=["berlin52", "kroA100", "a280", "lin318", "random1000"])
    parser.add_argument("--alone", action="store_true", help="leave out OR-Tools and LKH")
    options = parser.parse_args()
    if not options.alone:
        compute_anchors.install_solvers()
    table = Table(title=f"{options.budget:g} s on {CHAINS} cores, {options.seeds} seeds: longer than the best known route [%]")
    for column in ("instance", "best known", "ours: median", "worst", "best", "routes/s", "OR-Tools", "LKH"):
        table.add_column(column, justify="right")
    with workers() as ends:
        for name in options.instances:
            problem, optimum = problem_of(name)
            landscape = Landscape(problem)
            found = [search(landscape, ends, options.budget, seed) for seed in range(options.seeds)]
            lengths = [landscape.length(checked_tour(tour.tolist(), landscape.size)) for tour, _ in found]
            others = {}
            for anchor in () if options.alone else ("ortools", "elkai"):
                numbers = compute_anchors.solve(anchor, landscape.distances.tolist(), options.budget)
                others[anchor] = landscape.length(checked_tour(numbers, landscape.size))
            known = optimum or min([*lengths, *others.values()])
            gaps = [f"{100 * (length / known - 1):.2f}" for length in (median(lengths), max(lengths), min(lengths))]
            rate = sum([routes for _, routes in found]) / options.seeds / options.budget
            theirs = [f"{100 * (others[anchor] / known - 1):.2f}" if anchor in others else "–" for anchor in ("ortools", "elkai")]
            table.add_row(name, f"{known:,}", *gaps, f"{rate:,.0f}", *theirs)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
