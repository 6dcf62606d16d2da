"""
A journal in memory that several leaders of one process share, as processes share a file. It keeps all that the protocol promises.

    store = Store()
    one, two = store.open(), store.open()

A test may `hold` appends, let the next ones fail, and forget the beginning of the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from twisted.internet.defer import Deferred

from deltamesh.errors import DeltameshError, Fenced, JournalUnavailable
from deltamesh.journal import Answered, Record, Recovered
from deltamesh.stream import Position

PIECE = 10
"""Records that one `since` gives at most."""


class Store:
    """What the journals have in common."""

    def __init__(self, epoch: str = "kept") -> None:
        self.epoch = epoch
        self.log: list[Record] = []
        """All that was ever committed."""
        self.base = 0
        """What was committed up to here can only be recovered."""
        self.term = 0
        self.num_commits = 0
        self.failures: deque[tuple[DeltameshError, bool]] = deque()
        """For the next appends: the error, and whether the records are kept all the same."""
        self.held: list[Deferred[None]] | None = None

    def open(self) -> SharedJournal:
        return SharedJournal(self)

    def hold(self) -> None:
        """Let appends wait from now on, before they look at anything."""
        self.held = []

    def release(self) -> None:
        """Let them go on."""
        held, self.held = self.held, None
        for each in held or ():
            each.callback(None)

    def fold(self) -> None:
        """Forget the log up to here."""
        self.base = len(self.log)


class SharedJournal:
    """One leader's."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.is_closed = False
        self.is_away = False
        """Whether this leader, and no other, cannot reach the store."""
        self.num_recovered = 0
        self._term = -1
        self._epoch = ""
        self._answers: dict[str, Answered] = {}

    def recover(self) -> Recovered:
        self._reach()
        self.num_recovered += 1
        self._epoch = self.store.epoch
        entries: dict[str, dict[str, tuple[object, list[object]]]] = {}
        for record in self.store.log[: self.store.base]:
            self._learn([record])
            for name, changes in record.changes().items():
                entries.setdefault(name, {}).update({repr(key): (key, values) for key, values in changes})
        live = [(name, [(key, values) for key, values in each.values() if values]) for name, each in entries.items()]
        return Recovered(Position(self.store.epoch, self.store.base), iter(live))

    def _reach(self) -> None:
        if self.is_away:
            self._term = -1
            raise JournalUnavailable("away")

    def since(self, revision: int) -> list[Record] | None:
        self._reach()
        if self._epoch != self.store.epoch or not self.store.base <= revision <= len(self.store.log):
            return None
        records = self.store.log[revision : revision + PIECE]
        self._learn(records)
        return records

    def take(self) -> int:
        self._reach()
        self.store.term += 1
        self._term = self.store.term
        return self._term

    async def append(self, records: Sequence[Record]) -> None:
        store = self.store
        if store.held is not None:
            waiting: Deferred[None] = Deferred()
            store.held.append(waiting)
            await waiting
        self._reach()
        if self._term != store.term:
            raise Fenced
        error, is_kept = store.failures.popleft() if store.failures else (None, True)
        if is_kept:
            assert [each.revision for each in records] == list(range(len(store.log) + 1, len(store.log) + 1 + len(records)))
            store.log += records
            store.num_commits += 1
        if error is not None:
            if isinstance(error, JournalUnavailable):
                self._term = -1
            raise error
        self._learn(records)

    def answered(self, idempotency_key: str) -> Answered | None:
        return self._answers.get(idempotency_key)

    def close(self) -> None:
        self.is_closed = True

    def _learn(self, records: Sequence[Record]) -> None:
        for record in records:
            if record.idempotency_key is not None:
                self._answers[record.idempotency_key] = record.answered()
