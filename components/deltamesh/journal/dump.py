"""
A journal as lines of JSON, to keep as a backup or to move to another database.

The first line says what it is: `{"journal": SERVICE, "format": 1, "epoch", "revision", "log_digest"}`. Then come the live entries,
`["entry", input, key, [value, …]]`, and what was answered under idempotency keys, `["answered", key, revision, result]`, oldest first.
The last line counts both: `{"entries", "answered"}`. So a part of a file is never taken for the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from deltamesh.errors import ConfigurationError, JournalDamaged
from deltamesh.journal import digest
from deltamesh.journal.database import Database, Session
from deltamesh.journal.journal import Record
from deltamesh.journal.reading import Meta, Reading, meta_of
from deltamesh.journal.schema import bring_up
from deltamesh.journal.store import entry_row, key_text
from deltamesh.stream.position import is_epoch, is_revision

FORMAT: Final = 1
"""Of the lines; a file of another format is refused."""

BATCH: Final = 1000
"""Lines that are stored together."""

_encode = msgspec.json.Encoder().encode


class Header(msgspec.Struct):
    """The first line."""

    journal: str
    format: int
    epoch: str
    revision: int
    log_digest: str
    """In hexadecimal digits. The log goes on from it."""


class Footer(msgspec.Struct):
    """The last line."""

    entries: int
    answered: int


def exported(session: Session) -> Iterator[bytes]:
    """
    Yield the lines of a journal as it is at one moment, without line ends.

    Raises:
        JournalDamaged: what is kept is not what was written. No last line has come then.
    """
    with session.snapshot():
        reading = Reading(session)
        meta = reading.meta
        yield _encode(Header(meta.service, FORMAT, meta.epoch, meta.revision, meta.log_digest.hex()))
        footer = Footer(0, 0)
        for name, entries in reading.entries():
            footer.entries += len(entries)
            for key, values in entries:
                yield _encode(["entry", name, key, values])
        for record in reading.answered():
            footer.answered += 1
            yield _encode(["answered", _text_of(record), record.revision, msgspec.Raw(record.result.encode())])
        yield _encode(footer)


def _text_of(record: Record) -> list[int] | str:
    """Return an idempotency key; one without JSON text as its code points."""
    key = record.idempotency_key or ""
    return key if key.isprintable() else list(map(ord, key))


def header_of(line: bytes) -> Header:
    """
    Return what the first line of an export says.

    Raises:
        ConfigurationError: it is of another format.
        JournalDamaged: it is no first line.
    """
    try:
        header = msgspec.json.decode(line, type=Header)
        if not is_epoch(header.epoch) or not is_revision(header.revision) or len(bytes.fromhex(header.log_digest)) != digest.SIZE:
            raise ValueError("the position is not right")
    except ValueError as error:
        raise JournalDamaged("line 1", f"this is no exported journal: {error}") from error
    if header.format != FORMAT:
        raise ConfigurationError(f"the export has format {header.format}, and this program reads {FORMAT}: use the program that made it")
    return header


def import_into(database: Database, header: Header, lines: Iterable[bytes]) -> Meta:
    """
    Store what follows the first line of an export in an empty journal, all or nothing, and return what it is now.

    Raises:
        ConfigurationError: the journal has a revision already, or is that of another service.
        JournalDamaged: a line is not of the documented shape, or the last one is missing.
    """
    is_new = not database.exists()
    try:
        return _imported(database, header, lines)
    except BaseException:
        if is_new and database.exists():
            database.discard()
        raise


def _imported(database: Database, header: Header, lines: Iterable[bytes]) -> Meta:
    session = database.connect(None)
    try:
        bring_up(session, database, header.journal)
        with session.transaction():
            session.execute("UPDATE meta SET term = term + 1")  # who has the empty journal open is fenced
            if (there := meta_of(session).revision) > 0:
                reason = f"{database.name} has {there} revisions already"
                raise ConfigurationError(f"{reason}. A journal is imported into an empty one only: name another place")
            _store(session, header, enumerate(lines, 2))
        return meta_of(session)
    finally:
        session.close()


def _store(session: Session, header: Header, lines: Iterator[tuple[int, bytes]]) -> None:
    entries: list[tuple[Any, ...]] = []
    answers: list[tuple[Any, ...]] = []
    counted = Footer(0, 0)
    total = last = 0
    ended = False
    number = 1

    def flush() -> None:
        session.execute_many("INSERT INTO entries (input, id, long_key, content, revision, digest) VALUES (?, ?, ?, ?, ?, ?)", entries)
        session.execute_many("INSERT INTO answered (revision, idempotency_key, result, digest) VALUES (?, ?, ?, ?)", answers)
        entries.clear()
        answers.clear()

    for number, line in lines:
        try:
            if ended:
                raise ValueError("there is more after the last line")
            match msgspec.json.decode(line):
                case ["entry", str(name), key, [_, *_] as values]:
                    row = entry_row(name, key_text(_encode(key)), _encode(values).decode(), header.revision)
                    entries.append(row)
                    total += digest.number(row[-1])
                    counted.entries += 1
                case ["answered", str() | list() as text, int(revision), result] if last < revision <= header.revision:
                    key = (text if isinstance(text, str) else "".join(map(chr, text))).encode("utf-8", "surrogatepass")
                    shown = _encode(result).decode()
                    answers.append((revision, key, shown, digest.of_answer(revision, key, shown)))
                    last = revision
                    counted.answered += 1
                case {"entries": counted.entries, "answered": counted.answered}:
                    ended = True
                case _:
                    raise ValueError("neither an entry nor an answer, or the count is wrong")
        except (ValueError, TypeError, RecursionError) as error:
            raise JournalDamaged(f"line {number}", str(error)) from error
        if len(entries) + len(answers) >= BATCH:
            flush()
    if not ended:
        raise JournalDamaged(f"line {number}", "the export ends here, before its last line")
    flush()
    before = bytes.fromhex(header.log_digest)
    session.execute(
        "UPDATE meta SET epoch = ?, revision = ?, base = ?, log_digest = ?, base_digest = ?, num_entries = ?, entries_digest = ?",
        (header.epoch, header.revision, header.revision, before, before, counted.entries, digest.of_sum(total)),
    )
