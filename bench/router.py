"""
Measures the router beside plain Crossbar.io, both with the repository's own node configuration.

    python -m bench.router [--seconds 2] [--rounds 3] [--subscribers 1000] [--only ours|stock]

The clients are as cheap as they can be (they count frames), so that the router is what is measured.
The two take turns, and the best round counts: what else the machine does at the time disturbs less.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import resource
import select
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from tests.running_router import OURS, STOCK, RunningRouter
from tests.wire_connection import CALL, PUBLISH, REGISTERED, RESULT, YIELD, WireConnection, frame_end, pong

TOPIC = "com.example.hackernews.live.measured"
TEXT = "x" * 1000


class Stopwatch:
    """Wall-clock time, and the processor time of the router's worker."""

    def __init__(self, router: RunningRouter) -> None:
        (self._worker,) = psutil.Process(router.process.pid).children()
        self._cpu = self._worker_cpu()
        self._begin = time.perf_counter()

    def _worker_cpu(self) -> float:
        times = self._worker.cpu_times()
        return float(times.user + times.system)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._begin

    @property
    def cpu(self) -> float:
        return self._worker_cpu() - self._cpu


class Frames:
    """Counts the messages that a connection receives, without decoding them."""

    def __init__(self, connection: WireConnection) -> None:
        self._socket = connection.socket
        self._is_websocket = connection.is_websocket
        self._received = b""

    def read(self) -> int:
        data = self._socket.recv(1 << 18)
        if not data:
            raise EOFError("the router closed the connection")
        data = self._received + data
        start = count = 0
        while (payload := frame_end(data, start, is_websocket=self._is_websocket)) is not None:
            head, end = payload
            if self._is_websocket and data[start] & 15 == 9:
                self._socket.sendall(pong(data[head:end]))
            else:
                count += 1
            start = end
        self._received = data[start:]
        return count


class Echo:
    """A callee that answers each call with its arguments, under a name of its own."""

    _numbers = itertools.count(1)

    def __init__(self, router: RunningRouter) -> None:
        self.connection = WireConnection(router.unix_path)
        self.procedure = f"com.example.hackernews.measured_{next(self._numbers)}"
        answer = self.connection.register(self.procedure)
        if answer[0] != REGISTERED:
            raise RuntimeError(f"the router refused: {answer}")

    def answer(self, invocations: list[list[Any]]) -> None:
        frames = [self.connection.frame([YIELD, invocation[1], {}, invocation[4]]) for invocation in invocations]
        self.connection.socket.sendall(b"".join(frames))


class Measured(NamedTuple):
    """What a case found; of several rounds the highest counts."""

    score: float
    text: str


def sequential_calls(router: RunningRouter, address: str, seconds: float) -> Measured:
    callee, caller = Echo(router), WireConnection(address)
    took = []
    end = time.perf_counter() + seconds
    while (begin := time.perf_counter()) < end:
        caller.send([CALL, len(took) + 1, {}, callee.procedure, ["x" * 100]])
        callee.answer([callee.connection.receive()])
        caller.receive()
        took.append(time.perf_counter() - begin)
    callee.connection.close()
    caller.close()
    took.sort()
    median = statistics.median(took)
    return Measured(-median, f"{median * 1e6:6.0f} µs median, {took[len(took) * 99 // 100] * 1e6:6.0f} µs p99")


