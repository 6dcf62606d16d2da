"""
What is true, as far as writers were told: which write is which revision.

Every writer repeats a write until it is acknowledged, and each write is one revision. So in the end the revisions from 1 on are the
acknowledged writes, one each: a revision that nobody was told of is a write that was done twice, and the state at any revision is known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from typing import Final

from deltamesh.stream import Position
from tests.reliability.application import account

MAX_TOLD: Final = 20
"""Violations that are told in full; all are counted."""


class Truth:
    """
    Grows with each acknowledgement.

    Everything that cannot be is a violation, of one of these kinds: lost, twice, order, epoch, state, refused.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """Violations by kind."""
        self.violations: list[str] = []
        """The first of them, for people."""
        self.epoch: str | None = None
        self.complete = 0
        """Up to this revision it is known which write each one was."""
        self.last = 0
        """The highest revision that anybody was told of."""
        self.revisions: dict[int, list[int]] = {}
        """By writer: the revisions of its writes 1, 2, 3, …, which increase."""
        self._writes: dict[int, tuple[int, int]] = {}
        self._num_writers = 0

    def next_writer(self) -> int:
        """Return the number of another writer."""
        self._num_writers += 1
        return self._num_writers - 1

    @property
    def num_acknowledged(self) -> int:
        return sum(len(revisions) for revisions in self.revisions.values())

    def violated(self, kind: str, what: str) -> None:
        """Take down that something is wrong."""
        self.counts[kind] += 1
        if len(self.violations) < MAX_TOLD:
            self.violations.append(f"{kind}: {what}")

    def acknowledge(self, writer: int, number: int, position: Position, result: object) -> None:
        """Write `number` of `writer`, which is its first one or follows its last one, was answered with `position` and `result`."""
        if self.epoch is None:
            self.epoch = position.epoch
        if position.epoch != self.epoch:
            self.violated("epoch", f"write {number} of writer {writer} is at {position}, others are in {self.epoch}")
        if result != number:
            is_more = isinstance(result, int) and result > number
            self.violated("twice" if is_more else "lost", f"write {number} of writer {writer} was answered that it is number {result}")
        revisions = self.revisions.setdefault(writer, [])
        if revisions and position.revision <= revisions[-1]:
            self.violated("order", f"write {number} of writer {writer} has revision {position.revision}, the one before it {revisions[-1]}")
        if (other := self._writes.get(position.revision)) is not None:
            both = f"write {number} of writer {writer} and write {other[1]} of writer {other[0]}"
            self.violated("order", f"revision {position.revision} is {both}")
        revisions.append(position.revision)
        self._writes[position.revision] = (writer, number)
        self.last = max(self.last, position.revision)
        while self.complete + 1 in self._writes:
            self.complete += 1

    def count(self, writer: int, revision: int) -> int:
        """Return how many writes of `writer` were done at `revision`, which is complete."""
        return bisect_right(self.revisions.get(writer, []), revision)

    def accounts(self, first: int, last: int, revision: int) -> list[tuple[int, list[int]]]:
        """Return what the resource `accounts` shows at `revision`."""
        counts = [(writer, self.count(writer, revision)) for writer in range(first, last + 1)]
        return [(writer, account(count)) for writer, count in counts if count]

    def finish(self) -> None:
        """Nothing is under way any more, so each revision is a write that was acknowledged."""
        for revision in range(1, self.last + 1):
            if revision not in self._writes:
                self.violated("twice", f"revision {revision} is no write that was acknowledged")
