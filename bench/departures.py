"""
Departures, in process: how fast the leader's and a follower's graph take the year, and the memory it needs.

    python -m bench.departures [--events 200000] [--batch 1]

Nothing here uses the network: events go through JSON text as a write does, into the leader's graph; its deltas go on
to a follower's graph with an open board. Without --events it is the whole year, about 1.15 million events.
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

import msgspec

from deltamesh.application.service import Shared
from deltamesh.application.transaction import Caller
from deltamesh.graph import Graph
from examples.departures import app
from examples.departures.replay import Changes, changes
from examples.departures.timeline import Event, Timeline, local, reference

REPORT_EVERY = 100_000


class Mesh:
    """The graphs of a leader and a follower, and the time spent in each [s]."""

    def __init__(self) -> None:
        self.leader = Graph(app.inputs)
        self.watches = {self.leader.watch(each): name for name, each in app.shared_collections().items()}
        self.follower = Graph(self.watches.values())
        self.leading = self.following = 0.0
        _, describe = app.instantiate("board", {"airport": "EWR"}, Caller())
        self.board = self.follower.watch(describe(Shared(list(self.watches.values()))))

    def write(self, given: Changes) -> None:
        decoded = msgspec.json.decode(msgspec.json.encode(given))  # as the leader receives it, sharing no strings with the feeder
        began = perf_counter()
        commit = self.leader.write(decoded)
        between = perf_counter()
        self.follower.write({self.watches[watch]: delta for watch, delta in commit.deltas.items()})
        self.leading += between - began
        self.following += perf_counter() - between
        assert not commit.failures


def resident() -> int:
    """Return the memory of this process [MiB]."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20


def batches(events: Iterator[Event], size: int) -> Iterator[list[Event]]:
    while batch := list(islice(events, size)):
        yield batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, help="stop after so many events")
    parser.add_argument("--batch", type=int, default=100, help="events in one transaction (100)")
    options = parser.parse_args()
    timeline = Timeline.read()
    events: Any = islice(timeline.events(), options.events)
    mesh = Mesh()
    mesh.write(changes(reference()))
    gc.freeze()  # the data set is not garbage
    before = resident()
    num, at, reported, mark = 0, 0, 0, (0.0, 0.0)
    print(f"{'events':>10} {'until':>17} {'leader, events/s':>17} {'follower, events/s':>19} {'MiB':>6}")
    for batch in batches(events, options.batch):
        mesh.write(changes(batch))
        num, at = num + len(batch), batch[-1].at
        if (since := num - reported) >= REPORT_EVERY:
            leader, follower = since / (mesh.leading - mark[0]), since / (mesh.following - mark[1])
            print(f"{num:>10,} {local(at):>17} {leader:>17,.0f} {follower:>19,.0f} {resident() - before:>6,}")
            reported, mark = num, (mesh.leading, mesh.following)
    print(f"{num:,} events in {mesh.leading:.1f} s on the leader ({num / mesh.leading:,.0f}/s), {mesh.following:.1f} s on the follower")
    print(f"{resident() - before:,} MiB for both graphs; {len(mesh.board)} rows on the board of EWR at {local(at)}")


if __name__ == "__main__":
    main()
