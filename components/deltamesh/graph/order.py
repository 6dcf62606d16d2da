"""
Keys in the total order of JSON.

Python compares two numbers, two strings or two arrays of these as JSON orders them, and refuses anything else with
`TypeError`; it never answers wrongly, because keys with booleans or objects are wrapped (`values.WrappedKey`) and
wrapped keys refuse as well. So plain comparison is tried first, and the slower `order_of` is for what it refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from sortedcontainers import SortedKeyList, SortedList

from deltamesh.values import IndexKey, order_of


class Top:
    """A bound that is greater than every key and every element of a key. `TOP` is the only one."""

    __slots__ = ()

    def __gt__(self, other: object) -> bool:
        return other is not self

    def __ge__(self, other: object) -> bool:
        return True

    def __lt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return other is self

    def __repr__(self) -> str:
        return "TOP"


TOP: Final = Top()


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
    """A set of keys, kept in order. Adding and removing cost O(log n)."""

    __slots__ = ("_keys",)

    _keys: Any  # a SortedList while Python can compare all keys, then a SortedKeyList for good

    def __init__(self, keys: Iterable[IndexKey] = ()) -> None:
        known = list(keys)
        try:
            self._keys = SortedList(known)
        except TypeError:
            self._keys = SortedKeyList(known, key=bound_order)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[IndexKey]:
        return iter(self._keys)

    def add(self, key: IndexKey) -> None:
        """Add a key that is not there."""
        try:
            self._keys.add(key)
        except TypeError:
            self._compare_by_order()
            self._keys.add(key)

    def remove(self, key: IndexKey) -> None:
        """Remove a key that is there."""
        try:
            self._keys.remove(key)
        except TypeError:
            self._compare_by_order()
            self._keys.remove(key)

    def last(self) -> IndexKey:
        """Return the greatest key, of at least one."""
        return self._keys[-1]

    def between(self, low: Any, high: Any, *, after: bool = False) -> Iterator[IndexKey]:
        """Iterate from `low` (without it if `after`) up to and including `high`."""
        try:
            keys = self._keys.irange(low, high, (not after, True))
        except TypeError:
            self._compare_by_order()
            keys = self._keys.irange(low, high, (not after, True))
        # null is the first of all keys, and None means no bound to the library: it may come although it must not
        return (key for key in keys if key is not None) if after and low is None else iter(keys)

    def count(self, low: Any, high: Any) -> int:
        """Return the number of keys from `low` to `high`, both included."""
        try:
            return int(self._keys.bisect_right(high) - self._keys.bisect_left(low))
        except TypeError:
            self._compare_by_order()
            return int(self._keys.bisect_right(high) - self._keys.bisect_left(low))

    def _compare_by_order(self) -> None:
        if type(self._keys) is SortedKeyList:
            raise TypeError("a key has no place in the order of JSON values")
        self._keys = SortedKeyList(self._keys, key=bound_order)
