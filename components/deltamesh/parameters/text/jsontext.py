"""JSON as of RFC 8259, without keys that come twice."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final, Never

from deltamesh.parameters.text.document import TOO_DEEP, Place, Unreadable

_TOKEN: Final = re.compile(r'(?P<text>"(?:[^"\\]|\\.)*+")|(?P<constant>NaN|-?Infinity)|(?P<other>[\[\]{}:,\n])', re.DOTALL)


class _Twice(Exception):
    """A key comes twice in an object."""


class _NotFinite(Exception):
    """There is a constant that JavaScript has and JSON does not."""


def parse(text: str) -> Any:
    """
    Return what `text` says.

    Raises:
        Unreadable: it is not JSON.
    """
    try:
        return _decode(text)
    except json.JSONDecodeError as error:
        raise Unreadable(f"this is not JSON: {error.msg}", error.lineno) from None
    except _Twice:
        raise Unreadable("a key comes twice in an object", _line_of_repetition(text)) from None
    except _NotFinite:
        raise Unreadable("JSON has no such number: it has to be finite", _line_of_constant(text)) from None
    except RecursionError:
        raise Unreadable(TOO_DEEP) from None
    except ValueError:  # of more digits than Python converts
        raise Unreadable("a number has too many digits") from None


def lines(text: str) -> dict[Place, int]:
    """Return the lines of the keys and items of `text`, which is JSON."""
    found: dict[Place, int] = {}
    for place, line in _places(text):
        found.setdefault(place, line)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Twice
    return found


def _refuse(_: str) -> Never:
    raise _NotFinite


_decode: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_refuse).decode


def _places(text: str) -> Iterator[tuple[Place, int]]:
    """Yield the place and line of each key and item, as they come."""
    place: list[str | int] = []  # a part for each level that is open
    are_objects: list[bool] = []
    line = 1
    last = ""  # text, of which we do not know yet whether it is a key
    last_line = 1
    for token in _TOKEN.finditer(text):
        found = token.group()
        match found:
            case "\n":
                line += 1
            case "{" | "[":
                are_objects.append(found == "{")
                place.append(0 if found == "[" else "")
                if found == "[":
                    yield tuple(place), line
            case "}" | "]":
                are_objects.pop()
                place.pop()
            case ",":
                if not are_objects[-1]:
                    place[-1] += 1  # type: ignore[operator]
                    yield tuple(place), line
            case ":":
                place[-1] = json.loads(last)
                yield tuple(place), last_line
            case _:
                last, last_line = found, line


def _line_of_repetition(text: str) -> int | None:
    seen: set[Place] = set()
    for place, line in _places(text):
        if isinstance(place[-1], str) and place in seen:
            return line
        seen.add(place)
    return None


def _line_of_constant(text: str) -> int | None:
    line = 1
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "constant":
            return line
        line += token.group() == "\n"
    return None
