"""
The farm: the workers there are, by session, and how far each is to be trusted.

A worker is here as long as it tells its load; one that is silent has gone, whatever its connection says. Who tells a load but takes no
units, as the router knows, is none. What it tells is what it says of itself, so all of it is bounded. What it is worth shows in its
results: one that gives a wrong one is to be sent away, and so is one that leaves units unanswered while others answer theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, structs

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
"""How often it is asked who leaves a unit unanswered before somebody who has given no result since the first time is sent away."""

STRIKES_OF_UNPROVEN: Final = 2
"""And before somebody who has never given one is."""

EVIDENCE: Final = 2
"""And so many results for each one who may be to blame must have come from others meanwhile: the router gives units to whoever is idle,
so by then everybody has had some."""

MAX_ROUTES: Final = 1e9
"""Routes a second of one worker that are shown: more cannot be."""

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
        self._told: dict[int, Worker] = {}
        self._callees: frozenset[int] | None = None
        self._suspects: dict[int, _Suspect] = {}
        self._num_accepted = 0

    @property
    def workers(self) -> dict[int, Worker]:
        """Those that tell their load and take units, by session."""
        return {session: worker for session, worker in self._told.items() if self._takes_units(session)}

    def worker(self, session: int) -> Worker | None:
        """Return one of the workers."""
        return self._told.get(session) if self._takes_units(session) else None

    @property
    def callees(self) -> frozenset[int]:
        """Sessions that take units, as far as the router tells."""
        return self._callees or frozenset()

    @property
    def has_strangers(self) -> bool:
        """Whether there are loads of sessions that take no units, as far as is known: they may have begun to."""
        return any([self._callees is None or session not in self._callees for session in self._told])

    def know(self, callees: Collection[int] | None) -> None:
        """Who takes units, as the router tells, or None if it does not tell: then everybody is believed."""
        self._callees = None if callees is None else frozenset(callees)

    def _takes_units(self, session: int) -> bool:
        return self._callees is None or session in self._callees

    @property
    def slots(self) -> int:
        """How many units can be computed at the same time."""
        return min(sum([self._counted(worker) for worker in self._told.values()]), MAX_ALL_SLOTS)

    @property
    def capacity(self) -> int:
        """How many units are to be under way: one for each slot, a few that wait, and one to find workers that nobody has heard of."""
        return max(self.slots + self.slots // QUEUED, 1)

    def _counted(self, worker: Worker) -> int:
        if not self._takes_units(worker.session) or (not worker.accepted and worker.session in self._suspects):
            return 0
        return min(worker.load.concurrency, UNPROVEN + worker.accepted)

    def report(self, session: int, load: object, now: float) -> bool:
        """
        Take the load that the worker with this session reports; return whether it is new.

        Raises:
            BadLoad: it is none.
        """
        worker = self._told.get(session)
        if worker is not None and now - worker.heard < PAUSE:
            return False
        try:
            checked = _bounded(msgspec.convert(load, Load))
        except ValueError as error:  # msgspec's, or a key or text that is no Unicode
            raise BadLoad(str(error)[:200]) from error
        if worker is not None:
            worker.load, worker.heard = checked, now
            return False
        if len(self._told) >= MAX_WORKERS:
            stranger = next((each for each in self._told if not self._takes_units(each)), None)
            if stranger is None:
                return False
            del self._told[stranger]
        self._told[session] = Worker(session, checked, now)
        return True

    def leave(self, session: int) -> bool:
        """A session has ended, or is silent; return whether it was a worker's."""
        self._suspects.pop(session, None)
        return self._told.pop(session, None) is not None

    def expire(self, now: float) -> list[int]:
        """Forget the workers that have been silent for too long; return their sessions."""
        silent = [session for session, worker in self._told.items() if now - worker.heard > SILENCE]
        for session in silent:
            self.leave(session)
        return silent

    def accepted(self, session: int) -> None:
        """A worker has given a right result."""
        self._num_accepted += 1
        if session in self._told:
            self._told[session].accepted += 1
        self._suspects.pop(session, None)

    def refused(self, session: int) -> None:
        """A worker has given a wrong result: it is to be sent away."""
        if session in self._told:
            self._told[session].refused += 1

    def acquit(self) -> None:
        """No unit is without an answer: nobody is to blame."""
        self._suspects.clear()

    def unanswered(self, suspects: Iterable[int], is_strike: bool = True) -> list[int]:
        """
        A unit has got no result. Return the sessions of those among `suspects`, who may have it, that are to be sent away.

        Nobody knows who has it. Whoever gives a result before that was asked again and again is at work.

        Args:
            is_strike: whether it should have been answered by now, whatever there was to do first.
        """
        known = {session: self._suspects.get(session) or _Suspect(self._num_accepted) for session in suspects}
        guilty = []
        for session, suspect in known.items():
            suspect.strikes += is_strike
            is_proven = session in self._told and self._told[session].accepted > 0
            if suspect.strikes >= (STRIKES if is_proven else STRIKES_OF_UNPROVEN) and self._num_accepted - suspect.since >= EVIDENCE * len(
                known
            ):
                guilty.append(session)
        self._suspects = {session: suspect for session, suspect in known.items() if session not in guilty}
        return guilty


@dataclass(slots=True)
class _Suspect:
    since: int
    """Results that there were in all when it was asked for the first time."""
    strikes: int = 0


def _bounded(load: Load) -> Load:
    """Return a load as it may be shown: what is claimed is bounded, and names are what people can read."""
    slots = min(load.concurrency, MAX_SLOTS)
    return structs.replace(
        load,
        name=_readable(load.name),
        host=_readable(load.host),
        concurrency=slots,
        busy=min(load.busy, slots),
        routes=min(load.routes, MAX_ROUTES),
    )


def _readable(text: str) -> str:
    """Return a text without what controls, hides or turns text around."""
    readable = "".join([each for each in text if each.isprintable()]).strip()
    if not readable:
        raise ValueError("a name has printable characters")
    return readable
