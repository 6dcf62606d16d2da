"""
Whether a standby may lead: its journal has to hold what it knows of the stream, from the leader's own word and from its own time. Pure.

*Rule.* A leader publishes only what is in its journal. So a journal that is the leader's, read after its leader was heard, is of the
same epoch and not behind. One that is of another epoch, or behind, is another journal or an older copy: who led with it would lose writes.
"""

from __future__ import annotations

from deltamesh.errors import AnotherJournal
from deltamesh.stream import Delta, Position


class Claim:
    """What one process knows of the stream of its service. It knows nothing at first: whoever has heard of no leader may lead."""

    def __init__(self) -> None:
        self.known: Position | None = None
        """Where the stream was, when it was last heard of."""

    def hear(self, *arguments: object) -> None:
        """
        Take in an event of the leader, a delta or an announcement. The last word counts: an operator may have begun anew.

        Raises:
            MalformedMessage: it is neither.
        """
        self.known = Delta.from_wire(*arguments).position

    def objection(self, own: Position | None) -> AnotherJournal | None:
        """
        Return what speaks against leading at `own`, where the journal ends, or None, and then that is what is known.

        Requires: the journal was read after the last `hear`.
        """
        known = self.known
        if known is not None and (own is None or own.epoch != known.epoch or own.revision < known.revision):
            return AnotherJournal(None if own is None else own.to_wire(), known.to_wire())
        self.known = own
        return None
