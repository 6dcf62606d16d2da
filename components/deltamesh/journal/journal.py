"""The interface between a leader and the place where its writes survive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from deltamesh.errors import InvalidTransaction
from deltamesh.graph import Writes
from deltamesh.stream import Position
from deltamesh.values import JSON

_encode = msgspec.json.Encoder().encode
_decode_writes = msgspec.json.Decoder(list[tuple[str, list[tuple[Any, list[Any]]]]]).decode


@dataclass(frozen=True, slots=True)
class Answered:
    """What a write or action was answered, kept under its idempotency key."""

    revision: int
    result: JSON = None


@dataclass(frozen=True, slots=True)
class Record:
    """One committed transaction, as it is kept. Made by `Record.of`."""

    revision: int
    writes: str
    """JSON text of `[[input, [[key, [value, …]], …]], …]`."""
    idempotency_key: str | None = None
    result: str = "null"
    """What the caller was answered, as JSON text."""

    @classmethod
    def of(cls, revision: int, writes: Writes, idempotency_key: str | None = None, result: JSON = None) -> Record:
        """
        Return the record of a transaction. `writes` can be iterated again, and is what `Graph.write` takes.

        Made before the transaction is applied, so that what cannot be kept fails for its own caller alone.

        Raises:
            InvalidTransaction: a key, a value or the result has no JSON text: half of a surrogate pair, a number without end.
        """
        try:
            texts = _encode(list(writes.items())).decode(), _encode(result).decode()
        except (ValueError, TypeError, RecursionError) as error:
            raise InvalidTransaction(f"it has no JSON text: {error}") from error
        return cls(revision, texts[0], idempotency_key, texts[1])

    def changes(self) -> dict[str, list[tuple[Any, list[Any]]]]:
        """Return the writes as `Graph.write` takes them."""
        changes: dict[str, list[tuple[Any, list[Any]]]] = {}
        for name, entries in _decode_writes(self.writes):
            changes.setdefault(name, []).extend(entries)
        return changes

    def answered(self) -> Answered:
        """Return what the caller was answered."""
        return Answered(self.revision, msgspec.json.decode(self.result))


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a journal holds when a leader or standby opens it."""

    position: Position
    """Where to go on. The epoch stays for as long as the store does."""
    entries: Iterator[tuple[str, list[tuple[Any, list[Any]]]]]
    """
    The live entries at `position`: each key of each input once, in batches of one input, in no order.

    They are read while it is iterated, once, from what the store held at `position`, whatever is appended meanwhile. Close it
    (`entries.close()`, if it has that) or iterate it to its end before the next call of `recover`.
    """


class Journal(Protocol):
    """
    Keeps committed transactions of one service: a log of them, and the live entries.

    Several processes may open the same journal. All may `recover` and follow with `since`; one of them, which has called `take`
    last, appends. A leader applies transactions to its graph, appends them, and publishes and answers after `append` has returned.

    Of one object, all methods are called in one thread. Only `append` does not block; the others take what one look at the
    disk or one exchange with the database takes, `patience` at most while that is out of reach, and `recover` as long as there is to read.
    """

    def recover(self) -> Recovered:
        """
        Return what is kept. Called first, and again after `since` has returned None.

        A new store begins a new epoch at revision 0.

        Raises:
            JournalDamaged: what is kept is not what was written; it names the row or revision. Also while entries are iterated.
            JournalUnavailable: the store cannot be reached.
        """
        ...

    def since(self, revision: int) -> list[Record] | None:
        """
        Return what was committed after `revision`, by whomever, oldest first; nothing if there is nothing, and not all if there is much.

        None: it is not known any more, or the store is another one than was recovered; recover again.

        Raises:
            JournalDamaged, JournalUnavailable: as `recover`.
        """
        ...

    def take(self) -> int:
        """
        Become the only writer, and return the term: larger than every one before, durably.

        From now on earlier writers get `Fenced`. What they have committed until now comes with `since`; read it before appending.

        Raises:
            JournalUnavailable, JournalFull: it could not be made sure. Try again; whether an earlier writer is fenced is not known.
        """
        ...

    async def append(self, records: Sequence[Record]) -> None:
        """
        Commit all records together, and return when they survive what this journal is meant to survive.

        Their revisions go on from the last one that is kept. One call at a time. If it raises, nothing of the records is kept.

        Raises:
            Fenced: another one has taken the journal, or this one never has.
            JournalFull: there is no space. The next call may find some.
            JournalUnavailable: the store was not to be reached for as long as `patience`. Only then it is not known what is kept:
                the records may be, so `take` and read `since` before anything else. Until then `append` raises `Fenced`.
            ValueError: the revisions do not go on from the last one.
        """
        ...

    def answered(self, idempotency_key: str) -> Answered | None:
        """
        Return what the transaction with this key was answered, if it is still known.

        Known are the newest 100,000 among those that were recovered, came with `since`, or were appended. Does not look at the disk.
        """
        ...

    def close(self) -> None:
        """Finish what is under way, and let go of the store. What waits to be appended fails. May be called twice."""
        ...
