"""SIGHUP: the settings are read again, and nobody who is connected notices."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest

from tests.running_router import OURS, RunningRouter, free_port
from tests.wire_connection import CALL, INVOCATION, RESULT, YIELD, WireConnection, error_of

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

WORK = "com.example.poll.work"


def settings(port: int, max_waiting: int) -> str:
    return f'[insight]\nport = {port}\n[[calls]]\nuri = "{WORK}"\nmax_waiting = {max_waiting}\n'


class Reloading:
    """A router and its settings file."""

    def __init__(self, router: RunningRouter, file: Path) -> None:
        self.router = router
        self.file = file
        self.port = free_port()

    def reload(self, text: str, process: int | None = None) -> str:
        """Write other settings, send SIGHUP; return what the router says."""
        self.file.write_text(text)
        seen = len(self.router.lines)
        os.kill(process or self.router.process.pid, signal.SIGHUP)
        return self.router.wait_for("settings", after=seen)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reloading]:
    """One router for all tests here, with the settings file that is found beside its node directory."""
    folder = tmp_path_factory.mktemp("reload")
    (folder / "router").mkdir()
    reloading = Reloading(RunningRouter(folder), folder / "router" / "router.toml")
    reloading.file.write_text(settings(reloading.port, 10))
    with reloading.router:
        yield reloading


@pytest.fixture
def reloading(running: Reloading) -> Reloading:
    """The router, with the settings that it began with."""
    running.reload(settings(running.port, 10))
    return running


def test_a_changed_limit_takes_effect_and_no_session_notices(reloading: Reloading) -> None:
    with WireConnection(reloading.router.unix_path) as worker, WireConnection(reloading.router.unix_path) as caller:
        worker.register(WORK, concurrency=1)
        caller.send([CALL, 1, {}, WORK, [1]])
        assert worker.receive()[0] == INVOCATION
        caller.send([CALL, 2, {}, WORK, [2]])  # waits
        line = reloading.reload(settings(reloading.port, 1))
        caller.send([CALL, 3, {}, WORK, [3]])  # one waits already
        refused = caller.receive()
        for number in (1, 2):
            worker.send([YIELD, number, {}, [number]])
            assert caller.receive()[:2] == [RESULT, number]
            if number == 1:
                assert worker.receive()[0] == INVOCATION

        assert refused[2] == 3
        assert error_of(refused) == "deltamesh.error.queue_full"
        assert line == f"router: settings read again: calls exact '{WORK}'.max_waiting 10 -> 1"


def test_the_worker_takes_the_signal_as_well(reloading: Reloading) -> None:
    (worker,) = psutil.Process(reloading.router.process.pid).children()
    line = reloading.reload(settings(reloading.port, 11), worker.pid)

    assert line == f"router: settings read again: calls exact '{WORK}'.max_waiting 10 -> 11"
    assert worker.is_running()


def test_nothing_new_is_said_as_well(reloading: Reloading) -> None:
    assert reloading.reload(reloading.file.read_text()) == "router: settings read again: nothing has changed"


def test_a_faulty_file_changes_nothing_and_is_one_line(reloading: Reloading) -> None:
    num_errors = len(reloading.router.stderr)
    line = reloading.reload(settings(reloading.port, 12) + "[limits]\nmax_cals = 1")
    after = reloading.reload(settings(reloading.port, 12))

    assert line == f"router: error: the settings are as before: {reloading.file}: limits.max_cals is unknown: did you mean max_calls?"
    assert reloading.router.stderr[num_errors:] == [line]
    assert after == f"router: settings read again: calls exact '{WORK}'.max_waiting 10 -> 12"


def test_without_the_file_everything_has_its_default(reloading: Reloading) -> None:
    reloading.reload("[limits]\nmax_calls = 7")
    reloading.file.unlink()
    os.kill(reloading.router.process.pid, signal.SIGHUP)

    assert reloading.router.wait_for("max_calls 7 -> 10000")


def test_insight_moves_to_another_port(reloading: Reloading) -> None:
    other = free_port()
    line = reloading.reload(settings(other, 10))
    with urlopen(f"http://127.0.0.1:{other}/healthz") as answer:
        text = answer.read()

    assert line == f"router: settings read again: insight.port {reloading.port} -> {other}"
    assert text == b"alive\n"


def test_a_signal_during_the_start_does_no_harm(tmp_path: Path) -> None:
    router = RunningRouter(tmp_path)
    router.launch()
    router.wait_for("router: starting")
    for _ in range(20):
        router.process.send_signal(signal.SIGHUP)
    router.wait_for("router: ready")
    WireConnection(router.unix_path).close()

    assert router.stop() == 0


WITH_TERMINAL = "import os, sys; os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execv(sys.argv[1], sys.argv[1:])"
"""A program that makes its input the terminal of its session, and then is another program."""


def test_a_router_ends_with_its_terminal(tmp_path: Path) -> None:
    router = RunningRouter(tmp_path)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", WITH_TERMINAL, *OURS, "--cbdir", str(router.node_directory)]
    with subprocess.Popen(
        command, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert any(line.startswith("router: ready") for line in process.stdout)
        children = psutil.Process(process.pid).children()
        os.close(ours)

        assert process.wait() == 0
        assert psutil.wait_procs(children, timeout=60)[1] == []
