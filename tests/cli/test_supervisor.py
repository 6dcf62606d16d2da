"""The supervisor, with programs of one line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import psutil
import pytest

from deltamesh.cli.program import MAX_LINE, CannotStart, Program, State, Supervised
from deltamesh.cli.supervisor import Supervisor, first_ready, supervise
from tests.cli.running_command import TIMEOUT

Until = Callable[[list[Supervised], "Lines"], Awaitable[None]]

WAITS = "print('one: ready', flush=True); time.sleep(1000)"
STUBBORN = f"signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"


class Lines(list[tuple[str, str]]):
    """What was said, as (name, text)."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def say(self, name: str, text: str) -> None:
        self.append((name, text))
        self._news.set()

    async def have(self, text: str, times: int = 1) -> None:
        """Return when `text` was said so many times."""
        while sum(text in line for _, line in self) < times:
            self._news.clear()
            await self._news.wait()


def python(name: str, code: str, *, may_finish: bool = False, is_needed: bool = False) -> Program:
    command = [sys.executable, "-uc", f"import os, signal, subprocess, sys, time; {code}"]
    return Program(name, command, may_finish=may_finish, is_needed=is_needed)


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def children() -> set[psutil.Process]:
    return set(psutil.Process().children())


def run(*stages: list[Program], until: Until) -> Lines:
    """Start the stages, wait for `until`, do what Ctrl-C does; return what was said. No process is left."""
    lines, before = Lines(), children()

    async def work(supervisor: Supervisor) -> None:
        started = [each for stage in stages for each in supervisor.start(stage)]
        await until(started, lines)
        interrupt()

    asyncio.run(supervise(work, {"NAME": "value"}, lines.say))
    assert children() == before
    return lines


async def all_ready(started: list[Supervised], _: Lines) -> None:
    for each in started:
        await first_ready([each])


def said(text: str, times: int = 1) -> Until:
    """Wait until `text` was said so many times."""
    return lambda _, lines: lines.have(text, times)


def test_stages_end_in_the_opposite_order() -> None:
    polite = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye'))); "
    stages = [[python(name, f"{polite} print('{name}: ready'); time.sleep(1000)")] for name in ("router", "leader", "feeder")]
    lines = run(*stages, until=all_ready)

    assert [name for name, text in lines if text == "bye"] == ["feeder", "leader", "router"]


def test_the_environment_and_both_streams_are_passed_on() -> None:
    lines = run([python("one", "print(os.environ['NAME']); print('one: ready', file=sys.stderr); time.sleep(1000)")], until=all_ready)

    assert lines[:2] == [("one", "value"), ("one", "ready")]


def test_ctrl_c_in_a_terminal_reaches_no_program() -> None:
    """A terminal signals a process group; each program is in one of its own."""
    lines = run([python("one", f"print(os.getpgrp() == os.getpid()); {WAITS}")], until=all_ready)

    assert lines[0] == ("one", "True")


def test_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh.cli.program.FIRST_PAUSE", 0.01)
    lines = run([python("one", "sys.exit(3)")], until=said("in 0.08 s"))

    assert [text.split(",")[-1] for _, text in lines[:4]] == [f" starting it again in {pause} s" for pause in (0.01, 0.02, 0.04, 0.08)]
    assert lines[0] == ("one", "ended with exit code 3, starting it again in 0.01 s")


def test_the_pause_has_a_limit_and_a_steady_program_starts_with_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh.cli.program.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("deltamesh.cli.program.MAX_PAUSE", 0.02)
    fails = [python("one", "sys.exit(1)")]
    lines = run(fails, until=said("again", 4))
    monkeypatch.setattr("deltamesh.cli.program.STEADY", 0.0)
    steady = run([python("one", "print('one: ready'); sys.exit(1)")], until=said("again", 4))

    assert [text.split()[-2] for _, text in lines[:4]] == ["0.01", "0.02", "0.02", "0.02"]
    assert [text.split()[-2] for _, text in steady if "again" in text] == ["0.01", "0.01", "0.01", "0.01"]


def test_who_ends_again_and_again_is_told_in_one_line_with_what_it_said_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh.cli.program.FIRST_PAUSE", 0.01)
    lines = run([python("one", "import nowhere"), python("two", "print('bye'); sys.exit(2)")], until=said("put that right", 2))
    silent = run([python("one", "sys.exit(2)")], until=said("error: "))

    told = {name: text for name, text in reversed(lines) if "put that right" in text}
    parts = {name: text.replace("within ", "; ").split("; ") for name, text in told.items()}
    missing = "it said \"ModuleNotFoundError: No module named 'nowhere'\": put that right, starting it again in 0.04 s"
    assert parts["one"][0::2] == ["error: ended with exit code 1, 3 times ", missing]
    assert parts["two"][0::2] == ["error: ended with exit code 2, 3 times ", "it said 'bye': put that right, starting it again in 0.04 s"]
    assert sum("again in" in text for _, text in silent) == 3
    assert sum("it says nothing: try `" in text for _, text in silent) == 1


