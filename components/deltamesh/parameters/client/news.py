"""What a service says of a name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from deltamesh.errors import MalformedMessage
from deltamesh.values import JSON, Values, same


class Entry(msgspec.Struct, frozen=True):
    """What the service has for a name: its value, and the commit that changed it last, of which `number` grows along the branch."""

    value: JSON
    commit: str
    number: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The service does not say what it has for a name."""

    reason: str


News: TypeAlias = Entry | Refused | None
"""What the service says of a name; None: there is no such parameter."""


def news_of(values: Values) -> News:
    """
    Return what an entry of the resource `chosen` says.

    Raises:
        MalformedMessage: it is of another shape; nothing of it is repeated, as it may be secret.
    """
    if not values:
        return None
    try:
        wire = values.one()
        if isinstance(wire, Mapping) and wire.get("restricted") is True:
            return Refused("it is restricted, and this role may not have it")
        return msgspec.convert(wire, Entry, strict=True)
    except (LookupError, msgspec.ValidationError) as error:
        raise MalformedMessage("a parameter", "not {value, commit, number}: is that a service of parameters?") from error


def is_same(news: News, other: News) -> bool:
    """Whether both say the same, which 1 and true do not."""
    if isinstance(news, Entry) and isinstance(other, Entry):
        return news.commit == other.commit and news.number == other.number and same(news.value, other.value)
    return news == other and not isinstance(news, Entry)
