"""What a parameter is at one moment, and where its value comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class Source(StrEnum):
    """Where a value comes from. Each is equal to its text."""

    DEFAULT = "default"
    """From the program: nothing else is known, or the service has none of that name, or nothing of the right type."""
    CACHE = "cache"
    """From the cache: the service has not spoken yet."""
    LIVE = "live"
    """It is what the service has now."""
    STALE = "stale"
    """The service has it, or had. Whether it is the newest cannot be known at present; or what is newer is not of the right type."""


@dataclass(frozen=True, slots=True)
class State(Generic[_T]):
    """What a parameter is at one moment. See `Parameter` for what the fields mean."""

    value: _T
    source: Source
    commit: str | None = None
    error: str | None = None
    is_current: bool = False


def uncertain(state: State[_T]) -> State[_T]:
    """Return it as it is when nobody can say any longer whether it is current."""
    return State(state.value, Source.STALE if state.source is Source.LIVE else state.source, state.commit, state.error)


def is_same(state: State[Any], other: State[Any]) -> bool:
    """Whether nothing has changed; a value is taken over as one object, so it is the same one."""
    return (
        state.value is other.value
        and state.source is other.source
        and state.commit == other.commit
        and state.error == other.error
        and state.is_current == other.is_current
    )
