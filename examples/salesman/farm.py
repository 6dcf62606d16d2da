"""
The farm: the workers there are, by session, and how far each is to be trusted.

A worker is here as long as it tells its load; one that is silent has gone, whatever its connection says. What it tells is what it says of
itself, so all of it is bounded. What it is worth shows in its results: one that gives a wrong one is to be sent away, and so is one that
leaves units unanswered while others answer theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

SILENCE: Final = 2.5
"""How long a worker may say nothing [s]; it tells its load each second."""

PAUSE: Final = 0.2
"""Least time between two loads of a worker [s]; what comes sooner is not looked at."""

MAX_WORKERS: Final = 500
"""Workers that are known at the same time. Others may compute, but nobody counts on them."""

MAX_SLOTS: Final = 64
"""Slots of one worker that are counted: more cannot be had by claiming more."""

MAX_ALL_SLOTS: Final = 512

UNPROVEN: Final = 2
"""Slots that are counted before there is a result, and one more for each. None as soon as units remain without an answer: whoever only
claims slots lets others wait for two units, for a second or two."""

QUEUED: Final = 4
"""One unit waits in the router's queue for so many slots, so that none is idle while a result travels."""

STRIKES: Final = 4
"""How often it may happen that nobody answers a unit: whoever has given no result since the first time is sent away."""

Text = Annotated[str, Meta(min_length=1, max_length=80)]
Count = Annotated[int, Meta(ge=0, le=1 << 53)]


class Load(msgspec.Struct, frozen=True):
    """What a worker reports each second."""

    name: Text
    kind: Literal["python", "node", "browser"]
    host: Text
    concurrency: Annotated[int, Meta(ge=1, le=1_024)]
    busy: Annotated[int, Meta(ge=0, le=1_024)]
    cpu: Annotated[float, Meta(ge=0, le=1)] | None
    routes: Annotated[float, Meta(ge=0, le=1e12)]
    """A second, over the last second."""
    units: Count
    """Done in all."""


class BadLoad(ValueError):
    """What a worker reports is no load; the message says why."""


@dataclass(slots=True, eq=False)
class Worker:
    """A worker, as far as it is known."""

    session: int
    load: Load
    heard: float
    """When it reported for the last time [s]."""
    accepted: int = 0
    refused: int = 0

    def shown(self) -> dict[str, Any]:
        """Return what the service shows of it."""
        return {"session": self.session, **msgspec.to_builtins(self.load), "accepted": self.accepted, "refused": self.refused}


class Farm:
    """The workers there are. Times are those of any clock that only goes forward [s]."""

    def __init__(self) -> None:
        self.workers: dict[int, Worker] = {}
        self._strikes: dict[int, int] = {}

    @property
    def slots(self) -> int:
        """How many units can be computed at the same time."""
        return min(sum([self._counted(worker) for worker in self.workers.values()]), MAX_ALL_SLOTS)

    @property
    def capacity(self) -> int:
        """How many units are to be under way: one for each slot, a few that wait, and one to find workers that nobody has heard of."""
        return max(self.slots + self.slots // QUEUED, 1)

    def _counted(self, worker: Worker) -> int:
        if not worker.accepted and worker.session in self._strikes:
            return 0
        return min(worker.load.concurrency, MAX_SLOTS, UNPROVEN + worker.accepted)

    def report(self, session: int, load: object, now: float) -> bool:
        """
        Take the load that the worker with this session reports; return whether it is new.

        Raises:
            BadLoad: it is none.
        """
        worker = self.workers.get(session)
        if worker is not None and now - worker.heard < PAUSE:
            return False
        try:
            checked = msgspec.convert(load, Load)
        except msgspec.ValidationError as error:
            raise BadLoad(str(error)) from error
        if worker is not None:
            worker.load, worker.heard = checked, now
            return False
        if len(self.workers) >= MAX_WORKERS:
            return False
        self.workers[session] = Worker(session, checked, now)
        return True

    def leave(self, session: int) -> bool:
        """A session has ended; return whether it was a worker's."""
        self._strikes.pop(session, None)
        return self.workers.pop(session, None) is not None

    def expire(self, now: float) -> list[int]:
        """Forget the workers that have been silent for too long; return their sessions."""
        silent = [session for session, worker in self.workers.items() if now - worker.heard > SILENCE]
        for session in silent:
            self.leave(session)
        return silent

    def accepted(self, session: int) -> None:
        """A worker has given a right result."""
        if session in self.workers:
            self.workers[session].accepted += 1
        self._strikes.pop(session, None)

    def refused(self, session: int) -> None:
        """A worker has given a wrong result: it is to be sent away."""
        if session in self.workers:
            self.workers[session].refused += 1

    def unanswered(self, suspects: Iterable[int]) -> list[int]:
        """
        A unit has got no result. Return the sessions of those among `suspects`, who may have had it, that are to be sent away.

        Nobody knows who had it. Whoever gives a result before it happens again and again is at work.
        """
        known = {session: self._strikes.get(session, 0) + 1 for session in suspects}
        guilty = [session for session, strikes in known.items() if strikes >= STRIKES]
        self._strikes = {session: strikes for session, strikes in known.items() if strikes < STRIKES}
        return guilty
