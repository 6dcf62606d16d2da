"""Waiting in the reactor: for a while, and for what tells nobody when it changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.task import deferLater

POLL: Final = 0.005
"""Seconds between two looks."""

PATIENCE: Final = 60.0
"""How long anything may take before the scenario gives up [s]; a router starts within some seconds."""


class NeverHappened(AssertionError):
    """What was waited for; the scenario ends, and has failed."""


async def pause(seconds: float = POLL) -> None:
    """Let everybody else have a turn."""
    from twisted.internet import reactor

    await deferLater(reactor, seconds, lambda: None)  # type: ignore[arg-type]


async def until(condition: Callable[[], Any], what: str, *, within: float = PATIENCE) -> float:
    """
    Return the time [s, monotonic] when `condition()` holds.

    Raises:
        NeverHappened: not within so many seconds.
    """
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise NeverHappened(f"not within {within:g} s: {what}")
        await pause()
    return time.monotonic()
