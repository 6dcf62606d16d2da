"""Readers: live views, and every state that they show."""

from __future__ import annotations

from collections.abc import Iterable

from deltamesh.client import Mesh
from deltamesh.client.live import Live
from deltamesh.stream import Position
from tests.reliability.truth import Truth


class Reader:
    """A live view of the accounts of some writers. Each state that it shows is compared with the truth as soon as that is known."""

    def __init__(self, live: Live, truth: Truth) -> None:
        self.live = live
        self.num_states = 0
        self.num_wrong = 0
        self.num_repeated = 0
        """How often it was told of a change that was none, or of an old one."""
        self._truth = truth
        self._first, self._last = live.parameters["first"], live.parameters["last"]
        self._unchecked: list[tuple[int, list[tuple[object, object]]]] = []
        self._shown: Position | None = None
        self._look(is_first=True)
        live.on_change(lambda _: self._look(is_first=False))

    @classmethod
    async def open(cls, mesh: Mesh, first: int, last: int, number: int, truth: Truth) -> Reader:
        """Open a view of its own on the writers from `first` to `last`."""
        return cls(await mesh.live("accounts", {"first": first, "last": last, "reader": number}), truth)

    def _look(self, *, is_first: bool) -> None:
        position = self.live.position
        assert position is not None, "a live view shows something"
        before, self._shown = self._shown, position
        self.num_states += 1
        if before is not None and before.epoch == position.epoch and not is_first:
            if position.revision < before.revision:
                self._truth.violated("order", f"{self.live.parameters} moved back from {before} to {position}")
            elif position.revision == before.revision:
                self.num_repeated += 1
                self._truth.violated("order", f"{self.live.parameters} was told twice of {position}")
        if self._truth.epoch is not None and position.epoch != self._truth.epoch and position.revision > 0:
            self._truth.violated("epoch", f"{self.live.parameters} shows {position}, writers know {self._truth.epoch}")
        self._unchecked.append((position.revision, self.entries()))
        self.check()

    def entries(self) -> list[tuple[object, object]]:
        """Return what is shown."""
        return [(key, list(values.one())) for key, values in self.live.entries()]

    def check(self) -> None:
        """Compare with the truth what was shown at revisions that are known by now."""
        known = [each for each in self._unchecked if each[0] <= self._truth.complete]
        for revision, entries in known:
            expected = self._truth.accounts(self._first, self._last, revision)
            if entries != expected:
                self.num_wrong += 1
                self._truth.violated("state", f"{self.live.parameters} showed {entries} at revision {revision}, where it was {expected}")
        if known:
            self._unchecked = [each for each in self._unchecked if each[0] > self._truth.complete]

    def finish(self) -> None:
        """Nothing changes any more: everything that was shown is to be true."""
        self.check()
        for revision, _ in self._unchecked:
            self._truth.violated("state", f"{self.live.parameters} showed revision {revision}, which nobody wrote")
        self._unchecked.clear()

    def shows(self, revision: int) -> bool:
        """Whether it is live and shows what is true at `revision`, the last one."""
        return self.live.is_live and self.entries() == self._truth.accounts(self._first, self._last, revision)


def at(readers: Iterable[Reader], follower: str) -> list[Reader]:
    """Return the readers that this follower serves."""
    return [reader for reader in readers if reader.live.follower == follower]
