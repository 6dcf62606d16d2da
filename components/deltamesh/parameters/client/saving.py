"""When the cache is written: soon after something has changed, and not too often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from deltamesh.parameters.client.cache import Cache
from deltamesh.parameters.client.news import Entry

PAUSE: Final = 1.0
"""Between a change and its writing, and so between two writings [s]."""


class Saving:
    """
    Writes `cache`, in a thread, one time after the other.

    `content()` returns what is to be written, and a version that changes with it.
    """

    log = Logger()

    def __init__(self, cache: Cache, content: Callable[[], tuple[int, dict[str, Entry]]], reactor: Any) -> None:
        self._cache = cache
        self._content = content
        self._reactor = reactor
        self._saved = 0
        self._next: DelayedCall | None = None
        self._writing: Deferred[None] | None = None

    def soon(self, version: int) -> None:
        """Write, unless that is the version which is written, or is being written."""
        if version != self._saved and self._next is None and self._writing is None:
            self._next = self._reactor.callLater(PAUSE, self._write)

    async def last(self) -> None:
        """Return when all is written. Nothing is written after that."""
        if self._next is not None:
            self._next.cancel()
        if self._writing is not None:
            await self._writing
        version, entries = self._content()
        if version != self._saved:
            self._saved = version
            await self._in_thread(entries)

    def _write(self) -> None:
        self._next = None
        self._saved, entries = self._content()
        self._writing = self._in_thread(entries)
        self._writing.addErrback(lambda failure: self.log.failure("the cache could not be written", failure))
        self._writing.addCallback(self._written)

    def _written(self, _: None) -> None:
        self._writing = None
        self.soon(self._content()[0])

    def _in_thread(self, entries: dict[str, Entry]) -> Deferred[None]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._cache.save, entries)
