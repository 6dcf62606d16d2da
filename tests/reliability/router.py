"""
`kill -9` of the router, again and again: some time after it is back all writers and readers go on, in the same epoch.

    python -m tests.reliability.router --seed 1 --rounds 20

All its processes are killed; a new router starts in the same node directory after a random pause. What counts is the time from when it
accepts connections until every writer has been acknowledged a write that it began since then, and every reader is live.
"""

from __future__ import annotations

import time

from twisted.internet.threads import deferToThread

from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until

WRITERS = 8
READERS = 40
LIMIT = 10.0
"""Within which all go on, always [s]."""


async def router(run: Run) -> None:
    """Kill the router."""
    again: list[float] = []
    down: list[float] = []
    async with run.mesh(leaders=2, followers=2) as mesh:
        await mesh.write(WRITERS)
        await mesh.read(READERS)
        for _ in run.rounds():
            await pause(run.random.uniform(0.0, 1.0))
            killed = time.monotonic()
            await deferToThread(mesh.router.kill)
            await until(lambda: all([each.session is None for each in mesh.connections]), "all clients have lost the router")
            await pause(run.random.uniform(0.0, 2.0))
            await deferToThread(mesh.router.start)
            back = time.monotonic()
            down.append(back - killed)
            await mesh.progress()
            await until(lambda: all([each.live.is_live for each in mesh.readers]), "all readers are live")
            again.append(time.monotonic() - back)
        await mesh.settle()
    run.took("down", down)
    run.took("all_again", again, limit=LIMIT, of="max")
    run.conclude(mesh)


if __name__ == "__main__":
    main(router, parser(__doc__, rounds=20).parse_args())
