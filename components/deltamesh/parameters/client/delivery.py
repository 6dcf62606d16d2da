"""How changes reach the program: shown together, then told, one after the other, where its callbacks run."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from deltamesh.parameters.client.parameter import Parameter
from deltamesh.parameters.client.state import State

Deliver: TypeAlias = Callable[[Callable[[], None]], object]
"""Takes a function, and calls it soon where callbacks are to run, in the order in which it got them."""

Changes: TypeAlias = list[tuple[Parameter[Any], State[Any]]]
"""What happened at once, in order."""


class EndedError(Exception):
    """Callbacks can run no more, because where they ran has ended."""


def at_once(tell: Callable[[], None]) -> None:
    """Deliver in the thread in which something happens: the reactor's."""
    tell()


def in_loop(loop: asyncio.AbstractEventLoop) -> Deliver:
    """Return how to deliver on an event loop. It raises `EndedError` when that is closed."""

    def deliver(tell: Callable[[], None]) -> None:
        try:
            loop.call_soon_threadsafe(tell)
        except RuntimeError as error:
            if not loop.is_closed():
                raise
            raise EndedError from error

    return deliver


class Delivery:
    """
    Shows and tells changes by `deliver`, all of one before any of the next: a callback may cause further ones, as by stopping all.

    When callbacks can run no more, changes are shown nevertheless, at once, for who reads.
    """

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._untold: deque[Changes] = deque()
        self._is_telling = False

    def take(self, changes: Changes) -> None:
        """Deliver what has happened, which may be nothing; in the reactor's thread."""
        if changes:
            self._untold.append(changes)
        if not self._untold:
            return
        try:
            self._deliver(self._tell)
        except EndedError:
            while self._untold:
                for parameter, state in self._untold.popleft():
                    parameter.show(state)

    def _tell(self) -> None:
        if self._is_telling:  # this is inside a callback, and comes after it
            return
        self._is_telling = True
        try:
            while self._untold:
                _show_all(self._untold.popleft())
        finally:
            self._is_telling = False


def _show_all(changes: Changes) -> None:
    """Show what belongs together before anybody is told: a callback sees the whole of it. What changes twice is told twice."""
    shown: dict[Parameter[Any], None] = {}
    for parameter, state in changes:
        if parameter in shown:
            _tell_all(shown)
            shown.clear()
        parameter.show(state)
        shown[parameter] = None
    _tell_all(shown)


def _tell_all(shown: Iterable[Parameter[Any]]) -> None:
    for parameter in shown:
        parameter.tell()
