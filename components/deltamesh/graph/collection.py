"""
Collections as an application describes them: pure values, equal when they mean the same.

A description does nothing. A `Graph` runs it, and runs equal descriptions once. `sources` are what a description
is computed from, `Collection` is what can be iterated, and `Lazy` what can only be looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from deltamesh.graph.order import TOP, Top, bound_order, is_before
from deltamesh.graph.reducer import Reducer
from deltamesh.values import JSON, freeze, index_key, order_of

Mapper: TypeAlias = Callable[..., Iterable[tuple[Any, Any]]]
"""A pure function `(key, values, *extra)` that returns or yields (key, value) pairs."""

Range: TypeAlias = tuple[Any, Any]
"""First and last key of a range, both included."""


class Description:
    """What can be read: equal by operator, functions, parameters and sources."""

    __slots__ = ("_hash", "_identity", "sources")

    sources: tuple[Description, ...]

    def __init__(self, sources: tuple[Description, ...], *identity: Any) -> None:
        self.sources = sources
        self._identity = (type(self), sources, identity)
        self._hash = hash(self._identity)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Description) and self._hash == other._hash and self._identity == other._identity)

    def __hash__(self) -> int:
        return self._hash

    def label(self) -> str:
        """Return a short readable form, as in `posts.map(ranked)`."""
        raise AssertionError("every description has a label")

    def operator(self) -> str:
        """Return the name of the operator: "input", "map", "reduce", …"""
        return type(self).__name__.lower()

    def __repr__(self) -> str:
        return f"<{self.label()}>"


class Collection(Description):
    """Keys, each with a non-empty sequence of values. Made by the operators below, starting from an `Input`."""

    __slots__ = ()

    def map(self, mapper: Mapper, *extra: Any) -> Map:
        """
        Derive the pairs that `mapper(key, values, *extra)` yields for each key.

        Extra collections arrive as look-ups, and what is read through them is tracked; other extras are JSON
        constants. Values that several keys yield for one key are in the order of the keys that yielded them.

        Raises:
            values.NotJSON: an extra that is neither a collection nor JSON.
        """
        return Map(self, mapper, extra)

    def reduce(self, reducer: Reducer | type[Reducer]) -> Reduce:
        """Derive one value per key from all its values."""
        return Reduce(self, reducer)

    def map_reduce(self, mapper: Mapper, *extra: Any, reducer: Reducer | type[Reducer]) -> Reduce:
        """`map`, then `reduce`."""
        return Reduce(Map(self, mapper, extra), reducer)

    def slice(self, start: Any = None, end: Any = TOP) -> Slices:
        """
        Keep the keys from `start` to `end`, both included.

        null, the default, is before all keys. `TOP` is after all keys, and as a part of an array after all parts.
        """
        return Slices(self, ((_bound(start), _bound(end)),))

    def slices(self, *ranges: Range) -> Slices:
        """Keep the keys that lie in any of the ranges."""
        return Slices(self, tuple([(_bound(start), _bound(end)) for start, end in ranges]))

    def prefix(self, *parts: Any) -> Slices:
        """Keep the array keys that begin with `parts`."""
        return self.slice(parts, (*parts, TOP))

    def take(self, limit: int) -> Take:
        """Keep the first `limit` keys (at least 0) in the order of keys."""
        return Take(self, limit)

    def merge(self, *others: Collection) -> Merge:
        """All keys of this and the others; a key's values follow each other in the order given."""
        return Merge((self, *others))

    def size(self) -> Size:
        """One entry: the key null with the number of keys as its value (0 for an empty collection)."""
        return Size(self)


def _bound(key: Any) -> Any:
    if isinstance(key, Top):
        return key
    if isinstance(key, list | tuple) and TOP in key:
        return tuple([_bound(part) for part in key])
    return index_key(key)


def _range_order(start: Any, end: Any) -> tuple[Any, Any]:
    order = bound_order(start)
    return order, order if end is start else bound_order(end)  # many ranges are of one key: hundreds of names cost half


def function_name(function: Any) -> str:
    """Return the name that labels show for a function of the application."""
    return getattr(function, "__name__", None) or type(function).__name__


class Input(Collection):
    """A collection that writes go to."""

    __slots__ = ("name",)

    name: str

    def __init__(self, name: str) -> None:
        super().__init__((), name)
        self.name = name

    def label(self) -> str:
        return self.name


