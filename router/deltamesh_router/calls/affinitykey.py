"""What a call says about where it should go: the argument that calls of one key have in common."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final

from autobahn.wamp.exception import SerializationError
from autobahn.wamp.message import Call

MAX_DEPTH: Final = 8
"""Levels of a structure that are compared as JSON; what lies deeper is compared as it is written."""


def affinity_key(call: Call, place: int | str) -> Hashable:
    """
    Return the argument at a position, or of a name, in a form in which those that are equal as JSON are equal.

    1 and 1.0 are one key, 1 and true are two. None if the call has no such argument, or arguments that the router cannot read.
    """
    try:
        args, kwargs = call.args, call.kwargs
    except SerializationError:  # whoever needs to read them says so to the caller
        return None
    if isinstance(place, int):
        return _key(args[place], 0) if args is not None and place < len(args) else None
    return _key(kwargs[place], 0) if kwargs is not None and place in kwargs else None


def _key(value: Any, depth: int) -> Hashable:
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bytes:
        return value  # type: ignore[no-any-return]
    if depth < MAX_DEPTH:
        if kind is list:
            return tuple([_key(item, depth + 1) for item in value])
        if kind is dict:
            return frozenset([(_key(name, depth + 1), _key(item, depth + 1)) for name, item in value.items()])
    return kind, repr(value)
