"""Where a node listens."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from deltamesh_router.node.endpoints import EndpointTaken, check_free, describe
from tests.running_router import configuration, free_port


def node(*transports: dict[str, Any]) -> dict[str, Any]:
    return {"workers": [{"type": "router", "transports": list(transports)}, {"type": "guest"}]}


def tcp(port: int) -> dict[str, Any]:
    return {"type": "web", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": port}}


UNIX: dict[str, Any] = {"type": "rawsocket", "endpoint": {"type": "unix", "path": "some.sock"}}


def test_the_addresses_of_a_node_are_described_in_order(tmp_path: Path) -> None:
    secure = {"type": "websocket", "endpoint": {"type": "tcp", "port": 443, "tls": {}}}

    assert describe(node(tcp(8080), UNIX, secure), tmp_path) == f"http://127.0.0.1:8080/ unix:{tmp_path}/some.sock wss://*:443/"


def test_free_endpoints_stay_free(tmp_path: Path) -> None:
    port = free_port()
    for _ in range(2):
        check_free(node(tcp(port), UNIX), tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(EndpointTaken, match=f"^port {port} on 127.0.0.1 is taken by another program: stop that$"):
            check_free(node(tcp(port)), tmp_path)


def test_an_address_that_is_not_of_this_machine_is_reported(tmp_path: Path) -> None:
    config = node(tcp(free_port()))
    config["workers"][0]["transports"][0]["endpoint"]["interface"] = "192.0.2.1"  # reserved for documentation

    with pytest.raises(EndpointTaken, match=r"cannot listen on port \d+ on 192\.0\.2\.1 \(.+\): make it available"):
        check_free(config, tmp_path)


def test_a_socket_on_which_somebody_listens_is_reported(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "some.sock"))
        other.listen()
        with pytest.raises(EndpointTaken, match=f"another program listens on {tmp_path}/some.sock: stop that"):
            check_free(node(UNIX), tmp_path)


def test_a_socket_that_was_left_behind_is_no_hindrance(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(tmp_path / "some.sock"))

    check_free(node(UNIX), tmp_path)


def test_a_path_that_is_too_long_for_a_socket_is_reported(tmp_path: Path) -> None:
    with pytest.raises(EndpointTaken, match="too long"):
        check_free(node(UNIX), tmp_path / ("x" * 120))


def test_the_repositorys_own_node_can_be_checked(tmp_path: Path) -> None:
    check_free(configuration(free_port()), tmp_path)
