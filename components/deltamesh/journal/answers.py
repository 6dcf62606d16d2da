"""What transactions with an idempotency key were answered: the newest ones, in memory."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from deltamesh.journal.journal import Answered, Record

MAX_KEYS: Final = 100_000
"""Idempotency keys that are remembered; the oldest go first."""

MAX_SIZE: Final = 64 << 20
"""Characters of results that are remembered with them."""


class Answers:
    """Results by idempotency key."""

    def __init__(self, max_keys: int = MAX_KEYS, max_size: int = MAX_SIZE) -> None:
        self._max_keys = max_keys
        self._max_size = max_size
        self._size = 0
        self._answers: dict[str, tuple[int, str]] = {}  # oldest first

    def add(self, records: Iterable[Record]) -> None:
        """Remember what the records were answered, those without a key left out. They are newer than all that are known."""
        answers = self._answers
        for record in records:
            key = record.idempotency_key
            if key is not None:
                before = answers.pop(key, None)
                if before is not None:
                    self._size -= len(before[1])
                answers[key] = (record.revision, record.result)
                self._size += len(record.result)
        while len(answers) > self._max_keys or self._size > self._max_size:
            self._size -= len(answers.pop(next(iter(answers)))[1])

    def get(self, idempotency_key: str) -> Answered | None:
        """Return what was answered under a key, if it is known."""
        known = self._answers.get(idempotency_key)
        return None if known is None else Answered(known[0], msgspec.json.decode(known[1]))

    def clear(self) -> None:
        """Forget everything."""
        self._answers.clear()
        self._size = 0
