"""Writers: each writes 1, 2, 3, … one after the other, each number until it is acknowledged, however long that takes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from deltamesh.client import Mesh
from deltamesh.errors import DeltameshError
from deltamesh.stream import Position
from tests.reliability.truth import Truth
from tests.reliability.waiting import pause


@dataclass(slots=True)
class Acknowledgement:
    """When a write was sent for the first time, and when it was answered."""

    began: float
    ended: float


@dataclass(slots=True)
class Refusals:
    """What callers were told instead of an answer, by error URI."""

    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def note(self, error: DeltameshError) -> None:
        self.counts[error.uri] = self.counts.get(error.uri, 0) + 1
        self.examples.setdefault(error.uri, str(error))

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class Writer:
    """
    One writer, with an idempotency key for each of its writes.

    Args:
        is_patient: leave it to the client of the library to try again; otherwise each refusal is seen here.
        pace: pause between an answer and the next write [s].
    """

    def __init__(self, mesh: Mesh, number: int, truth: Truth, refusals: Refusals, *, is_patient: bool = True, pace: float = 0.02) -> None:
        self.number = number
        self.log: list[Acknowledgement] = []
        self.done = 0
        """How many of its writes were acknowledged."""
        self._mesh = mesh
        self._truth = truth
        self._refusals = refusals
        self._is_patient = is_patient
        self._pace = pace
        self._is_stopping = False
        self._running: Deferred[None] | None = None

    def start(self) -> None:
        """Go on writing until `stop`."""
        self._is_stopping = False
        self._running = Deferred.fromCoroutine(self._run())

    async def once(self) -> None:
        """Write once more, while it is stopped."""
        await self._write(self.done + 1)

    async def stop(self) -> None:
        """Return when the write under way is acknowledged."""
        self._is_stopping = True
        if self._running is not None:
            running, self._running = self._running, None
            await running

    async def _run(self) -> None:
        while not self._is_stopping:
            await self._write(self.done + 1)
            await pause(self._pace)

    async def _write(self, number: int) -> None:
        began = time.monotonic()
        key = f"{self.number}-{number}"
        while True:
            try:
                position, result = await self._call(number, key)
                break
            except DeltameshError as error:
                self._refusals.note(error)
                if not error.retry:
                    self._truth.violated("refused", f"write {number} of writer {self.number} was refused for good: {error.uri}: {error}")
                    raise
            await pause(0.05)
        self.done = number
        self.log.append(Acknowledgement(began, time.monotonic()))
        self._truth.acknowledge(self.number, number, position, result)

    async def _call(self, number: int, key: str) -> tuple[Position, object]:
        if self._is_patient:
            done = await self._mesh.call("add", self.number, number, idempotency_key=key)
            return done.position, done.result
        wire = await self._mesh.connection.call(self._mesh.uris.action("add"), self.number, number, idempotency_key=key)
        return Position.from_wire([wire["epoch"], wire["revision"]]), wire["result"]


def first_after(writers: list[Writer], moment: float) -> float | None:
    """Return when the first write that was sent after `moment` was acknowledged; None if none was yet."""
    ends = [found.ended for writer in writers if (found := writer_after(writer, moment)) is not None]
    return min(ends, default=None)


def writer_after(writer: Writer, moment: float) -> Acknowledgement | None:
    """Return the first acknowledgement of a write that was sent after `moment`."""
    found = None
    for each in reversed(writer.log):
        if each.began < moment:
            break
        found = each
    return found
