"""
Asks for a short tour, and says each time when a shorter one is found.

    python -m examples.salesman.solve berlin52 --budget 2
    python -m examples.salesman.solve world:500 --budget 10 --seed 1
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from typing import Any, Final

from twisted.internet.defer import CancelledError

from deltamesh.cli import log, loop
from deltamesh.cli.interruption import INTERRUPTED
from deltamesh.connection import Connection
from deltamesh.connection.identity import identity
from deltamesh.errors import ConfigurationError, DeltameshError
from examples import feeding
from examples.salesman.service import app

PATIENCE: Final = 3.0
"""How long a router may take to answer [s]."""


def problem(text: str) -> dict[str, Any]:
    """
    Return the problem that an argument means: `world:500`, or the name of an instance.

    Raises:
        ArgumentTypeError: it is not world:N, but begins like that.
    """
    kind, colon, number = text.partition(":")
    if not colon:
        return {"name": text}
    if kind != "world" or not (number.isascii() and number.isdecimal() and len(number) < 10):
        raise ArgumentTypeError(f"{text[:80]!r} is no problem: write the name of an instance, or world:N for N cities, as in world:500")
    return {"world": int(number)}


def line(found: Mapping[str, Any]) -> str:
    """Return what people read of a progressive or final result."""
    gap = found.get("gap")
    beyond = "" if gap is None else f", the optimum is {found['optimum']}" + (f" ({gap:.2%} less)" if gap else ", too")
    return f"{found['seconds']:7.2f} s  {found['length']:>9}  {found['routes'] / 1e6:.1f} million routes{beyond}"


async def main(options: Namespace) -> int:
    """Solve, print, and return the exit code."""
    try:
        connection = Connection(options.router, realm=options.realm, identity=identity())
    except ConfigurationError as error:
        return failed(error.message)
    connection.start()
    chosen = {name: getattr(options, name) for name in ("seed", "temperature", "cooling", "chains", "rounds")}
    try:
        await loop.within(PATIENCE, connection.joined())
        result = await connection.call(
            app.uris.action("solve"),
            options.problem,
            options.budget,
            {name: value for name, value in chosen.items() if value is not None},
            on_progress=lambda part: say(line(part)),
        )
    except TimeoutError:
        reason = f" ({connection.problem})" if connection.problem else ""
        start = "start one with `make run` in another terminal, or name one with --router"
        return failed(f"no router answers at {options.router}{reason}: {start}")
    except DeltameshError as error:
        if error.uri == "wamp.error.no_such_procedure":
            return failed("nobody takes searches: start `python -m examples.salesman.orchestrator`")
        return failed(error.message)
    except CancelledError:
        return INTERRUPTED
    finally:
        await connection.stop()
    say(line(result))
    if result["state"] != "done":
        return failed(f"the search was cut off ({result['state']}): this is what it had found by then")
    return 0


def say(text: str) -> None:
    """Print a line at once; for nobody if the reader has gone, as `head` does."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def failed(why: str) -> int:
    """Say why there is no result, and return the exit code."""
    print(f"error: {why}", file=sys.stderr, flush=True)
    return 1


def arguments() -> ArgumentParser:
    """Return the parser of the command."""
    parser = feeding.arguments(__doc__)
    parser.add_argument(
        "problem", metavar="PROBLEM", type=problem, help="the name of an instance, or world:N: the largest cities of the world"
    )
    parser.add_argument("--budget", type=float, default=5.0, metavar="SECONDS", help="when to answer (5)")
    parser.add_argument("--seed", type=int, metavar="N", help="the same one, with --rounds, gives the same route")
    parser.add_argument("--temperature", type=float, metavar="FACTOR", help="the first, as a part of the mean distance between neighbours")
    parser.add_argument("--cooling", choices=["exponential", "linear"])
    parser.add_argument("--chains", type=int, metavar="N", help="as many as there are workers for")
    parser.add_argument("--rounds", type=int, metavar="N", help="units of work after which it ends")
    return parser


if __name__ == "__main__":
    given = arguments().parse_args()
    log.begin("salesman.solve", only_errors=True)
    sys.exit(loop.run(lambda: main(given)))
