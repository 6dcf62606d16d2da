"""Workers and a caller on connections of their own, all in this program; work is waiting, so many of them cost nothing."""

from __future__ import annotations

import heapq
import itertools
import select
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any, Final

from tests.running_router import RunningRouter
from tests.wire_connection import CALL, INVOCATION, REGISTER, REGISTERED, RESULT, YIELD, WireConnection

PATIENCE: Final = 60.0
"""How long nothing may happen [s]."""


class Worker:
    """
    Answers each call after so many seconds.

    Args:
        hands: calls that it works on at the same time; others wait within it. None: all.
        options: those of REGISTER.
    """

    def __init__(self, place: Workplace, procedure: str, seconds: float, hands: int | None = None, **options: Any) -> None:
        self._place = place
        self._seconds = seconds
        self._hands = hands
        self._busy = 0
        self._waiting: deque[int] = deque()
        self.most = 0
        """Calls that it was given and had not answered, at most."""
        self.is_registered = False
        self.connection = place.connect(self._arrived)
        self.connection.begin(REGISTER, options, procedure)

    def _arrived(self, messages: list[list[Any]]) -> None:
        for message in messages:
            if message[0] == INVOCATION:
                self._waiting.append(message[1])
            elif message[0] == REGISTERED:
                self.is_registered = True
            else:
                raise RuntimeError(f"the router sent: {message}")
        self.most = max(self.most, self._busy + len(self._waiting))
        self._begin()

    def _begin(self) -> None:
        while self._waiting and (self._hands is None or self._busy < self._hands):
            self._busy += 1
            self._place.after(self._seconds, partial(self._answer, self._waiting.popleft()))

    def _answer(self, number: int) -> None:
        self._busy -= 1
        self.connection.send([YIELD, number, {}, ["done"]])
        self._begin()


class Workplace(ExitStack):
    """The loop in which workers work, and a caller calls."""

    def __init__(self, router: RunningRouter) -> None:
        super().__init__()
        self._router = router
        self._poll = self.enter_context(select.epoll())
        self._arrived: dict[int, tuple[WireConnection, Callable[[list[list[Any]]], None]]] = {}
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._order = itertools.count()
        self._begun: dict[int, float] = {}
        self.took: list[float] = []
        """How long each call has taken [s], in the order of the answers."""
        self._caller = self.connect(self._answered)

    def connect(self, arrived: Callable[[list[list[Any]]], None]) -> WireConnection:
        """Return a connection; what comes is given to `arrived`."""
        connection = self.enter_context(WireConnection(self._router.unix_path))
        self._arrived[connection.socket.fileno()] = (connection, arrived)
        self._poll.register(connection.socket, select.EPOLLIN)
        return connection

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something later."""
        heapq.heappush(self._timers, (time.perf_counter() + seconds, next(self._order), action))

    def call(self, procedure: str) -> None:
        """Call a procedure now."""
        number = next(self._order) + 1
        self._begun[number] = time.perf_counter()
        self._caller.send([CALL, number, {}, procedure, ["work"]])

    def _answered(self, messages: list[list[Any]]) -> None:
        for message in messages:
            if message[0] != RESULT:
                raise RuntimeError(f"a call failed: {message}")
            self.took.append(time.perf_counter() - self._begun.pop(message[1]))

    def run(self, is_done: Callable[[], bool]) -> float:
        """Go on until something is true; return how long that took [s]."""
        begin = time.perf_counter()
        while not is_done():
            wait = self._timers[0][0] - time.perf_counter() if self._timers else PATIENCE
            ready = self._poll.poll(max(wait, 0))
            if not ready and not self._timers:
                raise RuntimeError(f"nothing happens any more; {len(self._begun)} calls are not answered")
            for number, _ in ready:
                connection, arrived = self._arrived[number]
                arrived(connection.arrived())
            while self._timers and self._timers[0][0] <= time.perf_counter():
                heapq.heappop(self._timers)[2]()
        return time.perf_counter() - begin
