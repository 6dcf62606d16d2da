"""Calls that wait until a follower has arrived at a position: not for long, and not so many that others would not be answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred

from deltamesh.errors import NotCaughtUp
from deltamesh.stream import Position

PATIENCE: Final = 5.0
"""How long a call waits [s]."""

MAX_AHEAD: Final = 10_000
"""Revisions that may be missing: a follower does not catch up with more in time."""

MAX_WAITING: Final = 128
MAX_WAITING_OF_ONE: Final = 16
"""Calls of bounded sessions that wait at a time, of all and of one: half of what a follower may have under way, so others are answered."""


class Arrivals:
    """
    Who waits for the position that `position()` returns.

    Args:
        patience: see `PATIENCE`.
    """

    def __init__(self, reactor: Any, patience: float, position: Callable[[], Position | None]) -> None:
        self._reactor = reactor
        self._patience = patience
        self._position = position
        self._waiting: list[tuple[Position, Deferred[None], int | None]] = []  # and whose, if that is bounded

    def __len__(self) -> int:
        return len(self._waiting)

    async def reached(self, wanted: Position, session: int | None) -> None:
        """
        Return when the position is `wanted` or later in the same epoch; `session` is who waits, if that is bounded.

        Raises:
            NotCaughtUp: it is not in time; or it would hardly be, or too many wait already.
        """
        if self._is_at(wanted):
            return
        if not self._may_wait(wanted, session):
            raise self._not_caught_up(wanted)
        arrived: Deferred[None] = Deferred()
        entry = (wanted, arrived, session)
        self._waiting.append(entry)
        arrived.addTimeout(self._patience, self._reactor, lambda *_: None)
        try:
            await arrived
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)
        if not self._is_at(wanted):
            raise self._not_caught_up(wanted)

    def moved(self) -> None:
        """The position is another one: let those go on who have waited for it."""
        if self._waiting:
            arrived = [each for each in self._waiting if self._is_at(each[0])]
            self._waiting = [each for each in self._waiting if each not in arrived]
            for _, waiting, _ in arrived:
                waiting.callback(None)

    def _may_wait(self, wanted: Position, session: int | None) -> bool:
        here = self._position()
        if here is not None and here.epoch == wanted.epoch and wanted.revision > here.revision + MAX_AHEAD:
            return False
        bounded = [each for _, _, each in self._waiting if each is not None]
        return session is None or (len(bounded) < MAX_WAITING and bounded.count(session) < MAX_WAITING_OF_ONE)

    def _is_at(self, wanted: Position) -> bool:
        here = self._position()
        return here is not None and here.epoch == wanted.epoch and here.revision >= wanted.revision

    def _not_caught_up(self, wanted: Position) -> NotCaughtUp:
        here = self._position()
        return NotCaughtUp(wanted.to_wire(), None if here is None else here.to_wire())
