"""
What becomes durable together: calls, run in order on the shared graph, whose transactions share one commit of the journal. Pure.

*Rules.* Calls run one after the other: each sees what those before it did. A call with an idempotency key that was answered
already, in the journal or earlier in the batch, does nothing and gets that answer. Nobody is told anything, not even that a call
was refused, before the batch is kept: what a call has seen may be taken back. A batch that cannot be kept leaves no trace; its
calls get the reason, but for those whose answer was durable before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from deltamesh.application.transaction import MAX_CHANGES
from deltamesh.errors import DeltameshError, GraphBroken, TooLarge
from deltamesh.graph import Failure, Writes
from deltamesh.graph.failure import describe
from deltamesh.journal import Answered, Record
from deltamesh.leader.shared import SharedGraph
from deltamesh.stream import Delta
from deltamesh.values import JSON

MAX_CALLS: Final = 1_000
"""Calls in one batch."""

MAX_SIZE: Final = 4 << 20
"""Characters of the transactions of one batch, after which no other call is added: so that a batch takes a fraction of a second."""

Work: TypeAlias = Callable[[], tuple[Writes, JSON]]
"""What a call does in its turn: looks at the graph, and returns what is to be written and its result. It may raise `DeltameshError`."""

Outcome: TypeAlias = Answered | DeltameshError


@dataclass(frozen=True, slots=True)
class Call:
    """A write or an action that waits for its turn."""

    work: Work
    idempotency_key: str | None = None


class Batch:
    """
    One batch on `shared`, of which everything is flushed. `answered` knows what is durable.

    Add calls with `run`, call `seal`, append `records` to the journal, and call `keep`, or `undo` if anything has failed. Then tell
    the callers.
    """

    def __init__(self, shared: SharedGraph, answered: Callable[[str], Answered | None]) -> None:
        self.records: list[Record] = []
        """To be made durable, in this order. None: nothing was written."""
        self.outcomes: list[Outcome] = []
        """For each call, in order."""
        self.failures: list[Failure] = []
        """What mappers have raised in its transactions."""
        self._shared = shared
        self._answered = answered
        self._durable: set[int] = set()  # calls that were answered before
        self._answers: dict[str, Answered] = {}  # by idempotency key, of this batch
        self._size = 0

    @property
    def is_full(self) -> bool:
        """Whether it is time to let it become durable."""
        return len(self.outcomes) >= MAX_CALLS or self._size >= MAX_SIZE

    def run(self, call: Call) -> None:
        """
        Add a call, which happens now.

        Raises what is a fault in the engine or in us; the batch can only be undone then.
        """
        try:
            self.outcomes.append(self._run(call))
        except DeltameshError as error:
            self.outcomes.append(error)
        except BaseException as error:
            self.outcomes.append(GraphBroken(describe(error)))
            raise

    def _run(self, call: Call) -> Answered:
        key = call.idempotency_key
        if key is not None:
            durable = self._answered(key)
            if durable is not None:
                self._durable.add(len(self.outcomes))
                return durable
            if key in self._answers:
                return self._answers[key]
        writes, result = call.work()
        if not any(writes.values()):  # an action that only looked
            return Answered(self._shared.revision, result)
        record = Record.of(self._shared.revision + 1, writes, key, result)
        if len(record.writes) > MAX_CHANGES:
            raise TooLarge("characters of one transaction", len(record.writes), MAX_CHANGES, "split it")
        self.failures += self._shared.commit(writes).failures
        self.records.append(record)
        self._size += len(record.writes)
        answer = Answered(record.revision, result)
        if key is not None:
            self._answers[key] = answer
        return answer

    def seal(self) -> None:
        """No more calls come. Make what is to be published: what cannot be published is not to become durable either."""
        self._shared.seal()

    def keep(self) -> Delta | None:
        """The records are durable: return what is to be published before the callers are told, None if nothing."""
        return self._shared.flush()

    def undo(self, error: DeltameshError) -> None:
        """
        The records are not kept: take everything back.

        Raises:
            GraphBroken: the graph cannot. Nobody sees any more of it.
        """
        self.records, self.failures = [], []
        self.outcomes = [each if index in self._durable else error for index, each in enumerate(self.outcomes)]
        self._shared.undo()
