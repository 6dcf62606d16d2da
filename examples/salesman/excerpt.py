"""How a text shows what a stranger has sent: shortly, whatever it is."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 60
"""Characters of a text that are shown."""

MAX_BITS: Final = 128
"""Of a number that is written out. To write one of thousands of digits takes long, and Python refuses."""

_NAMES: Final = {bytes: "bytes", list: "a list", tuple: "a list", dict: "an object"}


def excerpt(value: object) -> str:
    """Return a few printable characters that say what `value` is."""
    if value is None or isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() <= MAX_BITS else f"a number of {value.bit_length():,} bits"
    if isinstance(value, str):
        return repr(value[:LONGEST])
    return _NAMES.get(type(value), "something else")
