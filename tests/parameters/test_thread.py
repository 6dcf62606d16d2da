"""Programs that do not run Twisted, as processes: from plain threads, and from asyncio."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.threads import deferToThread

from tests.mesh.mesh import TIMEOUT, Inside, until
from tests.parameters.source import World
from tests.running_router import ROOT

pytestmark = pytest.mark.mesh


PROGRAM = ("-m", "tests.parameters.program")

FORKS = """
import json, os, sys
from deltamesh.parameters import Parameters
url, service = sys.argv[1:]
def refused(call):
    try:
        call()
    except RuntimeError as error:
        return str(error)
def say(what, **more):
    print(json.dumps({"what": what, "value": a.value, "source": a.source, "problem": parameters.problem, **more}), flush=True)
parameters = Parameters.connect(url, service)
a = parameters.get("a", 0)
parameters.ready(60)
child = os.fork()
if child == 0:
    say("child", connect=refused(lambda: Parameters.connect(url, service)), ready=refused(parameters.ready), current=a.is_current)
    parameters.close()
    sys.exit(3)
say("parent", code=os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
sys.stdin.read()
parameters.close()
"""

ENDS_ITS_LOOP = """
import asyncio, json, sys, time
from deltamesh.parameters import Parameters
url, service = sys.argv[1:]
def say(what, **more):
    print(json.dumps({"what": what, "value": a.value, "source": a.source, "problem": parameters.problem}), flush=True)
async def main():
    parameters = Parameters.connect(url, service)
    a = parameters.get("a", 0)
    await parameters.when_ready()
    return parameters, a
parameters, a = asyncio.run(main())
say("ended")
while a.value != 2:
    time.sleep(0.01)
say("changed")
sys.stdin.read()
"""


class Program:
    """Python with these arguments, see `program`."""

    def __init__(self, *arguments: object) -> None:
        paths = [str(ROOT / "components"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.said: list[dict[str, Any]] = []
        self.errors = ""
        self._process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._readers = [threading.Thread(target=self._read, daemon=True), threading.Thread(target=self._read_errors, daemon=True)]
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            self.said.extend(json.loads(line) for line in iter(output.readline, ""))

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as output:
            self.errors = output.read()

    async def shows(self, name: str, value: Any, source: str) -> None:
        def is_shown() -> bool:
            assert self._process.poll() is None, self.errors
            last = [each for each in self.said if each.get("name") == name][-1:]
            return [(each["value"], each["source"]) for each in last] == [(value, source)]

        await until(is_shown, f"{name} is {value!r}, {source}: {self.said}")

    async def says(self, what: str) -> None:
        await until(lambda: any(each["what"] == what for each in self.said), f"{what}: {self.said}")

    async def ended(self) -> int:
        """Close its input, and return its exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = int(await deferToThread(self._process.wait, TIMEOUT))
        for reader in self._readers:
            await deferToThread(reader.join, TIMEOUT)
        return code

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()


@pytest.fixture
def program() -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(*arguments: Any) -> Program:
        started.append(Program(*arguments))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.mark.parametrize("kind", ["threads", "asyncio"])
async def test_a_program_without_twisted_follows_and_begins_anew_with_its_cache(
    inside: Callable[..., Inside], program: Callable[..., Program], tmp_path: Path, kind: str
) -> None:
    world = World(inside, f"com.example.program_{kind}")
    cache = tmp_path / "cache"
    source = await world.start(a=1)
    running = program(*PROGRAM, kind, world.inside.url, world.uri, cache)
    await running.shows("a", 1, "live")
    await running.says("ready")
    await source.commit(a=2, b="text")
    await running.shows("a", 2, "live")
    await running.shows("b", "text", "live")
    await source.commit(a="wrong")
    await running.shows("a", 2, "stale")
    code = await running.ended()
    await source.commit(a=3)
    again = program(*PROGRAM, f"{kind}-abrupt", world.inside.url, world.uri, cache)
    await again.shows("a", 3, "live")
    await again.says("ready")
    abrupt_code = await again.ended()
    source.stop()

    thread = {"threads": "deltamesh", "asyncio": "MainThread"}[kind]
    first, *others = [each for each in running.said if each.get("name") == "a"]
    assert (first["what"], first["value"], first["source"]) == ("first", 0, "default")
    assert {each["thread"] for each in others} == {thread}
    assert [each["value"] for each in others if each["source"] == "live"] == [1, 2]
    assert (code, running.said[-1]["what"]) == (0, "end")
    assert [line for line in running.errors.splitlines() if "ERROR" not in line] == []
    assert "ERROR deltamesh a: the value of commit 000000000000 is not used: Expected `int`, got `str`" in running.errors
    began = {each["name"]: (each["value"], each["source"]) for each in again.said if each["what"] == "first"}
    assert began == {"a": (2, "cache"), "b": ("text", "cache")}
    assert (abrupt_code, again.errors) == (0, "")
    assert '"commit":"0000000000000000000000000000000000000004"' in cache.read_text()  # what was new is kept however it ends


async def test_a_program_starts_without_anybody(program: Callable[..., Program], tmp_path: Path) -> None:
    alone = program(*PROGRAM, "threads", f"unix:{tmp_path}/nobody", "com.example.nobody", tmp_path / "cache")
    await alone.says("not ready in a millisecond")
    alone.kill()

    assert [(each["name"], each["value"], each["source"]) for each in alone.said if each["what"] == "first"] == [
        ("a", 0, "default"),
        ("b", "none", "default"),
    ]


async def test_a_forked_process_knows_that_it_is_one(inside: Callable[..., Inside], program: Callable[..., Program]) -> None:
    world = World(inside, "com.example.forks")
    source = await world.start(a=1)
    forks = program("-c", FORKS, world.inside.url, world.uri)
    await forks.says("parent")
    await forks.ended()
    source.stop()

    child, parent = forks.said
    assert child["problem"].startswith("forked: connect anew")
    assert (child["value"], child["source"], child["current"]) == (1, "stale", False)
    assert child["problem"] in child["ready"]
    assert "forked" in child["connect"]
    assert parent == {"what": "parent", "value": 1, "source": "live", "problem": None, "code": 3}
    assert "Traceback" not in forks.errors


async def test_when_an_event_loop_has_ended_values_go_on_but_are_not_called_live(
    inside: Callable[..., Inside], program: Callable[..., Program]
) -> None:
    world = World(inside, "com.example.loops")
    source = await world.start(a=1)
    ends = program("-c", ENDS_ITS_LOOP, world.inside.url, world.uri)
    await ends.says("ended")
    await source.commit(a=2)
    await ends.says("changed")
    code = await ends.ended()
    source.stop()

    problem = "the event loop has ended: connect anew"
    assert ends.said == [
        {"what": "ended", "value": 1, "source": "stale", "problem": problem},
        {"what": "changed", "value": 2, "source": "stale", "problem": problem},
    ]
    assert (code, ends.errors) == (0, "")
