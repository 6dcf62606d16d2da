"""
Events for 1,000 topics: one PUBLISH each, and all in one call of `mesh.publish_many`.

    python -m bench.publish_many [--seconds 2] [--turns 5] [--stock]

Prints the processor time for each event [µs], which other work on the machine disturbs least: that of the router's worker, and that of
router and publisher together. The two ways take turns, and the median of the turns counts. An event is what a follower sends for an
instance: epoch, two revisions, 200 characters. There are two publishers:

- *frames*: all 1,000 PUBLISH in one write, made beforehand; the best that can happen to a router,
- *component*: a process with a connection as followers have it, which publishes 1,000 events in one turn of its reactor.

With `--stock`, plain Crossbar.io gets the single ones as well.
"""

from __future__ import annotations

import argparse
import json
import select
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from bench.clients import Frames, Stopwatch
from bench.processes import environment
from tests.running_router import OURS, STOCK, RunningRouter
from tests.wire_connection import CALL, PUBLISH, RESULT, WireConnection

NUM_TOPICS: Final = 1000
TOPICS: Final = [f"com.example.hackernews.live.f0123abcd.{number:032x}" for number in range(NUM_TOPICS)]
EVENT: Final[list[Any]] = ["0123456789abcdef", 1000, 1001, json.dumps([[[-12, "post"], [{"title": "x" * 170}]]])]
EVENTS: Final = [[topic, EVENT] for topic in TOPICS]
PROCEDURE: Final = "mesh.publish_many"

READERS: Final = {"one reader, Unix, CBOR": ("unix_path", 1), "1,000 readers, WebSocket, JSON": ("ws_url", NUM_TOPICS)}


class Prepared:
    """The publisher of frames that were made beforehand. Its own processor time does not count."""

    def __init__(self, connection: WireConnection) -> None:
        self._connection = connection
        self._frames = {
            "single": b"".join([connection.frame([PUBLISH, 1, {}, topic, EVENT]) for topic in TOPICS]),
            "many": connection.frame([CALL, 1, {}, PROCEDURE, [EVENTS]]),
        }

    def begin(self, way: str) -> None:
        self._connection.socket.sendall(self._frames[way])

    def end(self, way: str) -> float:
        """Wait until it is done; return the processor time that it has used since it was started [s]."""
        if way == "many" and (answer := self._connection.receive())[0] != RESULT:
            raise RuntimeError(f"the router refused: {answer}")
        return 0.0


class Component:
    """The publisher that is a component."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.end("start")

    def begin(self, way: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{way}\n")
        self._process.stdin.flush()

    def end(self, way: str) -> float:
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())


class Room(ExitStack):
    """Publishers, and readers that together are subscribed to all topics."""

    def __init__(self, router: RunningRouter, address: str, num_readers: int) -> None:
        super().__init__()
        self._router = router
        command = [sys.executable, "-m", "bench.publisher", f"unix:{router.unix_path}"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        self.publishers = {
            "frames": Prepared(self.enter_context(WireConnection(router.unix_path))),
            "component": Component(self.enter_context(process)),  # which ends when its standard input does
        }
        self._poll = self.enter_context(select.epoll())
        self._frames: dict[int, Frames] = {}
        readers = [self.enter_context(WireConnection(address)) for _ in range(num_readers)]
        for number, topic in enumerate(TOPICS):
            readers[number % num_readers].subscribe(topic)
        for reader in readers:
            self._frames[reader.socket.fileno()] = Frames(reader)
            self._poll.register(reader.socket, select.EPOLLIN)

    def measure(self, publisher: Prepared | Component, way: str, seconds: float) -> tuple[float, float]:
        """Publish, each time when everything has arrived; return what an event costs the router, and router and publisher [µs]."""
        self._publish(publisher, way)
        watch = Stopwatch(self._router)
        begin = end = self._publish(publisher, way)
        num_events = NUM_TOPICS
        while watch.seconds < seconds:
            end = self._publish(publisher, way)
            num_events += NUM_TOPICS
        router = watch.cpu * 1e6 / num_events
        return router, router + (end - begin) * 1e6 / max(1, num_events - NUM_TOPICS)

    def _publish(self, publisher: Prepared | Component, way: str) -> float:
        publisher.begin(way)
        missing = NUM_TOPICS
        while missing:
            found = self._poll.poll(10.0, 256)
            if not found:
                raise RuntimeError("events were lost")
            missing -= sum([self._frames[fd].read() for fd, _ in found])
        return publisher.end(way)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each way in each turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--stock", action="store_true", help="also plain Crossbar.io")
    options = parser.parse_args()
    with ExitStack() as stack, tempfile.TemporaryDirectory() as directory:
        router = stack.enter_context(RunningRouter(Path(directory) / "ours", program=OURS))
        stock = stack.enter_context(RunningRouter(Path(directory) / "stock", program=STOCK)) if options.stock else None
        for readers, (address, num_readers) in READERS.items():
            rows: list[dict[str, Any]] = []
            with Room(router, getattr(router, address), num_readers) as room:
                for name, publisher in room.publishers.items():
                    turns = [[room.measure(publisher, way, options.seconds) for way in ("single", "many")] for _ in range(options.turns)]
                    row: dict[str, Any] = {"readers": readers, "publisher": name}
                    for number, who in enumerate(("router", "all")):
                        row[f"{who}_single"] = statistics.median([single[number] for single, _ in turns])
                        row[f"{who}_many"] = statistics.median([many[number] for _, many in turns])
                        row[f"{who}_times"] = statistics.median([single[number] / many[number] for single, many in turns])
                    rows.append(row)
            if stock is not None:
                with Room(stock, getattr(stock, address), num_readers) as room:
                    for row, publisher in zip(rows, room.publishers.values(), strict=True):
                        costs = [room.measure(publisher, "single", options.seconds) for _ in range(options.turns)]
                        for number, who in enumerate(("router", "all")):
                            row[f"stock_{who}_single"] = statistics.median([cost[number] for cost in costs])
            for row in rows:
                print(json.dumps({key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()}), flush=True)


if __name__ == "__main__":
    main()
