"""
How many followers a service should have, decided from how busy they are. Pure: no clock, no network.

Load is a share: 1 means that as much is done, or waits, as can be done at the same time. Two limits far apart and two times keep it from
swinging: it grows soon and shrinks late, and what is left after it has shrunk is never so busy that it would grow again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

METRICS: Final = "mesh.metrics"
"""Procedure of our router that returns its figures."""

HIGH: Final = 0.75
LOW: Final = 0.3
"""Loads above which there are too few followers, and below which there are too many. LOW is less than half of HIGH: see the module."""

AIM: Final = 0.5
"""The load that is aimed at when there are too few."""

GROW_AFTER: Final = 6.0
SHRINK_AFTER: Final = 120.0
"""How long the load must be above or below the limit [s]."""

REST: Final = 10.0
"""How long nothing is decided after a change: until then new followers start, and instances move [s]."""


class Autoscale:
    """
    The rule for one service.

    Args:
        least, most: how many followers there may be.
    """

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most
        self._since: float | None = None  # when the load passed the limit that it is beyond
        self._side = 0  # beyond which: 1 above HIGH, -1 below LOW, 0 none
        self._rests_until = float("-inf")

    def decide(self, number: int, load: float | None, now: float) -> int:
        """
        Return how many followers there should be. Ask every few seconds.

        Args:
            number: how many there are.
            load: see the module; None: not known, which changes nothing.
            now: monotonic time [s].
        """
        bounded = min(max(number, self._least), self._most)
        if bounded != number:  # somebody has scaled it by hand
            return self._changed(bounded, now)
        side = 0 if load is None else 1 if load > HIGH else -1 if load < LOW else 0
        if side != self._side:
            self._side, self._since = side, now
        if load is None or self._since is None or now < self._rests_until:
            return number
        beyond = now - max(self._since, self._rests_until)
        if side > 0 and beyond >= GROW_AFTER and number < self._most:
            return self._changed(min(self._most, 2 * number, math.ceil(number * load / AIM)), now)
        if side < 0 and beyond >= SHRINK_AFTER and number > self._least:
            return self._changed(number - 1, now)
        return number

    def _changed(self, number: int, now: float) -> int:
        self._side, self._since, self._rests_until = 0, None, now + REST
        return number


def slot_load(before: Mapping[str, Any], after: Mapping[str, Any], procedures: tuple[str, ...], seconds: float) -> float | None:
    """
    Return the load of procedures from two looks at the router's figures: slots taken on average, and calls that wait, of all slots.

    Args:
        before: the result of `mesh.metrics`.
        after: the same, later.
        procedures: their URIs.
        seconds: between the two.

    Returns:
        That of the busiest procedure; None if nobody offers any, or with any number of slots.
    """
    earlier = {row["uri"]: row for row in before["procedures"] if row["match"] == "exact"}
    loads = []
    for row in after["procedures"]:
        if row["match"] == "exact" and row["uri"] in procedures and row["capacity"]:
            run_before = earlier[row["uri"]]["run"]["sum"] if row["uri"] in earlier else 0.0
            # time worked in a second is the number of calls that were worked on, on average (Little's law); a router that was started
            # anew has begun to count anew
            taken = max(0.0, row["run"]["sum"] - run_before) / seconds
            loads.append((taken + row["waiting"]) / row["capacity"])
    return max(loads, default=None)
