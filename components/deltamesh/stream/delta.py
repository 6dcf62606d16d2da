"""What travels: deltas as events on a topic, answers as results of `open`, `read` and `snapshot`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deltamesh.errors import MalformedMessage
from deltamesh.stream.entries import is_text
from deltamesh.stream.position import Position, is_epoch, is_revision


@dataclass(frozen=True, slots=True)
class Delta:
    """
    The keys that changed after revision `since` and up to revision `to`, with their values at `to`.

    `entries` is JSON text, see `entries`. With `since` = `to` it is an announcement of the publisher's position.
    """

    epoch: str
    since: int
    to: int
    entries: str

    @property
    def position(self) -> Position:
        """Where a subscriber is that has applied it."""
        return Position(self.epoch, self.to)

    def to_wire(self) -> list[Any]:
        """Return the arguments of the event: `[epoch, from, to, entries]`."""
        return [self.epoch, self.since, self.to, self.entries]

    @classmethod
    def from_wire(cls, *arguments: object) -> Delta:
        """
        Return the delta that the arguments of an event stand for.

        Raises:
            MalformedMessage: they are not `epoch, from, to, entries`.
        """
        if len(arguments) == 4:
            epoch, since, to, text = arguments
            if is_epoch(epoch) and is_revision(since) and is_revision(to) and since <= to and is_text(text):
                return cls(epoch, since, to, text)
        raise MalformedMessage("event", f"not [epoch, from, to, entries]: {arguments!r:.120}")


@dataclass(frozen=True, slots=True)
class Answer:
    """
    Entries at a position, on request: the whole content (`since` is None), or what changed after revision `since`.

    `entries` is JSON text, see `entries`.
    """

    epoch: str
    since: int | None
    revision: int
    entries: str

    @property
    def position(self) -> Position:
        """Where a subscriber is that has shown it."""
        return Position(self.epoch, self.revision)

    def to_wire(self) -> dict[str, Any]:
        """Return the result as an object: `{epoch, from, revision, entries}`."""
        return {"epoch": self.epoch, "from": self.since, "revision": self.revision, "entries": self.entries}

    @classmethod
    def from_wire(cls, wire: object) -> Answer:
        """
        Return the answer in the object `wire`, which may have other members beside.

        Raises:
            MalformedMessage: it is not `{epoch, from, revision, entries}`.
        """
        if isinstance(wire, Mapping) and "from" in wire:
            epoch, since, revision, text = (wire.get(name) for name in ("epoch", "from", "revision", "entries"))
            if is_epoch(epoch) and is_revision(revision) and is_text(text):
                if since is None:
                    return cls(epoch, None, revision, text)
                if is_revision(since) and since <= revision:
                    return cls(epoch, since, revision, text)
        raise MalformedMessage("answer", f"not {{epoch, from, revision, entries}}: {wire!r:.120}")
