"""
A worker of the crowd (`tests/router/crowd.py`): a process that registers procedures, is given calls, and may be killed at any time.

    python -m tests.router.workers.crowd ADDRESS NUMBER PIPE '{"com.example.crowd.plain": 3, ...}'

What it does it writes to the file descriptor PIPE, which all workers share, before anybody else can know: so the records of all are in the
order in which things happened. On stdin it is told, in one letter, to drain, to leave at once, or to release what it holds.
"""

from __future__ import annotations

import heapq
import json
import os
import select
import struct
import sys
import time
from typing import Any, Final

from tests.wire_connection import (
    CANCELLING,
    ERROR,
    INTERRUPT,
    INVOCATION,
    REGISTER,
    REGISTERED,
    UNREGISTER,
    UNREGISTERED,
    YIELD,
    WireConnection,
)

RECORD: Final = struct.Struct("!BBHII")
"""What happened, to which procedure (its place in the list), by which worker, with which call, and its key."""
READY, STARTED, ENDED, TOO_MANY, LEFT = range(5)

DRAIN, LEAVE, RELEASE = b"d", b"l", b"r"

WORK, FAIL, HOLD = range(3)
"""What a call asks for: a result, an error, or to be kept until the worker is told to release."""

FAILED: Final = "com.example.crowd.failed"


class Worker:
    """Works on as many calls of each procedure as it said, and says so if it is given more."""

    def __init__(self, address: str, number: int, pipe: int, limits: dict[str, int]) -> None:
        self._connection = WireConnection(address, roles=CANCELLING)
        self._number = number
        self._pipe = pipe
        self._limits = list(limits.values())
        self._given = [0] * len(limits)
        self._registrations: dict[int, int] = {}
        self._places = {
            self._connection.begin(REGISTER, {"invoke": "roundrobin", "concurrency": limit}, procedure): place
            for place, (procedure, limit) in enumerate(limits.items())
        }
        self._calls: dict[int, tuple[int, int, int, int]] = {}
        self._held: list[int] = []
        self._due: list[tuple[float, int]] = []
        self._is_draining = False

    def run(self) -> None:
        """Work until told to stop."""
        while not (self._is_draining and not self._calls and not self._registrations):
            wait = max(0.0, self._due[0][0] - time.monotonic()) if self._due else None
            readable, _, _ = select.select([self._connection.socket, sys.stdin], [], [], wait)
            if sys.stdin in readable:
                self._told(os.read(sys.stdin.fileno(), 1))
            if self._connection.socket in readable:
                for message in self._connection.arrived():
                    self._received(message)
            while self._due and self._due[0][0] <= time.monotonic():
                self._answer(heapq.heappop(self._due)[1])
        self._record(LEFT)

    def _told(self, letter: bytes) -> None:
        if letter == DRAIN:
            self._is_draining = True
            for registration in self._registrations:
                self._connection.begin(UNREGISTER, registration)
        elif letter == RELEASE:
            for invocation in self._held:
                self._answer(invocation)
            self._held.clear()
        else:  # told to leave, or nobody is there any more
            self._record(LEFT)
            sys.exit()

    def _received(self, message: list[Any]) -> None:
        kind, number = message[:2]
        if kind == INVOCATION:
            self._begin(number, self._registrations[message[2]], *message[4])
        elif kind == INTERRUPT:
            if number in self._calls:
                self._answer(number, "wamp.error.canceled")
        elif kind == REGISTERED:
            self._registrations[message[2]] = self._places[number]
            if len(self._registrations) == len(self._places):
                self._record(READY)
        elif kind == UNREGISTERED:
            del self._registrations[next(iter(self._registrations))]  # one answer for each
        else:
            raise AssertionError(message)

    def _begin(self, invocation: int, place: int, call: int, key: int, what: int, milliseconds: float) -> None:
        self._calls[invocation] = (place, call, key, what)
        self._given[place] += 1
        self._record(STARTED, place, call, key)
        if self._given[place] > self._limits[place]:
            self._record(TOO_MANY, place, call, key)
        if what == HOLD:
            self._held.append(invocation)
        elif milliseconds == 0:
            self._answer(invocation)
        else:
            heapq.heappush(self._due, (time.monotonic() + milliseconds / 1000, invocation))

    def _answer(self, invocation: int, error: str | None = None) -> None:
        if invocation not in self._calls:
            return  # was interrupted
        place, call, key, what = self._calls.pop(invocation)
        self._given[place] -= 1
        self._record(ENDED, place, call, key)
        if what == FAIL:
            error = error or FAILED
        if error is not None:
            self._connection.send([ERROR, INVOCATION, invocation, {}, error])
        else:
            self._connection.send([YIELD, invocation, {}, [call]])

    def _record(self, what: int, place: int = 0, call: int = 0, key: int = 0) -> None:
        os.write(self._pipe, RECORD.pack(what, place, self._number, call, key))


if __name__ == "__main__":
    Worker(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4])).run()
