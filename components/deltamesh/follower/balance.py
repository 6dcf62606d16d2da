"""
How instances spread over the followers of a service, decided from their numbers. Pure: no clock, no network, no chance.

Calls of `open` go round all followers, so they stay even while nobody comes or goes. A follower that joins later has nothing: the others
hand live instances over to it. Each follower decides for itself, from what all have said of themselves, which may be some seconds old:
`moves` gives everybody who knows the same numbers the same plan, and each carries out its own part of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ALLOWED: Final = 1.25
"""
How many times the instances of the least loaded follower the most loaded one may have. Less than the 1.3 that are promised, so that what
comes and goes between two looks does not break the promise.
"""

MAX_MOVES: Final = 1000
"""Instances that a follower hands over at a time: their clients all ask at once."""

SETTLING: Final = 1.0
"""
Numbers may have been true so long before they are heard [s]. Those that are not newer than this after the last hand-over do not show it
yet, and count for nothing.
"""

FORGETTING: Final = 3.0
"""A follower that said nothing for so many of its intervals is not reckoned with any longer."""


def moves(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """
    Return how many instances each follower hands over to each other one.

    Args:
        counts: follower -> instances that it holds.

    Returns:
        {from: {to: number}}; empty if the numbers are even enough, or as even as whole numbers can be. Afterwards they differ by 1 at most.
    """
    if len(counts) < 2:
        return {}
    most, least = max(counts.values()), min(counts.values())
    if most <= ALLOWED * least or most - least <= 1:
        return {}
    share, rest = divmod(sum(counts.values()), len(counts))
    order = sorted(counts, key=lambda name: (-counts[name], name))
    surplus = {name: counts[name] - share - (number < rest) for number, name in enumerate(order)}
    takers = [name for name in order if surplus[name] < 0]  # the last one lacks most
    plan: dict[str, dict[str, int]] = {}
    for name in order:
        while surplus[name] > 0:
            taker = takers[-1]
            number = min(surplus[name], -surplus[taker])
            plan.setdefault(name, {})[taker] = number
            surplus[name] -= number
            surplus[taker] += number
            if surplus[taker] == 0:
                takers.pop()
    return plan


class Balance:
    """What the follower `name` knows of the others, and what it does about it. Times are monotonic [s]."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._heard: dict[str, tuple[int, float, float]] = {}  # follower -> instances, when it said so, when it counts no more
        self._held: list[tuple[float, int]] = []  # when, own instances, as far back as anything was heard
        self._moved = float("-inf")

    def hear(self, name: str, instances: int, interval: float, now: float) -> None:
        """A follower says how many instances it holds, and that it will say so again after `interval` [s]."""
        if name != self._name:
            self._heard[name] = instances, now, now + FORGETTING * interval

    def forget(self, name: str) -> None:
        """A follower takes nothing any more."""
        self._heard.pop(name, None)

    def decide(self, instances: int, now: float) -> dict[str, int]:
        """
        Return how many of its `instances` this follower hands over now, to whom; mostly none.

        After a hand-over it waits until everybody has said numbers in which that shows. What has come to this follower since the others
        were heard is not reckoned with: as much may have come to them, as when a page opens several views.
        """
        self._heard = {name: heard for name, heard in self._heard.items() if now < heard[2]}
        held = self._held_since(min([since for _, since, _ in self._heard.values()], default=now) - SETTLING, instances, now)
        if any(since < self._moved + SETTLING for _, since, _ in self._heard.values()):
            return {}
        plan = moves({self._name: held, **{name: heard[0] for name, heard in self._heard.items()}}).get(self._name, {})
        if plan:
            self._moved = now
        return _at_most(plan, MAX_MOVES)

    def _held_since(self, since: float, instances: int, now: float) -> int:
        """Note that it holds `instances` now, and return the least that it has held at any time from `since` on."""
        begin = max([when for when, _ in self._held if when <= since], default=since)
        self._held = [(when, number) for when, number in self._held if when >= begin] + [(now, instances)]
        return min(number for _, number in self._held)


def _at_most(plan: dict[str, int], limit: int) -> dict[str, int]:
    """Return the plan with as many moves as are allowed, in the same proportions."""
    total = sum(plan.values())
    if total <= limit:
        return plan
    return {name: number for name, number in ((name, number * limit // total) for name, number in plan.items()) if number}
