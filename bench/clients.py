"""Clients that cost next to nothing, so that a router is what is measured; and what it needs for them."""

from __future__ import annotations

import itertools
import resource
import select
import time
from typing import Any

import psutil

from tests.running_router import RunningRouter
from tests.wire_connection import CALL, REGISTERED, RESULT, YIELD, WireConnection, frame_end, pong


def allow_many_connections() -> None:
    """Let this process, and those that it starts, open as many files as it may."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


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
    """A callee on the Unix socket that answers each call with its arguments, under a name of its own. `options` are those of REGISTER."""

    _numbers = itertools.count(1)

    def __init__(self, router: RunningRouter, **options: Any) -> None:
        self.connection = WireConnection(router.unix_path)
        self.procedure = f"com.example.hackernews.measured_{next(self._numbers)}"
        answer = self.connection.register(self.procedure, **options)
        if answer[0] != REGISTERED:
            raise RuntimeError(f"the router refused: {answer}")

    def answer(self, invocations: list[list[Any]]) -> None:
        frames = [self.connection.frame([YIELD, invocation[1], {}, invocation[4]]) for invocation in invocations]
        self.connection.socket.sendall(b"".join(frames))


def pipeline(caller: WireConnection, callee: Echo, watch: Stopwatch, *, window: int, seconds: float) -> int:
    """Keep `window` calls under way for so long; return how many were answered."""
    numbers = itertools.count(1)

    def call(times: int) -> None:
        frames = [caller.frame([CALL, next(numbers), {}, callee.procedure, ["x" * 100]]) for _ in range(times)]
        caller.socket.sendall(b"".join(frames))

    poll = select.epoll()
    poll.register(callee.connection.socket, select.EPOLLIN)
    poll.register(caller.socket, select.EPOLLIN)
    done = 0
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
    return done
