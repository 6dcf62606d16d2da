"""
The departures year, compressed: replayed as fast as it can be written while faults strike at random. Memory stays flat, and the end is
right.

    python -m tests.reliability.year --seed 1 --minutes 5      # as much of the year as fits
    python -m tests.reliability.year --seed 1 --minutes 0      # all of it

Every few seconds the leader, its standby, a follower or the router is killed, frozen for a while, or told to stop, and started again.
Flights and weather are removed when they are some days old, so that the live data keeps its size, and so should every process: the
median of its memory in the last quarter of the run is compared with that in the quarter before. In the end the journal holds what was
written, the graph has no difference from its inputs, and the readers show what follows from the journal from scratch.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from itertools import chain, islice
from statistics import median
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from deltamesh.application.transaction import Caller
from deltamesh.client import Mesh as Client
from deltamesh.client.live import Live
from deltamesh.errors import DeltameshError
from deltamesh.follower.instances import Instances
from deltamesh.journal import open_journal
from deltamesh.leader.shared import HISTORY_SIZE, SharedGraph
from deltamesh.stream import Position
from deltamesh.values import freeze, plain_key
from examples.departures.replay import changes
from examples.departures.service import app
from examples.departures.timeline import Event, Timeline, local, reference
from tests.reliability.mesh import Mesh
from tests.reliability.processes import memory
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until

KEPT: Final = 2 * 24 * 60
"""How long flights, weather and moments are kept after they were last written [simulated minutes]."""

VIEWS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    *(("board", {"airport": airport, "limit": 40}) for airport in ("EWR", "JFK", "LGA")),
    *(("delays", {"airport": airport}) for airport in ("EWR", "JFK", "LGA")),
    ("clock", {}),
)
SIZES: Final = (1, 10, 100, 1000)
"""Events of a transaction, one of these."""

SAMPLE: Final = 0.5
"""Pause between two looks at the memory [s]."""

MAX_GROWTH: Final = 1.1
SLACK: Final = HISTORY_SIZE
"""How much more memory [B] a process may have in the last quarter than in the one before, beyond that factor: what was started anew fills
its history again."""


async def year(run: Run) -> None:
    """Replay the year."""
    async with run.mesh(leaders=2, followers=2, application="examples.departures.service:app", service=app.uris.prefix) as mesh:
        feeder = Feeder(run, await mesh.client())
        views = [await (await mesh.client()).live(resource, parameters) for resource, parameters in VIEWS]
        watch = Memory(mesh)
        faults = Faults(run, mesh)
        working = [Deferred.fromCoroutine(each.run()) for each in (watch, faults)]
        await feeder.run(run.options.minutes * 60 or None)
        faults.is_over = watch.is_over = True
        for each in working:
            await each
        await settled(views, feeder)
        shown = {(each.resource, str(each.parameters)): [(key, list(values)) for key, values in each.entries()] for each in views}
    run.figures |= {"days": feeder.days, "writes": feeder.num_written, "events": feeder.num_events, "revision": feeder.num_written}
    run.figures |= {"faults": faults.counts, "refusals": feeder.refusals}
    run.figures |= {"memory_mb": watch.figures(), "peaks_mb": watch.peaks(), "grown": watch.grown()}
    run.violations += [*feeder.violations, *mesh.complaints()]
    run.require(run.options.untimed or not watch.grown(), f"the memory of {', '.join(watch.grown())} grows: {watch.figures()}")
    compare(run, mesh.journal, feeder, shown)


async def settled(views: list[Live], feeder: Feeder) -> None:
    """Return when nothing is under way any more: a last write has reached the view of the clock."""
    await feeder.write([Event(0, "clock", None, [{"now": "the end", "speed": None}])])
    clock = next(each for each in views if each.resource == "clock")
    await until(lambda: [values.one()["now"] for _, values in clock.entries()] == ["the end"], "the last write is shown")
    await until(lambda: all([each.is_live for each in views]), "all views are live")
    await pause(1.0)  # a view that no late delta has touched looks just like one that has not got it yet


def compare(run: Run, url: str, feeder: Feeder, shown: dict[tuple[str, str], Any]) -> None:
    """Compare the journal with what was written, and what was shown with what follows from the journal."""
    journal = open_journal(url, app.uris.prefix)
    try:
        recovered = journal.recover()
        run.require(recovered.position == feeder.position, f"the journal is at {recovered.position}, the last answer at {feeder.position}")
        shared = SharedGraph(app, recovered.position)
        found: dict[str, dict[Any, Any]] = {name: {} for name in app.inputs}
        for name, entries in recovered.entries:
            shared.load({name: entries})
            found[name].update({freeze(key): freeze(list(values)) for key, values in entries})
    finally:
        journal.close()
    for name, expected in feeder.content.items():
        wrong = [key for key in {*expected, *found[name]} if expected.get(key) != found[name].get(key)]
        run.require(not wrong, f"{len(wrong)} entries of {name} are not what was written, as {wrong[:3]}")
    run.figures["live_entries"] = sum(map(len, found.values()))
    differences = shared.graph.audit()
    run.require(not differences, f"the graph contradicts its inputs: {differences[:3]}")
    instances = Instances(app, lambda: "topic")
    instances.replace("".join(shared.snapshot(1 << 30).texts), recovered.position)
    for resource, parameters in VIEWS:
        identity, describe = app.instantiate(resource, parameters, Caller())
        watch = instances.open(identity, describe, 0.0).watch
        expected_view = [(plain_key(key), list(values)) for key, values in watch.entries()]
        is_shown = shown[resource, str(parameters)] == expected_view
        run.require(is_shown, f"{resource} {parameters} does not show what follows from the journal")


class Feeder:
    """Writes the year, one transaction after the other, each until it is acknowledged. `content` is what the inputs are to be then."""

    def __init__(self, run: Run, client: Client) -> None:
        self.content: dict[str, dict[Any, Any]] = {name: {} for name in app.inputs}
        self.position: Position | None = None
        self.num_written = self.num_events = 0
        self.days = 0.0
        self.refusals: dict[str, int] = {}
        self.violations: list[str] = []
        self._run = run
        self._client = client
        self._written: deque[tuple[int, str, Any]] = deque()
        self._latest: dict[tuple[str, Any], int] = {}

    async def run(self, seconds: float | None) -> None:
        """Write for so long, None: until the year is over."""
        timeline = await deferToThread(Timeline.read)
        events = timeline.events()
        for batch in pieces(reference(), 1000):
            await self.write(batch)
        end = None if seconds is None else time.monotonic() + seconds
        while (batch := list(islice(events, self._run.random.choice(SIZES)))) and (end is None or time.monotonic() < end):
            now = batch[-1].at
            self.days = round((now - timeline.begin) / (24 * 60), 1)
            clock = Event(now, "clock", None, [{"now": local(now), "speed": None}])
            await self.write([*self._outdated(now - KEPT), *batch, clock])
            self._note(batch)

    def _note(self, batch: list[Event]) -> None:
        for event in batch:
            self._latest[event.input, event.key] = event.at
            self._written.append((event.at, event.input, event.key))

    def _outdated(self, before: int) -> Iterator[Event]:
        while self._written and self._written[0][0] < before:
            at, name, key = self._written.popleft()
            if self._latest.get((name, key)) == at:
                del self._latest[name, key]
                yield Event(at, name, key, [])

    async def write(self, events: list[Event]) -> None:
        """Write events as one transaction, until that is acknowledged."""
        writes = changes(events)
        key = f"{self._run.options.seed}-{self.num_written}"
        while True:
            try:
                done = await self._client.write(writes, idempotency_key=key)
                break
            except DeltameshError as error:
                if not error.retry:
                    raise
                self.refusals[error.uri] = self.refusals.get(error.uri, 0) + 1
            await pause(0.1)
        before, self.position = self.position, done.position
        if before is not None and before.epoch != done.position.epoch:
            self.violations.append(f"a new epoch: {done.position} after {before}")
        elif before is not None and done.position.revision != before.revision + 1:
            self.violations.append(f"write {key} has revision {done.position.revision}, the one before it {before.revision}")
        self.num_written += 1
        self.num_events += len(events)
        for name, entries in writes.items():
            for entry, values in entries:
                if values:
                    self.content[name][freeze(entry)] = freeze(values)
                else:
                    self.content[name].pop(freeze(entry), None)


class Faults:
    """One fault after the other, until `is_over`; each is over before the next one begins."""

    def __init__(self, run: Run, mesh: Mesh) -> None:
        self.is_over = False
        self.counts: dict[str, int] = {}
        self._random = run.random
        self._seconds = run.options.every
        self._mesh = mesh

    async def run(self) -> None:
        while not self.is_over:
            end = time.monotonic() + self._random.uniform(0.5, 1.5) * self._seconds
            while time.monotonic() < end and not self.is_over:
                await pause(0.05)
            if self.is_over:
                return
            what = self._random.choices(("kill", "stop", "freeze", "router"), (5, 2, 2, 1))[0]
            if what == "router":
                await self._router()
            else:
                await self._component(what)

    async def _component(self, what: str) -> None:
        leading, *others = [self._mesh.leading(), *self._mesh.standing_by()]
        victim = self._random.choice([leading, leading, *others, *self._mesh.followers])
        role = "leader" if victim is leading else "standby" if victim in others else "follower"
        self._count(f"{what} {role}")
        if what == "freeze":
            victim.freeze()
            await pause(self._random.uniform(0.5, 6.0))
            if not victim.thaw():
                victim.start()
        else:
            await deferToThread(victim.kill if what == "kill" else victim.stop)
            victim.start()
        await self._mesh.ready(victim)

    async def _router(self) -> None:
        self._count("kill router")
        await deferToThread(self._mesh.router.kill)
        await deferToThread(self._mesh.router.start)
        for each in [*self._mesh.leaders, *self._mesh.followers]:
            await self._mesh.ready(each)

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


class Memory:
    """The resident memory of each process, over time."""

    def __init__(self, mesh: Mesh) -> None:
        self.is_over = False
        self._mesh = mesh
        self._samples: dict[str, list[int]] = {"router": []} | {each.name: [] for each in [*mesh.leaders, *mesh.followers]}

    async def run(self) -> None:
        while not self.is_over:
            self._samples["router"].append(memory(self._mesh.router.process.pid))
            for each in [*self._mesh.leaders, *self._mesh.followers]:
                self._samples[each.name].append(memory(each.pid))
            await pause(SAMPLE)

    def quarters(self) -> dict[str, list[float]]:
        """Return the median memory of each process in each quarter of the run [B]: who was frozen has a peak while it catches up."""
        found = {}
        for name, samples in self._samples.items():
            size = max(1, len(samples) // 4)
            found[name] = [median(samples[at : at + size] or [0]) for at in range(0, 4 * size, size)]
        return found

    def figures(self) -> dict[str, list[float]]:
        return {name: [round(each / 1e6, 1) for each in quarters] for name, quarters in self.quarters().items()}

    def peaks(self) -> dict[str, float]:
        """Return the highest memory of each process [MB]."""
        return {name: round(max(samples, default=0) / 1e6, 1) for name, samples in self._samples.items()}

    def grown(self) -> list[str]:
        """Return which processes have grown in the last quarter. In a short run all do."""
        return [name for name, (*_, before, after) in self.quarters().items() if after > MAX_GROWTH * before + SLACK]


def pieces(events: Iterator[Event], size: int) -> Iterator[list[Event]]:
    """Yield events in lists of `size`, the last one shorter."""
    remaining = chain(events)
    while batch := list(islice(remaining, size)):
        yield batch


if __name__ == "__main__":
    options = parser(__doc__, rounds=1)
    options.add_argument("--minutes", type=float, default=5.0, help="how long; 0: until the year is over (5)")
    options.add_argument("--every", type=float, default=5.0, help="mean pause between two faults [s] (5)")
    main(year, options.parse_args())
