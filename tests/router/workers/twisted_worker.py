"""
A worker on Autobahn for Twisted, as its documentation writes one; see `tests/router/test_languages.py` for what it prints and reads.

    python -m tests.router.workers.twisted_worker ADDRESS PROCEDURE CONCURRENCY
"""

from __future__ import annotations

import sys
from typing import Any

from autobahn.twisted.component import Component, run
from autobahn.wamp.types import RegisterOptions
from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineReceiver

path, procedure, concurrency = sys.argv[1:]
transport = {
    "type": "rawsocket",
    "url": "rs://localhost",
    "endpoint": {"type": "unix", "path": path},
    "serializer": "cbor",
    "max_retries": 0,
}
component = Component(transports=[transport], realm="realm1")
calls: dict[int, Deferred[str]] = {}


class Orders(LineReceiver):
    """Each line is the number of a call that is to be answered."""

    delimiter = b"\n"

    def lineReceived(self, line: bytes) -> None:
        calls.pop(int(line)).callback("twisted")


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


@component.on_join
async def joined(session: Any, details: Any) -> None:
    """Offer the procedure."""

    def work(number: int) -> Deferred[str]:
        calls[number] = Deferred()
        say(f"given {number}")
        return calls[number]

    await session.register(work, procedure, RegisterOptions(invoke="roundrobin", concurrency=int(concurrency)))
    StandardIO(Orders())
    say("ready")


run([component], log_level=None)
