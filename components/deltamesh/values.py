"""
JSON values as the graph keeps them: frozen, with one identity and one total order for keys.

*Rules.* Objects are read-only dictionaries (`Object`), arrays are tuples, numbers are finite.
A number that is whole is kept as an integer, so that `1` and `1.0` are one key and one value, as in JavaScript.

*Keys.* Python says `True == 1`, JSON does not. A key that contains a boolean or an object anywhere is therefore
wrapped as a `WrappedKey`, which compares by its order; every other key stands for itself. `index_key` makes what
dictionaries are indexed by, `plain_key` what people and functions see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final, NoReturn, TypeAlias

JSON: TypeAlias = Any
"""A frozen JSON value: None, bool, int, float, str, tuple of these, `Object` of these."""

IndexKey: TypeAlias = Any
"""A key as dictionaries are indexed by: hashable, with JSON's identity. Made by `index_key`."""

MAX_DEPTH: Final = 64
"""Levels of nesting that a key or value may have; far beyond real data, well below Python's own recursion limit."""

ATOMS: Final = frozenset({str, int, bool, type(None)})
"""Types of which every value is frozen and without depth."""

PLAIN_KEYS: Final = frozenset({str, int, type(None)})
"""Types of which every value is a key that stands for itself."""

_TOO_DEEP: Final = f"nested deeper than {MAX_DEPTH} levels"


class NotJSON(ValueError):
    """A value that has no JSON form; the message names the place and the type."""


class NotOne(LookupError):
    """`one()` was asked of a key that has no value, or several."""


_REQUIRED: Final = object()


class Values(tuple[JSON, ...]):
    """The values of one key, in order. An empty one means that the key is absent."""

    __slots__ = ()

    def one(self, default: JSON = _REQUIRED) -> JSON:
        """
        Return the only value; `default`, if given, when there is none.

        Raises:
            NotOne: there are several values, or there is none and no default.
        """
        if len(self) == 1:
            return self[0]
        if not self and default is not _REQUIRED:
            return default
        raise NotOne(f"one value expected, there are {len(self)}")


ABSENT: Final = Values()
"""What a key that is not there has."""


