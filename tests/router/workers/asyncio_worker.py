"""
A worker on Autobahn for asyncio, as its documentation writes one; see `tests/router/test_languages.py` for what it prints and reads.

    python -m tests.router.workers.asyncio_worker ADDRESS PROCEDURE CONCURRENCY
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from autobahn.asyncio.component import Component, run
from autobahn.wamp.types import RegisterOptions

url, procedure, concurrency = sys.argv[1:]
component = Component(transports=[{"type": "websocket", "url": url, "max_retries": 0}], realm="realm1")
calls: dict[int, asyncio.Future[str]] = {}


def ordered() -> None:
    """Each line is the number of a call that is to be answered."""
    for line in os.read(sys.stdin.fileno(), 4096).split():
        calls.pop(int(line)).set_result("asyncio")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@component.on_join
async def joined(session: Any, details: Any) -> None:
    """Offer the procedure."""
    loop = asyncio.get_running_loop()

    async def work(number: int) -> str:
        calls[number] = loop.create_future()
        say(f"given {number}")
        return await calls[number]

    await session.register(work, procedure, RegisterOptions(invoke="roundrobin", concurrency=int(concurrency)))
    loop.add_reader(sys.stdin, ordered)
    say("ready")


run([component], log_level="error")
