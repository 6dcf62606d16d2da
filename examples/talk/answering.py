"""
One of the two processes of the hot standby demo: answers calls with its name.

    python -m examples.talk.answering NAME PROCEDURE

Of all that have registered the procedure with `invoke="first"`, the router calls the one that came first, for as long as it is there.
"""

from __future__ import annotations

import os
from argparse import Namespace
from typing import Any

from twisted.internet.task import deferLater

from examples import feeding
from examples.talk import session


async def main(options: Namespace) -> None:
    parent = os.getppid()
    connection = await session.connected(options)

    async def answer(_details: Any, seconds: float) -> dict[str, Any]:
        await deferLater(connection.reactor, seconds, lambda: None)  # the work
        return {"name": options.name, "pid": os.getpid()}

    await connection.register(options.procedure, answer, invoke="first")
    print("ready", flush=True)
    while os.getppid() == parent:  # and not longer than whoever has started it
        await deferLater(connection.reactor, 1.0, lambda: None)
    await connection.stop()


if __name__ == "__main__":
    parser = feeding.arguments(__doc__)
    parser.add_argument("name", help="what it answers")
    parser.add_argument("procedure", help="the URI that it registers")
    options = parser.parse_args()
    session.run("answering", lambda: main(options))
