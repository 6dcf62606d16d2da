"""
What a writer does with the tables of a journal: take it, append to the log, fold the log into entries.

Each of these transactions checks the term, so a writer that was fenced changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import msgspec

from deltamesh.errors import Fenced, JournalDamaged
from deltamesh.journal import digest
from deltamesh.journal.answers import MAX_KEYS, MAX_SIZE
from deltamesh.journal.database import Row, Session
from deltamesh.journal.journal import Record
from deltamesh.journal.schema import only_row
from deltamesh.values import freeze

MAX_ID: Final = 200
"""Characters of a key's text that are its `id`; longer ones are hashed, since an index takes no long text."""

_sorted_keys = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(list[tuple[str, list[tuple[msgspec.Raw, msgspec.Raw]]]]).decode


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log."""

    term: int
    revision: int
    digest: bytes
    epoch: str


@dataclass(frozen=True, slots=True)
class Change:
    """The last that a piece of the log says of one key."""

    key: str
    content: str
    """JSON text of the values; `[]`: the key is gone."""
    revision: int


@dataclass(slots=True)
class Sizes:
    """How much there is, as far as folding is to keep it in bounds."""

    log_rows: int
    log_size: int
    """Characters of JSON text in the log."""
    answers: int
    answers_size: int
    """Characters of results."""


def rows_of(records: Sequence[Record], before: bytes) -> list[Row]:
    """Return the rows of the log for `records` that follow one with the digest `before`."""
    rows = []
    for record in records:
        key = None if record.idempotency_key is None else record.idempotency_key.encode("utf-8", "surrogatepass")
        before = digest.of_row(before, record.revision, key, record.result, record.writes)
        rows.append((record.revision, key, record.result, record.writes, before))
    return rows


def record_of(row: Row) -> Record:
    """Return the record that a row of the log keeps."""
    revision, key, result, writes = row[:4]
    return Record(revision, writes, None if key is None else key.decode("utf-8", "surrogatepass"), result)


def checked(rows: Iterable[Row], revision: int, before: bytes) -> Iterator[Row]:
    """
    Yield rows of the log that follow `revision`, whose row has the digest `before`.

    Raises:
        JournalDamaged: one is missing, or is not what was written.
    """
    for row in rows:
        revision += 1
        if row[0] != revision:
            raise JournalDamaged(f"revision {revision} of the log", "it is missing")
        before = digest.of_row(before, *row[:4])
        if row[4] != before:
            raise JournalDamaged(f"revision {revision} of the log", "it is not what was written")
        yield row


def id_of(key: str) -> str:
    """Return what the key with this text is indexed by."""
    return key if len(key) <= MAX_ID else f"~{blake2b(key.encode(), digest_size=digest.SIZE).hexdigest()}"


def last_changes(rows: Iterable[Row]) -> dict[tuple[str, str], Change]:
    """Return the last change of each key in rows of the log, by input and id."""
    changes: dict[tuple[str, str], Change] = {}
    for row in rows:
        for name, entries in _decode(row[3]):
            for raw, content in entries:
                key = key_text(bytes(raw))
                changes[name, id_of(key)] = Change(key, bytes(content).decode(), row[0])
    return changes


def key_text(raw: bytes) -> str:
    """Return the one text that all equal keys have: whole numbers without a fraction, members of objects by name."""
    if raw[:1] != b'"' and not raw.isdigit():
        raw = _sorted_keys(freeze(msgspec.json.decode(raw)))
    return raw.decode()


def entry_row(name: str, key: str, content: str, revision: int) -> Row:
    """Return the row of a live entry; `key` is what `key_text` returns."""
    id_ = id_of(key)
    return name, id_, None if id_ == key else key, content, revision, digest.of_entry(name, key, content, revision)


class Store:
    """The tables of one journal, through a session of their own."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def head(self) -> Head:
        """Return where the log ends."""
        return Head(*only_row(self.session, "meta", "term, revision, log_digest, epoch"))

    def take(self) -> Head:
        """Begin a new term, and return where the log ends."""
        with self.session.transaction():
            self.session.execute("UPDATE meta SET term = term + 1")
            return self.head()

    def sizes(self) -> Sizes:
        """Count. Cost: that of reading the log and the answers."""
        execute = self.session.execute
        log = execute("SELECT count(*), coalesce(sum(length(writes) + length(result)), 0) FROM log")[0]
        answers = execute("SELECT count(*), coalesce(sum(length(result)), 0) FROM answered")[0]
        return Sizes(int(log[0]), int(log[1]), int(answers[0]), int(answers[1]))

    def append(self, head: Head, rows: Sequence[Row]) -> None:
        """
        Add rows that follow `head` to the log, in one durable transaction.

        Raises:
            Fenced: the term is over, or the store is of another epoch.
            JournalDamaged: it ends elsewhere in the same term, so it is not the store that was taken.
        """
        with self.session.transaction():
            moved = self.session.execute(
                "UPDATE meta SET revision = ?, log_digest = ? WHERE term = ? AND revision = ? AND log_digest = ? AND epoch = ? RETURNING 1",
                (rows[-1][0], rows[-1][4], head.term, head.revision, head.digest, head.epoch),
            )
            if not moved:
                found = self.head()
                if (found.term, found.epoch) != (head.term, head.epoch):
                    raise Fenced
                raise JournalDamaged(
                    f"revision {found.revision}", f"its log ended with revision {head.revision}: another copy is in its place"
                )
            self.session.execute_many("INSERT INTO log (revision, idempotency_key, result, writes, digest) VALUES (?, ?, ?, ?, ?)", rows)

    def has(self, row: Row) -> bool:
        """
        Tell whether a row of the log was committed, after the connection was lost with the answer.

        If not, it never will be by what was sent before: this waits for the lock, which such a commit would have.
        """
        with self.session.transaction():
            self.session.execute("UPDATE meta SET term = term")
            kept = self.session.execute("SELECT digest FROM log WHERE revision = ?", (row[0],))
        return bool(kept) and bool(kept[0][0] == row[4])

    def fold(self, term: int, sizes: Sizes, max_rows: int, max_size: int) -> None:
        """
        Move the oldest rows of the log into entries, at most so many or so large, and at least one. Keeps `sizes` right.

        The transaction is not durable by itself: losing it loses nothing, since the log is as it was then.

        Raises:
            Fenced: the term is over.
            JournalDamaged: what is to be moved is not what was written.
        """
        session = self.session
        base, before, num_entries, total = only_row(session, "meta", "base, base_digest, num_entries, entries_digest")
        end = base + self._span(base, max_rows, max_size)
        oldest = "SELECT revision, idempotency_key, result, writes, digest FROM log WHERE revision > ? AND revision <= ? ORDER BY revision"
        rows = list(checked(session.execute(oldest, (base, end)), base, before))
        changes = dict(sorted(last_changes(rows).items()))  # neighbours are on one page
        found = session.look_up("SELECT input, id, digest FROM entries WHERE input = ? AND id = ?", changes)
        former = {(name, id_): former for name, id_, former in found}
        gone = [place for place, change in changes.items() if change.content == "[]" and place in former]
        there = [entry_row(name, each.key, each.content, each.revision) for (name, _), each in changes.items() if each.content != "[]"]
        summed = sum([digest.number(entry[5]) for entry in there]) - sum(map(digest.number, former.values()))
        after = num_entries + len(there) - len(former), digest.of_sum(digest.number(total) + summed)
        answers = [(row[0], row[1], row[2], digest.of_answer(*row[:3])) for row in rows if row[1] is not None]
        with session.transaction(durable=False):
            moved = session.execute(
                "UPDATE meta SET base = ?, base_digest = ?, num_entries = ?, entries_digest = ? WHERE term = ? AND base = ? RETURNING 1",
                (rows[-1][0], rows[-1][4], *after, term, base),
            )
            if not moved:
                raise Fenced
            session.execute_many("DELETE FROM entries WHERE input = ? AND id = ?", gone)
            session.execute_many(
                "INSERT INTO entries (input, id, long_key, content, revision, digest) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (input, id)"
                " DO UPDATE SET content = excluded.content, revision = excluded.revision, digest = excluded.digest",
                there,
            )
            session.execute_many("INSERT INTO answered (revision, idempotency_key, result, digest) VALUES (?, ?, ?, ?)", answers)
            session.execute("DELETE FROM log WHERE revision > ? AND revision <= ?", (base, end))
            num, size = self._forget(sizes.answers + len(answers), sizes.answers_size + sum([len(answer[2]) for answer in answers]))
        sizes.log_rows -= len(rows)
        sizes.log_size -= sum([len(row[2]) + len(row[3]) for row in rows])
        sizes.answers, sizes.answers_size = num, size

    def _span(self, base: int, max_rows: int, max_size: int) -> int:
        """Return how many of the oldest rows make `max_size`, at least one."""
        total = 0
        lengths = "SELECT length(writes) + length(result) FROM log WHERE revision > ? AND revision <= ? ORDER BY revision"
        for number, (size,) in enumerate(self.session.execute(lengths, (base, base + max_rows))):
            total += size
            if total > max_size:
                return max(1, number)
        return max_rows

    def _forget(self, num: int, size: int) -> tuple[int, int]:
        """Forget the oldest answers that are too many, and return number and size of those that are left."""
        while num > MAX_KEYS or size > MAX_SIZE:
            query = "SELECT revision, length(result) FROM answered ORDER BY revision LIMIT ?"
            oldest = self.session.execute(query, (max(1, num - MAX_KEYS),))
            self.session.execute("DELETE FROM answered WHERE revision <= ?", (oldest[-1][0],))
            num -= len(oldest)
            size -= sum([length for _, length in oldest])
        return num, size
