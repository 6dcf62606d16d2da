"""Checking JSON values against the type that a program has asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from deltamesh.graph.failure import describe
from deltamesh.values import JSON

Check = Callable[[JSON], Any]
"""Returns a JSON value as the type that is asked for, in a copy of its own, or raises `Unfit`."""

_TOLD: Final = re.compile(r"Invalid (?:enum )?value .*?( - at `\$[^`]*`)?", re.DOTALL)
"""The messages of msgspec that contain the value, which may be a secret."""


class Unfit(ValueError):
    """A value is not of the type; the message says what is expected and where, never the value."""


def check_of(type: Any) -> Check:
    """
    Return the check against `type`, a type of msgspec; strict: "3" is no int, and true is none either.

    Raises:
        TypeError: it is no type that can be checked.
    """
    decoder = msgspec.json.Decoder(type, strict=True)

    def check(value: JSON) -> Any:
        try:
            return decoder.decode(msgspec.json.encode(value))
        except msgspec.MsgspecError as error:
            raise Unfit(_without_value(str(error))) from None
        except Exception as error:  # the application's: the type may be a class of its own, with code
            raise Unfit(f"its class raised {describe(error).partition(':')[0]}") from error

    return check


def text_of(default: Any) -> bytes:
    """
    Return a default as JSON text.

    Raises:
        TypeError: it has none.
    """
    try:
        return msgspec.json.encode(default)
    except (msgspec.MsgspecError, TypeError, RecursionError) as error:
        raise TypeError(f"the default has no JSON form: {error}") from error


def checked_default(text: bytes, check: Check) -> Any:
    """
    Return the default of this JSON text as its type has it.

    Raises:
        TypeError: it is not of the type.
    """
    try:
        return check(msgspec.json.decode(text))
    except Unfit as error:
        raise TypeError(f"the default is not of the type: {error}") from error


def _without_value(message: str) -> str:
    match = _TOLD.fullmatch(message)
    return message if match is None else f"Not one of the values that are allowed{match[1] or ''}"
