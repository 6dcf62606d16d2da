"""
The shared graph as the journal has it: recovered, and kept up to date with what others commit.

It takes in each transaction under its own revision, so that it stands wherever a leader stood, and followers resume from it.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import DeferredLock
from twisted.internet.task import deferLater
from twisted.logger import Logger

from deltamesh.application.service import Service
from deltamesh.graph import Failure
from deltamesh.journal import Journal
from deltamesh.leader.shared import SharedGraph
from deltamesh.stream import Position

SLICE: Final = 0.02
"""After so much work in one go everything else in the process has its turn [s]."""

PIECE: Final = 500
"""Entries that are loaded in one go."""

MAX_FAILURES: Final = 10
"""Failures of mappers that are told of one recovery."""


class Standby:
    """What a journal holds of `service`, as a graph. Only `catch_up` waits for anything."""

    log = Logger()

    def __init__(self, service: Service, journal: Journal, reactor: Any) -> None:
        self._service = service
        self._journal = journal
        self._reactor = reactor
        self._shared: SharedGraph | None = None
        self._lock = DeferredLock()
        self._num_failures = 0

    @property
    def shared(self) -> SharedGraph:
        """The graph. Requires: it was recovered, which `catch_up` does."""
        assert self._shared is not None, "nothing was recovered yet"
        return self._shared

    @property
    def position(self) -> Position | None:
        """Where the graph is; None until it is recovered."""
        return None if self._shared is None else self._shared.position

    async def catch_up(self) -> None:
        """
        Bring the graph to the end of the journal: from where it is, or anew if that is too far back.

        Requires: nothing is committed to the graph meanwhile.

        Raises:
            JournalDamaged, JournalUnavailable: the graph is where it was, or further, or to be recovered.
        """
        await self._lock.acquire()
        try:
            await self._catch_up()
        finally:
            self._lock.release()

    async def _catch_up(self) -> None:
        pace = Pace(self._reactor)
        while True:
            records = None if self._shared is None else self._journal.since(self._shared.revision)
            if records is None:
                self._shared = await self._recovered(pace)
            elif not records:
                return
            else:
                for record in records:
                    self._tell(self.shared.apply(record.changes(), record.revision))
                    await pace.rest()

    async def _recovered(self, pace: Pace) -> SharedGraph:
        """Return a new graph of what the journal holds. The present one stays readable until then."""
        self._num_failures = 0
        recovered = self._journal.recover()
        shared = SharedGraph(self._service, recovered.position)
        num_entries = 0
        for name, entries in recovered.entries:
            for start in range(0, len(entries), PIECE):
                self._tell(shared.load({name: entries[start : start + PIECE]}))
                await pace.rest()
            num_entries += len(entries)
        if num_entries:
            self.log.info("recovered {num} entries at {position}", num=num_entries, position=shared.position.to_wire())
        if shared.ignored:
            self.log.warn(
                "the journal has entries of inputs that {service} does not have, which stay there: {names}",
                service=self._service.uris.prefix,
                names=", ".join(sorted(shared.ignored)),
            )
        return shared

    def _tell(self, failures: list[Failure]) -> None:
        for failure in failures:
            self._num_failures += 1
            if self._num_failures <= MAX_FAILURES:
                self.log.warn("{node} failed for key {key}: {error}", node=failure.node, key=failure.key, error=failure.error)


class Pace:
    """Lets a long work give way: await `rest` after each of its parts."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._began = reactor.seconds()

    async def rest(self) -> None:
        """Give way if it is time."""
        if self._reactor.seconds() - self._began >= SLICE:
            await deferLater(self._reactor, 0, lambda: None)
            self._began = self._reactor.seconds()
