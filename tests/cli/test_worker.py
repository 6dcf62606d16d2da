"""`deltamesh worker`: which worker is meant, what it says, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from click import BadParameter

from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.worker import load_worker, worker_application, worker_name
from deltamesh.connection import Connection
from tests.cli.running_command import TIMEOUT, RunningCommand
from tests.mesh.mesh import run
from tests.running_router import RunningRouter

TASKS = """\
from deltamesh import Worker

worker = Worker("com.example.tasks")


@worker.task
def add(x: int, y: int):
    return x + y
"""


def test_a_worker_is_found_by_its_module_its_attribute_or_its_package(module: Callable[[str, str], None], tmp_path: Path) -> None:
    module("tasks_of_mine", TASKS.replace("worker", "mine"))
    module("tasks_found", TASKS)
    (tmp_path / "tasks_package").mkdir()
    (tmp_path / "tasks_package" / "__init__.py").write_text("")
    (tmp_path / "tasks_package" / "worker.py").write_text(TASKS)

    for name in ("tasks_found", "tasks_found:worker", "tasks_of_mine:mine", "tasks_package", "tasks_package.worker"):
        assert list(load_worker(name).tasks) == ["add"]
    with pytest.raises(CommandFailed, match=r"tasks_of_mine has no worker that is a Worker; there is tasks_of_mine:mine"):
        load_worker("tasks_of_mine")
    with pytest.raises(CommandFailed, match=r"tasks_package has no other that is a Worker; a worker is declared with"):
        load_worker("tasks_package:other")
    with pytest.raises(CommandFailed, match=r"there is no module tasks_nowhere"):
        load_worker("tasks_nowhere")


@pytest.mark.parametrize("text", ["tasks.py", "tasks:", ":worker", "a b", "tasks:worker:more", ""])
def test_what_names_no_application(text: str) -> None:
    with pytest.raises(BadParameter, match="write MODULE or MODULE:ATTRIBUTE"):
        worker_application(text)


@pytest.mark.parametrize("text", ["a b", "-a", "", "a" * 65, "a\n", "ä"])
def test_what_is_no_name_of_a_worker(text: str) -> None:
    with pytest.raises(BadParameter, match="cannot be the name of a worker"):
        worker_name(text)


async def ask(url: str) -> Any:
    connection = Connection(url)
    connection.start()
    try:
        await connection.joined()
        return await connection.call("com.example.tasks.add", x=2, y=3)
    finally:
        await connection.stop()


def test_a_worker_takes_calls_until_it_is_told_to_stop(router: RunningRouter, tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text(TASKS)
    url = f"unix:{router.unix_path}"
    options = ["--router", url, "--name", "w1", "--cores", "3", "--health", "127.0.0.1:0"]
    with RunningCommand("worker", "tasks", *options, cwd=tmp_path) as worker:
        health = worker.wait_for("tasks.w1: health at ").rpartition(" ")[2]
        worker.wait_for("tasks.w1: ready")
        with urlopen(f"{health.rstrip('/')}/readyz", timeout=TIMEOUT) as answer:
            facts = json.load(answer)
        result = run(ask(url))
        with RunningCommand(
            "call", "com.example.tasks", "add", "--task", "--arg", "x=2", "--arg", "y=4", "--router", url, cwd=tmp_path
        ) as call:
            assert (call.wait(), call.lines) == (0, ["6"])
        worker.interrupt()
        code = worker.wait()

    assert (result, code) == (5, 0)
    assert facts == {"ready": True, "reasons": [], "component": "tasks.w1", "service": "com.example.tasks"}
    assert any(line == "tasks.w1: w1 works for com.example.tasks, 3 at a time" for line in worker.lines), worker.lines
