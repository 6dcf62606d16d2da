"""Reading a journal: what is live, what was answered, what came after a revision. Everything that is read is checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import msgspec

from deltamesh.errors import JournalDamaged
from deltamesh.journal import digest
from deltamesh.journal.database import Row, Session
from deltamesh.journal.journal import Record
from deltamesh.journal.schema import only_row
from deltamesh.journal.store import Change, checked, id_of, last_changes, record_of
from deltamesh.stream import Position

MAX_RECORDS: Final = 1000
"""Transactions that one look at the log returns at most."""

BATCH: Final = 5000
"""Live entries of one input that are yielded together."""

LARGE: Final = 8 << 20
"""Characters of JSON text after which a batch, or one look at the log, is long enough."""

_decode = msgspec.json.Decoder(list[tuple[Any, list[Any]]]).decode

Damaged = Callable[[JournalDamaged], None]


def refuse(error: JournalDamaged) -> NoReturn:
    """Read no further when something is damaged."""
    raise error


@dataclass(frozen=True, slots=True)
class Meta:
    """The row of `meta`: what a journal is and how far it has come."""

    service: str
    epoch: str
    term: int
    revision: int
    log_digest: bytes
    base: int
    base_digest: bytes
    num_entries: int
    entries_digest: bytes

    @property
    def position(self) -> Position:
        """Of the last transaction."""
        return Position(self.epoch, self.revision)


def meta_of(session: Session) -> Meta:
    """Return the row of `meta`."""
    columns = "service, epoch, term, revision, log_digest, base, base_digest, num_entries, entries_digest"
    return Meta(*only_row(session, "meta", columns))


class Reading:
    """
    What a journal holds at one moment. Use it inside of `session.snapshot()`, and for nothing else meanwhile.

    What is damaged is passed to `damaged`, which raises, or returns to have the rest read as well.
    """

    def __init__(self, session: Session, damaged: Damaged = refuse) -> None:
        self._session = session
        self._damaged = damaged
        self.meta = meta_of(session)
        self.log = self._checked_log()
        """Rows of the log that are not folded yet, up to the first that is damaged."""

    def _checked_log(self) -> list[Row]:
        meta = self.meta
        rows: list[Row] = []
        query = "SELECT revision, idempotency_key, result, writes, digest FROM log ORDER BY revision"
        try:
            for row in checked(self._session.execute(query), meta.base, meta.base_digest):
                rows.append(row)  # noqa: PERF402  (those before a damaged one are kept)
            ends = rows[-1][4] if rows else meta.base_digest
            if meta.base + len(rows) != meta.revision or ends != meta.log_digest:
                raise JournalDamaged(f"revision {meta.base + len(rows) + 1} of the log", f"it ends before revision {meta.revision}")
        except JournalDamaged as error:
            self._damaged(error)
        return rows

    def answered(self) -> Iterator[Record]:
        """Yield what is known to have been answered under idempotency keys, oldest first; writes are left out."""
        for rows in self._session.stream("SELECT revision, idempotency_key, result, digest FROM answered ORDER BY revision"):
            for revision, key, result, found in rows:
                if found != digest.of_answer(revision, key, result):
                    self._damaged(JournalDamaged(f"the answer of revision {revision}", "it is not what was written"))
                yield record_of((revision, key, result, "[]"))
        yield from [record_of((*row[:3], "[]")) for row in self.log if row[1] is not None]

    def entries(self) -> Iterator[tuple[str, list[tuple[Any, list[Any]]]]]:
        """Yield the live entries: each key of each input once, in batches of one input, in no order."""
        waiting: dict[str, list[str]] = {}
        sizes: dict[str, int] = {}
        for name, key, content in self._live(last_changes(self.log)):
            text = f"[{key},{content}]"
            texts = waiting.setdefault(name, [])
            texts.append(text)
            sizes[name] = sizes.get(name, 0) + len(text)
            if len(texts) >= BATCH or sizes[name] > LARGE:
                yield name, _decode(f"[{','.join(waiting.pop(name))}]")
                del sizes[name]
        for name, texts in waiting.items():
            yield name, _decode(f"[{','.join(texts)}]")

    def _live(self, changes: dict[tuple[str, str], Change]) -> Iterator[tuple[str, str, str]]:
        """Yield input, key and values of each live entry, as texts."""
        count = total = 0
        for rows in self._session.stream("SELECT input, id, long_key, content, revision, digest FROM entries"):
            count += len(rows)
            for name, id_, long_key, content, revision, found in rows:
                key = id_ if long_key is None else long_key
                total += digest.number(found)
                if digest.of_entry(name, key, content, revision) != found or id_ != id_of(key):
                    self._damaged(JournalDamaged(f"key {key:.60} of {name}", f"it is not what was written at revision {revision}"))
                elif (name, id_) not in changes:
                    yield name, key, content
        if count != self.meta.num_entries or digest.of_sum(total) != self.meta.entries_digest:
            reason = f"{count} are there, {self.meta.num_entries} were written, or one is of another time"
            self._damaged(JournalDamaged("entries", reason))
        for (name, _), change in changes.items():
            if change.content != "[]":
                yield name, change.key, change.content


def records_since(session: Session, epoch: str, revision: int) -> list[Record] | None:
    """
    Return what was committed after `revision`, oldest first and not all if there is much.

    None: it is folded away, or the store is of another epoch or ends before `revision`, as an older copy does.

    Raises:
        JournalDamaged: it is not what was written.
    """
    now, last, base = only_row(session, "meta", "epoch, revision, base")
    if now != epoch or not base <= revision <= last:
        return None
    if revision == last:
        return []
    with session.snapshot():  # so that nothing is folded between these queries
        base, before = only_row(session, "meta", "base, base_digest")
        if revision < base:
            return None
        if revision > base:
            found = session.execute("SELECT digest FROM log WHERE revision = ?", (revision,))
            if not found:
                raise JournalDamaged(f"revision {revision} of the log", "it is missing")
            before = found[0][0]
        records: list[Record] = []
        size = 0
        query = "SELECT revision, idempotency_key, result, writes, digest FROM log WHERE revision > ? ORDER BY revision LIMIT ?"
        for rows in session.stream(query, (revision, MAX_RECORDS)):
            for row in checked(rows, revision + len(records), before):
                before = row[4]
                records.append(record_of(row))
                size += len(row[2]) + len(row[3])
                if size > LARGE:
                    return records
    return records
