"""
The application in the property test: pure functions that read, spread, join, fail and recurse, whatever they are given.

They see a key, a sequence of values and look-ups, so that the graph and the oracle can both run them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deltamesh.graph import Reducer

Pairs = Iterator[tuple[Any, Any]]


class Refused(Exception):
    """What a function of this application raises on purpose."""


def kind_of(value: Any) -> str:
    return type(value).__name__.replace("Object", "dict")


def keep(key: Any, values: Any) -> Pairs:
    for value in values:
        yield key, value


def invert(key: Any, values: Any) -> Pairs:
    for value in values:
        yield value, key


def gather(key: Any, values: Any) -> Pairs:
    """Many keys contribute to few."""
    for value in values:
        yield kind_of(value), value


def first_only(key: Any, values: Any) -> Pairs:
    """One pair for each key, and few keys."""
    yield kind_of(key), values[0]


def number(key: Any, values: Any) -> Pairs:
    for index, value in enumerate(values):
        yield [index, key], value
    yield "all", list(values)


def odd_only(key: Any, values: Any) -> Pairs:
    if len(values) % 2:
        yield key, len(values)


def constant(key: Any, values: Any) -> Pairs:
    """Equal output from different input."""
    yield key, "same"


def fragile(key: Any, values: Any) -> Pairs:
    """Fails in the midst of yielding, for some keys and some values."""
    for value in values:
        yield key, value
        if value in ("boom", 2) or key == "boom":
            raise Refused(str(key))
    if key is False:
        yield {1: 2}, "a key that is not JSON"


def nonsense(key: Any, values: Any) -> Any:
    """Returns what no mapper may return, for some keys."""
    if key in (0, "a") and key is not False:
        return None
    if key in (1, "b") and key is not True:
        return [key, values[0]]
    if values[0] == 0.1:
        return [(key, float("nan"))]
    return [(key, values[0])]


def join(key: Any, values: Any, other: Any) -> Pairs:
    yield key, {"mine": list(values), "theirs": list(other.all(key))}


def chase(key: Any, values: Any, other: Any) -> Pairs:
    """What is read depends on what was read."""
    found = other.all(values[0])
    yield key, len(found)
    if found and values[0] in other:
        yield found[0], other.one(found[0], default=None)


def measured(key: Any, values: Any, other: Any) -> Pairs:
    yield key, [other.size() if len(values) > 1 else -1, len(other.all(key))]


def both(key: Any, values: Any, one: Any, two: Any) -> Pairs:
    """The same collection may be given twice, and then is read in two ways."""
    yield key, list(one.all(key))
    if len(values) > 1:
        yield key, list(two.all(values[1]))
    yield key, list(two.all(key if len(values) == 1 else values[0]))


def tagged(key: Any, values: Any, tag: Any) -> Pairs:
    yield [tag, kind_of(key)], values[-1]


def numbers(key: Any, values: Any) -> Pairs:
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield kind_of(key), value


def parents(key: Any, itself: Any, links: Any) -> Iterator[Any]:
    """Recursive, and cyclic when the data are."""
    for link in links.all(key):
        yield link
        yield from itself.all(link)
        if len(list(links.all(key))) > 2:
            break


def half(key: Any, itself: Any, links: Any, others: Any) -> Iterator[Any]:
    """Reads itself or not, depending on the data; may fail."""
    if key in links:
        if links.all(key)[0] in ("boom", 2):
            raise Refused("half")
        yield len(itself.all(links.all(key)[0]))
    yield from others.all(key)


def length(key: Any, itself: Any, links: Any) -> Iterator[Any]:
    """Equal output from different input, which others then need not follow."""
    yield len(links.all(key)) > 1
    if key in (1, 2, 3):
        yield itself.one(key + 1, default=0)


MAPPERS = {
    "0": [keep, invert, gather, first_only, number, odd_only, constant, fragile, nonsense, numbers],
    "1": [join, chase, measured],
    "2": [both],
}
"""By the number of look-ups."""

LAZY = {"1": [parents, length], "2": [half]}


class Spread(Reducer):
    """Greatest minus smallest number, without a way to remove."""

    def initial(self) -> Any:
        return [None, None]

    def add(self, state: Any, value: Any) -> Any:
        low, high = state
        value += 0
        return [value if low is None else min(low, value), value if high is None else max(high, value)]

    def result(self, state: Any) -> Any:
        return state[1] - state[0]


class Even(Reducer):
    """Counts in place, refuses odd counts, and cannot always remove."""

    def initial(self) -> Any:
        return {"count": 0}

    def add(self, state: Any, value: Any) -> Any:
        state["count"] += 1
        return state

    def remove(self, state: Any, value: Any) -> Any:
        if isinstance(value, str):
            raise Refused("no strings")
        if isinstance(value, dict):
            return None
        state["count"] -= 1
        return state

    def result(self, state: Any) -> Any:
        if state["count"] % 2:
            raise Refused("odd")
        return state


OWN_REDUCERS = {"spread": Spread(), "even": Even()}
