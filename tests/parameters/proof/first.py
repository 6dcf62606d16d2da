"""
No window without a value, and no missed change, between default, snapshot and first change.

    python -m tests.parameters.proof.first --seed 1 --rounds 1 --clients 400 --within 20

Somebody commits and pushes all the time. Meanwhile hundreds of clients start at random moments, each on a connection of its own, and get a
second parameter at another one. Each has its default at once, then a value that there was, and from there on every single change that the
service has made, in order, as one subscriber saw them who was there from the beginning; none after it is left out, none comes twice, and
never is there no value, or an older one.
"""

from __future__ import annotations

import json
import sys
from math import ceil
from typing import Any, Final

from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh
from tests.parameters.proof.committer import NAME, Committer
from tests.parameters.proof.starters import DEFAULT, SECOND
from tests.parameters.proof.world import World
from tests.reliability.processes import Program
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until
from tests.running_router import ROOT

PROCESSES: Final = 4
"""Of clients in Python, at most; another one has those in Node.js."""
ENOUGH: Final = 50
"""Clients that are worth a process of their own."""
NODES: Final = 5
"""One client in so many is in Node.js."""


class Witness:
    """Sees every change of a parameter from the beginning on."""

    def __init__(self) -> None:
        self.values: list[int] = []

    @classmethod
    async def of(cls, service: Mesh, name: str) -> Witness:
        """Begin to look."""
        witness = cls()
        live = await service.live("parameter", {"name": name})

        def look(_: Any = None) -> None:
            witness.values.append(live.values_of(name).one()["value"])

        look()
        live.on_change(look)
        return witness


async def first(run: Run) -> None:
    """Start clients."""
    count, within = run.options.clients, run.options.within
    async with World(run.directory) as world:
        committer = Committer(world.clone, world.oracle, pace=0.0)
        await committer.begin({})
        service = await world.connect()
        await until(world.reads, "the reader has read something")
        witnesses = {}
        for name in (NAME, SECOND):
            await _there(service, name)
            witnesses[name] = await Witness.of(service, name)
        told: list[dict[str, Any]] = []
        committer.start()
        for number in run.rounds():
            programs = _programs(world, run.options.seed + number, count, within)
            for each in programs:
                each.start()
            for each in programs:
                await until(lambda: each.is_running and each.said("starters: ready"), f"{each.name} are ready", within=3 * within + 60)
            await committer.progress(5)
            await committer.stop()
            last = committer.number
            await until(lambda: all(each.values[-1] == last for each in witnesses.values()), "the last commit is everywhere")
            for each in programs:
                await until(lambda: each.said(f"starters: at {last}"), f"{each.name} show the last commit")
                await deferToThread(each.stop)
                told += [{**json.loads(line), "last": last} for line in each.lines if line.startswith("{")]
            committer.start()
        await committer.stop()
    run.violations += world.complaints()
    changes = sum(_check(run, each, name, part, witnesses[name]) for each in told for name, part in ((NAME, "first"), (SECOND, "second")))
    run.require(len(told) == count * run.options.rounds, f"{len(told)} of {count * run.options.rounds} clients have told what they saw")
    reads = sum(each["reads"] for each in told)
    run.figures |= {"clients": len(told), "commits": committer.number, "changes": changes, "reads": reads}


async def _there(service: Mesh, name: str) -> None:
    while not await service.read("parameter", {"name": name}):
        await pause(0.05)


def _programs(world: World, seed: int, count: int, within: float) -> list[Program]:
    nodes = count // NODES
    options = ["--within", within]
    command = [sys.executable, "-m", "tests.parameters.proof.starters", "--router", world.url, *options]
    processes = min(PROCESSES, ceil((count - nodes) / ENOUGH))
    shares = [(count - nodes + number) // processes for number in range(processes)]
    programs = [
        Program(f"starters {number}", [*command, "--seed", seed * PROCESSES + number, "--count", share])
        for number, share in enumerate(shares)
    ]
    if nodes:
        script = ROOT / "tests" / "parameters" / "proof" / "starters.mjs"
        programs.append(Program("starters of Node.js", ["node", script, "--router", world.router.ws_url, "--count", nodes, *options]))
    world.clients += programs
    return programs


def _check(run: Run, told: dict[str, Any], name: str, part: str, witness: Witness) -> int:
    """Compare what one client has seen of a parameter with what the witness has; return how many changes it saw."""
    who = f"client {told['client']}, {name}"
    past = told[part]
    run.violations += [f"{who}: {fault}" for fault in told["faults"]]
    run.require(past[0] == ["default", DEFAULT], f"{who} began with {past[0]}")
    values: list[int] = []
    while past and past[0] == ["default", DEFAULT]:
        past = past[1:]
    for source, value in past:
        run.require(source != "default", f"{who} went back to its default")
        if not values or values[-1] != value:
            values.append(value)
    run.require(values and values[0] in witness.values, f"{who} began with {values[:1]}, which there never was")
    if values and values[0] in witness.values:
        expected = witness.values[witness.values.index(values[0]) :]
        expected = expected[: expected.index(told["last"]) + 1]
        missed = sorted(set(expected) - set(values))
        run.require(values == expected, f"{who} saw {len(values)} changes from {values[0]} on, not {len(expected)}; missed {missed[:10]}")
    return len(values)


if __name__ == "__main__":
    options = parser(__doc__, rounds=1)
    options.add_argument("--clients", type=int, default=400, metavar="N", help="in each round (400)")
    options.add_argument("--within", type=float, default=20.0, metavar="S", help="in which they start [s] (20)")
    main(first, options.parse_args())
