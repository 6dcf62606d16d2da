"""
`kill -9` of the service, the router and the reader, and the repository is gone, in turn and together: clients read on, and all converge.

    python -m tests.parameters.proof.outage --seed 1 --rounds 5

While something is gone, commits go on, and are pushed as soon as the repository is there. Clients answer from memory, marked stale, what
was last known. One of them is killed or ended meanwhile and started again: it begins with its cache. When everything is there again, all
become live and show the newest commit, without anybody's doing. All that was shown is to be a state that there was.
"""

from __future__ import annotations

import time
from collections import Counter
from random import Random
from typing import Final

from twisted.internet.threads import deferToThread

from tests.parameters.proof.committer import NAME, Committer
from tests.parameters.proof.observed import DEFAULT, Observed
from tests.parameters.proof.randomhistory import FIRST
from tests.parameters.proof.truth import TOLD, check, differences
from tests.parameters.proof.world import World
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until

KINDS: Final = ("thread", "asyncio", "twisted", "node")
PARTS: Final = ("service", "router", "reader", "repository")
ROUNDS: Final = (*[(part,) for part in PARTS], PARTS)
"""What goes away, in which round; more rounds take some of them at random."""

PACE: Final = 0.2
MEANWHILE: Final = 5
"""Commits while something is away, at least."""

NAMES: Final = ["payment.limits.daily", "payment.fees.fixed.eur", "shop.title", "shop.page.size", NAME, "clock.again", "not.there"]
CACHED: Final = 1.5
"""How long after a change the cache has it [s]."""


async def outage(run: Run) -> None:
    """Take away, and give back."""
    stale: list[float] = []
    again: list[float] = []
    reads = 0
    async with World(run.directory, followers=2) as world:
        committer = Committer(world.clone, world.oracle, pace=PACE)
        await committer.begin(dict(FIRST))
        clients = [world.hold(kind, kind, NAMES) for kind in run.options.kinds]
        for client in clients:
            await client.settled(committer.truth[-1].values)
        committer.start()
        for number in run.rounds():
            parts = PARTS if run.options.together else ROUNDS[number - 1] if number <= len(ROUNDS) else _some(run.random)
            await pause(run.random.uniform(0.2, 1.0))
            began = time.monotonic()
            for part in run.random.sample(parts, len(parts)):
                await take_away(world, part)
            gone = ", ".join(parts)
            moments = [await until(client.is_stale, f"without {gone}, {client.name} shows everything as stale") for client in clients]
            stale += [moment - began for moment in moments]
            before = Counter({client.name: client.num_reads for client in clients})
            anew = run.random.choice(clients)
            await _restart(run, anew, gone)
            await committer.progress(MEANWHILE)
            for client in clients:
                await until(lambda: _reads(client) > before[client.name], f"{client.name} reads on")
                reads += client.num_reads - before[client.name]
                # one that has just been started gives the reader some seconds to speak
                run.require(client is anew or client.is_stale(), f"without {gone}, {client.name} says that it is {client.sources()}")
            await until(lambda: anew.sources() <= {"cache", "stale"}, f"without {gone}, {anew.name} is not live after its start")
            for part in run.random.sample(parts, len(parts)):
                await give_back(world, part)
            await world.ready(*[each for each in (*world.service, world.reader) if each.is_running])
            back = time.monotonic()
            target = committer.number
            for client in clients:
                await until(lambda: client.is_live() and client.values()[NAME] >= target, f"{client.name} is live, at commit {target}")
                again.append(time.monotonic() - back)
        await committer.stop()
        for client in clients:
            await client.settled(committer.truth[-1].values)
    shown = {client.name: check(run, client, committer.truth) for client in clients}
    run.violations += world.complaints()
    run.took("stale", stale)
    run.took("converged", again)
    run.figures |= {"commits": committer.number, "failed_pushes": committer.num_failed, "reads_meanwhile": reads, "shown": shown}


def _some(random: Random) -> list[str]:
    return random.sample(PARTS, random.randrange(1, len(PARTS) + 1))


def _reads(client: Observed) -> int:
    client.take_in()
    return client.num_reads


async def take_away(world: World, part: str) -> None:
    """Let a part of the world be gone."""
    match part:
        case "service":
            for each in world.service:
                await deferToThread(each.kill)
        case "router":
            await deferToThread(world.router.kill)
        case "reader":
            await deferToThread(world.reader.kill)
        case "repository":
            world.server.move_away()


async def give_back(world: World, part: str) -> None:
    """Let it be there again."""
    match part:
        case "service":
            for each in world.service:
                each.start()
        case "router":
            await deferToThread(world.router.start)
        case "reader":
            world.reader.start()
        case "repository":
            world.server.move_back()


async def _restart(run: Run, client: Observed, gone: str) -> None:
    """End a client, or kill it, and start it again: what it shows first is what it has shown last."""
    await pause(CACHED)
    last = client.values()
    is_killed = run.random.random() < 1 / 2
    await deferToThread(client.kill if is_killed else client.stop)
    what = f"{client.name}, {'killed' if is_killed else 'ended'} without {gone}"
    number = client.num_starts + 1
    client.start()
    await until(lambda: _has_shown(client, number), f"{what} and started again shows something")
    first = next(state for process, _, state in client.states if process == number)
    values = {name: value for name, (value, _, _) in first.items() if value != DEFAULT}
    sources = {source for value, source, _ in first.values() if value != DEFAULT}
    run.require(sources == {"cache"}, f"{what}, begins with {sources or 'nothing'}, not with its cache")
    run.require(not differences(last, values), f"{what}, begins with other values than it had: {differences(last, values)}"[:TOLD])


def _has_shown(client: Observed, process: int) -> bool:
    client.take_in()
    return any(number == process for number, _, _ in client.states)


if __name__ == "__main__":
    options = parser(__doc__, rounds=len(ROUNDS))
    options.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of clients; one of each unless given")
    options.add_argument("--together", action="store_true", help="take everything away in each round")
    main(outage, options.parse_args())
