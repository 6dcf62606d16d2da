"""
Hot standby, as the Crossbar.io talk shows it: two processes register one procedure; the one that works is killed, the other one goes on.

    make run                              # in another terminal: the router
    python -m examples.talk.standby
"""

from __future__ import annotations

import secrets
import subprocess
import sys
from argparse import Namespace
from contextlib import ExitStack
from time import perf_counter
from typing import Any, Final

from twisted.internet.threads import deferToThread

from deltamesh.connection import Connection
from examples import feeding
from examples.talk import session

PROCEDURE: Final = f"com.example.talk.answer_{secrets.token_hex(3)}"
"""Of this run: two at the same time do not answer each other's calls."""

NUM_BEFORE: Final = 4
NUM_AFTER: Final = 4


async def call(connection: Connection, seconds: float) -> Any:
    """Call the procedure. This is all of the caller's code, and it knows nothing of processes."""
    return await connection.call(PROCEDURE, seconds)


async def main(options: Namespace) -> None:
    connection = await session.connected(options)
    seconds = options.seconds
    with ExitStack() as stack:
        session.say(f"Two processes register {PROCEDURE}, both with invoke=first: the router calls the one that came first.")
        primary = await ready(start(stack, "primary", options))
        standby = await ready(start(stack, "standby", options))
        session.say(f"  primary is process {primary.pid}, standby is process {standby.pid}; a call is {seconds:g} s of work\n")

        for _ in range(NUM_BEFORE):
            await shown(connection, seconds)
        session.say(f"\nNow kill -9 {primary.pid}, in the middle of the next call.\n")
        killed: list[float] = []
        connection.reactor.callLater(seconds / 2, kill, primary, killed)
        answer, answered = await shown(connection, seconds)
        after = (answered - killed[0]) * 1e3
        for _ in range(NUM_AFTER):
            await shown(connection, seconds)

        session.say(
            f"\nThe {answer['name']} answered {after:.0f} ms after the kill, {after - seconds * 1e3:.0f} ms more than the work takes."
            "\nThe router had given it the call that the dead process had begun: no call failed, and no caller's code changed."
        )
    await connection.stop()


async def shown(connection: Connection, seconds: float) -> tuple[Any, float]:
    """Make a call, and say who has answered it; return the answer, and when it came [s]."""
    begun = perf_counter()
    answer = await call(connection, seconds)
    answered = perf_counter()
    session.say(f"  answered by {answer['name']} (process {answer['pid']}) in {(answered - begun) * 1e3:.0f} ms")
    return answer, answered


def start(stack: ExitStack, name: str, options: Namespace) -> subprocess.Popen[str]:
    """Start a process that answers; it ends with `stack`."""
    command = [sys.executable, "-m", "examples.talk.answering", name, PROCEDURE, "--router", options.router, "--realm", options.realm]
    process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(process.kill)
    return process


async def ready(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """Return the process when it has registered."""
    assert process.stdout is not None
    if not await deferToThread(process.stdout.readline):
        raise SystemExit("the process that is to answer did not start")
    return process


def kill(process: subprocess.Popen[str], moments: list[float]) -> None:
    """End a process as a crash does, and note when."""
    process.kill()
    moments.append(perf_counter())


if __name__ == "__main__":
    parser = feeding.arguments(__doc__)
    parser.add_argument("--seconds", type=feeding.positive, default=0.5, metavar="S", help="how long the work of a call takes (0.5)")
    options = parser.parse_args()
    session.run("standby", lambda: main(options))
