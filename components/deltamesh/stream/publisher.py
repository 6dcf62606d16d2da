"""The sending end of a stream."""

from __future__ import annotations

from typing import Final

from deltamesh.stream.delta import Delta
from deltamesh.stream.entries import NONE, join
from deltamesh.stream.history import History
from deltamesh.stream.position import Position
from deltamesh.stream.track import Track

MAX_DELTAS: Final = 1000
"""Deltas that a publisher keeps for resuming, unless told otherwise."""

MAX_SIZE: Final = 1 << 20
"""Characters of entries that a publisher keeps for resuming, unless told otherwise."""


class Publisher:
    """
    One stream's numbering and history. It sends nothing: what it returns is to be published on the stream's topic, in order.

    `track` tells where the content stands; the publishers of a component share it. A stream whose content did not
    change needs no call, however far the track moves. A new epoch takes a new publisher, which may go on with the same topic.
    """

    __slots__ = ("_history", "_track", "position")

    position: Position
    """Of the last delta published, or where the stream began."""

    def __init__(self, track: Track, *, max_deltas: int = MAX_DELTAS, max_size: int = MAX_SIZE) -> None:
        self.position = track.position
        self._track = track
        self._history = History(track.revision, max_deltas, max_size)

    def publish(self, entries: str) -> Delta:
        """
        Return the delta to publish for all moves of the track since the last one.

        `entries` names every key that changed in one of these moves, even if it changed back, with its values now.
        Without any, the delta tells subscribers that the stream has got there. Publish before `since` is asked.

        Raises:
            ValueError: this revision was published already, a mistake of the caller.
        """
        before, self.position = self.position, self._track.position
        if self.position.revision <= before.revision:
            raise ValueError(f"revision {self.position.revision} has no delta after {before.revision}: move the track, then publish once")
        self._history.add(self.position.revision, entries)
        return Delta(before.epoch, before.revision, self.position.revision, entries)

    def announce(self) -> Delta:
        """Return the event that tells the position: whoever missed something finds a gap, everybody else ignores it."""
        return Delta(self.position.epoch, self.position.revision, self.position.revision, NONE)

    def since(self, position: Position) -> str | None:
        """
        Return the entries that lead from the content of `position` to the present one, or None: only a snapshot can.

        None means that `position` is of another epoch, older than the history, jumped over, or not reached yet.
        """
        texts = self.texts_since(position)
        return None if texts is None else join(texts)

    def texts_since(self, position: Position) -> list[str] | None:
        """Return what `since` does as one text for each delta."""
        return self._history.since(position.revision) if self._track.passed(position) else None

    def catch_up(self, position: Position) -> Delta:
        """
        Return the event for a session that subscribes after it was answered at `position`: what it missed meanwhile.

        It is an announcement if nothing was missed, or if it cannot be told what; the subscriber then finds a gap.
        """
        entries = self.since(position)
        if entries is None or position.revision >= self.position.revision:
            return self.announce()
        return Delta(position.epoch, position.revision, self.position.revision, entries)
