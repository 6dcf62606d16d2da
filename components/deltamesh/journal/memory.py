"""The journal that keeps nothing: the inputs live as long as the leader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from deltamesh.journal.journal import Answered, Record, Recovered
from deltamesh.stream import Position

MAX_KEYS: Final = 100_000
"""Idempotency keys that are remembered; the oldest go first."""


class MemoryJournal:
    """Remembers idempotency keys, and leaves the entries to the graph."""

    def __init__(self, epoch: str, *, max_keys: int = MAX_KEYS) -> None:
        self._epoch = epoch
        self._max_keys = max_keys
        self._answered: dict[str, Answered] = {}

    def recover(self) -> Recovered:
        """Start a new epoch, empty."""
        return Recovered(Position(self._epoch, 0), ())

    async def append(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.idempotency_key is not None and record.answered is not None:
                self._answered[record.idempotency_key] = record.answered
        while len(self._answered) > self._max_keys:
            del self._answered[next(iter(self._answered))]

    def answered(self, idempotency_key: str) -> Answered | None:
        return self._answered.get(idempotency_key)
