"""`deltamesh parameters get`, as a process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.threads import deferToThread

from tests.cli.running_command import RunningCommand, deltamesh
from tests.mesh.mesh import Inside
from tests.parameters.source import World

pytestmark = pytest.mark.mesh


async def get(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return await deferToThread(deltamesh, "parameters", "get", *arguments, cwd=cwd)  # type: ignore[no-any-return]


async def test_it_prints_what_is_known_and_fails_if_anything_is_not(inside: Callable[..., Inside], tmp_path: Path) -> None:
    world = World(inside, "com.example.get")
    source = await world.start(a__b=[1, "x"], c=None)
    router = world.inside.url
    both = await get(world.uri, "a.b", "c", "--cache", "cache", "--router", router, cwd=tmp_path)
    absent = await get(world.uri, "a.b", "nothing", "--json", "--router", router, cwd=tmp_path)
    source.stop()
    unread = await get(world.uri, "a.b", "--router", router, "--timeout", "30", cwd=tmp_path)
    cached = await get(world.uri, "a.b", "--cache", "cache", "--router", f"unix:{tmp_path}/none", "--timeout", "0.5", cwd=tmp_path)
    wrong = await get(world.uri, "a..b", "--router", router, cwd=tmp_path)

    assert (both.returncode, both.stderr) == (0, "")
    assert both.stdout.splitlines() == ['a.b = [1,"x"]  (live, 000000000000)', "c = null  (live, 000000000000)"]
    assert absent.returncode == 1
    assert [json.loads(line) for line in absent.stdout.splitlines()] == [
        {"name": "a.b", "value": [1, "x"], "source": "live", "commit": f"{1:040x}", "error": None, "is_current": True},
        {"name": "nothing", "value": None, "source": "default", "commit": None, "error": None, "is_current": True},
    ]
    assert (unread.returncode, unread.stdout) == (0, 'a.b = [1,"x"]  (stale, 000000000000)\n')
    assert unread.stderr == "warning: not all of this is current: nothing was heard of the reader for 5 s\n"
    assert (cached.returncode, cached.stdout) == (0, 'a.b = [1,"x"]  (cache, 000000000000)\n')
    assert cached.stderr.startswith("warning: not all of this is current: no router at")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "'a..b'" in wrong.stderr


async def test_it_watches(inside: Callable[..., Inside], tmp_path: Path) -> None:
    world = World(inside, "com.example.watched")
    source = await world.start(a=1)
    with RunningCommand("parameters", "get", world.uri, "a", "--watch", "--router", world.inside.url, cwd=tmp_path) as command:
        await deferToThread(command.wait_for, "a = 1  (live")
        await source.commit(a=2)
        await deferToThread(command.wait_for, "a = 2  (live")
        await source.commit(a=...)
        await deferToThread(command.wait_for, "a: there is none")
        command.interrupt()
        code = await deferToThread(command.wait)
    source.stop()

    assert code == 0
