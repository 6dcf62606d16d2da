"""A program under supervision: one process at a time, started again when it dies."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shlex
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

FIRST_PAUSE: Final = 0.5
MAX_PAUSE: Final = 30.0
"""How long to wait before a program is started again, at first and at most [s]; the pause doubles each time."""

STEADY: Final = 5.0
"""A program that was ready for so long [s] has recovered: its next pause is the first one again."""

LOOP: Final = 3
LOOP_TIME: Final = 60.0
"""A program that ends so often within so many seconds needs somebody to look: what it said last is told then."""

MAX_ERROR: Final = 300
"""Characters of an error that is told again."""

PATIENCE: Final = 10.0
"""How long a program may take to stop before it is killed [s]; a router with many sessions takes two."""

MAX_LINE: Final = 64 * 1024
"""Bytes of a line of output that are passed on in one piece."""

_SET_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG in linux/prctl.h

Say = Callable[[str, str], None]
"""Called with the name of a program and a line about it, or one that it printed."""


class CannotStart(Exception):
    """A program that the others need has ended before it was ready; it has said why."""


@dataclass(frozen=True)
class Program:
    """What to start. A line of its output that begins with its name and a colon is shown without them."""

    name: str
    command: Sequence[str]
    says_ready: bool = True
    """Whether it prints `<name>: ready …` when it is."""
    is_needed: bool = False
    """Whether it must become ready at the first attempt."""
    may_finish: bool = False
    """Whether exit code 0 means that it has done its work."""


class State(Enum):
    """What a program is doing."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting to be started again"
    STOPPING = "stopping"
    ENDED = "ended"


class Supervised:
    """One program, from `run` until that is cancelled."""

    def __init__(self, program: Program, environment: dict[str, str], say: Say) -> None:
        self.program = program
        self.ready = asyncio.Event()
        """Set when it was ready for the first time."""
        self.state = State.STARTING
        self.restarts = 0
        """How often it was started again."""
        self.error: str | None = None
        """The last line about an error that it said since it was started."""
        self._steady_from: float | None = None  # if it still runs then, it has recovered
        self._last_line = ""
        self._ends: deque[float] = deque(maxlen=LOOP)
        self._environment = environment
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._is_killed = False

    async def run(self) -> None:
        """
        Keep the program running. When cancelled: stop it, and return when it has ended.

        Raises:
            CannotStart: it is needed, and ended before it was ready.
        """
        pause = FIRST_PAUSE
        try:
            while True:
                code = await self._run_once()
                if code == 0 and self.program.may_finish:
                    self._tell("has finished")
                    return
                if self._is_killed:
                    return
                if self.program.is_needed and not self.ready.is_set():
                    raise CannotStart(f"{self.program.name} {_ending(code)}")
                if self._steady_from is not None and self._now() >= self._steady_from:
                    pause = FIRST_PAUSE
                self.state = State.WAITING
                self._tell(f"{self._told(_ending(code))}, starting it again in {pause:g} s")
                await asyncio.sleep(pause)
                pause = min(2 * pause, MAX_PAUSE)
                self.restarts += 1
        finally:
            self.state = State.ENDED

    @property
    def pid(self) -> int | None:
        """The process; None while there is none."""
        return None if self._process is None else self._process.pid

    def _told(self, ending: str) -> str:
        """Return `ending`; if it ends again and again, as an error, with what it said and what to do."""
        now = self._now()
        self._ends.append(now)
        if len(self._ends) < LOOP or now - self._ends[0] > LOOP_TIME:
            return ending
        said = self.error or self._last_line
        remedy = f"it said {said!r}: put that right" if said else f"it says nothing: try `{shlex.join(self.program.command)}`"
        return f"error: {ending}, {LOOP} times within {max(1.0, now - self._ends[0]):.0f} s; {remedy}"

    @staticmethod
    def _now() -> float:
        return asyncio.get_running_loop().time()

    def _has_begun(self) -> None:
        """It is ready, or one cannot know."""
        self.state = State.READY
        self._steady_from = self._now() + STEADY

    def kill(self) -> None:
        """End the process and all that it has started, at once and for good."""
        self._is_killed = True
        if self._process is not None:
            _kill_group(self._process.pid)

    async def _run_once(self) -> int:
        """Run one process to its end; return its exit code, or the negative number of the signal that killed it."""
        self.state = State.STARTING
        self.error, self._last_line, self._steady_from = None, "", None
        output, its_output = os.pipe()
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                *self.program.command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=its_output,
                stderr=its_output,
                # a group of its own: Ctrl-C reaches us only, and what it starts can be ended with it
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        except OSError as error:
            os.close(output)
            self._tell(f"error: cannot run {self.program.command[0]}: {error.strerror}")
            return 127  # as a shell says it
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(its_output)
        if not self.program.says_ready:
            self._has_begun()
        relaying = asyncio.create_task(self._relay(output))
        try:
            return await process.wait()
        finally:
            await self._end(process)
            await relaying
            self._process = None

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Ask the process to stop, if it is still there, and kill what is left of its group."""
        if process.returncode is None:
            self.state = State.STOPPING
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), PATIENCE)
            except TimeoutError:
                self._tell(f"did not stop within {PATIENCE:g} s: killed")
        _kill_group(process.pid)
        await process.wait()

    async def _relay(self, output: int) -> None:
        """Pass on what is printed, line by line, until nobody can print any more."""
        reader = asyncio.StreamReader(limit=MAX_LINE)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(output, "rb", 0)
        )
        mark = f"{self.program.name}: "
        try:
            while True:
                try:
                    line = await reader.readline()
                except ValueError:  # it is longer than the limit, and thrown away
                    self._tell(f"… (a line of more than {MAX_LINE} bytes)")
                    continue
                if not line:
                    return
                text = line.decode(errors="replace").rstrip().removeprefix(mark)
                if self.program.says_ready and text.startswith("ready"):
                    self._has_begun()
                    self.ready.set()
                self._last_line = text.strip()[:MAX_ERROR] or self._last_line
                if "error" in text.lower():
                    self.error = self._last_line
                self._tell(text)
        finally:
            transport.close()

    def _tell(self, text: str) -> None:
        self._say(self.program.name, text)


def _ending(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):  # all of them have ended
        os.killpg(pid, signal.SIGKILL)


def _make_die_with_parent() -> Callable[[], None] | None:
    """Return what a child calls before it becomes the program, so that it is told to stop when we are killed. Linux only."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def die_with_parent() -> None:
        prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != parent:  # killed before we could say what is to happen then
            os._exit(1)

    return die_with_parent


_die_with_parent: Final = _make_die_with_parent()
