"""A writer, and clients that compare all that they ever show with what was written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from twisted.internet.defer import Deferred

from deltamesh.client import Mesh
from deltamesh.client.live import Live
from deltamesh.errors import DeltameshError
from deltamesh.stream import Position
from tests.mesh.application import changes, expected
from tests.mesh.mesh import pause, until

PACE = 0.03
"""Seconds between two writes."""


class History:
    """Which write made which position. A write is one revision, so it is enough to know of each epoch where it began."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}  # by epoch: the number of the write that its revision 0 would be

    def note(self, position: Position, number: int) -> None:
        """Write `number` was answered with `position`."""
        assert self._before.setdefault(position.epoch, number - position.revision) == number - position.revision

    def number_at(self, position: Position) -> int | None:
        """Return the write after which `position` was; None as long as no write of its epoch was answered."""
        if position.revision == 0:
            return 0
        before = self._before.get(position.epoch)
        return None if before is None else before + position.revision


class Writer:
    """Writes 1, 2, 3, … one after the other, each until it succeeds."""

    def __init__(self, mesh: Mesh, history: History) -> None:
        self.last = 0
        """The last write that was answered."""
        self.position: Position | None = None
        """Its position."""
        self._mesh = mesh
        self._history = history
        self._is_stopping = False
        self._done: Deferred[None] | None = None

    def start(self) -> Writer:
        """Go on writing until `stop`."""
        self._is_stopping = False
        self._done = Deferred.fromCoroutine(self._run())
        return self

    async def write(self) -> None:
        """Write once."""
        number = self.last + 1
        while True:
            try:
                done = await self._mesh.write(changes(number), idempotency_key=f"write {number}")
                break
            except DeltameshError as error:
                if not error.retry:
                    raise
        self._history.note(done.position, number)
        self.last, self.position = number, done.position

    async def advance(self, count: int = 10) -> None:
        """Return when that many more writes were answered."""
        assert self._done is not None
        enough = self.last + count
        await until(lambda: self.last >= enough or self._done.called, f"write {enough} is answered")
        if self._done.called:
            await self._done  # raises what ended it

    async def stop(self) -> None:
        """Return when the write under way is answered."""
        self._is_stopping = True
        assert self._done is not None
        await self._done

    async def _run(self) -> None:
        while not self._is_stopping:
            await self.write()
            await pause(PACE)


@lru_cache(maxsize=100_000)
def _expected(resource: str, parameters: tuple[tuple[str, Any], ...], number: int) -> list[tuple[Any, Any]]:
    return expected(resource, dict(parameters), number)


class Shown:
    """A live collection, and a check of every state that it shows."""

    def __init__(self, live: Live, history: History) -> None:
        self.live = live
        self.num_shown = 0
        self._history = history
        self._resource = (live.resource, tuple(live.parameters.items()))
        self._unchecked: list[tuple[Position, list[tuple[Any, Any]]]] = []
        self._positions: list[Position] = []
        self._look()
        live.on_change(self._look)

    @classmethod
    async def open(cls, mesh: Mesh, resource: str, parameters: Mapping[str, Any], history: History) -> Shown:
        """Open a live collection."""
        return cls(await mesh.live(resource, parameters), history)

    def _look(self, _changed: object = None) -> None:
        position = self.live.position
        assert position is not None
        self.num_shown += 1
        self._positions.append(position)
        self._unchecked.append((position, [(key, values.one()) for key, values in self.live.entries()]))
        if len(self._unchecked) > 1:
            self._check(everything=False)

    def _check(self, *, everything: bool) -> None:
        unknown = []
        for position, entries in self._unchecked:
            number = self._history.number_at(position)
            if number is None:
                unknown.append((position, entries))
            else:
                assert entries == _expected(*self._resource, number), f"{self._resource} never was this at {position}"
        self._unchecked = unknown
        assert not (everything and unknown), f"nobody wrote {unknown[0]}"

    def check(self) -> None:
        """Assert that every state that was shown did exist, and that none came after a later one."""
        self._check(everything=True)
        left: set[str] = set()
        for before, after in zip(self._positions, self._positions[1:], strict=False):
            if before.epoch == after.epoch:
                assert before.revision <= after.revision, f"{self._resource} moved back from {before} to {after}"
            else:
                left.add(before.epoch)
                assert after.epoch not in left, f"{self._resource} moved back from {before} to {after}"

    def shows(self, number: int) -> bool:
        """Whether it is live and shows what is after write `number`."""
        return self.live.is_live and [(key, values.one()) for key, values in self.live.entries()] == _expected(*self._resource, number)
