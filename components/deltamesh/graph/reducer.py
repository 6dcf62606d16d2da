"""
Reducers: many values to one, kept up to date by adding and removing.

A result must depend on the values alone, not on the order in which they came and went: what a restart computes
from scratch is what was there before. `Sum` therefore adds fractions exactly and rounds once, at the end.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Final

from sortedcontainers import SortedKeyList

from deltamesh.values import JSON, order_of


class Reducer(ABC):
    """
    A commutative fold. Subclasses define `initial`, `add`, and if they can `remove`, over a state of any type.

    Law: `remove(add(state, value), value)` means the same as `state`. The state may be changed in place and
    returned. Reducers of one class with equal attributes are equal, and then share one node.
    """

    @abstractmethod
    def initial(self) -> Any:
        """Return the state for no values."""

    @abstractmethod
    def add(self, state: Any, value: JSON) -> Any:
        """Return the state with `value` taken in."""

    def remove(self, state: Any, value: JSON) -> Any:
        """Return the state with `value` taken out, or None: then it is made again from all values."""
        return None

    def result(self, state: Any) -> JSON:
        """Return the value that the collection shows."""
        return state

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))


class Count(Reducer):
    """The number of values."""

    def initial(self) -> int:
        return 0

    def add(self, state: int, value: JSON) -> int:
        return state + 1

    def remove(self, state: int, value: JSON) -> int:
        return state - 1


_SCALE: Final = 1 << 1074
"""Every finite float is a whole number of 2**-1074, the smallest positive one (IEEE 754-2019, binary64)."""


class Sum(Reducer):
    """
    The sum of numbers: an integer if all are integers, else the float nearest to the exact sum.

    The state is (sum of integers, sum of floats as a multiple of 2**-1074, number of floats). A value that is not a
    number fails the key, and so does a sum beyond the range of floats.
    """

    def initial(self) -> tuple[int, int, int]:
        return (0, 0, 0)

    def add(self, state: tuple[int, int, int], value: JSON) -> tuple[int, int, int]:
        if type(value) is int:
            return (state[0] + value, state[1], state[2])
        return (state[0], state[1] + _scaled(value), state[2] + 1)

    def remove(self, state: tuple[int, int, int], value: JSON) -> tuple[int, int, int]:
        if type(value) is int:
            return (state[0] - value, state[1], state[2])
        return (state[0], state[1] - _scaled(value), state[2] - 1)

    def result(self, state: tuple[int, int, int]) -> JSON:
        whole, scaled, floats = state
        return (whole * _SCALE + scaled) / _SCALE if floats else whole


def _scaled(value: JSON) -> int:
    if type(value) is not float:
        raise TypeError(f"a sum needs numbers, not {value!r:.80}")
    numerator, denominator = value.as_integer_ratio()
    return numerator * (_SCALE // denominator)


class _Extreme(Reducer):
    """The values of a key in order, so that the next extreme is known when one goes."""

    def initial(self) -> Any:
        return SortedKeyList(key=order_of)

    def add(self, state: Any, value: JSON) -> Any:
        state.add(value)
        return state

    def remove(self, state: Any, value: JSON) -> Any:
        state.remove(value)
        return state


class Min(_Extreme):
    """The first value in the order of JSON values."""

    def result(self, state: Any) -> JSON:
        return state[0]


class Max(_Extreme):
    """The last value in the order of JSON values."""

    def result(self, state: Any) -> JSON:
        return state[-1]
