"""
PostgreSQL goes away and comes back: meanwhile writes wait or are refused clearly, reads go on, and nothing is lost.

    python -m tests.reliability.postgres --seed 1 --rounds 12

In each round the server of the journal is stopped in order, stopped without order, killed, or frozen, and comes back after a random
pause. Half of the writers leave it to the library to try again, the others see each refusal.
"""

from __future__ import annotations

import time
from typing import Final, get_args

from twisted.internet.threads import deferToThread

from tests.reliability.postgresql import Fault, PostgreSQL
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until

WRITERS: Final = 4
READERS: Final = 12
READS: Final = 20
LIMIT: Final = 15.0
"""Within which every writer has been acknowledged a new write after the return of the server, always [s]."""


async def postgres(run: Run) -> None:
    """Take the server away."""
    again: list[float] = []
    reads: list[float] = []
    server = (await deferToThread(PostgreSQL, run.directory)).start()
    try:
        await until(lambda: server.is_ready, "PostgreSQL is ready")
        async with run.mesh(leaders=2, followers=2, journal=server.url) as mesh:
            await mesh.write(WRITERS)
            await mesh.write(WRITERS, is_patient=False)
            await mesh.read(READERS)
            client = await mesh.client()
            for number in run.rounds():
                faults = get_args(Fault)
                fault = faults[(number - 1) % len(faults)]
                await pause(run.random.uniform(0.0, 1.0))
                server.fail(fault)
                gone = time.monotonic()
                end = gone + run.random.uniform(0.5, 4.0)
                for _ in range(READS):
                    began = time.monotonic()
                    await client.read("accounts", {"first": 0, "last": WRITERS})
                    reads.append(time.monotonic() - began)
                await pause(max(0.0, end - time.monotonic()))
                await deferToThread(server.recover, fault)
                back = time.monotonic()
                again.append(await mesh.progress() - back)
            await mesh.settle()
        run.took("writes_again", again, limit=LIMIT, of="max")
        run.took("reads_meanwhile", reads, limit=1.0)
        run.require(all(uri in CLEAR for uri in mesh.refusals.counts), f"unclear refusals: {mesh.refusals.examples}")
        run.conclude(mesh)
    finally:
        await deferToThread(server.kill)


CLEAR: Final = {
    "deltamesh.error.journal_unavailable",
    "deltamesh.error.fenced",
    "deltamesh.error.no_callee",
    "deltamesh.error.waited_too_long",
    "wamp.error.canceled",
    "wamp.error.no_such_procedure",
    "wamp.error.unavailable",
}
"""Refusals that say what is the matter and that trying again helps."""


if __name__ == "__main__":
    main(postgres, parser(__doc__, rounds=12).parse_args())
