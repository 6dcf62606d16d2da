"""What the demos begin with: a connection to a router that runs already, or one line that says how to start one."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Coroutine
from typing import Any, Final

from deltamesh.cli import log, loop
from deltamesh.connection import Connection
from deltamesh.connection.identity import identity
from deltamesh.errors import ConfigurationError

PATIENCE: Final = 3.0
"""How long a router may take to answer [s]."""


async def connected(options: Namespace) -> Connection:
    """
    Return a connection to the router that the command line names.

    Raises:
        SystemExit: there is none.
    """
    try:
        connection = Connection(options.router, realm=options.realm, identity=identity())
    except ConfigurationError as error:
        raise SystemExit(str(error)) from error
    connection.start()
    try:
        await loop.within(PATIENCE, connection.joined())
    except TimeoutError:
        await connection.stop()
        reason = f" ({connection.problem})" if connection.problem else ""
        raise SystemExit(
            f"no router answers at {options.router}{reason}: start one with `make run` in another terminal, or name one with --router"
        ) from None
    return connection


def say(text: str = "") -> None:
    """Print a line at once; for nobody if the reader has gone, as `head` does."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do `work()` until it returns or a signal comes."""
    log.begin(name, only_errors=True)
    loop.run(work)