def pipelined_calls(router: RunningRouter, address: str, seconds: float, window: int = 64) -> Measured:
    """`window` calls are on their way at any time."""
    callee, caller = Echo(router), WireConnection(address)
    numbers = itertools.count(1)

    def call(times: int) -> None:
        frames = [caller.frame([CALL, next(numbers), {}, callee.procedure, ["x" * 100]]) for _ in range(times)]
        caller.socket.sendall(b"".join(frames))

    poll = select.epoll()
    poll.register(callee.connection.socket, select.EPOLLIN)
    poll.register(caller.socket, select.EPOLLIN)
    done = 0
    watch = Stopwatch(router)
    call(window)
    while watch.seconds < seconds:
        for number, _ in poll.poll(1.0):
            if number == caller.socket.fileno():
                results = caller.arrived()
                failed = [result for result in results if result[0] != RESULT]
                if failed:
                    raise RuntimeError(f"the router refused: {failed[0]}")
                done += len(results)
                call(len(results))
            else:
                callee.answer(callee.connection.arrived())
    rate, cost = done / watch.seconds, watch.cpu / done
    measured = Measured(rate, f"{rate:7.0f} calls/s, {cost * 1e6:5.0f} µs of processor each")
    callee.connection.close()
    caller.close()
    return measured


def publications(router: RunningRouter, address: str, subscribers: int, seconds: float, window: int) -> Measured:
    """One publisher on the Unix socket; at most `window` publications that not everybody has received yet."""
    publisher = WireConnection(router.unix_path)
    connections = [WireConnection(address) for _ in range(subscribers)]
    for connection in connections:
        connection.subscribe(TOPIC)
    publisher.publish(TOPIC, TEXT)
    receivers = {}
    poll = select.epoll()
    for connection in connections:
        connection.receive()
        receivers[connection.socket.fileno()] = Frames(connection)
        poll.register(connection.socket, select.EPOLLIN)
    publication = publisher.frame([PUBLISH, 1, {}, TOPIC, [TEXT]])
    sent = delivered = 0
    watch = Stopwatch(router)
    while watch.seconds < seconds or delivered < sent * subscribers:
        if watch.seconds < seconds and (room := window - (sent - delivered // subscribers)) > 0:
            publisher.socket.sendall(publication * room)
            sent += room
        for fd, _ in poll.poll(1.0, 256):
            delivered += receivers[fd].read()
    rate, cost = delivered / watch.seconds, watch.cpu / delivered
    measured = Measured(rate, f"{rate:7.0f} deliveries/s, {cost * 1e6:5.1f} µs of processor each")
    for connection in [publisher, *connections]:
        connection.close()
    return measured


def cases(subscribers: int) -> dict[str, Callable[[RunningRouter, float], Measured]]:
    many = f"publish to {subscribers}"
    return {
        "calls one by one, Unix": lambda router, seconds: sequential_calls(router, router.unix_path, seconds),
        "calls one by one, WebSocket": lambda router, seconds: sequential_calls(router, router.ws_url, seconds),
        "64 calls at a time, Unix": lambda router, seconds: pipelined_calls(router, router.unix_path, seconds),
        "64 calls at a time, WebSocket": lambda router, seconds: pipelined_calls(router, router.ws_url, seconds),
        "publish to 1, 64 at a time, Unix": lambda router, seconds: publications(router, router.unix_path, 1, seconds, 64),
        f"{many}, one at a time, Unix": lambda router, seconds: publications(router, router.unix_path, subscribers, seconds, 1),
        f"{many}, one at a time, WebSocket": lambda router, seconds: publications(router, router.ws_url, subscribers, seconds, 1),
        f"{many}, 16 at a time, WebSocket": lambda router, seconds: publications(router, router.ws_url, subscribers, seconds, 16),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each case and round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--subscribers", type=int, default=1000)
    parser.add_argument("--only", choices=["ours", "stock"])
    options = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    programs = {name: program for name, program in {"stock": STOCK, "ours": OURS}.items() if options.only in (None, name)}
    with contextlib.ExitStack() as stack:
        routers = {}
        for name, program in programs.items():
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            routers[name] = stack.enter_context(RunningRouter(Path(directory), program=program))
        for title, case in cases(options.subscribers).items():
            rounds = [{name: case(router, options.seconds) for name, router in routers.items()} for _ in range(options.rounds)]
            for name in routers:
                print(f"{title:40} {name:6} {max(measured[name] for measured in rounds).text}", flush=True)


if __name__ == "__main__":
    main()
