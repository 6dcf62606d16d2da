"""
Random commits, seeded: clients always show the last good state, and end equal to a reading of the repository from scratch.

    python -m tests.parameters.proof.commits --seed 1 --rounds 500

A round is a push to a real git server (see `randomhistory`). Clients in Python (a plain thread, asyncio, Twisted) and Node.js hold every
name that there can be, and print each state that they show. An oracle that shares no code with the reader says which states there were:
what clients have shown is to be some of them, in their order, and complete, with the commit that has changed each value last.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh
from deltamesh.client.live import Live
from tests.parameters.proof.observed import Observed, same
from tests.parameters.proof.oracle import Now
from tests.parameters.proof.randomhistory import RandomHistory, names
from tests.parameters.proof.truth import TOLD, check
from tests.parameters.proof.world import World
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import until

KINDS: Final = ("thread", "asyncio", "twisted", "node")
LOOK: Final = 0.1
"""How likely the next push waits until everybody shows the last one: the others come as fast as git makes them."""


async def commits(run: Run) -> None:
    """Push, and compare."""
    async with World(run.directory) as world:
        history = RandomHistory(world.clone, run.random)
        truth = [await deferToThread(world.oracle.at, await deferToThread(history.begin))]
        clients = [world.hold(kind, kind, names()) for kind in run.options.kinds]
        service = await world.connect()
        state = await service.live("state")
        for client in clients:
            await client.settled(truth[-1].values)
        bad = checked = 0
        for _ in run.rounds():
            head = await deferToThread(history.step, truth[-1].good, is_good=not truth[-1].problem)
            truth.append(await deferToThread(world.oracle.at, head))
            bad += bool(truth[-1].problem)
            if run.random.random() < LOOK:
                await _settled(run, clients, state, head, truth[-1])
                checked += 1
        await _settled(run, clients, state, head, truth[-1])
        tree = {name: values.one() for name, values in await service.read("tree")}
        await _compare_histories(run, service, truth[-1])
    run.require(same({name: each["value"] for name, each in tree.items()}, truth[-1].values), "the service ends in another state")
    shown = {client.name: check(run, client, truth) for client in clients}
    run.violations += world.complaints()
    run.figures |= {"kinds": history.made, "bad": bad, "checked": checked + 1, "names": len(tree), "shown": shown, "reads": world.reads()}


async def _settled(run: Run, clients: list[Observed], state: Live, head: str, now: Now) -> None:
    """Wait until everybody shows what is true now, and compare what they say about it."""

    def read() -> dict[str, Any]:
        found = state.values_of("reading")
        return found.one() if len(found) else {}

    await until(lambda: read().get("head") == head, f"the reader has read {head}")
    for client in clients:
        await client.settled(now.values)
    expected = {name: commit for name, (_, commit) in now.parameters.items() if name in set(clients[0].names)}
    for client in clients:
        differing = {name: commit for name, commit in client.commits().items() if commit != expected.get(name)}
        run.require(not differing, f"{client.name} names other commits: {differing}, expected {expected}"[:TOLD])
    problems = state.values_of("problems").one()
    run.require(bool(problems) == bool(now.problem), f"at {head} the service says {problems}, the oracle {now.problem!r}"[:TOLD])
    for problem in problems:
        run.require(problem["commit"] and problem["reason"], f"a problem without a commit or a reason: {problem}"[:TOLD])
    if problems and now.problem:
        run.require(any(each["file"] for each in problems), f"no problem names a file: {problems}"[:TOLD])
    run.require(read()["good"] == now.good, f"at {head} the good commit is {now.good}, the service says {read()['good']}")


async def _compare_histories(run: Run, service: Mesh, now: Now) -> None:
    """The history of a parameter ends with its value, and the commit that has changed it last."""
    for name, (value, commit) in sorted(now.parameters.items())[::5]:
        entries = await service.read("history", {"name": name, "limit": 1})
        newest = entries[0][1].one() if entries else {}
        run.require(newest.get("commit") == commit and same(newest.get("value"), value), f"the history of {name} ends with {newest}"[:TOLD])


if __name__ == "__main__":
    options = parser(__doc__, rounds=500)
    options.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of clients; one of each unless given")
    main(commits, options.parse_args())
