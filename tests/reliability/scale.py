"""
`deltamesh scale` under load: 2 followers, then 5, then 1, while 200 clients look on. No call fails, and no change is missed or shown
twice.

    python -m tests.reliability.scale --seed 1 --rounds 1

The mesh is one of `deltamesh run`. Each client has a connection and a view of its own, and compares every state that it shows. Besides,
callers write, read and open all the time, without trying again: whatever they are refused is a failed call. After the scale-up, views
have to spread until the follower with most has at most 1.3 times as many as the one with least, as counted by the clients.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from deltamesh.stream.subscriber import State, Verdict
from tests.reliability.mesh import APPLICATION, Mesh
from tests.reliability.processes import Program, deltamesh
from tests.reliability.readers import Reader
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until
from tests.reliability.writers import Refusals

CLIENTS: Final = 200
WRITERS: Final = 8
CALLERS: Final = 4
PACE: Final = 0.25
"""Pause of a writer between two writes [s]: each is seen by one client in eight."""

EVEN: Final = 1.3
LIMIT: Final = 15.0
"""For views to spread after a scale-up [s]."""


class SupervisedMesh(Mesh):
    """A mesh that `deltamesh run` runs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, leaders=0, followers=0, **kwargs)
        self.journal = f"sqlite:{self.router.node_directory}/journal/"
        options = ["--followers", 2, "--standby", 1, "--cbdir", self.router.node_directory]
        self.supervisor = Program("run", deltamesh("run", APPLICATION, *options))
        self._all.append(self.supervisor)

    async def _begin(self) -> None:
        self.supervisor.start()
        await until(lambda: self.supervisor.said("ready: http"), "the mesh is ready")

    async def _end(self) -> None:
        await deferToThread(self.supervisor.stop)

    async def scale(self, followers: int) -> None:
        """Call the command, and return when it is done."""
        command = Program("scale", deltamesh("scale", f"follower={followers}", "--router", self.url)).start()
        code = await deferToThread(command.ended, 90.0)
        if code != 0:
            raise AssertionError("\n".join(["deltamesh scale has failed:", *command.lines]))


async def scale(run: Run) -> None:
    """Scale up and down."""
    mesh = SupervisedMesh(run.directory)
    refused = Refusals()
    wire: Counter[str] = Counter()
    took: dict[str, list[float]] = {"scale_up": [], "spread": [], "scale_down": []}
    async with mesh:
        await mesh.write(run.options.writers, is_patient=False, pace=PACE)
        await mesh.read(run.options.clients, each=1)
        for reader in mesh.readers:
            count_deltas(reader, wire)
        callers = [Caller((await mesh.client()).connection, mesh, number, refused) for number in range(CALLERS)]
        for caller in callers:
            caller.start()
        for _ in run.rounds():
            await pause(run.random.uniform(1.0, 2.0))
            for followers, what in ((5, "scale_up"), (1, "scale_down"), (2, "scale_up")):
                began = time.monotonic()
                await mesh.scale(followers)
                took[what].append(time.monotonic() - began)
                began = time.monotonic()
                await until(lambda: spread(mesh.readers, followers) <= EVEN, f"views spread over {followers} followers")
                if what == "scale_up":
                    took["spread"].append(time.monotonic() - began)
                await pause(run.random.uniform(1.0, 2.0))
        for caller in callers:
            await caller.stop()
        await mesh.settle()
    for what, values in took.items():
        run.took(what, values, limit=LIMIT if what == "spread" else None, of="max")
    num_failed = refused.total + mesh.refusals.total
    run.figures |= {
        "clients": len(mesh.readers),
        "calls": sum(caller.num_done for caller in callers) + mesh.truth.num_acknowledged,
        "failed_calls": num_failed,
        "events": wire["events"],
        "asked_again": wire["asked_again"],
        "repeated": wire["repeated"],
        "errors": {**refused.counts, **mesh.refusals.counts},
    }
    run.require(not num_failed, f"{num_failed} calls failed: {refused.examples} {mesh.refusals.examples}")
    run.require(not wire["repeated"], f"{wire['repeated']} deltas came twice")
    run.conclude(mesh)


def spread(readers: list[Reader], followers: int) -> float:
    """Return how many times as many views the follower with most has as the one with least; infinite if one has none."""
    counts = Counter(reader.live.follower for reader in readers if reader.live.is_live)
    if len(counts) < followers or counts.total() < len(readers):
        return float("inf")
    return max(counts.values()) / min(counts.values()) if len(counts) == followers else float("inf")


def count_deltas(reader: Reader, wire: Counter[str]) -> None:
    """
    Count what arrives for a live view: all events with changes, those that it had already, and those before which something is missing.

    The latter is what was published between an answer to `open` and the subscription that follows; the view asks again, and
    shows nothing before it has all. What it shows is compared with the truth in any case.
    """
    subscriber = reader.live._subscriber
    receive = subscriber.receive

    def counted(source: str, delta: Any) -> Any:
        before = subscriber.position
        if before is not None and source == subscriber.source and subscriber.state is State.LIVE and delta.since < delta.to:
            verdict = subscriber.judge(before, delta)
            wire["events"] += 1
            wire["repeated"] += verdict is Verdict.OLD
            wire["asked_again"] += verdict is Verdict.GAP
        return receive(source, delta)

    subscriber.receive = counted  # type: ignore[method-assign]


class Caller:
    """Reads and opens all the time, without trying again."""

    def __init__(self, connection: Connection, mesh: Mesh, number: int, refusals: Refusals) -> None:
        self.num_done = 0
        self._connection = connection
        self._service = mesh.service
        self._number = number
        self._refusals = refusals
        self._is_over = False
        self._running: Deferred[None] | None = None

    def start(self) -> None:
        self._running = Deferred.fromCoroutine(self._run())

    async def stop(self) -> None:
        self._is_over = True
        assert self._running is not None
        await self._running

    async def _run(self) -> None:
        procedures = ("read", "open") if self._number % 2 else ("read",)
        while not self._is_over:
            for procedure in procedures:
                try:
                    await self._connection.call(f"{self._service}.{procedure}", "accounts", {"first": 0, "last": WRITERS, "reader": -1})
                    self.num_done += 1
                except DeltameshError as error:
                    self._refusals.note(error)
                await pause(0.02)


if __name__ == "__main__":
    options = parser(__doc__, rounds=1)
    options.add_argument("--clients", type=int, default=CLIENTS, help=f"({CLIENTS})")
    options.add_argument("--writers", type=int, default=WRITERS, help=f"({WRITERS})")
    main(scale, options.parse_args())
