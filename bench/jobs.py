"""
A job of 20 ms on four workers that do one at a time: a shared registration with `concurrency=1`, or a queue group of NATS.

    python -m bench.jobs [--peer deltamesh|nats] [--in-flight 4] [--seconds 5]

Workers are programs, as cheap as the client on both sides: plain sockets, and a kilobyte of JSON that the router carries as text. The ideal
is 200 jobs a second; with more than four in flight, each waits for its turn, 5 ms for each one before it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Final, Protocol

from bench import measure
from bench.mesh import SERVICE, start_router
from bench.nats import Message, NatsConnection, start_nats
from bench.processes import Servers, end_in_order, free_port
from tests.wire_connection import CALL, RESULT, YIELD, WireConnection

NUM_WORKERS: Final = 4
JOB: Final = 0.02
"""How long a job takes [s]."""
OVERSLEEP: Final = 0.00015
"""How much longer than asked for a process may sleep [s]; the end of a job is waited for awake."""
PROCEDURE: Final = f"{SERVICE}.job"
PAYLOAD: Final = json.dumps({"items": [{"sku": f"sku-{number:04d}", "qty": number, "note": "n" * 20} for number in range(15)]})
"""About a kilobyte."""


def work(payload: str) -> str:
    """Do a job. Nothing else happens in the worker meanwhile."""
    end = time.perf_counter() + JOB
    time.sleep(JOB - OVERSLEEP)
    while time.perf_counter() < end:
        pass
    return payload


class Peer(Protocol):
    """How a worker and a client talk to each other."""

    def serve(self) -> None:
        """Be a worker, for ever."""

    def ask(self, numbers: Sequence[int]) -> None:
        """Begin calls, with one system call."""

    def answered(self) -> list[int]:
        """Wait for answers; return which calls they are for."""


class Deltamesh:
    """A shared registration, over the Unix socket."""

    def __init__(self, address: str) -> None:
        self._connection = WireConnection(address)

    def serve(self) -> None:
        self._connection.register(PROCEDURE, invoke="roundrobin", concurrency=1)
        print("ready", flush=True)
        while True:
            _, number, _, _, (payload,) = self._connection.receive()
            self._connection.send([YIELD, number, {}, [work(payload)]])

    def ask(self, numbers: Sequence[int]) -> None:
        self._connection.send_all([[CALL, number, {}, PROCEDURE, [PAYLOAD]] for number in numbers])

    def answered(self) -> list[int]:
        answers = self._connection.arrived()
        failed = [answer for answer in answers if answer[0] != RESULT]
        if failed:
            raise RuntimeError(f"a call failed: {failed[0]}")
        return [answer[1] for answer in answers]


class Nats:
    """A queue group."""

    def __init__(self, address: str) -> None:
        self._connection = NatsConnection(int(address))
        self._is_subscribed = False

    def serve(self) -> None:
        self._connection.subscribe(PROCEDURE, "workers")
        print("ready", flush=True)
        while True:
            message = self._connection.receive()
            self._connection.publish(message.reply, work(message.payload.decode()).encode())

    def ask(self, numbers: Sequence[int]) -> None:
        if not self._is_subscribed:
            self._connection.subscribe("answers.*")
            self._is_subscribed = True
        self._connection.publish_all([Message(PROCEDURE, f"answers.{number}", PAYLOAD.encode()) for number in numbers])

    def answered(self) -> list[int]:
        return [int(self._connection.receive().subject.removeprefix("answers."))]


PEERS: Final[dict[str, type[Deltamesh | Nats]]] = {"deltamesh": Deltamesh, "nats": Nats}


def in_flight(peer: Peer, count: int, seconds: float) -> None:
    """Keep so many calls under way for so long; print what was measured."""
    begun: dict[int, float] = {}
    took: list[float] = []
    number = 0

    def ask(times: int) -> None:
        nonlocal number
        numbers = range(number + 1, number + times + 1)
        number += times
        begun.update(dict.fromkeys(numbers, time.perf_counter()))
        peer.ask(numbers)

    begin = time.perf_counter()
    ask(count)
    while begun:
        done = peer.answered()
        now = time.perf_counter()
        took += [(now - begun.pop(each)) * 1e3 for each in done]
        if now - begin < seconds:
            ask(len(done))
    measure.emit(in_flight=count, per_s=round(len(took) / (time.perf_counter() - begin), 1), ms=measure.statistics(took))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", choices=list(PEERS), default="deltamesh")
    parser.add_argument("--in-flight", type=int, default=4, help="calls at any time")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--worker", metavar="ADDRESS", help="be a worker")
    options = parser.parse_args()
    kind = PEERS[options.peer]
    if options.worker:
        kind(options.worker).serve()
    end_in_order()
    with Servers(None) as servers:
        address = str(start_nats(servers)) if kind is Nats else start_router(servers, free_port()).removeprefix("unix:")
        names = [f"worker {number}" for number in range(NUM_WORKERS)]
        for name in names:
            servers.start(name, [sys.executable, "-m", "bench.jobs", "--peer", options.peer, "--worker", address])
        for name in names:
            servers.wait_for(name, "ready")
        in_flight(kind(address), options.in_flight, options.seconds)


if __name__ == "__main__":
    main()
