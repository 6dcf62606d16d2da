"""
The line in which calls wait for the journal: while one batch becomes durable, those that arrive make up the next.

So a commit that takes long is shared by many, and one caller alone waits for nobody.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from deltamesh.errors import PREFIX, DeltameshError, GraphBroken, NotTaken
from deltamesh.graph.failure import describe
from deltamesh.journal import Answered, Record
from deltamesh.leader.batches import Batch, Call, Outcome, Work

MAX_WAITING: Final = 10_000
"""Calls that may wait in line."""


class Desk(Protocol):
    """Where the line leads to: a leader."""

    async def begin(self) -> Batch:
        """Return a batch that follows on all that was kept, or raise `DeltameshError` if none can be kept now."""
        ...

    async def append(self, records: list[Record]) -> None:
        """Make records durable, or raise `DeltameshError` if nothing of them is kept."""
        ...

    def kept(self, batch: Batch) -> None:
        """Show everybody what was kept, before the callers are told."""
        ...


class Line:
    """The calls that wait. It is closed at first: calls wait then, and are not taken."""

    log = Logger()

    def __init__(self, desk: Desk, reactor: Any) -> None:
        self.num_calls = 0
        """Calls that were answered, with whatever."""
        self.num_batches = 0
        """Batches that were made durable."""
        self.num_records = 0
        """Transactions in them."""
        self._desk = desk
        self._reactor = reactor
        self._waiting: deque[tuple[Call, Deferred[Answered]]] = deque()
        self._looking: deque[Deferred[None]] = deque()
        self._is_open = False
        self._running: Deferred[None] | None = None
        self._idle: list[Deferred[None]] = []

    @property
    def num_waiting(self) -> int:
        """Calls whose turn has not come."""
        return len(self._waiting)

    # Waiting

    async def take(self, procedure: str, work: Work, idempotency_key: str | None) -> Answered:
        """
        Do `work` in its turn, and return its answer as soon as it is durable.

        Raises:
            DeltameshError: nothing of it has happened.
            NotTaken: too many calls wait.

        If it is cancelled before its turn has come, nothing happens either.
        """
        if len(self._waiting) >= MAX_WAITING:
            message = f"{len(self._waiting)} calls wait for the leader already"
            raise NotTaken(f"{PREFIX}queue_full", message, retry=True, procedure=procedure, waiting=len(self._waiting))
        answered: Deferred[Answered] = Deferred()
        self._waiting.append((Call(work, idempotency_key), answered))
        self._go()
        return await answered

    async def between(self) -> None:
        """Return when all that the graph shows is durable: before the next batch begins, however many calls wait."""
        if self._running is not None:
            turn: Deferred[None] = Deferred()
            self._looking.append(turn)
            await turn

    async def idle(self) -> None:
        """Return when no batch is under way and, if it is open, no call waits."""
        if self._running is not None:
            ended: Deferred[None] = Deferred()
            self._idle.append(ended)
            await ended

    # Taking

    def open(self) -> None:
        """Take calls from now on."""
        self._is_open = True
        self._go()

    def close(self, error: DeltameshError) -> None:
        """Take no more calls; those that wait get `error`. A batch that is under way ends as it ends."""
        self._is_open = False
        self._refuse(error)

    def _refuse(self, error: DeltameshError) -> None:
        waiting, self._waiting = self._waiting, deque()
        for _, answered in waiting:
            self._tell(answered, error)

    def _go(self) -> None:
        if self._is_open and self._waiting and self._running is None:
            self._running = Deferred.fromCoroutine(self._run())
            self._running.addErrback(lambda failure: self.log.failure("the line of calls has stopped", failure))

    async def _run(self) -> None:
        try:
            while self._is_open and self._waiting:
                await deferLater(self._reactor, 0, lambda: None)  # so that what arrives together goes together
                if self._is_open:
                    await self._serve()
                self._let_look()
        finally:
            self._running = None
            self._let_look()
            idle, self._idle = self._idle, []
            for each in idle:
                each.callback(None)
            self._go()

    def _let_look(self) -> None:
        while self._looking:
            self._looking.popleft().callback(None)

    async def _serve(self) -> None:
        """Let a batch happen, and tell its callers."""
        try:
            batch = await self._desk.begin()
        except DeltameshError as error:
            self._refuse(error)
            return
        callers: list[Deferred[Answered]] = []
        try:
            while self._waiting and not batch.is_full:
                call, answered = self._waiting.popleft()
                if not answered.called:  # cancelled: nobody waits for it
                    callers.append(answered)
                    batch.run(call)
            batch.seal()
            if batch.records:
                await self._desk.append(batch.records)
                self.num_batches += 1
                self.num_records += len(batch.records)
        except DeltameshError as error:
            batch.undo(error)
        except BaseException as error:
            batch.undo(GraphBroken(describe(error)))
            raise
        else:
            self._desk.kept(batch)
        finally:
            for answered, outcome in zip(callers, batch.outcomes, strict=True):
                self._tell(answered, outcome)

    def _tell(self, answered: Deferred[Answered], outcome: Outcome) -> None:
        self.num_calls += 1
        if isinstance(outcome, DeltameshError):
            answered.errback(outcome)
        else:
            answered.callback(outcome)
