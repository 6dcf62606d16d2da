"""
The journal alone, beside plain commits to SQLite; and what a restart costs.

    python -m bench.journal [--seconds 3] [--rounds 3] [--entries 1000000] [--directory DIR] [--url postgresql://…]

- *append*: transactions per second, 1, 16 and 64 of them in one commit, one commit after the other. Beside it, in turn, the same
  rows in the same batches by `sqlite3` alone, with the same settings (WAL, full sync). *In a burst* the log is left for a quiet moment
  to fold; *without end* it is as long as it may become, so it is folded meanwhile, into 100,000 keys at random. Medians count; name a
  directory on the disk that is meant.
- *restart*: a journal with so many live entries in groups of 100, and 10,000 transactions in the log, is recovered, first alone, then
  into the graph `sum` of the other measurements.

With --url the journal is in that database, which must have none of this service; the plain commits stay those of SQLite.
"""

from __future__ import annotations

import argparse
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from queue import SimpleQueue
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from bench.application import sum_per_group
from bench.measure import emit, resident
from deltamesh.graph import Graph
from deltamesh.journal import Record
from deltamesh.journal.database import Database
from deltamesh.journal.dump import Header, import_into
from deltamesh.journal.durable import DurableJournal
from deltamesh.journal.opening import open_database
from deltamesh.journal.writer import KEEP_ROWS, MOST

SERVICE: Final = "com.example.journal"

BATCHES: Final = (1, 16, 64)

NUM_KEYS: Final = 100_000

PLAIN: Final = "CREATE TABLE log (revision INTEGER PRIMARY KEY, idempotency_key BLOB, result TEXT, writes TEXT, digest BLOB)"


class Appender:
    """A journal that is appended to by this thread, which waits for each commit."""

    def __init__(self, database: Database, service: str = SERVICE, keep_rows: int = KEEP_ROWS) -> None:
        self._inbox: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = SimpleQueue()
        self.journal = DurableJournal(database, service, keep_rows=keep_rows, deliver=self._deliver)
        self.revision = self.journal.recover().position.revision
        self.journal.take()

    def _deliver(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._inbox.put((function, arguments))

    def append(self, batch: list[Record]) -> None:
        """Append, and wait for it."""
        outcome: list[Any] = []
        Deferred.fromCoroutine(self.journal.append(batch)).addBoth(outcome.append)
        while not outcome:
            function, arguments = self._inbox.get()
            function(*arguments)
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        self.revision = batch[-1].revision

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()


def transaction(revision: int) -> Record:
    """Return one of a single key, as actions make them."""
    key = revision * 7919 % NUM_KEYS
    return Record.of(revision, {"items": [(key, [{"g": key % 100, "v": revision}])]}, f"caller-{revision % 64}-{revision:012}", "done")


def measured(append: Callable[[list[Record]], None], first: int, size: int, seconds: float) -> dict[str, float]:
    """Append batches of `size` for so long, beginning with revision `first`."""
    batches = [[transaction(first + number * size + each) for each in range(size)] for number in range(max(64, 4096 // size))]
    done, spent, cpu = 0, 0.0, 0.0
    while spent < seconds:
        before, cpu_before = time.perf_counter(), time.process_time()
        for batch in batches:
            append(batch)
        spent += time.perf_counter() - before
        cpu += time.process_time() - cpu_before
        done += len(batches)
        last = batches[-1][-1].revision
        batches = [[transaction(last + 1 + number * size + each) for each in range(size)] for number in range(len(batches))]
    return {"per_s": done * size / spent, "append_ms": spent / done * 1e3, "cpu_ms": cpu / done * 1e3}


class Plain:
    """The same rows in a table of SQLite."""

    def __init__(self, path: Path) -> None:
        self.revision = 0
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(PLAIN)

    def append(self, batch: list[Record]) -> None:
        """Insert in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        rows = [(each.revision, (each.idempotency_key or "").encode(), each.result, each.writes, bytes(16)) for each in batch]
        self._connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")
        self.revision = batch[-1].revision

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def appends(what: str, ours: Appender, plain: Plain, *, seconds: float, rounds: int) -> None:
    """Print how fast both append, for each size of a batch."""
    for size in BATCHES:
        found: dict[str, list[dict[str, float]]] = {"ours": [], "plain": []}
        for _ in range(rounds):
            found["ours"].append(measured(ours.append, ours.revision + 1, size, seconds / rounds))
            found["plain"].append(measured(plain.append, plain.revision + 1, size, seconds / rounds))
        row = {f"{who}_{name}": median([each[name] for each in rows]) for who, rows in found.items() for name in rows[0]}
        row["ratio"] = row["ours_per_s"] / row["plain_per_s"]
        emit(measured=f"append {what}", batch=size, **{name: float(f"{value:.4g}") for name, value in row.items()})


def lines(num_entries: int) -> Iterator[bytes]:
    """Yield the entries of an export."""
    for key in range(num_entries):
        yield b'["entry","items",%d,[{"g":%d,"v":%d}]]' % (key, key % 100, key % 1000)
    yield msgspec.json.encode({"entries": num_entries, "answered": 0})


def restart(database: Database, num_entries: int) -> None:
    """Print how long a leader takes to have its inputs again."""
    import_into(database, Header(SERVICE, 1, "bench", 1, "00" * 16), lines(num_entries))
    appender = Appender(database)
    while appender.revision < KEEP_ROWS:
        appender.append([transaction(appender.revision + each) for each in range(1, 257)])
    appender.close()
    for what in ("recover", "recover into sum"):
        journal = DurableJournal(database, SERVICE)
        graph = Graph(["items"])
        sums = graph.watch(sum_per_group())
        begin, cpu = time.perf_counter(), time.process_time()
        recovered = journal.recover()
        position_s = time.perf_counter() - begin
        count = 0
        for name, entries in recovered.entries:
            count += len(entries)
            if what != "recover":
                graph.write({name: entries}, revision=recovered.position.revision)
        spent = {"seconds": time.perf_counter() - begin, "cpu_s": time.process_time() - cpu, "position_s": position_s}
        rounded = {name: float(f"{value:.3g}") for name, value in spent.items()}
        emit(measured=what, entries=count, groups=len(sums), rss_mb=resident(), **rounded)
        journal.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3, help="for each size of a batch and each side")
    parser.add_argument("--rounds", type=int, default=3, help="turns that these are divided into")
    parser.add_argument("--entries", type=int, default=1_000_000, help="live ones, for the restart; 0 leaves it out")
    parser.add_argument("--directory", type=Path, help="where the files are made; that for temporary files unless given")
    parser.add_argument("--url", help="of a PostgreSQL database")
    options = parser.parse_args()
    with TemporaryDirectory(dir=options.directory) as place:

        def database(service: str) -> Database:
            return open_database(options.url or f"sqlite:{place}/", service)

        effort = {"seconds": options.seconds, "rounds": options.rounds}
        burst, endless = f"{SERVICE}.burst", f"{SERVICE}.endless"
        with closing(Plain(Path(place) / "plain.sqlite")) as plain:
            with closing(Appender(database(burst), burst, keep_rows=1 << 40)) as ours:
                appends("in a burst", ours, plain, **effort)
            with closing(Appender(database(endless), endless)) as ours:
                while ours.revision < MOST * KEEP_ROWS:
                    ours.append([transaction(ours.revision + each) for each in range(1, 1025)])
                appends("without end", ours, plain, **effort)
        if options.entries:
            restart(database(SERVICE), options.entries)


if __name__ == "__main__":
    main()
