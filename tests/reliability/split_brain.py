"""
Split brain: two leaders that both believe to lead, and one journal. The fence lets one of them commit, and nothing is lost or done twice.

    python -m tests.reliability.split_brain --seed 1 --rounds 6

In a round of the first kind the leaders run on hosts of their own (network namespaces), and the network of the one that leads is
unplugged, journal included: PostgreSQL, with commits under way. It is not told; it goes on believing to lead. The other one has to take
over, and when the network is plugged in again the former leader has to stand by. The rounds of the second kind split the mesh itself:
there are two routers, each with a leader, and each grants its leader the lock. Only the journal stands between them. Callers on both
sides go on writing, and the refusals of the fence are counted: each has to say that trying again helps. Needs root, for the namespaces.
"""

from __future__ import annotations

import time
from typing import Final

from twisted.internet.threads import deferToThread

from tests.reliability.network import Network
from tests.reliability.postgresql import PostgreSQL
from tests.reliability.run import Run, main, parser
from tests.reliability.truth import Truth
from tests.reliability.waiting import pause, until
from tests.reliability.writers import first_after

WRITERS: Final = 8
READERS: Final = 12
LIMIT: Final = 10.0
"""For a take-over from a leader whose network is unplugged, always: it has to be noticed first [s]."""

FENCED: Final = "deltamesh.error.fenced"


async def split_brain(run: Run) -> None:
    """Cut leaders off, and let two of them lead."""
    for kind in run.options.kinds:
        await KINDS[kind](run)


async def unplugged(run: Run) -> None:
    """Unplug the host of the leader."""
    took: list[float] = []
    back: list[float] = []
    with Network("a", "b") as network:
        server = (await deferToThread(PostgreSQL, run.directory / "first", network.address)).start()
        try:
            await until(lambda: server.is_ready, "PostgreSQL is ready")
            mesh = run.mesh(name="first", leaders=0, followers=2, journal=server.url, address=network.address)
            for host in ("a", "b"):
                mesh.add_leader(mesh.leader(f"leader_{host}", before=network.on(host), url=mesh.tcp_url))
            async with mesh:
                await mesh.write(WRITERS // 2)
                await mesh.write(WRITERS // 2, is_patient=False)
                await mesh.read(READERS)
                for _ in run.rounds():
                    await pause(run.random.uniform(0.0, 1.0))
                    victim = mesh.leading()
                    host = victim.name.removeprefix("leader_")
                    began = time.monotonic()
                    network.unplug(host)
                    await until(lambda: first_after(mesh.writers, began) is not None, "a write is acknowledged")
                    took.append((first_after(mesh.writers, began) or began) - began)
                    await mesh.progress()
                    await pause(run.random.uniform(0.0, 3.0))
                    network.plug(host)
                    plugged = time.monotonic()
                    await mesh.ready(victim)
                    back.append(time.monotonic() - plugged)
                    run.require(mesh.leading() is not victim, f"{victim.name} leads again after it was cut off")
                    await mesh.progress()
                await mesh.settle()
            run.took("unplugged_take_over", took, limit=LIMIT, of="max")
            run.took("unplugged_stands_by_again", back)
            run.conclude(mesh, part="unplugged")
        finally:
            await deferToThread(server.kill)


async def two_routers(run: Run) -> None:
    """Let two leaders lead at two routers, with one journal."""
    truth = Truth()
    journal = f"sqlite:{run.directory}/shared.sqlite"
    sides = [run.mesh(name=name, leaders=1, followers=1, truth=truth, journal=journal) for name in ("east", "west")]
    east, west = sides
    async with east:
        for side in sides:
            if side is west:
                await west.__aenter__()
            await side.write(WRITERS // 2, is_patient=False)
        try:
            for side in sides:
                await side.read(READERS // 2)
            for _ in run.rounds():
                for side in sides:
                    await side.progress(10)
            for side in sides:
                await side.stop_writing()
            for side in sides:  # one that nobody writes to does not know of the other's writes
                await side.writers[0].once()
                await side.shown()
            east.finish()
            west.finish()
        finally:
            await west.__aexit__(None, None, None)
    fenced = sum(side.refusals.counts.get(FENCED, 0) for side in sides)
    run.figures["fenced"] = fenced
    run.require(fenced, "no caller was told that another leader has taken over")
    for side in sides:
        run.conclude(side, part=side.directory.name, has_journal=side is east)


KINDS: Final = {"unplugged": unplugged, "two-routers": two_routers}


if __name__ == "__main__":
    options = parser(__doc__, rounds=6)
    options.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="which rounds (both)")
    main(split_brain, options.parse_args())
