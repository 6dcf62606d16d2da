"""The journal that keeps nothing: the inputs live as long as the leader, and no other process sees them."""

from __future__ import annotations

from collections.abc import Sequence

from deltamesh.journal.answers import MAX_KEYS, Answers
from deltamesh.journal.journal import Answered, Record, Recovered
from deltamesh.stream import Position


class MemoryJournal:
    """Remembers idempotency keys, and leaves the entries to the graph. Nobody can take it away."""

    def __init__(self, epoch: str, *, max_keys: int = MAX_KEYS) -> None:
        self._epoch = epoch
        self._answers = Answers(max_keys)
        self._term = 0

    def recover(self) -> Recovered:
        """Start a new epoch, empty."""
        return Recovered(Position(self._epoch, 0), iter(()))

    def since(self, revision: int) -> list[Record] | None:
        """Nobody else writes."""
        return []

    def take(self) -> int:
        self._term += 1
        return self._term

    async def append(self, records: Sequence[Record]) -> None:
        self._answers.add(records)

    def answered(self, idempotency_key: str) -> Answered | None:
        return self._answers.get(idempotency_key)

    def close(self) -> None:
        """Nothing is open."""
