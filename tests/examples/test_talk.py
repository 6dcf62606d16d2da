"""The demos of the talk do what they say, on a real router with the repository's settings."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.reliability.processes import environment
from tests.running_router import ROOT, RunningRouter

pytestmark = pytest.mark.mesh

TIMEOUT = 60.0


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = ("--settings", str(ROOT / "router" / "router.toml"), "--insight-port", "0")
    with RunningRouter(tmp_path_factory.mktemp("talk"), arguments=settings) as router:
        yield f"unix:{router.unix_path}"


def demo(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"examples.talk.{name}", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=TIMEOUT, check=False)


def test_the_standby_answers_the_call_in_which_the_primary_is_killed(url: str) -> None:
    done = demo("standby", "--router", url, "--seconds", "0.1")

    assert (done.returncode, done.stderr) == (0, "")
    assert re.findall(r"answered by (\w+)", done.stdout) == ["primary"] * 4 + ["standby"] * 5


def test_every_slot_is_used_nobody_gets_more_and_the_queue_has_a_limit(url: str) -> None:
    done = demo("queue", "--router", url, "--seconds", "0.3")
    pictures = re.findall(r"slots (.*?)   waiting (\.*|-)   done (\d+)", done.stdout)
    busy = [[len(each) for each in re.findall(r"\[(#*) *\]", slots)] for slots, _, _ in pictures]

    assert (done.returncode, done.stderr) == (0, "")
    assert [2, 3] in busy
    assert [2, 3, 5] in busy
    assert max(len(waiting) for _, waiting, _ in pictures) == 20
    assert [number for _, _, number in pictures].count("20") >= 2
    assert "5 of 35 were refused at once, with deltamesh.error.queue_full" in done.stdout


def test_without_a_router_they_say_how_to_start_one() -> None:
    done = demo("queue", "--router", "unix:nobody/here.sock")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "make run" in done.stderr
