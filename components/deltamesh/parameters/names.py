"""
Names of parameters: dotted, `payment.limits.daily`. The parts between the dots are its segments.

A file's path below its layer and the keys in it make a name; a dot in either one begins a new segment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

MAX_NAME: Final = 200
"""Characters: far beyond names that people can read, and so short that thousands fit into a message."""


def objection(name: str) -> str | None:
    """Return why `name` cannot be one; None: it can. The text repeats nothing of the name, which may be long or unprintable."""
    if not name:
        return "a name may not be empty"
    if len(name) > MAX_NAME:
        return f"a name may have {MAX_NAME} characters, this has {len(name)}"
    if not all(name.split(".")):
        return "a name may not have an empty part: no dot at its ends, and no two together"
    if not name.isprintable() or " " in name:  # which leaves out lone surrogates and marks that nobody sees
        return "a name may not have blanks, or characters that cannot be printed"
    return None


def joined(prefix: str, name: str) -> str:
    """Return the name of what is called `name` below `prefix`; either may be empty."""
    return f"{prefix}.{name}" if prefix and name else prefix or name


def beginnings(name: str) -> Iterator[str]:
    """Yield the names that `name` is below, the shortest first: `a` and `a.b` of `a.b.c`."""
    end = name.find(".")
    while end >= 0:
        yield name[:end]
        end = name.find(".", end + 1)


def is_within(name: str, prefix: str) -> bool:
    """Whether `name` is `prefix` or below it. Everything is within the empty prefix."""
    return not prefix or name == prefix or name.startswith(f"{prefix}.")
