"""The interface between a leader and the place where its writes survive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from deltamesh.graph import Writes
from deltamesh.stream import Position
from deltamesh.values import JSON


@dataclass(frozen=True, slots=True)
class Answered:
    """What a write or action was answered, kept under its idempotency key."""

    revision: int
    result: JSON = None


@dataclass(frozen=True, slots=True)
class Record:
    """One committed transaction."""

    revision: int
    writes: Writes
    """Validated: what `Graph.write` has taken."""
    idempotency_key: str | None = None
    answered: Answered | None = None


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a journal holds when a leader opens it."""

    position: Position
    """Where the leader goes on. A new epoch if continuity cannot be proven."""
    entries: Iterable[tuple[str, Sequence[tuple[Any, Sequence[Any]]]]]
    """By input, in batches: the live entries."""


class Journal(Protocol):
    """
    Keeps committed transactions.

    The leader applies a transaction to its graph, appends it, and publishes and answers only after `append` has returned.
    """

    def recover(self) -> Recovered:
        """Return what was kept. Called once, before anything else."""
        ...

    async def append(self, records: Sequence[Record]) -> None:
        """Return when the records, in this order, survive what this journal is meant to survive."""
        ...

    def answered(self, idempotency_key: str) -> Answered | None:
        """Return what the transaction with this key was answered, if it is still known."""
        ...
