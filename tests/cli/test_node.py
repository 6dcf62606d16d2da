"""What the command line reads from a node directory."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from deltamesh.cli import node
from tests.running_router import ROOT, free_port

NODES = ROOT / "router" / "nodes"


@pytest.mark.parametrize(
    ("directory", "url"),
    [
        (ROOT / ".crossbar", f"unix:{ROOT}/.crossbar/mesh.sock"),
        (NODES / "tls" / ".crossbar", f"unix:{NODES}/tls/.crossbar/mesh.sock"),  # rather than over TLS
        (NODES / "production" / ".crossbar", f"unix:{NODES}/production/.crossbar/mesh.sock"),
        (NODES / "authentication" / ".crossbar", "rs://127.0.0.1:8090"),
    ],
)
def test_components_connect_over_a_unix_socket_if_there_is_one(directory: Path, url: str) -> None:
    assert node.read(directory, None).url == url


def test_without_one_they_use_tls_where_that_is_spoken(tmp_path: Path) -> None:
    config = json.loads((NODES / "tls" / ".crossbar" / "config.json").read_text())
    del config["workers"][0]["transports"][2]
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = node.read(tmp_path, None)

    assert (found.url, found.web) == ("rss://127.0.0.1:8444", "https://127.0.0.1:8443/")


def test_insight_is_left_to_the_settings_unless_another_port_is_wanted() -> None:
    assert node.read(ROOT / ".crossbar", None).insight_port is None


def test_insight_of_another_mesh_is_at_a_free_port_after_its_own(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((ROOT / ".crossbar" / "config.json").read_text())
    port = free_port()
    with socket.socket() as other:
        try:
            other.bind(("127.0.0.1", port + 1))
            other.listen()
        except OSError:
            pass  # somebody else has it, which is as good
        found = node.read(tmp_path, port).insight_port

    assert found is not None
    assert port + 1 < found <= port + node.NEAR


def test_tickets_in_files_are_made_once_and_for_this_user_alone(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((ROOT / ".crossbar" / "config.json").read_text())
    found = node.read(tmp_path, free_port())
    path = tmp_path / "administrator.ticket"
    assert found.tickets == {"administrator": path}
    assert not path.exists()
    found.write()
    ticket = path.read_text()
    assert len(ticket.strip()) == 64
    assert path.stat().st_mode & 0o777 == 0o600
    found.clean_up(after_router=True)
    found.write()
    assert path.read_text() == ticket
    path.write_text("mine")
    found.write()
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["tls", "production", "authentication"])
def test_nodes_without_such_tickets_have_none(name: str) -> None:
    assert node.read(NODES / name / ".crossbar", None).tickets == {}
