"""
Asks for a short tour, and says each time when a shorter one is found.

    python -m examples.salesman.solve berlin52 --budget 2
    python -m examples.salesman.solve world:500 --budget 10 --seed 1
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import CancelledError

from deltamesh.cli import log, loop
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from deltamesh.identity import identity
from examples import feeding
from examples.salesman.service import app


def problem(text: str) -> dict[str, Any]:
    """Return the problem that an argument means: `world:500`, or the name of an instance."""
    if text.startswith("world:") and text[6:].isdecimal():
        return {"world": int(text[6:])}
    return {"name": text}


def line(found: Mapping[str, Any]) -> str:
    """Return what people read of a progressive or final result."""
    gap = found.get("gap")
    beyond = "" if gap is None else f", the optimum is {found['optimum']}" + (f" ({gap:.2%} less)" if gap else ", too")
    return f"{found['seconds']:7.2f} s  {found['length']:>9}  {found['routes'] / 1e6:.1f} million routes{beyond}"


async def main(options: Namespace) -> int:
    """Solve, print, and return the exit code."""
    connection = Connection(options.router, realm=options.realm, identity=identity())
    connection.start()
    chosen = {name: getattr(options, name) for name in ("seed", "temperature", "cooling", "chains", "rounds")}
    try:
        await connection.joined()
        result = await connection.call(
            app.uris.action("solve"),
            problem(options.problem),
            options.budget,
            {name: value for name, value in chosen.items() if value is not None},
            on_progress=lambda part: print(line(part), flush=True),
        )
    except DeltameshError as error:
        print(f"error: {error.message}", file=sys.stderr)
        return 1
    except CancelledError:
        return 1
    finally:
        await connection.stop()
    print(line(result), flush=True)
    return 0


def arguments() -> ArgumentParser:
    """Return the parser of the command."""
    parser = feeding.arguments(__doc__)
    parser.add_argument("problem", metavar="PROBLEM", help="the name of an instance, or world:N for the N largest cities of the world")
    parser.add_argument("--budget", type=float, default=5.0, metavar="SECONDS", help="when to answer (5)")
    parser.add_argument("--seed", type=int, metavar="N", help="the same one, with --rounds, gives the same route")
    parser.add_argument("--temperature", type=float, metavar="FACTOR", help="the first, as a part of the mean distance between neighbours")
    parser.add_argument("--cooling", choices=["exponential", "linear"])
    parser.add_argument("--chains", type=int, metavar="N", help="as many as there are workers for")
    parser.add_argument("--rounds", type=int, metavar="N", help="units of work after which it ends")
    return parser


if __name__ == "__main__":
    given = arguments().parse_args()
    log.begin("salesman.solve")
    sys.exit(loop.run(lambda: main(given)))
