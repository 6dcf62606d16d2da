"""
A process that writes to an SQLite journal until it is killed: `python -m tests.journal.writing FILE KEEP_ROWS SEED`.

It prints the last revision of each batch when that is acknowledged. Every revision writes what `transaction` returns.
"""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

from deltamesh.journal import Record
from deltamesh.journal.sqlite import SqliteDatabase
from tests.journal.appending import Journals


def transaction(revision: int) -> Record:
    """Return the transaction of a revision: everybody can tell what it was."""
    chance = Random(revision)
    writes = {"posts": [(chance.randrange(50), [revision] * chance.randrange(3))], "users": [(f"user {revision % 9}", [{"n": revision}])]}
    return Record.of(revision, writes, f"key {revision}", revision)


def main(file: str, keep_rows: str, seed: str) -> None:
    """Write for ever."""
    journals = Journals()
    journal = journals.open(SqliteDatabase(Path(file)), keep_rows=int(keep_rows))
    revision = journal.recover().position.revision
    journal.take()
    chance = Random(seed)
    while True:
        batch = [transaction(revision + 1 + each) for each in range(chance.randrange(1, 65))]
        journals.append(journal, *batch)
        revision = batch[-1].revision
        sys.stdout.write(f"{revision}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
