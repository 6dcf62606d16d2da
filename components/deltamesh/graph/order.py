"""
Keys in the total order of JSON.

Python compares two numbers, two strings or two arrays of these as JSON orders them, and refuses anything else with
`TypeError`; it never answers wrongly, because keys with booleans or objects are wrapped (`values.WrappedKey`) and
wrapped keys refuse as well. So plain comparison is tried first, and the slower `order_of` is for what it refuses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import filterfalse
from typing import Any, Final

from sortedcontainers import SortedKeyList, SortedList

from deltamesh.values import IndexKey, order_of


class Top:
    """A bound that is greater than every key and every element of a key. `TOP` is the only one."""

    __slots__ = ()

    def __gt__(self, other: object) -> bool:
        return other is not self

    def __lt__(self, other: object) -> bool:
        return False

    def __repr__(self) -> str:
        return "TOP"


TOP: Final = Top()

MOST_NOTED: Final = 1000
"""Keys that an `Order` has been told of and has not sorted out. They cost 8 bytes each."""


def bound_order(bound: Any) -> tuple[Any, ...]:
    """Return what `order_of` gives, for keys and bounds that may contain `TOP`."""
    if bound is TOP:
        return (9,)
    if type(bound) is tuple:
        return (5, tuple([bound_order(item) for item in bound]))
    return order_of(bound)


def is_before(a: IndexKey, b: IndexKey) -> bool:
    """Whether `a` comes before `b` and is not equal to it."""
    try:
        return bool(a < b)
    except TypeError:
        return bound_order(a) < bound_order(b)


def first_of(keys: Iterable[IndexKey]) -> IndexKey:
    """Return the first of some keys, of which there is at least one. `keys` is iterated twice."""
    try:
        return min(keys)
    except TypeError:
        return min(keys, key=bound_order)


def in_order(keys: Iterable[IndexKey]) -> list[IndexKey]:
    """Return the keys as a list in order. `keys` is iterated twice."""
    try:
        return sorted(keys)
    except TypeError:
        return sorted(keys, key=bound_order)


class Order:
    """
    The order of a set of keys that somebody else keeps, and changes. Each key that comes or goes is told by `note(key)`.

    Most changes are never asked about one by one, so they wait until somebody reads: as noted, then as keys that have
    come or gone. If these are more than an eighth of all keys by then, sorting everything anew costs less than
    putting each in its place.
    """

    __slots__ = ("_added", "_keys", "_members", "_most", "_noted", "_removed", "note")

    _keys: Any  # a SortedList while Python can compare all keys, then a SortedKeyList for good

    def __init__(self, members: Collection[IndexKey]) -> None:
        self._members = members
        self._noted: list[IndexKey] = []
        self.note: Final = self._noted.append  # a list costs least by far, and who notes does so all the time
        self._added: set[IndexKey] = set()  # not in _keys yet
        self._removed: set[IndexKey] = set()  # still in _keys
        self._sort(list(members))

    def trim(self) -> None:
        """Keep what was noted small. To be called now and then if nobody reads."""
        if len(self._noted) > MOST_NOTED:
            self._take_note()

    def _take_note(self) -> None:
        """Sort out what was noted. Who came and went, or went and came, an even number of times is as it was."""
        for key, times in Counter(self._noted).items():
            if times % 2:
                now, before = (self._added, self._removed) if key in self._members else (self._removed, self._added)
                if key in before:
                    before.remove(key)
                else:
                    now.add(key)
        self._noted.clear()

    def last(self) -> IndexKey:
        """Return the greatest key, of at least one."""
        return self._settled()[-1]

    def between(self, low: Any, high: Any, *, after: bool = False) -> Iterator[IndexKey]:
        """Iterate from `low` (without it if `after`) up to and including `high`."""
        keys = self._settled()
        start, stop = self._index(low, after=after), self._index(high, after=True)
        return iter(keys.islice(start, stop)) if start < stop else iter(())

    def count(self, low: Any, high: Any) -> int:
        """Return the number of keys from `low` to `high`, both included."""
        return max(0, self._index(high, after=True) - self._index(low, after=False))

    def _index(self, bound: Any, *, after: bool) -> int:
        """Return how many keys come before `bound`, or up to it if `after`."""
        keys = self._settled()
        if bound is TOP:
            return len(keys)
        if bound is None:  # the first of all keys, which Python does not know
            return 1 if after and keys and keys[0] is None else 0
        try:
            return int(keys.bisect_right(bound) if after else keys.bisect_left(bound))
        except TypeError:
            keys = self._compare_by_order()
            return int(keys.bisect_right(bound) if after else keys.bisect_left(bound))

    def _settled(self) -> Any:
        """Put the waiting changes in their places, and return all keys."""
        if self._noted:
            self._take_note()
        if not self._added and not self._removed:
            return self._keys
        added, removed = self._added, self._removed
        self._added, self._removed = set(), set()
        if len(added) + len(removed) > self._most and type(self._keys) is SortedList:
            keys = list(filterfalse(removed.__contains__, self._keys))
            keys.extend(added)
            self._sort(keys)
            return self._keys
        try:
            self._change(added, removed)
        except TypeError:
            self._compare_by_order()
            self._change(added, removed)
        return self._keys

    def _change(self, added: set[IndexKey], removed: set[IndexKey]) -> None:
        """Take keys out and put keys in. What is done is taken out of the sets, so that one can go on after an error."""
        keys = self._keys
        while removed:
            key = removed.pop()
            try:
                keys.remove(key)
            except TypeError:
                removed.add(key)
                raise
        while added:
            key = added.pop()
            try:
                keys.add(key)
            except TypeError:
                added.add(key)
                raise

    def _sort(self, keys: list[IndexKey]) -> None:
        try:
            self._keys = SortedList(keys)
        except TypeError:
            self._keys = SortedKeyList(keys, key=bound_order)
        self._most = 32 + len(keys) // 8

    def _compare_by_order(self) -> Any:
        if type(self._keys) is SortedKeyList:
            raise TypeError("a key has no place in the order of JSON values")
        self._keys = SortedKeyList(self._keys, key=bound_order)
        return self._keys
