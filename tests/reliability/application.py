"""
An application that shows when a write was lost or done twice.

Each writer numbers its writes from 1. A write adds one to the writer's count, which is not idempotent on purpose, and leaves an entry in
the ledger, which says for ever that it was done. So after `k` writes of a writer its count is `k`, its ledger has `k` entries, their sum
is `k (k + 1) / 2`, and whoever sees anything else has seen a state that never was.
"""

from __future__ import annotations

from typing import Any, Final

from deltamesh import Count, Service, Sum

app: Final = Service("com.example.reliability")
counts = app.input("counts")  # writer -> how many writes of it were done
ledger = app.input("ledger")  # (writer, number) -> number


def numbered(entry, values):
    writer, _ = entry
    yield writer, values.one()


def joined(writer, values, entries, sums):
    yield writer, [values.one(), entries.one(writer, default=0), sums.one(writer, default=0)]


@app.shared
def graph():
    return {
        "counts": counts,
        "entries": ledger.map_reduce(numbered, reducer=Count),
        "sums": ledger.map_reduce(numbered, reducer=Sum),
    }


@app.resource
def accounts(shared: Any, first: int, last: int, reader: int = 0):
    """The accounts of some writers: writer -> [count, entries, sum]. `reader` makes it a view of one's own."""
    return shared.counts.slice(first, last).map(joined, shared.entries, shared.sums)


@app.action
def add(tx, caller, writer: int, number: int):
    count = tx.one(counts, writer, 0) + 1
    tx.put(counts, writer, count)
    tx.put(ledger, (writer, number), number)
    return count


def account(count: int) -> list[int]:
    """Return what `accounts` shows of a writer after `count` writes."""
    return [count, count, count * (count + 1) // 2]
