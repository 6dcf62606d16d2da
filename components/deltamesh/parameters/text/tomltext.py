"""
TOML 1.0.

Python's reader says nothing of lines, follows nesting with recursion, and takes quadratic time for keys of very many parts. So a scan
of the text goes before it, which finds the lines of keys as well.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from deltamesh.parameters.text.document import MAX_LEVELS, TOO_DEEP, Place, Unreadable

_TOKEN: Final = re.compile(
    r"""
      (?P<blank> [\ \t\r]++ | \#[^\n]*+ )
    | (?P<newline> \n )
    | (?P<text> \"\"\" (?: [^\\] | \\. )*? \"{3,5} | ''' .*? '{3,5} | " (?: [^"\\\n] | \\[^\n] )*+ " | '[^'\n]*+' )
    | (?P<word> [^\s\#"'\[\]{},.=]++ )
    | (?P<mark> [\[\]{},.=] )
    | (?P<other> . )
    """,
    re.DOTALL | re.VERBOSE,
)

_AT: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)\Z")


def parse(text: str) -> Any:
    """
    Return what `text` says, with times as Python has them.

    Raises:
        Unreadable: it is not TOML.
    """
    for _ in _keys(text):
        pass
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _explained(str(error), text) from None
    except RecursionError:
        raise Unreadable(TOO_DEEP) from None
    except ValueError:  # of more digits than Python converts, or a date that no calendar has
        raise Unreadable("a number has too many digits, or a date does not exist") from None


def lines(text: str) -> dict[Place, int]:
    """Return the lines of the keys of `text`, which is TOML. Those in values that are objects have the line of these."""
    found: dict[Place, int] = {}
    last_index: dict[Place, int] = {}  # of the tables that are items of arrays
    table: Place = ()
    for kind, key, line in _keys(text):
        place: Place = table if kind == "=" else ()
        parts = _parts(key)
        for index, part in enumerate(parts):
            place = (*place, part)
            found.setdefault(place, line)
            if kind == "[[" and index == len(parts) - 1:
                last_index[place] = last_index.get(place, -1) + 1
            if place in last_index:
                place = (*place, last_index[place])
                found.setdefault(place, line)
        if kind != "=":
            table = place
    return found


def _keys(text: str) -> Iterator[tuple[str, str, int]]:
    """
    Yield `=`, `[` or `[[`, a key as it is written, and its line, for each statement.

    Raises:
        Unreadable: there are too many levels, or a text has no end.
    """
    depth = num_dots = 0
    line = 1
    key: list[str] = []  # what the statement begins with, as long as it may be a key
    kind, is_key = "=", True
    for token in _TOKEN.finditer(text):
        found = token.group()
        match token.lastgroup:
            case "newline":
                line += 1
                num_dots = 0
                if depth == 0:
                    key, kind, is_key = [], "=", True
                continue
            case "blank":
                continue
            case "other":
                if found in "\"'":
                    raise Unreadable("this is not TOML: a text does not end", line)
        if found == ".":
            num_dots += 1
            if num_dots > MAX_LEVELS:
                raise Unreadable(TOO_DEEP, line)
        elif token.lastgroup == "mark":
            num_dots = 0
        if is_key and (found in ("=", "]") or (found == "[" and not key)):
            if found == "[":
                kind = "[" if kind == "=" else "[["
                continue
            yield kind, "".join(key), line
            is_key = False
            if found == "]":
                continue
        elif is_key:
            key.append(found)
        elif kind == "=":
            depth += (found in ("[", "{")) - (found in ("]", "}"))
            if depth > MAX_LEVELS:
                raise Unreadable(TOO_DEEP, line)
        line += found.count("\n")


def _parts(key: str) -> list[str]:
    """Return the parts of a key that may have quotes."""
    found: Any = tomllib.loads(f"{key} = 0")
    parts: list[str] = []
    while isinstance(found, dict):
        ((part, found),) = found.items()
        parts.append(part)
    return parts


def _explained(message: str, text: str) -> Unreadable:
    """Return an error without what the reader quotes, which may be part of a value."""
    place = _AT.search(message)
    line = int(place[1]) if place and place[1] else 1 + text.count("\n")
    if message.startswith(("Cannot ", "Duplicate ")):
        return Unreadable("a key or table comes twice, or is both a value and a table", line)
    return Unreadable("this is not TOML", line)
