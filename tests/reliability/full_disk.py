"""
The disk of the journal is full: writes are refused with a clear error, reads go on, and when there is space again nothing is missing.

    python -m tests.reliability.full_disk --seed 1 --rounds 10

In every second round the leader is killed and started again while the disk is full. Needs root, to mount a small disk.
"""

from __future__ import annotations

import time
from typing import Final

from deltamesh.errors import DeltameshError
from tests.reliability.run import Run, main, parser
from tests.reliability.smalldisk import SmallDisk
from tests.reliability.waiting import pause, until

WRITERS: Final = 4
READERS: Final = 12
READS: Final = 50
LIMIT: Final = 10.0
"""Within which every writer has been acknowledged a write after there is space again, always [s]."""

FULL: Final = "deltamesh.error.journal_full"


async def full_disk(run: Run) -> None:
    """Fill the disk."""
    again: list[float] = []
    reads: list[float] = []
    failed: list[str] = []
    with SmallDisk(run.directory / "disk") as disk:
        async with run.mesh(leaders=2, followers=2, journal=f"sqlite:{disk.path}/journal.sqlite") as mesh:
            await mesh.write(WRITERS)
            await mesh.write(WRITERS, is_patient=False)
            await mesh.read(READERS)
            client = await mesh.client()
            for number in run.rounds():
                await pause(run.random.uniform(0.0, 0.5))
                refused = mesh.refusals.counts.get(FULL, 0)
                end = time.monotonic() + 30.0
                while mesh.refusals.counts.get(FULL, 0) < refused + WRITERS and time.monotonic() < end:
                    disk.fill()  # again and again: what the journal frees in between is filled as well
                    await pause(0.02)
                run.require(mesh.refusals.counts.get(FULL, 0) > refused, f"round {number}: no write was refused because the disk is full")
                is_restarted = number % 2 == 0
                victim = mesh.leading()
                if is_restarted:
                    victim.kill()
                for _ in range(READS):
                    began = time.monotonic()
                    try:
                        await client.read("accounts", {"first": 0, "last": WRITERS})
                    except DeltameshError as error:
                        failed.append(str(error))
                    reads.append(time.monotonic() - began)
                if is_restarted:
                    victim.start()
                await pause(run.random.uniform(0.0, 1.0))
                disk.free()
                freed = time.monotonic()
                again.append(await mesh.progress() - freed)
                await until(lambda: victim.is_ready, f"{victim.name} is ready")
            await mesh.settle()
        run.took("writes_again", again, limit=LIMIT, of="max")
        run.took("reads_meanwhile", reads, limit=1.0)
        run.require(not failed, f"reads failed while the disk was full: {failed[:3]}")
        run.conclude(mesh)


if __name__ == "__main__":
    main(full_disk, parser(__doc__, rounds=10).parse_args())
