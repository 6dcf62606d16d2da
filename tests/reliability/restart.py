"""
A leader starts with a million live entries: how long until it takes writes.

    python -m tests.reliability.restart --entries 1000000

The journal is filled first, each entry written twice, so that its history is twice as long as what is live. What counts is the time from
the start of the process until the leader leads, which includes starting Python, reading and checking the journal, and computing the
shared graph. In the end a view is compared with what was written.
"""

from __future__ import annotations

import time
from typing import Final

from twisted.internet.threads import deferToThread

from deltamesh.journal import Record, open_journal
from tests.reliability.application import account
from tests.reliability.mesh import SERVICE
from tests.reliability.processes import memory
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import until

OF_A_WRITER: Final = 1000
"""Entries of the ledger of one writer."""

PIECE: Final = 20
"""Entries of a transaction."""

COMMIT: Final = 500
"""Transactions in a commit."""

LIMIT: Final = 30.0
"""Until the leader leads [s]."""


async def restart(run: Run) -> None:
    """Fill a journal, and start a leader on it."""
    entries = run.options.entries
    mesh = run.mesh(leaders=0, followers=0)
    began = time.monotonic()
    revision = await fill(mesh.journal, entries)
    run.figures |= {"entries": entries, "transactions": revision, "filled_in_s": round(time.monotonic() - began, 1)}
    took: list[float] = []
    async with mesh:
        leader = mesh.leader("leader1")
        for number in run.rounds():
            began = time.monotonic()
            mesh.add(leader) if number == 1 else leader.start()
            await until(lambda: leader.said(f"leads {SERVICE}"), "the leader leads", within=10 * LIMIT)
            took.append(time.monotonic() - began)
            if number < run.options.rounds:
                await deferToThread(leader.stop)
        run.figures["leader_mb"] = round(memory(leader.pid) / 1e6)
        began = time.monotonic()
        follower = mesh.add(mesh.follower("follower1"))
        await until(lambda: follower.is_ready, "the follower is ready", within=10 * LIMIT)
        run.figures["follower_ready_s"] = round(time.monotonic() - began, 1)
        writers = entries // OF_A_WRITER
        found = await (await mesh.client()).read("accounts", {"first": 0, "last": writers})
        expected = [(writer, tuple(account(OF_A_WRITER))) for writer in range(writers)]
        run.require([(key, values.one()) for key, values in found] == expected, "what is read is not what was written")
    run.took("ready", took, limit=LIMIT, of="max")
    run.violations += mesh.complaints()


async def fill(url: str, entries: int) -> int:
    """Write so many entries to the journal, each twice; return how many transactions that were."""
    journal = open_journal(url, SERVICE)
    revision = 0
    try:
        journal.recover()
        journal.take()
        records: list[Record] = []
        for is_final in (False, True):
            for first in range(0, entries, PIECE):
                writer, number = divmod(first, OF_A_WRITER)
                numbers = range(number + 1, number + 1 + PIECE)
                revision += 1
                writes = {
                    "counts": [(writer, [numbers[-1]])],
                    "ledger": [((writer, each), [each if is_final else 0]) for each in numbers],
                }
                records.append(Record.of(revision, writes, f"filled-{revision}", numbers[-1]))
                if len(records) == COMMIT:
                    await journal.append(records)
                    records = []
        await journal.append(records)
    finally:
        journal.close()
    return revision


if __name__ == "__main__":
    options = parser(__doc__, rounds=2)
    options.add_argument("--entries", type=int, default=1_000_000, help=f"live entries, a multiple of {OF_A_WRITER} (1000000)")
    main(restart, options.parse_args())
