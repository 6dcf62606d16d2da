"""
SIGSTOP instead of `kill`: a process that does nothing any more counts as dead within five seconds, and does no harm when it wakes up.

    python -m tests.reliability.frozen --seed 1 --rounds 5

In each round the leader, a follower and the router are frozen, one after the other, until everybody does without them, and then thawed.
Detection is when the router announces that the leader or follower is gone, and when a client gives up the connection to the router.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import psutil

from deltamesh.client import Mesh as Client
from tests.reliability.mesh import Mesh
from tests.reliability.readers import at
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until
from tests.reliability.writers import first_after

WRITERS: Final = 8
READERS: Final = 20
LIMIT: Final = 5.0
"""For the detection, always [s]."""
ROUTER_LIMIT: Final = 10.0
"""For all to be live again after the router is back, always [s]."""


async def frozen(run: Run) -> None:
    """Freeze a process of each kind."""
    chosen = {kind: KINDS[kind] for kind in run.options.kinds}
    detected: dict[str, list[float]] = {kind: [] for kind in chosen}
    again: dict[str, list[float]] = {kind: [] for kind in chosen}
    async with run.mesh(leaders=2, followers=2) as mesh:
        await mesh.write(WRITERS)
        await mesh.read(READERS)
        watcher = await mesh.client()
        for _ in run.rounds():
            for kind, freeze in chosen.items():
                await pause(run.random.uniform(0.0, 0.5))
                noticed, over = await freeze(run, mesh, watcher)
                detected[kind].append(noticed)
                again[kind].append(over)
                await mesh.progress()
        await mesh.settle()
    for kind in chosen:
        run.took(f"{kind}_detected", detected[kind], limit=LIMIT, of="max")
        run.took(f"{kind}_over", again[kind], limit=ROUTER_LIMIT if kind == "router" else None, of="max")
    run.conclude(mesh)


async def leader(run: Run, mesh: Mesh, watcher: Client) -> tuple[float, float]:
    """Freeze the leader; return when that was detected, and when a write was acknowledged [s from the beginning]."""
    victim = mesh.leading()
    gone = await heard(watcher, watcher.uris.leader_gone)
    began = time.monotonic()
    victim.freeze()
    try:
        await until(gone, "the leader is announced as gone")
        noticed = time.monotonic() - began
        await until(lambda: first_after(mesh.writers, began) is not None, "a write is acknowledged")
        over = time.monotonic() - began
        await mesh.progress()
    finally:
        is_alive = victim.thaw()
    if not is_alive:
        run.figures["ended_by_standby"] = run.figures.get("ended_by_standby", 0) + 1
        victim.start()
    await mesh.ready(victim)
    run.require(mesh.leading() is not victim, f"{victim.name} leads again after it was thawed")
    return noticed, over


async def follower(run: Run, mesh: Mesh, watcher: Client) -> tuple[float, float]:
    """Freeze a follower; return when that was detected, and when all its readers were live elsewhere [s from the beginning]."""
    name = run.random.choice(mesh.readers).live.follower
    [victim] = [each for each in mesh.followers if each.name == name]
    concerned = at(mesh.readers, victim.name)
    gone = await heard(watcher, watcher.uris.follower_gone(victim.name))
    began = time.monotonic()
    victim.freeze()
    try:
        await until(gone, "the follower is announced as gone")
        noticed = time.monotonic() - began
        await until(lambda: all([each.live.is_live and each.live.follower != name for each in concerned]), "its readers are live elsewhere")
        over = time.monotonic() - began
        await mesh.progress()
    finally:
        victim.thaw()
    await mesh.ready(victim)
    return noticed, over


async def router(run: Run, mesh: Mesh, watcher: Client) -> tuple[float, float]:
    """Freeze the router; return when all clients had noticed [s from the beginning], and when all was well [s from its end]."""
    main_process = psutil.Process(mesh.router.process.pid)
    all_of_it = [main_process, *main_process.children(recursive=True)]
    began = time.monotonic()
    for process in all_of_it:
        process.suspend()
    try:
        await until(lambda: all([each.session is None for each in mesh.connections]), "all clients have noticed")
        noticed = time.monotonic() - began
        await pause(run.random.uniform(0.0, 2.0))
    finally:
        for process in all_of_it:
            process.resume()
    back = time.monotonic()
    await mesh.progress()
    await until(lambda: all([each.live.is_live for each in mesh.readers]), "all readers are live")
    return noticed, time.monotonic() - back


async def heard(client: Client, topic: str) -> Callable[[], bool]:
    """Return what says whether an event has arrived on a topic since now."""
    events: list[object] = []
    await client.connection.session.subscribe(lambda *_: events.append(1), topic)
    return lambda: bool(events)


KINDS: Final = {"leader": leader, "follower": follower, "router": router}


if __name__ == "__main__":
    options = parser(__doc__, rounds=5)
    options.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="what to freeze (all of them)")
    main(frozen, options.parse_args())
