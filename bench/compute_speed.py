"""
Routes evaluated per second with one worker and with two, through the whole mesh, in turn; and how much of a worker's time is not computing.

    python -m bench.compute_speed [--turns 5] [--seconds 6]

Prints a JSON line for each turn and number of workers. `bare_per_s` is what as many processes of the solver do without a mesh, just before:
how much more it is with the second one, no mesh can exceed. A worker is available from the beginning of its first unit to the end of its
last; its overhead is the part of that in which it did not compute, by its own account.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from bench import measure
from bench.processes import ROOT, environment
from deltamesh.cli import log, loop
from tests.compute.farm import Farm
from tests.compute.solving import Solving, cities
from tests.reliability.processes import Program

SIZE = 300
NAMES = ("one", "two")


async def main(turns: int, seconds: float, directory: Path) -> None:
    async with Farm(directory, application="bench.compute_worker") as farm:
        for turn in range(turns):
            for names in (NAMES[:1], NAMES) if turn % 2 else (NAMES, NAMES[:1]):
                await farm.only()
                alone = await deferToThread(bare, len(names))
                await farm.only(*names)
                before = {name: len(farm.workers[name].lines) for name in names}
                solving = Solving(cities(SIZE, turn))
                answer = await solving.solve(farm.client, seconds, seed=turn)
                shares = [overhead(farm.workers[name], before[name]) for name in names]
                measure.emit(
                    turn=turn,
                    workers=len(names),
                    routes_per_s=round(answer["routes"] / solving.took),
                    bare_per_s=round(alone),
                    overhead=round(sum(shares) / len(shares), 4),
                )


def bare(number: int) -> float:
    """Return how many routes a second so many processes evaluate together."""
    command = [sys.executable, "-m", "bench.compute_bare"]
    with ExitStack() as stack:
        processes = []
        for _ in range(number):
            pipes = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment())
            processes.append(stack.enter_context(pipes))
            stack.callback(pipes.kill)
        said = [process.stdout for process in processes if process.stdout is not None]
        for out in said:
            out.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        return sum([float(out.readline()) for out in said])


def overhead(worker: Program, first: int) -> float:
    """Return which part of its time a worker did not compute, by the lines that it has printed since `first`."""
    units: list[dict[str, Any]] = [json.loads(line) for line in worker.lines[first:] if line.startswith("{")]
    available = units[-1]["end"] - (units[0]["end"] - units[0]["seconds"])
    return float(1 - sum(unit["seconds"] for unit in units) / available)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5, help="(5)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each search (6)")
    options = parser.parse_args()
    log.begin("speed", only_errors=True)
    with tempfile.TemporaryDirectory(prefix="deltamesh-farm-") as folder:
        loop.run(lambda: main(options.turns, options.seconds, Path(folder)))
