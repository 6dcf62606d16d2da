"""
A thousand clients with a thousand names each: the store is read as often as for ten, and a change reaches exactly those who hold its name.

    python -m tests.parameters.proof.crowd --seed 1 --rounds 10 --clients 1000 --names 1000 --of 5000

Each client has a connection and a choice of its own. The same commits are made before a few clients and before all of them, and what the
reader asks the repository for is counted both times; nobody else has it. In each round one name changes. The clients to which that came, as
an event on the wire and as a call of their function, are to be those that hold the name: all of them, no other, and once.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter, defaultdict
from math import ceil
from typing import Any, Final

from twisted.internet.threads import deferToThread

from tests.parameters.proof.crowdclients import GROUPS, all_names, choice
from tests.parameters.proof.world import World
from tests.reliability.processes import Program, memory
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until

PROCESSES: Final = 4
ENOUGH: Final = 100
"""Clients that are worth a process of their own."""
FEW: Final = 10
READS: Final = ("files", "load")
"""Of trees and of files. How often the head is looked at depends on nothing but time."""
SHOWN: Final = 5
"""Clients that a violation names."""


async def crowd(run: Run) -> None:
    """Change names under many clients."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # and so for the router, which has a file for each connection
    options = run.options
    names = all_names(options.of)
    values = dict.fromkeys(names, 0)
    async with World(run.directory, followers=options.followers) as world:
        await deferToThread(world.clone.commit, "Begin", _files(values, range(GROUPS)))
        await deferToThread(world.clone.push)
        service = await world.connect()
        state = await service.live("state")
        await until(lambda: len(state.values_of("reading")), "everything is read")
        await pause(1.0)  # until that is counted
        reads: dict[str, dict[str, int]] = {}
        began = time.monotonic()
        for count in (min(FEW, options.clients), options.clients):
            programs = _programs(world, run, count)
            before = world.reads()
            for each in programs:
                each.start()
            for each in programs:
                await until(lambda: each.is_running and each.said("crowd: ready"), f"{each.name} is live", within=options.patience)
            held = {number: set(choice(number, options.names, options.of, options.seed)) for number in range(count)}
            events = 0
            for _ in run.rounds():
                events += await _change(run, world, programs, held, values)
            await pause(1.0)
            now = world.reads()
            reads[str(count)] = {what: now[what] - before.get(what, 0) for what in READS}
            if count == options.clients:
                ready = time.monotonic() - began
                megabytes = {each.name: memory(each.pid) >> 20 for each in [*world.service, *programs]}
                megabytes["router"] = memory(world.router.process.pid) >> 20
            for each in programs:
                await deferToThread(each.stop)
                world.clients.remove(each)
    few, many = reads.values() if len(reads) > 1 else [*reads.values()] * 2
    run.require(few == many, f"the store was read {many} with {options.clients} clients, {few} with {FEW}")
    run.violations += world.complaints()
    run.figures |= {"clients": options.clients, "names": options.names, "store_reads": reads, "events": events, "memory_mb": megabytes}
    run.figures["seconds_until_the_end"] = round(ready, 1)


def _files(values: dict[str, int], groups: Any) -> dict[str, str | bytes | None]:
    """Return the files of some groups."""
    content: dict[int, dict[str, int]] = defaultdict(dict)
    for name, value in values.items():
        group, key = name.split(".")
        content[int(group.removeprefix("g"))][key] = value
    return {f"base/g{group}.json": json.dumps(content[group], indent=0) for group in groups}


def _programs(world: World, run: Run, count: int) -> list[Program]:
    options = run.options
    what = ["--names", options.names, "--of", options.of, "--seed", options.seed]
    command = [sys.executable, "-m", "tests.parameters.proof.crowdclients", "--router", world.url, *what]
    programs = []
    first = 0
    processes = min(PROCESSES, ceil(count / ENOUGH))
    for number in range(processes):
        share = (count + number) // processes
        programs.append(Program(f"crowd {first}", [*command, "--first", first, "--count", share]))
        first += share
    world.clients += programs
    return programs


async def _change(run: Run, world: World, programs: list[Program], held: dict[int, set[str]], values: dict[str, int]) -> int:
    """Change one name, and compare whom that reached; return how many."""
    name = run.random.choice(sorted(values))
    values[name] += 1
    group = int(name.split(".")[0].removeprefix("g"))
    holders = {number for number, names in held.items() if name in names}
    taken = {each.name: len(each.lines) for each in programs}
    await deferToThread(world.clone.commit, f"Change {name}", _files(values, [group]))
    await deferToThread(world.clone.push)
    told: Counter[int] = Counter()
    events: Counter[int] = Counter()
    changed: dict[str, int] = {}

    def take() -> None:
        for each in programs:
            while taken[each.name] < len(each.lines):
                line = each.lines[taken[each.name]]
                taken[each.name] += 1
                if line.startswith("{"):
                    said = json.loads(line)
                    told.update({int(number): times for number, times in said["told"].items()})
                    events.update({int(number): times for number, times in said["events"].items()})
                    changed.update(said["changed"])

    def has_come() -> bool:
        take()
        return set(told) >= holders and set(events) >= holders

    await until(has_come, f"the change of {name} has reached all of its {len(holders)} holders")
    await pause(1.0)  # for whom it should not reach
    take()
    for what, counts in (("an event", events), ("a call", told)):
        others = sorted(set(counts) - holders)
        twice = sorted(number for number, times in counts.items() if times > 1)
        run.require(not others, f"{what} of the change of {name} has reached {len(others)} clients that do not hold it: {others[:SHOWN]}")
        run.require(not twice, f"{what} of the change of {name} has reached {len(twice)} clients more than once: {twice[:SHOWN]}")
    run.require(changed in ({name: values[name]}, {}), f"{name} is {values[name]} now, but what reached clients was {changed}")
    return len(holders)


if __name__ == "__main__":
    options = parser(__doc__, rounds=10)
    for name, value in (("clients", 1000), ("names", 1000), ("of", 5000), ("followers", 1)):
        options.add_argument(f"--{name}", type=int, default=value, metavar="N", help=f"({value})")
    options.add_argument("--patience", type=float, default=300.0, metavar="S", help="until all clients are live [s] (300)")
    main(crowd, options.parse_args())
