"""
`kill -9` of the leader, again and again, under concurrent writers: its standby takes over, and nothing is lost or done twice.

    python -m tests.reliability.leader --seed 1 --rounds 100

In each round the leader is killed, and started again as a standby: in one round at a random moment, in the next one just after something
was written to the journal's file, when it is most likely that writes are kept and their callers not told yet. The take-over lasts from
the kill until the first acknowledgement of a write that was sent after it.
"""

from __future__ import annotations

import time
from pathlib import Path

from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until
from tests.reliability.writers import first_after

WRITERS = 16
READERS = 20
LIMIT = 2.0
"""For a take-over, p99 [s]."""

MOMENT = 0.002
"""Within which after a write to the journal's file the leader is killed [s]: as long as it is about to tell callers."""


async def leader(run: Run) -> None:
    """Kill leaders."""
    took: list[float] = []
    all_again: list[float] = []
    async with run.mesh(leaders=2, followers=2) as mesh:
        await mesh.write(WRITERS)
        await mesh.read(READERS)
        for number in run.rounds():
            await pause(run.random.uniform(0.0, 1.0))
            victim = mesh.leading()
            if number % 2 == 0:
                aim(Path(f"{mesh.journal.removeprefix('sqlite:')}-wal"), run.random.uniform(0.0, MOMENT))
            killed = time.monotonic()
            victim.kill()
            await until(lambda: first_after(mesh.writers, killed) is not None, "a write is acknowledged")
            took.append((first_after(mesh.writers, killed) or killed) - killed)
            all_again.append(await mesh.progress() - killed)
            victim.start()
            await until(lambda: victim.is_ready, f"{victim.name} is ready, as standby")
        await mesh.settle()
    run.took("take_over", took, limit=LIMIT)
    run.took("all_writers_again", all_again)
    run.conclude(mesh)


def aim(file: Path, moment: float) -> None:
    """Return so long after a file was written to [s]. Nothing else happens meanwhile."""
    end = time.monotonic() + 1.0
    before = file.stat().st_mtime_ns
    while file.stat().st_mtime_ns == before and time.monotonic() < end:
        pass
    time.sleep(moment)


if __name__ == "__main__":
    main(leader, parser(__doc__, rounds=100).parse_args())