class Object(dict[str, JSON]):
    """
    A JSON object that nobody can change, made by `freeze`. Equal to a dictionary of the same items.

    `{**obj, "name": value}` makes a changed copy.
    """

    __slots__ = ("depth",)

    depth: int
    """Levels of nesting, itself included."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("values in a collection are read-only: copy the object with {**obj, ...} and change the copy")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __reduce__(self) -> tuple[Any, tuple[dict[str, JSON]]]:
        """Copy and pickle by contents: the ordinary way for a dictionary would set item by item."""
        return (freeze, (dict(self),))


def freeze(value: object, depth: int = MAX_DEPTH) -> JSON:
    """
    Return `value` as a frozen JSON value; objects that are frozen already are returned as they are.

    Raises:
        NotJSON: a type without a JSON form, a number that is not finite, a name that is not a string, nesting
            deeper than `depth`.

    Cost: linear in arrays and in what is not frozen yet.
    """
    kind: Any = type(value)
    if kind is dict:  # most have simple members, and some of them objects that are frozen already
        levels = 1
        for name, item in value.items():  # type: ignore[attr-defined]
            if type(item) not in ATOMS:
                if type(item) is not Object:
                    return _object(value, depth)  # type: ignore[arg-type]
                if item.depth >= levels:
                    levels = item.depth + 1
            if type(name) is not str:
                return _object(value, depth)  # type: ignore[arg-type]
        if levels > depth:
            raise NotJSON(_TOO_DEEP)
        frozen = Object(value)  # type: ignore[call-overload]
        frozen.depth = levels
        return frozen
    if kind in ATOMS:
        return value
    if kind is float:
        return _number(value)  # type: ignore[arg-type]
    if depth <= 0:
        raise NotJSON(_TOO_DEEP)
    if kind is Object:
        if value.depth > depth:  # type: ignore[attr-defined]
            raise NotJSON(_TOO_DEEP)
        return value
    if kind is tuple:
        for item in value:  # type: ignore[attr-defined]
            if type(item) not in ATOMS:
                break
        else:
            return value
    if kind is tuple or kind is list:
        return tuple([freeze(item, depth - 1) for item in value])  # type: ignore[attr-defined]
    return _unusual(value, depth)


def _number(value: float) -> int | float:
    if value.is_integer():  # so minus zero is zero
        return int(value)
    if not isfinite(value):
        raise NotJSON(f"the number {value} has no JSON form")
    return value


def _object(value: dict[Any, Any], depth: int) -> Object:
    """Freeze a dictionary with its names and members."""
    if depth <= 0:
        raise NotJSON(_TOO_DEEP)
    frozen = Object({_name(name): freeze(item, depth - 1) for name, item in value.items()})
    frozen.depth = 1 + max(map(_depth, frozen.values()))
    return frozen


def _depth(value: JSON) -> int:
    if isinstance(value, Object):
        return value.depth
    return 1 + max(map(_depth, value), default=0) if type(value) is tuple else 0


def _name(name: object) -> str:
    if not isinstance(name, str):
        raise NotJSON(f"the name {name!r:.80} of an object's member is not a string")
    return str.__str__(name)


def _unusual(value: object, depth: int) -> JSON:
    """Subclasses and foreign sequences and mappings, such as enumerations, named tuples or `Values`, by the JSON type that they are."""
    if isinstance(value, str):
        return str.__str__(value)  # str() of an enumeration may be its name
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, Mapping):
        return freeze(dict(value), depth)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return tuple([freeze(item, depth - 1) for item in value])
    raise NotJSON(f"{type(value).__name__} has no JSON form: {value!r:.80}")


class WrappedKey:
    """A key that contains a boolean or an object: compares by order, carries the plain key."""

    __slots__ = ("order", "plain")

    order: tuple[Any, ...]
    plain: JSON

    def __init__(self, plain: JSON) -> None:
        self.plain = plain
        self.order = order_of(plain)

    def __eq__(self, other: object) -> bool:
        return type(other) is WrappedKey and self.order == other.order

    def __hash__(self) -> int:
        return hash(self.order)

    def __repr__(self) -> str:
        return f"WrappedKey({self.plain!r})"


def index_key(key: object) -> IndexKey:
    """
    Return what a dictionary may be indexed by for the JSON key `key`: equal keys give equal results, others do not.

    Raises:
        NotJSON: as `freeze`.
    """
    kind = type(key)
    if kind is tuple or kind is list:
        for part in key:  # type: ignore[attr-defined]
            if type(part) not in PLAIN_KEYS:
                break
        else:
            return key if kind is tuple else tuple(key)  # type: ignore[arg-type]
    elif kind in PLAIN_KEYS or kind is WrappedKey:
        return key
    frozen = freeze(key)
    return WrappedKey(frozen) if _is_ambiguous(frozen) else frozen


def plain_key(key: IndexKey) -> JSON:
    """Return the JSON key that `index_key` was given."""
    return key.plain if type(key) is WrappedKey else key


def _is_ambiguous(value: JSON) -> bool:
    """Whether Python's equality or hash would not do for `value`."""
    kind = type(value)
    return kind is bool or isinstance(value, Object) or (kind is tuple and any(map(_is_ambiguous, value)))


def order_of(value: JSON) -> tuple[Any, ...]:
    """
    Return something that compares as `value` does in the total order of JSON, and is equal only for equal values.

    null < false < true < numbers < strings (by code point) < arrays < objects; arrays element by element, the shorter
    first; objects as arrays of their [name, value] pairs sorted by name.
    """
    if value is None:
        return (0,)
    if value is False:
        return (1,)
    if value is True:
        return (2,)
    if isinstance(value, str):
        return (4, value)
    if isinstance(value, int | float):
        return (3, value)
    if isinstance(value, tuple):
        return (5, tuple([order_of(item) for item in value]))
    if isinstance(value, Mapping):
        return (6, tuple([(name, order_of(item)) for name, item in sorted(value.items())]))
    if isinstance(value, WrappedKey):
        return value.order
    raise NotJSON(f"{type(value).__name__} has no place in the order of JSON values: {value!r:.80}")


def same(a: JSON, b: JSON) -> bool:
    """
    Whether two frozen values are the same JSON: like `==`, except that true is not 1 and false is not 0.

    Cost: that of `==` when they differ, which is what matters: the second look is taken only at equal values.
    """
    return a is b or (a == b and _same_kinds(a, b))


def _same_kinds(a: JSON, b: JSON) -> bool:
    if a is b:
        return True
    kind = type(a)
    if kind is tuple or kind is Values:
        return all(map(_same_kinds, a, b))
    if isinstance(a, dict):
        return all([_same_kinds(item, b[name]) for name, item in a.items()])
    return kind is type(b)
