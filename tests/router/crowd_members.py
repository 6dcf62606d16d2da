"""Who takes part in a crowd (`crowd.Crowd`): callers and their calls, worker processes, and who watches over the keys."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.router.workers.crowd import RELEASE
from tests.running_router import ROOT
from tests.wire_connection import CALL, CANCELLING, RESULT, WireConnection

SILENCE: Final = 50.0
"""Seconds without any answer after which something is stuck."""


class Broken(AssertionError):
    """Something that must hold does not."""


@dataclass(slots=True)
class Call:
    """What a caller knows of one of its calls."""

    number: int
    procedure: str
    key: int
    caller: Caller
    request: int
    what: int
    may_be: set[str] = field(default_factory=set)
    """Errors that it may end with."""


class Worker:
    """A worker process as the crowd sees it."""

    def __init__(self, number: int, address: str, pipe: int, limits: dict[str, int]) -> None:
        self.number = number
        self.limits = limits
        self.is_ready = False
        """It has registered, and was told nothing yet."""
        self.is_dead = False
        """It was killed, or has left: it does nothing any more, although records of what it did may still come."""
        command = [sys.executable, "-m", "tests.router.workers.crowd", address, str(number), str(pipe), json.dumps(limits)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, pass_fds=[pipe])

    def tell(self, letter: bytes) -> None:
        """Let it drain, leave or release."""
        self.is_ready = self.is_ready and letter == RELEASE
        assert self.process.stdin is not None
        self.process.stdin.write(letter)
        self.process.stdin.flush()

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.is_dead, self.is_ready = True, False
        self.process.kill()

    def end(self) -> int:
        """Return the exit code, when it has ended."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(SILENCE)


class Caller:
    """A session that calls. `answered(call, error)` is told of each answer; `error` is the URI of one, or empty."""

    def __init__(self, address: str, answered: Callable[[Call, str], None]) -> None:
        self._answered = answered
        self.connection = WireConnection(address, roles=CANCELLING)
        self.calls: dict[int, Call] = {}
        """Request -> call that is not answered."""
        self.has_left = False
        asyncio.get_running_loop().add_reader(self.connection.socket, self._read)

    def _read(self) -> None:
        for message in self.connection.arrived():
            if self.has_left:
                return
            request, error = (message[1], "") if message[0] == RESULT else (message[2], message[4])
            call = self.calls.pop(request, None)
            if call is None:
                raise Broken(f"an answer to a call that is answered already: {message}")
            if message[0] == RESULT and message[3] != [call.number]:
                raise Broken(f"the result of another call: {message}, {call}")
            self._answered(call, error)

    def call(self, number: int, procedure: str, key: int, what: int, milliseconds: float, **options: Any) -> Call:
        """Make a call."""
        request = self.connection.begin(CALL, options, procedure, [number, key, what, milliseconds])
        call = self.calls[request] = Call(number, procedure, key, self, request, what)
        return call

    def leave(self) -> None:
        """Close the connection without a word."""
        self.has_left = True
        asyncio.get_running_loop().remove_reader(self.connection.socket)
        self.connection.close()


class Keys:
    """Checks that calls with one key are worked on in order, and by one worker at a time."""

    def __init__(self, workers: dict[int, Worker]) -> None:
        self._workers = workers
        self._at_work: dict[int, dict[int, int]] = defaultdict(dict)
        """Key -> call -> worker that has begun with it."""
        self._last: dict[tuple[object, int], int] = defaultdict(int)
        """Caller and key -> the latest call that was begun by anybody."""
        self._last_here: dict[tuple[object, int, int], int] = defaultdict(int)
        """Caller, key and worker -> the latest call that this worker has begun."""
        self._begun: set[int] = set()

    def started(self, caller: object, key: int, call: int, worker: int) -> None:
        """`worker` has begun with a call."""
        if self._workers[worker].is_dead:
            return  # it was alive when it did
        others = {other for other in self._at_work[key].values() if other != worker and not self._workers[other].is_dead}
        if others:
            raise Broken(f"worker {worker} was given call {call} with key {key} while {others} worked on {self._at_work[key]}")
        if call not in self._begun:
            if call < self._last[caller, key]:
                raise Broken(f"call {call} with key {key} came after {self._last[caller, key]}")
            self._last[caller, key] = call
            self._begun.add(call)
        if call < self._last_here[caller, key, worker]:
            raise Broken(f"worker {worker} was given call {call} with key {key} after {self._last_here[caller, key, worker]}")
        self._last_here[caller, key, worker] = call
        self._at_work[key][call] = worker

    def ended(self, key: int, call: int, worker: int) -> None:
        """`worker` is about to answer a call."""
        if self._at_work[key].get(call) == worker:
            del self._at_work[key][call]
