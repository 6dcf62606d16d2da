"""Values that nobody expects and a stranger can send: numbers that are too long to be written or to become a float, and no text at all."""

from __future__ import annotations

from typing import Any, Final

HUGE: Final = 10**5_000

UNUSUAL: Final[tuple[Any, ...]] = (10**400, -(10**400), HUGE, -HUGE, [HUGE], {HUGE: 1}, {"\ud800": 1}, b"\xff", object())
"""JSON can write the first ones, CBOR all but the last."""
