"""Fixtures of the tests of the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.cli.running_command import POLL, RunningCommand
from tests.running_router import RunningRouter, configuration, free_port


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """`module(name, text)` makes a module in the working directory, which is an empty one; it is forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def make(name: str, text: str) -> None:
        path = tmp_path / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    yield make
    made = {path.stem for path in tmp_path.iterdir()}
    for name in [name for name in sys.modules if name.split(".")[0] in made]:
        del sys.modules[name]


class NodeDirectory(NamedTuple):
    folder: Path
    port: int


@pytest.fixture
def node(tmp_path: Path) -> NodeDirectory:
    """A folder with a node directory for a free port, and the application `poll:app`."""
    port = free_port()
    (tmp_path / ".crossbar").mkdir()
    (tmp_path / ".crossbar" / "config.json").write_text(json.dumps(configuration(port)))
    (tmp_path / "poll.py").write_text(POLL)
    return NodeDirectory(tmp_path, port)


class Poll(NamedTuple):
    folder: Path
    url: str


@pytest.fixture(scope="package")
def poll(router: RunningRouter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Poll]:
    """A leader and a follower of `poll:app` at the common router; the folder where `poll` is."""
    folder = tmp_path_factory.mktemp("poll")
    (folder / "poll.py").write_text(POLL)
    url = f"unix:{router.unix_path}"
    with (
        RunningCommand("leader", "poll:app", "--router", url, cwd=folder) as leader,
        RunningCommand("follower", "poll:app", "--name", "first", cwd=folder, DELTAMESH_ROUTER=url) as follower,
    ):
        leader.wait_for("poll.leader: ready")
        follower.wait_for("poll.first: ready")
        yield Poll(folder, url)