class _Applied(Description):
    """A function applied with extra arguments; common to `Map` and `Lazy`."""

    __slots__ = ("extra", "function")

    function: Callable[..., Any]
    extra: tuple[Description | JSON, ...]

    def __init__(self, first: tuple[Description, ...], function: Callable[..., Any], extra: tuple[Any, ...]) -> None:
        if not callable(function):
            raise TypeError(f"a function is expected, not {function!r:.80}")
        self.function = function
        self.extra = tuple([item if isinstance(item, Description) else freeze(item) for item in extra])
        constants = tuple([None if isinstance(item, Description) else order_of(item) for item in self.extra])
        read = tuple([item for item in self.extra if isinstance(item, Description)])
        super().__init__(first + read, function, constants)


class Map(_Applied, Collection):
    """See `Collection.map`."""

    __slots__ = ("source",)

    source: Collection

    def __init__(self, source: Collection, mapper: Mapper, extra: tuple[Any, ...]) -> None:
        self.source = source
        super().__init__((source,), mapper, extra)

    def label(self) -> str:
        return f"{self.source.label()}.map({function_name(self.function)})"


class Lazy(_Applied):
    """
    Values computed when looked up, kept while somebody reads them.

    `function(key, itself, *extra)` yields the values of `key`; `itself` is a look-up of this collection, so that
    recursive definitions are possible. A key whose values depend on themselves fails.
    """

    __slots__ = ()

    def __init__(self, function: Callable[..., Iterable[Any]], *extra: Any) -> None:
        super().__init__((), function, extra)

    def label(self) -> str:
        return f"lazy({function_name(self.function)})"


def lazy(function: Callable[..., Iterable[Any]], *extra: Any) -> Lazy:
    """Describe a collection that is computed on demand: see `Lazy`."""
    return Lazy(function, *extra)


class Reduce(Collection):
    """See `Collection.reduce`."""

    __slots__ = ("reducer", "source")

    def __init__(self, source: Collection, reducer: Reducer | type[Reducer]) -> None:
        self.source = source
        self.reducer = reducer() if isinstance(reducer, type) else reducer
        if not isinstance(self.reducer, Reducer):
            raise TypeError(f"a Reducer is expected, not {reducer!r:.80}")
        super().__init__((source,), self.reducer)

    def label(self) -> str:
        return f"{self.source.label()}.reduce({type(self.reducer).__name__})"


class Slices(Collection):
    """See `Collection.slice`, `slices` and `prefix`. Empty ranges are dropped and overlapping ones joined."""

    __slots__ = ("ranges", "source")

    source: Collection
    ranges: tuple[Range, ...]

    def __init__(self, source: Collection, ranges: tuple[Range, ...]) -> None:
        self.source = source
        joined: list[Range] = []
        for start, end in sorted(ranges, key=lambda each: bound_order(each[0])):
            if is_before(end, start):
                continue
            if joined and not is_before(joined[-1][1], start):
                if is_before(joined[-1][1], end):
                    joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        self.ranges = tuple(joined)
        super().__init__((source,), tuple([_range_order(*each) for each in joined]))

    def label(self) -> str:
        return f"{self.source.label()}.slices({', '.join([f'{start!r}..{end!r}' for start, end in self.ranges])})"


class Take(Collection):
    """See `Collection.take`."""

    __slots__ = ("limit", "source")

    def __init__(self, source: Collection, limit: int) -> None:
        if type(limit) is not int or limit < 0:
            raise ValueError(f"take() needs a number of keys, an integer >= 0, not {limit!r:.80}")
        self.source = source
        self.limit = limit
        super().__init__((source,), limit)

    def label(self) -> str:
        return f"{self.source.label()}.take({self.limit})"


class Merge(Collection):
    """See `Collection.merge`."""

    __slots__ = ()

    def __init__(self, sources: tuple[Collection, ...]) -> None:
        super().__init__(sources)

    def label(self) -> str:
        return f"merge({', '.join([source.label() for source in self.sources])})"


class Size(Collection):
    """See `Collection.size`."""

    __slots__ = ("source",)

    def __init__(self, source: Collection) -> None:
        self.source = source
        super().__init__((source,))

    def label(self) -> str:
        return f"{self.source.label()}.size()"
