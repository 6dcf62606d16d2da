"""
The journal is what was written, by checksum; and if a part of it is not, that is found.

    python -m tests.reliability.verify --seed 1 --rounds 40

A mesh is written to while its leader is killed, and more is appended until the journal has moved a part of its log into entries. Then
`deltamesh journal verify` has to find it sound, a copy that was exported and imported as well, and its content has to be what writers
were told. After that, in each round, one cell of one row of a copy is changed, or a row removed, and `deltamesh journal verify` has to
find that.
"""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from twisted.internet.threads import deferToThread

from deltamesh.journal import Record, open_journal
from tests.reliability.mesh import SERVICE
from tests.reliability.processes import deltamesh, environment
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause
from tests.running_router import ROOT

WRITERS: Final = 16
KILLS: Final = 2
MORE: Final = 12_000
"""Transactions that are appended to a copy: more than the log keeps, so that there are entries as well."""

DAMAGES: Final = ("log", "entries", "answered", "log row", "entries row")
"""Tables of which a cell is changed, and those of which a row is removed. Answers are forgotten in time, so a missing one is no damage."""


async def verify(run: Run) -> None:
    """Verify a journal, and damage it."""
    mesh = run.mesh(leaders=2, followers=0)
    async with mesh:
        await mesh.write(WRITERS, pace=0.0)
        for _ in range(KILLS):
            await mesh.progress(20)
            victim = mesh.leading()
            victim.kill()
            await mesh.progress()
            victim.start()
            await mesh.ready(victim)
        await mesh.settle()
    whole = Path(mesh.journal.removeprefix("sqlite:"))
    took = [await check(run, whole, "the journal")]
    run.conclude(mesh)
    longer, imported, damaged = (run.directory / f"{name}.sqlite" for name in ("longer", "imported", "damaged"))
    copy(whole, longer)
    run.figures |= {"transactions": await lengthen(longer)}
    took.append(await check(run, longer, "the journal with entries"))
    await deferToThread(move, longer, imported)
    await check(run, imported, "the imported journal")
    found = missed = 0
    for number in run.rounds():
        copy(longer, damaged)
        what = damage(damaged, DAMAGES[number % len(DAMAGES)], run.random)
        if (await deferToThread(verified, damaged)).returncode == 0:
            missed += 1
            run.violations.append(f"nobody noticed: {what}")
        else:
            found += 1
    run.figures |= {"damages": found + missed, "damages_found": found}
    run.took("verified", took)


async def check(run: Run, path: Path, what: str) -> float:
    """Require that a journal is sound; return how long it took to find out [s]."""
    began = time.monotonic()
    done = await deferToThread(verified, path)
    run.require(done.returncode == 0, f"{what} is not sound: {done.stdout} {done.stderr}")
    return time.monotonic() - began


def verified(path: Path) -> subprocess.CompletedProcess[str]:
    """Run `deltamesh journal verify`."""
    return command("verify", f"sqlite:{path}")


def move(source: Path, target: Path) -> None:
    """Export a journal, and import it elsewhere."""
    dump = target.with_suffix(".jsonl")
    for words in (("export", f"sqlite:{source}", dump), ("import", f"sqlite:{target}", dump)):
        command(*words).check_returncode()


def command(*words: object) -> subprocess.CompletedProcess[str]:
    """Run `deltamesh journal …`."""
    arguments = [str(word) for word in deltamesh("journal", *words)]
    return subprocess.run(arguments, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)


def copy(source: Path, target: Path) -> None:
    """Copy a journal that nobody has open."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{target}{suffix}").unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as there, closing(sqlite3.connect(target)) as here:
        there.backup(here)


async def lengthen(path: Path) -> int:
    """Append transactions to a journal until its log is folded; return its revision."""
    journal = open_journal(f"sqlite:{path}", SERVICE)
    try:
        revision = journal.recover().position.revision
        journal.take()
        for _ in range(MORE // 500):
            records = [Record.of(revision + at, {"counts": [(1000 + at, [revision])]}, f"more-{revision + at}", at) for at in range(1, 501)]
            await journal.append(records)
            revision += 500
        journal.recover()
        while rows(path, "entries") == 0:
            await pause()
    finally:
        journal.close()
    return revision


def rows(path: Path, table: str) -> int:
    """Count the rows of a table."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def damage(path: Path, where: str, chance: random.Random) -> str:
    """Change a cell of a row of a table, or remove a row; return what was done."""
    table, _, is_row = where.partition(" ")
    with closing(sqlite3.connect(path)) as connection:
        columns = [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]
        number = chance.randrange(int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]))
        key = "revision" if table != "entries" else "(input, id)"
        condition = f"{key} = (SELECT {key.strip('()')} FROM {table} LIMIT 1 OFFSET {number})"
        if is_row:
            connection.execute(f"DELETE FROM {table} WHERE {condition}")
            what = f"row {number} of {table} was removed"
        else:
            column = chance.choice(columns)
            value = connection.execute(f"SELECT {column} FROM {table} WHERE {condition}").fetchone()[0]
            changed = other(value, chance)
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {condition}", (changed,))
            what = f"{column} of row {number} of {table} was {value!r:.60}, and is {changed!r:.60}"
        connection.commit()
    return what


def other(value: Any, chance: random.Random) -> Any:
    """Return a value that differs a little."""
    if value is None:
        return "x"
    if isinstance(value, int):
        return value + 1_000_000_000
    if not value:
        return b"x" if isinstance(value, bytes) else "x"
    at = chance.randrange(len(value))
    if isinstance(value, bytes):
        return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
    return value[:at] + ("x" if value[at] != "x" else "y") + value[at + 1 :]


if __name__ == "__main__":
    main(verify, parser(__doc__, rounds=40).parse_args())
