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

    `content()` returns a version, which changes with the rest: what is to be written, and names that are gone.
    """

    log = Logger()

    def __init__(self, cache: Cache, content: Callable[[], tuple[int, dict[str, Entry], set[str]]], reactor: Any) -> None:
        self._cache = cache
        self._content = content
        self._reactor = reactor
        self._saved = 0
        self._is_ending = False
        self._next: DelayedCall | None = None
        self._writing: Deferred[None] | None = None

    def soon(self, version: int) -> None:
        """Write, unless that is the version which is written, or is being written."""
        if version != self._saved and self._next is None and self._writing is None and not self._is_ending:
            self._next = self._reactor.callLater(PAUSE, self._write)

    async def last(self) -> None:
        """Return when all is written. Nothing is written after that."""
        self._is_ending = True
        if self._next is not None:
            self._next.cancel()
        if self._writing is not None:
            await self._writing
        if self._content()[0] != self._saved:
            await self._in_thread()

    def _write(self) -> None:
        self._next = None
        self._writing = self._in_thread()
        self._writing.addErrback(lambda failure: self.log.failure("the cache could not be written", failure))
        self._writing.addCallback(self._written)

    def _written(self, _: None) -> None:
        self._writing = None
        self.soon(self._content()[0])

    def _in_thread(self) -> Deferred[None]:
        self._saved, entries, gone = self._content()
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._cache.save, entries, gone)
