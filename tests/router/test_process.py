"""The router as a process: what it prints, how it ends, and that plain Crossbar.io runs the same node."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.router.visitor import make_certificate
from tests.running_router import OURS, ROOT, STOCK, RunningRouter, free_port
from tests.wire_connection import WireConnection, error_of

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

PIDFD_GETFD = 438
"""Number of the system call on all architectures of Linux."""


def worker_of(router: RunningRouter) -> psutil.Process:
    (worker,) = psutil.Process(router.process.pid).children()
    return worker


def failure_of(router: RunningRouter) -> str:
    """Start a router that cannot start; return the one line that says why."""
    router.launch()
    assert router.wait() == 1
    (line,) = router.stderr
    assert not (router.node_directory / "node.pid").exists()
    return line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_quiet_start_and_a_clean_end(tmp_path: Path, number: int) -> None:
    router = RunningRouter(tmp_path).start()
    worker = worker_of(router)
    WireConnection(router.unix_path).close()
    router.process.send_signal(number)

    assert router.wait() == 0
    assert not worker.is_running()
    assert router.stdout == [
        f"router: starting from {router.node_directory}",
        f"router: ready http://127.0.0.1:{router.port}/ unix:{router.unix_path}",
        "router: stopped",
    ]
    assert router.stderr == []
    assert sorted(path.name for path in router.node_directory.iterdir()) == ["config.json", "key.priv", "key.pub"]


def test_what_a_killed_router_left_behind_does_not_hinder_the_next_start(tmp_path: Path) -> None:
    router = RunningRouter(tmp_path)
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    (router.node_directory / "node.pid").write_text(json.dumps({"pid": gone.pid}))
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(router.unix_path)
    with router, WireConnection(router.unix_path) as connection:
        assert connection.welcome["authrole"] == "component"


def test_the_worker_ends_when_the_controller_was_killed(tmp_path: Path) -> None:
    router = RunningRouter(tmp_path).start()
    worker = worker_of(router)
    router.kill()

    assert psutil.wait_procs([worker], timeout=60)[1] == []


def test_the_router_ends_with_an_error_when_its_worker_was_killed(tmp_path: Path) -> None:
    router = RunningRouter(tmp_path).start()
    worker_of(router).kill()

    assert router.wait() == 1
    assert router.stderr[-1] == "router: error: a process of the router has ended unexpectedly: start it again"


def test_the_router_ends_with_its_parent_if_it_is_asked_to(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.running_router import RunningRouter;"
        f"router = RunningRouter(Path({str(tmp_path)!r})).start();"
        "print(router.process.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as parent:
        assert parent.stdout is not None
        controller = psutil.Process(int(parent.stdout.readline()))
        processes = [controller, *controller.children()]
        parent.kill()

        assert psutil.wait_procs(processes, timeout=60)[1] == []


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    router = RunningRouter(tmp_path)
    with socket.create_server(("127.0.0.1", router.port)):
        line = failure_of(router)

    config = router.node_directory / "config.json"
    assert line == (
        f"router: error: port {router.port} on 127.0.0.1 is taken by another program: stop that, or change it in {config}"
    )


def test_a_second_router_in_one_node_directory_is_one_clear_line(router: RunningRouter) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(ROOT / root) for root in ("components", "router"))}
    second = subprocess.run([*OURS, "--cbdir", str(router.node_directory)], env=environment, capture_output=True, text=True, check=False)

    assert second.returncode == 1
    assert second.stderr == (
        f"router: error: a router is already running from {router.node_directory}: stop it first (process {router.process.pid})\n"
    )
    WireConnection(router.unix_path).close()


def text(content: str) -> Callable[[Path], None]:
    def write(config: Path) -> None:
        config.write_text(content)

    return write


def misspelt(config: Path) -> None:
    config.write_text(config.read_text().replace('"static"', '"statik"', 1))


def tls(key: str, certificate: str) -> Callable[[Path], None]:
    """Let the first transport have TLS. Beside the configuration are `server.crt`, `server.key`, and `other.key`, which does not fit."""

    def spoil(config: Path) -> None:
        make_certificate(config.parent)
        (config.parent / "server.key").rename(config.parent / "other.key")
        make_certificate(config.parent)
        content = json.loads(config.read_text())
        content["workers"][0]["transports"][0]["endpoint"]["tls"] = {"key": key, "certificate": certificate}
        config.write_text(json.dumps(content))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (text('{"version": 2,}'), "is not a valid node configuration: configuration file does not seem to be proper JSON"),
        (misspelt, "is not a valid node configuration: "),
        (Path.unlink, "name the file in the node directory with --config"),
        (tls("missing.key", "missing.crt"), "missing.crt cannot be read (No such file or directory): make it, or name another one"),
        (tls("key.pem", "config.json"), "config.json is not a certificate in PEM"),
        (tls("missing.key", "server.crt"), "missing.key cannot be read (No such file or directory): make it, or name another one"),
        (tls("other.key", "server.crt"), "other.key is not the key of "),
    ],
)
def test_a_bad_configuration_is_one_clear_line(tmp_path: Path, spoil: Callable[[Path], None], reason: str) -> None:
    router = RunningRouter(tmp_path)
    config = router.node_directory / "config.json"
    spoil(config)
    line = failure_of(router)

    assert line.startswith("router: error: ")
    assert str(config) in line
    assert reason in line


def test_a_transport_that_fails_at_the_start_ends_the_router(tmp_path: Path) -> None:
    def without_module(config: dict[str, Any]) -> None:
        config["workers"][0]["transports"][0]["paths"]["app"] = {"type": "wsgi", "module": "missing_module", "object": "app"}

    router = RunningRouter(tmp_path, edit=without_module)
    router.launch()

    assert router.wait() == 1
    assert router.stderr[-1].startswith("router: error: the node did not start: ")
    assert any("missing_module" in line for line in router.stderr)


def test_a_worker_that_is_not_told_its_settings_ends_the_router(tmp_path: Path) -> None:
    def without_environment(config: dict[str, Any]) -> None:
        config["workers"][0]["options"] = {"env": {"inherit": ["PATH", "PYTHONPATH", "HOME"]}}

    router = RunningRouter(tmp_path, edit=without_environment)
    router.launch()

    assert router.wait() == 1
    assert any("the worker is not told where its settings are" in line for line in router.stderr)


def test_plain_crossbar_runs_the_same_node(tmp_path: Path) -> None:
    with (
        RunningRouter(tmp_path, program=STOCK) as router,
        WireConnection(router.unix_path) as component,
        WireConnection(router.ws_url) as browser,
    ):
        assert component.welcome["authrole"] == "component"
        assert browser.welcome["authrole"] == "browser"
        assert error_of(browser.call("com.example.hackernews.open")) == "wamp.error.no_such_procedure"
        assert error_of(browser.call("com.example.hackernews.write")) == "wamp.error.not_authorized"


def test_the_configuration_of_the_repository_uses_the_documented_addresses() -> None:
    web, socket_ = json.loads((ROOT / ".crossbar" / "config.json").read_text())["workers"][0]["transports"]

    assert web["endpoint"] == {"type": "tcp", "interface": "127.0.0.1", "port": 8080}
    assert socket_["endpoint"] == {"type": "unix", "path": "mesh.sock"}


def test_only_the_user_who_runs_the_router_may_connect_to_the_unix_socket(router: RunningRouter) -> None:
    assert Path(router.unix_path).stat().st_mode & 0o777 == 0o600


def test_accepted_connections_do_not_wait_for_more_to_send(tmp_path: Path) -> None:
    port = free_port()

    def add_transport(config: dict[str, Any]) -> None:
        endpoint = {"type": "tcp", "interface": "127.0.0.1", "port": port}
        auth = {"anonymous": {"type": "static", "role": "component"}}
        config["workers"][0]["transports"].append({"type": "rawsocket", "endpoint": endpoint, "auth": auth})

    with (
        RunningRouter(tmp_path, edit=add_transport) as router,
        WireConnection(router.ws_url) as browser,
        socket.create_connection(("127.0.0.1", port)) as raw,
    ):
        raw.sendall(b"\x7f\xf3\0\0")
        raw.recv(4)

        assert no_delay(worker_of(router).pid, raw)
        assert no_delay(worker_of(router).pid, browser.socket)


def no_delay(pid: int, client: socket.socket) -> bool:
    """Whether the process `pid`, at the other end of `client`, has set TCP_NODELAY. Looks at its socket by way of the kernel."""
    process = os.pidfd_open(pid)
    try:
        for file in Path(f"/proc/{pid}/fd").iterdir():
            if not str(file.readlink()).startswith("socket:"):
                continue
            copy = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, process, int(file.name), 0)
            if copy < 0:
                pytest.skip(f"this system does not show the sockets of another process: {os.strerror(ctypes.get_errno())}")
            with socket.socket(fileno=copy) as other, suppress(OSError):  # the others are not connected
                if other.getpeername() == client.getsockname():
                    return bool(other.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    finally:
        os.close(process)
    raise AssertionError("the process has no such connection")
