"""
How many writes a second: 64 callers at once, each write synced to the disk before it is acknowledged, beside plain SQLite.

    python -m tests.reliability.writes --rounds 3 --seconds 5

Each caller has a connection of its own and one write of one key under way, with an idempotency key. The mesh is a router and a leader.
Plain SQLite commits rows with the same texts in batches of the size that the leader's commits had, with the same settings (write-ahead
log, full sync) in the same directory, and does nothing else. The two take turns; medians count. In the end the journal has to be at the
last write that was acknowledged.
"""

from __future__ import annotations

import json
import select
import sqlite3
import statistics
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from twisted.internet.threads import deferToThread

from deltamesh.journal import open_journal
from tests.reliability.figures import percentile
from tests.reliability.mesh import SERVICE, Mesh
from tests.reliability.run import Run, main, parser
from tests.running_router import free_port
from tests.wire_connection import CALL, RESULT, WireConnection

CALLERS: Final = 64
KEYS: Final = 1000
"""Of each caller, in turn."""

LIMIT: Final = 5000.0
"""Acknowledged writes a second, at least."""

WARM_UP: Final = 1.0


async def writes(run: Run) -> None:
    """Count writes."""
    port = free_port()
    ours: list[float] = []
    plain: list[float] = []
    batches: list[float] = []
    p99: list[float] = []
    mesh = run.mesh(leaders=0, followers=0)
    mesh.add_leader(mesh.leader("leader1", "--health", f"127.0.0.1:{port}"))
    async with mesh:
        callers = await deferToThread(Callers, mesh.router.unix_path, run.options.callers)
        await deferToThread(callers.run, WARM_UP)
        for _ in run.rounds():
            before = metrics(port)
            found = await deferToThread(callers.run, run.options.seconds)
            after = metrics(port)
            batch = (after["transactions"] - before["transactions"]) / (after["batches"] - before["batches"])
            batches.append(batch)
            ours.append(found.rate)
            p99.append(percentile(found.times, 99) * 1e3)
            plain.append(await deferToThread(plain_sqlite, run.directory / "plain.sqlite", round(batch), run.options.seconds))
        callers.close()
    run.violations += [*mesh.complaints(), *callers.refusals[:10]]
    rate, reference = statistics.median(ours), statistics.median(plain)
    run.figures |= {
        "callers": run.options.callers,
        "writes_per_s": round(rate),
        "plain_sqlite_per_s": round(reference),
        "ratio": round(rate / reference, 3),
        "batch": round(statistics.median(batches), 1),
        "p99_ms": round(statistics.median(p99), 1),
        "rounds_writes_per_s": [round(each) for each in ours],
    }
    if not run.options.untimed:
        run.require(rate >= LIMIT, f"{rate:.0f} acknowledged writes a second, under {LIMIT:.0f}")
    check(run, mesh, callers)


def check(run: Run, mesh: Mesh, callers: Callers) -> None:
    """Compare the journal with what callers were told."""
    journal = open_journal(mesh.journal, SERVICE)
    try:
        recovered = journal.recover()
        kept = {key: values for name, entries in recovered.entries for key, values in entries if name == "counts"}
    finally:
        journal.close()
    run.figures |= {"acknowledged": callers.num_done, "revision": recovered.position.revision}
    here = recovered.position
    run.require(here.revision == callers.num_done, f"{callers.num_done} were acknowledged, the journal is at {here}")
    wrong = [key for key, number in callers.last.items() if kept.get(key) != [number]]
    run.require(not wrong, f"{len(wrong)} keys have not the value that was acknowledged last")


@dataclass(slots=True)
class Found:
    """What callers did in some seconds."""

    rate: float = 0.0
    times: list[float] = field(default_factory=list)
    """From each call to its answer [s]."""


class Callers:
    """Clients on plain sockets, as cheap as can be. Each has one write under way while `run` runs."""

    def __init__(self, address: str, count: int) -> None:
        self.num_done = 0
        self.last: dict[int, int] = {}
        """By key: the value that was acknowledged last."""
        self.refusals: list[str] = []
        self._connections = [WireConnection(address) for _ in range(count)]
        self._numbers = [0] * count
        self._sent = [0.0] * count
        self._by_socket = {each.socket.fileno(): index for index, each in enumerate(self._connections)}

    def run(self, seconds: float) -> Found:
        """Write for so long; return when all is answered."""
        found = Found()
        poll = select.epoll()
        for each in self._connections:
            poll.register(each.socket, select.EPOLLIN)
        began = time.perf_counter()
        end = began + seconds
        for index in range(len(self._connections)):
            self._write(index)
        waiting = len(self._connections)
        while waiting:
            for socket, _ in poll.poll(10.0):
                index = self._by_socket[socket]
                for answer in self._connections[index].arrived():
                    now = time.perf_counter()
                    found.times.append(now - self._sent[index])
                    self._answered(index, answer)
                    if now < end:
                        self._write(index)
                    else:
                        waiting -= 1
        found.rate = len(found.times) / (time.perf_counter() - began)
        poll.close()
        return found

    def _write(self, index: int) -> None:
        number = self._numbers[index] = self._numbers[index] + 1
        key = index * KEYS + number % KEYS
        self._sent[index] = time.perf_counter()
        self._connections[index].send(
            [CALL, number, {}, f"{SERVICE}.write", [f'[["counts",[[{key},[{number}]]]]]'], {"idempotency_key": f"{index}-{number}"}]
        )

    def _answered(self, index: int, answer: list[object]) -> None:
        if answer[0] == RESULT:
            self.num_done += 1
            number = self._numbers[index]
            self.last[index * KEYS + number % KEYS] = number
        else:
            self.refusals.append(f"caller {index} was refused: {answer[4:]}")

    def close(self) -> None:
        for each in self._connections:
            each.close()


def metrics(port: int) -> dict[str, float]:
    """Return what the leader has counted."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    values = {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}
    return {name: values[f"deltamesh_leader_{name}_total"] for name in ("transactions", "batches")}


def plain_sqlite(path: Path, batch: int, seconds: float) -> float:
    """Return how many rows a second plain SQLite commits, `batch` of them at a time, each batch synced."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE log (revision INTEGER PRIMARY KEY, key TEXT, writes TEXT NOT NULL)")
        done = 0
        began = time.perf_counter()
        while time.perf_counter() - began < seconds:
            connection.execute("BEGIN IMMEDIATE")
            texts = [json.dumps([["counts", [[at * KEYS + done % KEYS, [done]]]]]) for at in range(1, batch + 1)]
            rows = [(done + at, f"{at}-{done}", text) for at, text in enumerate(texts, 1)]
            connection.executemany("INSERT INTO log VALUES (?, ?, ?)", rows)
            connection.execute("COMMIT")
            done += batch
        return done / (time.perf_counter() - began)
    finally:
        connection.close()


if __name__ == "__main__":
    options = parser(__doc__, rounds=3)
    options.add_argument("--seconds", type=float, default=5.0, help="of each turn (5)")
    options.add_argument("--callers", type=int, default=CALLERS, help=f"at once ({CALLERS})")
    main(writes, options.parse_args())
