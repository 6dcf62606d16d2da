"""What a source key has made of a map: usually one key, to which it contributes values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from deltamesh.values import IndexKey

Made: TypeAlias = Any
"""A key, `Several` of them, or `NOT_MADE`. There are as many as entries, so the one key is not put into anything."""


class Several(tuple[IndexKey, ...]):
    """At least two different keys."""

    __slots__ = ()


NOT_MADE: Final = object()
"""No key."""


def keys_made(made: Made) -> Iterable[IndexKey]:
    """Return the keys."""
    return () if made is NOT_MADE else made if type(made) is Several else (made,)
