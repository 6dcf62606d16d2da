"""`deltamesh run`: a whole mesh as processes, what becomes of it when parts die, and that nothing is left at the end."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import psutil
import pytest

from tests.cli.conftest import NodeDirectory
from tests.cli.running_command import TIMEOUT, RunningCommand, deltamesh
from tests.running_router import ROOT, free_port

pytestmark = [pytest.mark.mesh, pytest.mark.slow]


def run(node: NodeDirectory, *arguments: str) -> RunningCommand:
    return RunningCommand("run", "poll:app", *arguments, cwd=node.folder)


def wait_until_ready(mesh: RunningCommand, node: NodeDirectory) -> None:
    assert mesh.wait_for("| ready: http").endswith(f"| ready: http://127.0.0.1:{node.port}/")


def leftovers(node: NodeDirectory) -> list[str]:
    """Return what is in the node directory beside its configuration, keys, ticket and journals."""
    kept = {"administrator.ticket", "config.json", "journal", "key.priv", "key.pub"}
    return sorted({path.name for path in (node.folder / ".crossbar").iterdir()} - kept)


def kill(mesh: RunningCommand, word: str) -> None:
    """Kill the process that has `word` in its command line, which a router replaces by a description."""
    (found,) = [each for each in mesh.processes() if word in " ".join(each.cmdline())]
    found.kill()


def test_a_mesh_runs_and_ctrl_c_leaves_nothing_behind(node: NodeDirectory) -> None:
    feeder = "import os, time; print('fed by', os.environ['DELTAMESH_ROUTER'], flush=True); time.sleep(1000)"
    with run(node, "--followers", "2", "--with", f'python -c "{feeder}"') as mesh:
        assert mesh.wait_for("| the ticket of administrator").endswith("the ticket of administrator is in .crossbar/administrator.ticket")
        wait_until_ready(mesh, node)
        assert mesh.wait_for("fed by").endswith(f"fed by unix:{node.folder}/.crossbar/mesh.sock")
        written = deltamesh("write", "poll:app", '{"votes": [["ada", ["tea"]]]}', cwd=node.folder)
        read = deltamesh("read", "poll:app", "how_many", cwd=node.folder)
        processes = mesh.processes()
        mesh.interrupt()

        assert mesh.wait() == 0
        assert written.returncode == 0
        assert json.loads(read.stdout) == [None, [1]]
        assert len(processes) == 7  # run, router, its worker, leader, two followers, feeder
        assert psutil.wait_procs(processes, timeout=TIMEOUT)[1] == []
        assert leftovers(node) == []
        stopped = [line.split()[0] for line in mesh.lines if line.endswith(("| stopping", "| stopped"))]
        assert sorted(stopped[:2]) == ["poll.follower1", "poll.follower2"]
        assert stopped[2:] == ["poll.leader", "router"]


def test_what_is_killed_is_started_again(node: NodeDirectory) -> None:
    watching = RunningCommand("watch", "poll:app", "how_many", "--timeout", "60", cwd=node.folder)
    with watching as watch, run(node, "--followers", "1") as mesh:
        wait_until_ready(mesh, node)
        assert json.loads(watch.wait_for("entries"))["revision"] == 0
        before = mesh.processes()
        kill(mesh, " follower ")
        mesh.wait_for("poll.follower1 | was killed by SIGKILL, starting it again in 0.5 s")
        mesh.wait_for("poll.follower1 | ready")
        kill(mesh, " leader ")
        mesh.wait_for("poll.leader    | was killed by SIGKILL, starting it again in 0.5 s")
        mesh.wait_for("poll.leader    | ready")
        kill(mesh, "crossbar-controller")
        mesh.wait_for("router         | was killed by SIGKILL, starting it again in 0.5 s")
        mesh.wait_for("router         | ready")
        mesh.wait_for("poll.follower1 | follower1 follows com.example.poll")
        watch.wait_for("connected again")
        watch.interrupt()
        assert watch.wait() == 0
        told = [line for line in watch.lines if not line.startswith("{")]
        assert told == ["no connection to the router, trying again", "connected again"]
        after = mesh.processes()
        mesh.interrupt()

        assert mesh.wait() == 0
        assert psutil.wait_procs({*before, *after}, timeout=TIMEOUT)[1] == []
        assert leftovers(node) == []


def test_the_second_ctrl_c_ends_it_at_once(node: NodeDirectory) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('no', flush=True); time.sleep(1000)"
    with run(node, "--with", f'python -c "{stubborn}"') as mesh:
        mesh.wait_for("| no")
        processes = mesh.processes()
        mesh.interrupt()
        mesh.wait_for("| stopping, once more to stop at once")
        mesh.interrupt()

        assert mesh.wait() == 0
        assert psutil.wait_procs(processes, timeout=TIMEOUT)[1] == []
        assert not any("did not stop" in line for line in mesh.lines)
        assert leftovers(node) == []


def test_nothing_survives_a_killed_run(node: NodeDirectory) -> None:
    with run(node, "--with", 'python -c "import time; time.sleep(1000)"') as mesh:
        wait_until_ready(mesh, node)
        processes = mesh.processes()
        mesh.process.kill()

        assert psutil.wait_procs(processes, timeout=TIMEOUT)[1] == []


def test_another_port_and_a_second_mesh_in_the_same_directory(node: NodeDirectory) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        insight = taken.getsockname()[1]
        (node.folder / "router").mkdir()
        (node.folder / "router" / "router.toml").write_text(f"[insight]\nport = {insight}\n")
        with run(node, "--port", str(port)) as mesh:
            ready = mesh.wait_for("router         | ready http")
            assert mesh.wait_for("| ready: http").endswith(f"| ready: http://127.0.0.1:{port}/")
            second = deltamesh("run", "poll:app", cwd=node.folder)
            third = deltamesh("run", "poll:app", "--port", str(free_port()), cwd=node.folder)
            written = [path.name for path in (node.folder / ".crossbar").glob("config-*")]
            read = deltamesh("read", "poll:app", "how_many", cwd=node.folder)
            mesh.interrupt()

            assert mesh.wait() == 0
            assert (third.returncode, third.stderr) == (1, second.stderr)
            assert written == [f"config-{port}.json"]  # that of the first one
            assert leftovers(node) == []
            assert (second.returncode, second.stdout) == (1, "")
            assert second.stderr == "Error: a mesh is running already in .crossbar: stop it, or name another node directory with --cbdir\n"
            assert read.returncode == 0  # the first one is not disturbed
            assert ready.endswith("/metrics")
            assert str(insight) not in ready


def test_a_taken_port_is_one_clear_line(node: NodeDirectory) -> None:
    with socket.create_server(("127.0.0.1", node.port)):
        done = deltamesh("run", "poll:app", cwd=node.folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: port {node.port} is taken by another program: stop that, or choose another with --port\n"
    assert leftovers(node) == []


def test_a_router_that_cannot_start_says_why(node: NodeDirectory) -> None:
    config = node.folder / ".crossbar" / "config.json"
    config.write_text(config.read_text().replace('"static"', '"statik"', 1))
    done = deltamesh("run", "poll:app", cwd=node.folder)

    assert done.returncode == 1
    assert "router         | error: " in done.stdout
    assert done.stderr == "Error: router ended with exit code 1\n"


def test_a_wrong_module_is_told_before_anything_starts(node: NodeDirectory) -> None:
    done = deltamesh("run", "pol:app", cwd=node.folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: there is no module pol: is it misspelt, or elsewhere than in {node.folder}?\n"


@pytest.mark.parametrize("url", ["bogus:secret", "sqlite://host/path", "postgresql://[host"])
def test_a_wrong_journal_is_told_before_anything_starts(node: NodeDirectory, url: str) -> None:
    done = deltamesh("run", "poll:app", "--port", str(free_port()), "--journal", url, cwd=node.folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: ")
    assert "deltamesh.error" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert leftovers(node) == []


def test_a_missing_driver_is_told_before_anything_starts(node: NodeDirectory) -> None:
    (node.folder / "psycopg.py").write_text("raise ImportError('there is none')")
    done = deltamesh("run", "poll:app", "--journal", "postgresql://host/database", cwd=node.folder)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: a journal in PostgreSQL needs psycopg: pip install 'deltamesh[postgres]'")


def test_a_missing_node_directory_is_told(tmp_path: Path) -> None:
    done = deltamesh("run", "poll:app", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error: there is no .crossbar/config.json: go to the folder that has the node directory .crossbar, ")


NO_CONFIGURATION = "is not a node configuration: "


@pytest.mark.parametrize("text,reason", [("{", "cannot be read: "), ("{}", NO_CONFIGURATION), ("[]", NO_CONFIGURATION)])
def test_a_bad_configuration_is_told(node: NodeDirectory, text: str, reason: str) -> None:
    (node.folder / ".crossbar" / "config.json").write_text(text)
    done = deltamesh("run", "poll:app", cwd=node.folder)

    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: .crossbar/config.json {reason}")
    assert len(done.stderr.splitlines()) == 1


HIDE_ROUTER = """
import sys
sys.meta_path[:] = [each for each in sys.meta_path if "__editable__" not in getattr(each, "__module__", "")]
sys.path[:] = [each for each in sys.path if not each.endswith("/router")]
"""
"""Undoes what an editable installation does, for the router's package."""


def test_a_missing_router_package_is_told(node: NodeDirectory) -> None:
    (node.folder / "sitecustomize.py").write_text(HIDE_ROUTER)
    done = deltamesh("run", "poll:app", cwd=node.folder, PYTHONPATH=os.pathsep.join([str(node.folder), str(ROOT / "components")]))

    assert done.returncode == 1
    assert done.stderr == "Error: the router is not installed: install deltamesh again, with pip install deltamesh\n"
