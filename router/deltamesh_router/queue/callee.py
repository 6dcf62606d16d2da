"""A callee and a call, as a call queue sees them: slots, and what takes them."""

from __future__ import annotations

import sys
from collections.abc import Hashable
from typing import Any, Final

UNBOUNDED: Final = sys.maxsize
"""The slots of a callee that named no number."""


class QueuedCall:
    """
    What a call queue knows of a call. The record that a dealer keeps of a call inherits from it.

    Calls are told apart by identity: a subclass must not define `__eq__`.
    """

    __slots__ = ("callee", "is_wanted", "key", "number", "since", "started", "tries")

    def __init__(self, key: Hashable = None) -> None:
        self.callee: Callee | None = None
        """Whose slot the call takes now; None while it waits, and after it has ended."""
        self.is_wanted = True
        """Somebody waits for the answer. False from `CallQueue.withdraw` on."""
        self.key = key
        """With affinity: calls with an equal key go to the same callee. None: to any. It must not change."""
        self.number = 0
        """Its place in line: lower goes first. Only the call queue uses it."""
        self.since = 0.0
        """When it was offered, or given back by a callee that left [s]."""
        self.started = 0.0
        """When it was given to `callee` [s]: `started - since` is how long it waited."""
        self.tries = 0
        """To how many callees it was given so far. Raise it, and there will be no second chance: after a first progressive result, say."""


class Callee:
    """A session that takes calls of one queue. Made by `CallQueue.join`; others read it."""

    __slots__ = ("calls", "entry", "is_registered", "limit", "number", "place", "session", "turn")

    def __init__(self, session: Any) -> None:
        self.session = session
        """What was given to `CallQueue.join`."""
        self.calls: dict[QueuedCall, None] = {}
        """What it works on: the slots that are taken, in the order in which they were."""
        self.limit = 0
        """How many calls it may have: the slots, `UNBOUNDED`, or 0 if it gets no new ones. What it has already may be more."""
        self.is_registered = False
        """True from `CallQueue.join` to `CallQueue.unregister`."""
        self.number = 0
        """Who joined earlier has a lower one."""
        self.turn = 0
        """Who was given a call, or joined, longer ago has a lower one."""
        self.entry: tuple[float, int, Callee] | None = None
        """This and the next belong to the policy, see `choice`."""
        self.place = -1

    @property
    def concurrency(self) -> int | None:
        """Its slots, 0 if it gets no new calls, None if it has any number."""
        return None if self.limit == UNBOUNDED else self.limit

    @property
    def in_flight(self) -> int:
        """Slots that are taken."""
        return len(self.calls)
