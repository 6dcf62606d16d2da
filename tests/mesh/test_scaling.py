"""`deltamesh scale` on a running mesh under load: no call fails, and whoever is connected shows everything, once, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh
from deltamesh.errors import DeltameshError
from tests.cli.running_command import RunningCommand, deltamesh
from tests.mesh.application import SIZE
from tests.mesh.clients import SERVICE, Clients
from tests.mesh.mesh import pause
from tests.mesh.shown import Shown, Writer
from tests.running_router import ROOT, configuration, free_port

pytestmark = [pytest.mark.slow]

NUM_CLIENTS = 36


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ".crossbar").mkdir()
    (tmp_path / ".crossbar" / "config.json").write_text(json.dumps(configuration(free_port())))
    (tmp_path / "cells.py").write_text(f"import sys\nsys.path.append({str(ROOT)!r})\nfrom tests.mesh.application import app\n")
    return tmp_path


@pytest.fixture
def mesh(folder: Path) -> Iterator[RunningCommand]:
    with RunningCommand("run", "cells:app", "--followers", "2", cwd=folder) as running:
        running.wait_for("| ready: http")
        yield running


class Calls:
    """Calls without end, none of them repeated."""

    def __init__(self, mesh: Mesh) -> None:
        self.failed: list[str] = []
        self.answered = {"read": 0, "open": 0, "look": 0}
        self._mesh = mesh
        self._is_over = False
        self._flow = [Deferred.fromCoroutine(self._ask(procedure)) for procedure in self.answered]

    async def _ask(self, procedure: str) -> None:
        while not self._is_over:
            number = self.answered[procedure]
            arguments: list[Any] = [] if procedure == "look" else ["window", {"start": number % SIZE, "end": SIZE}]
            try:
                await self._mesh.connection.call(f"{SERVICE}.{procedure}", *arguments)
                self.answered[procedure] += 1
            except DeltameshError as error:
                self.failed.append(f"{procedure}: {error.uri}")
            await pause()

    async def stop(self) -> None:
        self._is_over = True
        await gatherResults(self._flow)


class Once(Shown):
    """Counts what it shows twice."""

    @property
    def num_repeated(self) -> int:
        return len(self._positions) - len(set(self._positions))


async def test_nobody_misses_anything_while_a_mesh_grows_and_shrinks(folder: Path, mesh: RunningCommand) -> None:
    async def command(*arguments: str) -> str:
        done = await deferToThread(deltamesh, *arguments, cwd=folder)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    async def instances() -> dict[str, int]:
        (service,) = json.loads(await command("status", "--json"))["services"]
        return {each["name"]: each["instances"] for each in service["components"] if each["kind"] == "follower"}

    clients = Clients(f"unix:{folder}/.crossbar/mesh.sock")
    writer = Writer(await clients.mesh(), clients.history).start()
    await writer.advance(1)
    for number in range(NUM_CLIENTS):
        window = {"start": number // 2, "end": number // 2 + 6} if number % 2 else {"start": 0, "end": 6 + number // 2}
        clients.shown.append(await Once.open(await clients.mesh(), "window", window, clients.history))
    calls = Calls(await clients.mesh())
    before = await instances()

    grown = await command("scale", "follower=4")
    spread: dict[str, int] = {}
    while len(spread) < 4 or max(spread.values()) > 1.3 * min(spread.values()):
        spread = await instances()
    await writer.advance()
    serving = {each.live.follower for each in clients.shown}
    shrunk = await command("scale", SERVICE, "follower=1")
    left = await instances()
    await writer.advance()
    await writer.stop()
    await calls.stop()

    assert grown == f"{SERVICE}: follower 2 → 4\n"
    assert shrunk == f"{SERVICE}: follower 4 → 1\n"
    assert (set(before), set(left)) == ({"follower1", "follower2"}, {"follower1"})
    assert serving == {"follower1", "follower2", "follower3", "follower4"}
    assert calls.failed == []
    assert min(calls.answered.values()) > 20
    await clients.agree(writer.last)
    assert [each.num_repeated for each in clients.shown] == [0] * NUM_CLIENTS
    assert {each.live.follower for each in clients.shown} == {"follower1"}
    await clients.close()