def test_who_ends_now_and_then_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh.cli.program.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("deltamesh.cli.program.LOOP_TIME", 0.0)
    lines = run([python("one", "sys.exit(2)")], until=said("again", 4))

    assert not any("error" in text for _, text in lines)


def test_a_program_that_was_killed_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh.cli.program.FIRST_PAUSE", 0.01)
    lines = run([python("one", "os.kill(os.getpid(), signal.SIGKILL)")], until=said("0.02"))

    assert lines[0] == ("one", "was killed by SIGKILL, starting it again in 0.01 s")


def test_a_program_that_has_done_its_work_is_not_started_again() -> None:
    lines = run([python("one", "print('done')", may_finish=True)], until=said("has finished"))

    assert lines[:2] == [("one", "done"), ("one", "has finished")]


def test_a_program_that_cannot_be_started_is_told() -> None:
    lines = run([Program("one", ["/nowhere/at-all"])], until=said("127"))

    assert lines[:2] == [
        ("one", "error: cannot run /nowhere/at-all: No such file or directory"),
        ("one", "ended with exit code 127, starting it again in 0.5 s"),
    ]


def test_a_program_that_is_needed_and_fails_ends_all() -> None:
    before = children()
    with pytest.raises(CannotStart, match="two ended with exit code 1"):
        run([python("one", WAITS)], [python("two", "sys.exit(1)", is_needed=True)], until=said("never"))

    assert children() == before


def test_one_more_of_a_stage_ends_with_its_stage_and_one_that_is_ended_leaves_no_trace() -> None:
    lines = Lines()
    before = children()
    polite = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye'))); "

    def waits(name: str) -> Program:
        return python(name, f"{polite} print('{name}: ready'); time.sleep(1000)")

    async def work(supervisor: Supervisor) -> None:
        (first,) = supervisor.start([waits("first")])
        supervisor.start([waits("later")])
        more = supervisor.start([waits("beside"), waits("ended")], beside=first)
        for each in supervisor.programs:
            await each.ready.wait()
        await supervisor.end(more[1])
        lines.say("test", "ended one")
        assert (more[1].state, more[1].pid, len(supervisor.programs)) == (State.ENDED, None, 3)
        interrupt()

    asyncio.run(supervise(work, {}, lines.say))

    assert children() == before
    said = [name for name, text in lines if text in ("bye", "ended one")]
    assert said[:3] == ["ended", "test", "later"]
    assert sorted(said[3:]) == ["beside", "first"]


def test_what_a_program_does_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh.cli.program.FIRST_PAUSE", 0.01)
    states: list[tuple[State, int, str | None]] = []

    async def look(started: list[Supervised], lines: Lines) -> None:
        (one,) = started
        states.append((one.state, one.restarts, one.error))
        await one.ready.wait()
        states.append((one.state, one.restarts, one.error))
        await lines.have("again", 1)
        states.append((one.state, one.restarts, one.error))
        await lines.have("again", 3)
        states.append((one.state, one.restarts, one.error))

    code = "print('one: ready'); sys.stdout.flush(); time.sleep(0.3); print('error: no'); sys.exit(1)"
    run([python("one", code)], until=look)

    assert states == [
        (State.STARTING, 0, None),
        (State.READY, 0, None),
        (State.WAITING, 0, "error: no"),
        (State.WAITING, 2, "error: no"),
    ]


def test_what_a_program_has_started_ends_with_it() -> None:
    child = "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])"
    grandchildren = []

    async def see_it(started: list[Supervised], lines: Lines) -> None:
        await all_ready(started, lines)
        grandchildren.append(psutil.Process(int(lines[0][1])))

    run([python("one", f"{child}; print(child.pid); {WAITS}")], until=see_it)

    assert psutil.wait_procs(grandchildren, timeout=TIMEOUT)[1] == []


def test_a_program_that_died_is_noticed_although_its_child_keeps_the_pipe_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh.cli.program.FIRST_PAUSE", 0.01)
    child = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(1000)'])"

    lines = run([python("one", f"{child}; sys.exit(5)")], until=said("again"))

    assert lines[0] == ("one", "ended with exit code 5, starting it again in 0.01 s")


def test_a_stubborn_program_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh.cli.program.PATIENCE", 0.05)

    assert run([python("one", STUBBORN)], until=all_ready)[-1] == ("one", "did not stop within 0.05 s: killed")


def test_the_second_signal_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh.cli.program.PATIENCE", 1000.0)

    async def twice(started: list[Supervised], lines: Lines) -> None:
        await all_ready(started, lines)
        asyncio.get_running_loop().call_later(0.1, interrupt)

    lines = run([python("one", STUBBORN)], [python("two", STUBBORN.replace("one", "two"))], until=twice)

    assert sorted(lines) == [("one", "ready"), ("run", "stopping, once more to stop at once"), ("two", "ready")]


def test_a_line_without_end_is_thrown_away() -> None:
    lines = run([python("one", f"print('x' * {3 * MAX_LINE}); print('y'); {WAITS}")], until=all_ready)

    assert ("one", f"… (a line of more than {MAX_LINE} bytes)") in lines
    assert ("one", "y") in lines
    assert max(len(text) for _, text in lines) <= MAX_LINE
