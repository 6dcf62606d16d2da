"""
Routes evaluated per second by the solver alone, without a mesh: what the machine gives.

    python -m bench.compute_bare [--seconds 3]

Says `ready` when the solver is compiled, begins when a line comes in, and prints one number.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from examples.salesman.annealing import Chain
from examples.salesman.landscape import Landscape
from examples.salesman.problem import Problem
from tests.compute.solving import cities

SIZE = 300
PIECE = 500
"""Steps between two looks at the clock, as of a worker."""


def main(seconds: float) -> None:
    landscape = Landscape(Problem.from_json(cities(SIZE, 0)))
    distance = landscape.neighbour_distance()
    chain = Chain(landscape, np.arange(SIZE, dtype=np.int32), 0.4 * distance, 0.03 * distance, 1 << 40, 1)
    chain.run(PIECE)
    print("ready", flush=True)
    sys.stdin.readline()
    before, begin = chain.result().routes, time.monotonic()
    while time.monotonic() < begin + seconds:
        chain.run(PIECE)
    print((chain.result().routes - before) / (time.monotonic() - begin), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="(3)")
    main(parser.parse_args().seconds)
