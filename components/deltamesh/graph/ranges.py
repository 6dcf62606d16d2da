"""
Which ranges contain a key: so that a change reaches the slices that it concerns, among thousands that it does not.

Ranges of a single key, and those of all array keys that begin with given parts, are looked up. Other ones are kept in
sets of intervals, each more than twice as large as the next, so that few are asked and adding one seldom moves many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeAlias, TypeVar

from deltamesh.graph.intervals import Interval, Intervals
from deltamesh.graph.order import TOP, bound_order
from deltamesh.values import IndexKey, index_key, plain_key

Owner = TypeVar("Owner")

Bounds: TypeAlias = tuple[tuple[Any, Any], ...]
"""First and last key of each range, both included."""


class Ranges(Generic[Owner]):
    """Ranges with their owners. An owner may have several that do not overlap."""

    __slots__ = ("_gone", "_long", "_num_gone", "_num_long", "_prefix", "_single")

    def __init__(self) -> None:
        self._single: dict[IndexKey, dict[Owner, None]] = {}
        self._prefix: dict[int, dict[IndexKey, dict[Owner, None]]] = {}  # by number of parts, then by parts
        self._long: list[Intervals[Owner]] = []  # the largest first
        self._num_long = 0  # intervals in `_long`
        self._num_gone = 0  # those of them that are removed
        self._gone: set[Owner] = set()  # their owners

    def add(self, owner: Owner, bounds: Bounds) -> None:
        """Add all ranges of an owner."""
        long: list[Interval[Owner]] = []
        for start, end in bounds:
            if bound_order(start) == bound_order(end):
                self._single.setdefault(start, {})[owner] = None
            elif _is_prefix(start, end):
                self._prefix.setdefault(len(start), {}).setdefault(start, {})[owner] = None
            else:
                long.append((bound_order(start), bound_order(end), owner))
        if long:
            self._num_long += len(long)
            first, size = len(self._long), len(long)
            while first and len(self._long[first - 1]) <= 2 * size:
                first -= 1
                size += len(self._long[first])
            self._collect(long, self._long[first:])

    def remove(self, owner: Owner, bounds: Bounds) -> None:
        """Remove all ranges of an owner, which are those that were added."""
        for start, end in bounds:
            if bound_order(start) == bound_order(end):
                _remove(self._single, start, owner)
            elif _is_prefix(start, end):
                _remove(self._prefix[len(start)], start, owner)
                if not self._prefix[len(start)]:
                    del self._prefix[len(start)]
            else:
                self._gone.add(owner)
                self._num_gone += 1
        if 2 * self._num_gone > self._num_long:
            self._collect([], self._long)

    def owners_of(self, key: IndexKey) -> Iterator[Owner]:
        """Iterate over the owners of the ranges that contain `key`, once each."""
        yield from self._single.get(key, ())
        if self._prefix and type(plain := plain_key(key)) is tuple:
            for length, by_parts in self._prefix.items():
                if length <= len(plain):
                    yield from by_parts.get(index_key(plain[:length]), ())
        if self._long:
            point = bound_order(key)
            for intervals in self._long:
                for owner in intervals.containing(point):
                    if owner not in self._gone:
                        yield owner

    def _collect(self, long: list[Interval[Owner]], sets: list[Intervals[Owner]]) -> None:
        """Make one set of new intervals and those of some sets, which are the last ones of `_long`."""
        found = [each for intervals in sets for each in intervals.intervals] + long
        del self._long[len(self._long) - len(sets) :]
        if not self._long:  # all are here, so those that are gone can go
            found = [each for each in found if each[2] not in self._gone]
            self._gone.clear()
            self._num_gone = 0
            self._num_long = len(found)
        if found:
            self._long.append(Intervals(found))


def _is_prefix(start: Any, end: Any) -> bool:
    """Whether a range is that of the array keys that begin with the parts `start`."""
    return type(start) is tuple and type(end) is tuple and end[-1:] == (TOP,) and end[:-1] == start and TOP not in start


def _remove(owners: dict[IndexKey, dict[Owner, None]], key: IndexKey, owner: Owner) -> None:
    del owners[key][owner]
    if not owners[key]:
        del owners[key]
