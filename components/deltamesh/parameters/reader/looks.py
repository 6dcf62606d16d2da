"""Looks at the repository, one at a time: those that are wanted while one is under way are one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred

from deltamesh.errors import DeltameshError
from deltamesh.parameters.git.remote import OutOfReach
from deltamesh.stream import Position


class Looks:
    """
    Carries looks out.

    Args:
        find: `find(fetch)` looks, and returns where the service holds what was found; it raises `OutOfReach` or a `DeltameshError`.
        crashed: is told what else it raises.
    """

    def __init__(self, find: Callable[[bool], Awaitable[Position]], crashed: Callable[[Any], None]) -> None:
        self.is_under_way = False
        self._find = find
        self._crashed = crashed
        self._waiting: list[tuple[bool, Deferred[Position]]] = []  # whether to fetch, and who waits

    def want(self, *, fetch: bool) -> Deferred[Position]:
        """Return what a look finds that begins now or later, or how it fails."""
        waiting: Deferred[Position] = Deferred()
        self._waiting.append((fetch, waiting))
        if not self.is_under_way:
            self.is_under_way = True
            ensureDeferred(self._look()).addErrback(self._crashed)
        return waiting

    async def _look(self) -> None:
        """Look for as long as somebody wants that."""
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                try:
                    position = await self._find(any([fetch for fetch, _ in waiting]))
                except BaseException as error:
                    for _, each in waiting:
                        each.errback(error)
                    if not isinstance(error, OutOfReach | DeltameshError):
                        raise
                else:
                    for _, each in waiting:
                        each.callback(position)
        finally:
            self.is_under_way = False
