"""What a file of parameters says, whatever its format, and where in its text it says so."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, TypeAlias

import msgspec

from deltamesh.values import JSON, MAX_DEPTH, freeze

Place: TypeAlias = tuple[str | int, ...]
"""Where a value is in a document: keys of objects and indices of arrays, from the outside in."""

MAX_LEVELS: Final = 2 * MAX_DEPTH
"""Levels of nesting that a file may have; a value in it may have `MAX_DEPTH`. Readers stop there, and their recursion with them."""

MAX_VALUE: Final = 64 << 10
"""Bytes of a value as JSON text. Values are sent to everybody who has asked for them; what is larger belongs into a file of its own."""

LARGEST: Final = int(sys.float_info.max)
"""Numbers in JSON are doubles for most readers: what is larger would be infinite for them."""

NOTHING: Final = object()
"""What a file without any content says."""

TOO_DEEP: Final = f"it is nested deeper than {MAX_LEVELS} levels"


class Unreadable(Exception):
    """A file is not what its suffix says, or what it says has no form as parameters. The reason repeats no values."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason, line)
        self.reason, self.line = reason, line


class Document:
    """The content of a file: objects, arrays and atoms as a reader made them, and times as it has them."""

    def __init__(self, value: Any, text: str, find_lines: Callable[[str], Mapping[Place, int]]) -> None:
        self.value = value
        self.text = text
        self._find_lines = find_lines

    @cached_property
    def lines(self) -> Mapping[Place, int]:
        """The lines of keys and items, counted from 1. They are looked for when the first problem asks for them."""
        return self._find_lines(self.text)

    @cached_property
    def lines_by_name(self) -> Mapping[str, int]:
        """The lines of keys by dotted name, without those in arrays."""
        found: dict[str, int] = {}
        for place, line in self.lines.items():
            keys = [part for part in place if isinstance(part, str)]
            if len(keys) == len(place):
                found.setdefault(".".join(keys), line)
        return found

    def line_of(self, place: Place) -> int:
        """Return the line of what is at `place`, or of what it is in."""
        for end in range(len(place), 0, -1):
            if (line := self.lines.get(place[:end])) is not None:
                return line
        return 1


def settled(value: Any) -> tuple[JSON, int]:
    """
    Return `value`, which a reader made of a text, as a frozen JSON value, and its bytes as JSON text. Times become ISO text.

    Raises:
        Unreadable: it has no JSON form that the mesh can carry. The line is not known.
    """
    try:
        frozen = freeze(_plain(value, MAX_DEPTH))
        size = len(msgspec.json.encode(frozen))
    except UnicodeEncodeError:  # whose text would show the value
        raise Unreadable("it has a lone surrogate, which is no character") from None
    if size > MAX_VALUE:
        raise Unreadable(f"it has {size} bytes as JSON text; a value may have {MAX_VALUE}")
    return frozen, size


def _plain(value: Any, levels: int) -> Any:
    if isinstance(value, str | bool) or value is None:
        return value
    if isinstance(value, int | float):
        if not -LARGEST <= value <= LARGEST:  # nor is what is not a number
            raise Unreadable("a number that is not finite, or too large for a double")
        return value
    if levels == 0:
        raise Unreadable(f"a value nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        return {key: _plain(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, levels - 1) for item in value]
    return value.isoformat()
