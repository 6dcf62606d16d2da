"""
Where a component's content has stood: one track for all the streams that it publishes.

A leader makes every revision and stands at each. A follower that resumes jumps from one revision to a later one, and what it then
publishes is the difference of two contents: a key that changed twice, and is as it was, is not in it. That is right for all
who stood where this follower stood. For a client that comes from another follower, with a position between the two, it is
wrong. Only the content of positions that were passed may therefore be continued; from any other a snapshot is needed.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from deltamesh.stream.position import Position

MAX_JUMPS: Final = 100
"""Jumps that a track remembers; what was before the oldest one counts as not passed."""


class Track:
    """The revisions of one epoch at which a content has stood. A new epoch is a new track."""

    __slots__ = ("_base", "_jumps", "epoch", "revision")

    epoch: str
    revision: int
    """Where the content stands."""

    def __init__(self, epoch: str, revision: int) -> None:
        self.epoch = epoch
        self.revision = revision
        self._base = revision
        self._jumps: deque[tuple[int, int]] = deque()

    @property
    def position(self) -> Position:
        """Where the content stands."""
        return Position(self.epoch, self.revision)

    def move(self, revision: int) -> None:
        """
        Note that the content is now that of `revision`. A step of more than 1 is a jump.

        Raises:
            ValueError: `revision` is less than where the content stands, a mistake of the caller.
        """
        if revision < self.revision:
            raise ValueError(f"the content is at revision {self.revision}, it cannot move back to {revision}")
        if revision > self.revision + 1:
            self._jumps.append((self.revision, revision))
            if len(self._jumps) > MAX_JUMPS:
                self._base = self._jumps.popleft()[1]
        self.revision = revision

    def passed(self, position: Position) -> bool:
        """Whether the content once stood at `position`, as far as is remembered."""
        if position.epoch != self.epoch or not self._base <= position.revision <= self.revision:
            return False
        return not any([before < position.revision < after for before, after in self._jumps])
