"""Who has promised a heartbeat and falls silent loses the connection; who has not, or is heard, does not."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any, Final

import psutil
import pytest
from twisted.internet.task import Clock

from deltamesh_router.sessions import heartbeat
from deltamesh_router.sessions.heartbeat import LOOK, MAX_TOLERANCE, MIN_TOLERANCE, Heartbeats
from tests.router.parties import Callee, Caller, write_settings
from tests.router.process_connection import ProcessConnection
from tests.running_router import RunningRouter
from tests.wire_connection import CALL, EVENT, RESULT, WireConnection, error_of

HEARTBEAT: Final = heartbeat.PROCEDURE
WORK: Final = "com.example.heartbeat.work"
GONE: Final = "com.example.heartbeat.gone"

SETTINGS: Final = f"""
[[calls]]
uri = "{WORK}"
tries = 2
"""


class Session:
    """What the rule reads of a session, and of its connection."""

    _authrole, _realm = "component", "realm1"

    def __init__(self, number: int) -> None:
        self._session_id = number
        self.num_received = 0
        self.num_aborted = 0
        self.transport = SimpleNamespace(abortConnection=self._abort)

    def _abort(self) -> None:
        self.num_aborted += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heartbeats(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Heartbeats:
    monkeypatch.setattr(heartbeat, "arrival_of", lambda session: session)
    return Heartbeats(clock)


def look(clock: Clock, number: float) -> None:
    """Let so many looks pass."""
    clock.pump([LOOK] * int(number))


def test_who_falls_silent_is_closed_when_the_tolerance_is_over_and_the_others_are_not(clock: Clock, heartbeats: Heartbeats) -> None:
    silent, heard, patient = Session(1), Session(2), Session(3)
    heartbeats.expect(silent, 4.0)
    heartbeats.expect(heard, 4.0)
    heartbeats.expect(patient, 60.0)
    for _ in range(int(4.0 / LOOK) - 1):
        heard.num_received += 1
        look(clock, 1)
    before = silent.num_aborted
    heard.num_received += 1
    look(clock, 1)

    assert (before, silent.num_aborted, heard.num_aborted, patient.num_aborted) == (0, 1, 0, 0)
    assert heartbeats.num_closed == {"realm1": 1}


def test_silence_begins_anew_whenever_something_comes(clock: Clock, heartbeats: Heartbeats) -> None:
    session = Session(1)
    heartbeats.expect(session, 4.0)
    for _ in range(100):
        look(clock, 4.0 / LOOK - 1)
        session.num_received += 1
        look(clock, 1)

    assert session.num_aborted == 0

    look(clock, 4.0 / LOOK)
    assert session.num_aborted == 1


def test_a_later_call_changes_the_tolerance(clock: Clock, heartbeats: Heartbeats) -> None:
    session = Session(1)
    heartbeats.expect(session, 2.0)
    heartbeats.expect(session, 10.0)
    look(clock, 5.0 / LOOK)

    assert session.num_aborted == 0


def test_a_router_that_was_stopped_closes_nobody_for_that(clock: Clock, heartbeats: Heartbeats) -> None:
    sessions = [Session(number) for number in range(100)]
    for session in sessions:
        heartbeats.expect(session, 4.0)
    for _ in range(10):
        clock.advance(1000.0)
        for session in sessions:  # what came meanwhile is read after the look
            session.num_received += 1

    assert [session.num_aborted for session in sessions] == [0] * len(sessions)


def test_all_sessions_have_one_timer_and_none_have_none(clock: Clock, heartbeats: Heartbeats) -> None:
    sessions = [Session(number) for number in range(3000)]
    for session in sessions:
        heartbeats.expect(session, 4.0)
    look(clock, 1)

    assert len(clock.getDelayedCalls()) == 1

    for session in sessions:
        heartbeats.forget(session)
    look(clock, 1)
    assert clock.getDelayedCalls() == []

    heartbeats.expect(sessions[0], 4.0)
    assert len(clock.getDelayedCalls()) == 1


# -- with real connections


@pytest.fixture(scope="module")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    """A router that gives calls of `WORK` to a second callee."""
    folder = tmp_path_factory.mktemp("heartbeat")
    write_settings(folder, SETTINGS)
    with RunningRouter(folder) as router:
        yield router


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def num_closed(connection: WireConnection) -> int:
    """Return how many were closed, as the router counts."""
    return int(connection.call("mesh.metrics")[3][0]["silent_sessions_closed"])


@pytest.mark.mesh
@pytest.mark.slow
def test_a_process_that_is_stopped_counts_as_dead(watching: RunningRouter, stack: ExitStack) -> None:
    process = stack.enter_context(ProcessConnection(watching.unix_path))
    frozen = Callee(process, "frozen")
    frozen.register(WORK, concurrency=1)
    process.call("wamp.session.add_testament", GONE, ["frozen"], {})
    quiet, watcher = [stack.enter_context(WireConnection(watching.unix_path)) for _ in range(2)]
    other = Callee(stack.enter_context(WireConnection(watching.unix_path)), "other")
    other.register(WORK, concurrency=1)
    caller = Caller(stack.enter_context(WireConnection(watching.unix_path)))
    caller.call(WORK, "first", "second")
    assert (frozen.given_next(), other.given_next()) == ("first", "second")
    other.answer("second")
    before = num_closed(watcher)
    watcher.subscribe(GONE)
    answer = process.call(HEARTBEAT, 1.5)
    process._process.send_signal(signal.SIGSTOP)

    assert answer[3] == [True]
    assert watcher.receive()[0:5:4] == [EVENT, ["frozen"]]
    assert other.given_next() == "first"
    other.answer("first")
    assert [caller.told_next(), caller.told_next()] == ["second done by other", "first done by other"]
    assert num_closed(watcher) == before + 1
    line = watching.wait_for(f"closed session {process.session} of role component")
    assert "nothing has come from it for 1.5 s" in line
    sessions = watcher.call("wamp.session.list")[3][0]
    assert process.session not in sessions
    assert quiet.session in sessions

    process._process.send_signal(signal.SIGCONT)
    with pytest.raises(EOFError):
        process.receive()


@pytest.mark.mesh
@pytest.mark.slow
def test_a_router_that_is_stopped_finds_everybody_when_it_goes_on(watching: RunningRouter, stack: ExitStack) -> None:
    sessions = [stack.enter_context(WireConnection(address)) for address in [watching.unix_path] * 20]
    for session in sessions:
        session.call(HEARTBEAT, 2.0)
    before = num_closed(sessions[0])
    processes = [psutil.Process(watching.process.pid), *psutil.Process(watching.process.pid).children(recursive=True)]
    for process in processes:
        process.suspend()
    for session in sessions:
        session.send([CALL, 99, {}, HEARTBEAT, [2.0]])
    with pytest.raises(TimeoutError):  # which is the time that has to pass: twice the tolerance
        silence(sessions[0], 4.0)
    for process in processes:
        process.resume()

    assert [session.receive()[:2] for session in sessions] == [[RESULT, 99]] * len(sessions)
    assert num_closed(sessions[0]) == before


def silence(connection: WireConnection, seconds: float) -> None:
    """Wait for a message; raise TimeoutError if none comes."""
    before = connection.socket.gettimeout()
    connection.socket.settimeout(seconds)
    try:
        connection.receive()
    finally:
        connection.socket.settimeout(before)


@pytest.mark.mesh
def test_a_session_that_has_left_its_realm_has_promised_nothing_more(watching: RunningRouter, stack: ExitStack) -> None:
    watcher, leaving = [stack.enter_context(WireConnection(watching.unix_path)) for _ in range(2)]
    before = num_closed(watcher)
    leaving.call(HEARTBEAT, MIN_TOLERANCE)
    leaving.close()
    witness = stack.enter_context(WireConnection(watching.unix_path))
    witness.call(HEARTBEAT, MIN_TOLERANCE)
    with pytest.raises(EOFError):  # it was closed, and so the one before would have been
        witness.receive()

    assert num_closed(watcher) == before + 1


@pytest.mark.mesh
@pytest.mark.parametrize(
    "args", [[], ["4"], [0], [MIN_TOLERANCE - 0.01], [MAX_TOLERANCE + 1], [True], [None], [float("nan")], [float("inf")], [4, 4]]
)
def test_anything_but_a_duration_within_the_bounds_is_refused(router: RunningRouter, stack: ExitStack, args: list[Any]) -> None:
    session = stack.enter_context(WireConnection(router.unix_path))

    answer = session.call(HEARTBEAT, *args)

    assert error_of(answer) == "wamp.error.invalid_argument"
    assert "1 to 3600" in answer[5][0]


@pytest.mark.mesh
def test_browsers_may_not_promise(router: RunningRouter, stack: ExitStack) -> None:
    browser = stack.enter_context(WireConnection(router.ws_url))

    assert error_of(browser.call(HEARTBEAT, 4.0)) == "wamp.error.not_authorized"
