"""A browser's role, Wampy, and docs/protocol.md: nothing of ours is needed to follow a live resource."""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh
from tests.mesh.application import made
from tests.mesh.mesh import TIMEOUT, Inside
from tests.running_router import ROOT, RunningRouter

CLIENT = Path(__file__).with_name("plain_wampy.mjs")
S = "com.example.departures"  # a service that the repository's node lets browsers use


class Node:
    """A program of Node.js that prints JSON lines."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(["node", *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line)

    async def line(self) -> Any:
        text = await deferToThread(self._lines.get, timeout=TIMEOUT)
        assert text.startswith("{"), text + "".join(self._lines.queue)
        return json.loads(text)

    async def ended(self) -> int:
        return await deferToThread(self._process.wait, TIMEOUT)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(TIMEOUT)


async def test_plain_wampy_follows_a_live_resource(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    if not (ROOT / "web/node_modules/wampy").is_dir():
        pytest.fail("the packages of web/ are not installed: run make test, or npm ci --prefix web")
    place = inside(made(S))
    await place.lead()
    await place.follow()
    mesh = Mesh(await place.connect(), S)
    done = await mesh.write({"texts": [("a", [1])]})
    await mesh.read("words", at_least=done.position)
    node = Node(str(CLIENT), router.ws_url, S)
    try:
        assert await node.line() == {"revision": 1, "content": {'"a"': [1]}}

        await mesh.write({"texts": [("b", [{"c": None}, 2])]})
        assert await node.line() == {"revision": 2, "content": {'"a"': [1], '"b"': [{"c": None}, 2]}}
        await mesh.write({"texts": [("a", []), ("end", [True])]})
        assert await node.line() == {"revision": 3, "content": {'"b"': [{"c": None}, 2], '"end"': [True]}}
        assert await node.ended() == 0
    finally:
        node.end()
