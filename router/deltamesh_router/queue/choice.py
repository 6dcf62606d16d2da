"""
Policies: which callee gets a call, of those that have a free slot.

A full callee is not looked at, so with one free among thousands of full callees a choice costs what it costs when all are free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final, Protocol

from deltamesh_router.queue.callee import UNBOUNDED, Callee

SPARE: Final = 8
"""Outdated entries that a ranking may hold beyond one per callee before it throws them away."""


class Choice(Protocol):
    """A policy, and the callees with a free slot. Cost: logarithmic in the callees at most, amortised."""

    def pick(self) -> Callee | None:
        """Choose a callee with a free slot; None if there is none. Nothing changes by it."""

    def changed(self, callee: Callee) -> None:
        """
        `callee` was given a call or has lost one, has another limit, or came: to be told each time, afterwards.

        Cost: linear in the callees if it takes no calls any more (`limit` is 0).
        """


class Ranked:
    """
    Chooses the callee with the lowest rank, and of equal ones the one that was given a call the longest ago.

    Args:
        rank: may change with each call that a callee is given or loses.

    Entries (rank, turn, callee) in a heap. Each callee with a free slot has one that is up to date, `callee.entry`. The others are dropped
    when they come to the top, or all at once when they are as many as the callees.
    """

    def __init__(self, rank: Callable[[Callee], float]) -> None:
        self._rank = rank
        self._entries: list[tuple[float, int, Callee]] = []
        self._bound = SPARE

    def pick(self) -> Callee | None:
        entries = self._entries
        while entries:
            callee = entries[0][2]
            if callee.entry is entries[0]:
                return callee
            heappop(entries)
        return None

    def changed(self, callee: Callee) -> None:
        if len(callee.calls) >= callee.limit:
            callee.entry = None
            if callee.limit == 0:
                self._tidy()  # it may be gone soon, and nothing must hold it
            return
        rank = self._rank(callee)
        last = callee.entry
        if last is not None and last[0] == rank:
            return
        callee.entry = entry = (rank, callee.turn, callee)
        entries = self._entries
        if entries and entries[0] is last:
            heapreplace(entries, entry)
        else:
            heappush(entries, entry)
            if len(entries) > self._bound:
                self._tidy()

    def _tidy(self) -> None:
        self._entries = [entry for entry in self._entries if entry[2].entry is entry]
        heapify(self._entries)
        self._bound = 2 * len(self._entries) + SPARE


class Random:
    """Chooses any callee with a free slot, each as likely as the others. Every cost is constant."""

    def __init__(self, below: Callable[[int], int]) -> None:
        self._below = below
        self._free: list[Callee] = []

    def pick(self) -> Callee | None:
        free = self._free
        return free[self._below(len(free))] if free else None

    def changed(self, callee: Callee) -> None:
        is_free = len(callee.calls) < callee.limit
        if is_free == (callee.place >= 0):
            return
        if is_free:
            callee.place = len(self._free)
            self._free.append(callee)
        else:
            # the last one takes its place
            other = self._free.pop()
            if other is not callee:
                self._free[callee.place] = other
                other.place = callee.place
            callee.place = -1


def load(callee: Callee) -> float:
    """The part of its slots that is taken. One that takes any number counts as one with a single slot."""
    return len(callee.calls) / callee.limit if callee.limit != UNBOUNDED else len(callee.calls)


_RANKS: Final[dict[str, Callable[[Callee], float]]] = {
    "single": lambda callee: callee.number,
    "first": lambda callee: callee.number,
    "last": lambda callee: -callee.number,
    "roundrobin": lambda callee: callee.turn,
    "least_loaded": load,
}


def choice(policy: str, callees: Iterable[Callee], below: Callable[[int], int]) -> Choice:
    """
    Return a policy. Each passes over callees that are full.

    Args:
        policy: "single" and "first" (who joined first), "last" (who joined last), "roundrobin" (in turn), "random", or "least_loaded"
            (see `load`; of equal ones in turn).
        callees: to choose among; more may come.
        below: `below(n)` is a random number from 0 to n - 1.
    """
    made: Choice = Random(below) if policy == "random" else Ranked(_RANKS[policy])
    for callee in callees:
        callee.entry, callee.place = None, -1
        made.changed(callee)
    return made
