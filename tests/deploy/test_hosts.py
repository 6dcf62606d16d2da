"""
A mesh on several hosts: everybody connects to the router, by RawSocket over TLS or by WebSocket over TLS, proves who it is, and takes no
connections itself. A cable that is cut costs time and nothing else.

The hosts are network namespaces (see `namespaces`); the router is started as in the image, from the node of `deploy/node` and with the
secrets of `deploy/make-secrets`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running_command import POLL, environment
from tests.deploy.namespaces import Host, Network, needs_namespaces
from tests.deploy.running import SERVICE, Running, make_secrets
from tests.running_router import ROOT

pytestmark = [
    pytest.mark.mesh,
    pytest.mark.slow,
    needs_namespaces,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]

RSS, WSS, WEB, INSIGHT = 8444, 8443, 8080, 8081


class Mesh:
    """The hosts and what runs on them."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.folder = folder
        self.router, self.leader, self.standby, self.first, self.second, self.client = [
            network.host(name) for name in ("router", "leader", "standby", "first", "second", "client")
        ]
        self.secrets = make_secrets(folder / "secrets", f"IP:{self.router.address}")
        self.rss = f"rss://{self.router.address}:{RSS}"
        self.wss = f"wss://{self.router.address}:{WSS}/ws"
        (folder / "poll.py").write_text(POLL.replace("com.example.poll", SERVICE))
        shutil.copytree(ROOT / "deploy/node", folder / "node")
        add_wss(folder / "node/.crossbar/config.json")
        self.started: list[Running] = []
        """All commands of `deltamesh`."""

    def start_router(self) -> Running:
        """Start the router with the script of the image."""
        here = {"NODE": self.folder / "node", "WEB": ROOT / "web", "SECRETS": self.secrets, "PLACE": self.folder / "place"}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        env = environment(PATH=path, **{f"DELTAMESH_{name}": str(value) for name, value in here.items()})
        return self.router.run([str(ROOT / "deploy/image/deltamesh-router")], cwd=self.folder, env=env)

    def run(self, host: Host, *arguments: str, url: str, authid: str | None = None, **more: str) -> Running:
        """Start a command of `deltamesh` on a host; with an `authid` it proves that it is that."""
        settings = {"DELTAMESH_ROUTER": url, "DELTAMESH_CA_FILE": str(self.secrets / "ca.crt")}
        if authid is not None:
            settings |= {"DELTAMESH_AUTHID": authid, "DELTAMESH_TICKET_FILE": str(self.secrets / f"{authid}_ticket")}
        running = host.run([sys.executable, "-m", "deltamesh", *arguments], cwd=self.folder, env=environment(**(settings | more)))
        self.started.append(running)
        return running

    def lead(self, host: Host) -> Running:
        """Start a leader or standby. Their journal is a file that both hosts see, which in real life would be PostgreSQL."""
        journal = f"sqlite:{self.folder}/journal.sqlite"
        return self.run(host, "leader", "poll:app", "--name", host.name, "--journal", journal, url=self.rss, authid="leader")

    def status(self) -> dict[str, str]:
        """Return what the operator sees: the state of each component by its name."""
        with self.run(self.client, "status", SERVICE, "--json", url=self.rss, authid="operator") as status:
            assert status.wait() == 0, status.lines
        (service,) = json.loads(status.lines[-1])["services"]
        return {each["name"]: each["state"] for each in service["components"]}

    def follow(self, host: Host, url: str) -> Running:
        """Start a follower, with the name of its host."""
        return self.run(host, "follower", "poll:app", "--name", host.name, url=url, authid="follower")

    def vote(self, host: Host, voter: str) -> None:
        """Vote from a host, as a page would, until it is answered."""
        with self.run(host, "call", SERVICE, "vote", "--arg", f"voter={voter}", "--arg", "choice=tea", url=self.wss) as call:
            assert call.wait() == 0, call.lines


def add_wss(path: Path) -> None:
    """Give a node a door for WebSocket over TLS: with a ticket for components, without one for pages."""
    config = json.loads(path.read_text())
    web, components = config["workers"][0]["transports"]
    door = web["paths"]["ws"]
    auth = door["auth"] | components["auth"]
    endpoint = components["endpoint"] | {"port": WSS}
    web["paths"]["ws"] = door
    secure = {"type": "web", "endpoint": endpoint, "paths": {"/": web["paths"]["/"], "ws": door | {"auth": auth}}}
    config["workers"][0]["transports"].append(secure)
    path.write_text(json.dumps(config))


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mesh]:
    with Network() as network:
        mesh = Mesh(network, tmp_path_factory.mktemp("hosts"))
        with mesh.start_router() as router:
            router.wait_for("router: ready")
            with mesh.lead(mesh.leader) as leader:
                leader.wait_for("leader: ready")
                with (
                    mesh.lead(mesh.standby) as standby,
                    mesh.follow(mesh.first, mesh.rss) as first,
                    mesh.follow(mesh.second, mesh.wss) as second,
                ):
                    standby.wait_for("standby: ready")
                    first.wait_for("first: ready")
                    second.wait_for("second: ready")
                    yield mesh


@pytest.fixture(scope="module")
def page(mesh: Mesh) -> Iterator[Running]:
    """Somebody on a host of his own, who watches how many have voted for as long as the tests run."""
    with mesh.run(mesh.client, "watch", SERVICE, "how_many", "--json", url=mesh.wss) as watch:
        yield watch


def shows(page: Running, number: int) -> bool:
    """Wait until the page shows that so many have voted."""
    return bool(page.wait_for(f"[[null,[{number}]]]"))


def test_a_client_on_another_host_gets_live_data(mesh: Mesh, page: Running) -> None:
    assert shows(page, 0)

    mesh.vote(mesh.client, "ada")

    assert shows(page, 1)


def test_components_connect_outwards_and_listen_on_nothing(mesh: Mesh, page: Running) -> None:
    components = [mesh.leader, mesh.standby, mesh.first, mesh.second, mesh.client]

    assert [host.listening() for host in components] == [set()] * len(components)
    assert [host.connected() for host in components] == [{(mesh.router.address, port)} for port in (RSS, RSS, RSS, WSS, WSS)]
    assert {port for _, port in mesh.router.listening()} == {RSS, WSS, WEB, INSIGHT}
    assert mesh.router.connected() & {(host.address, port) for host in components for port in (RSS, WSS)} == set()


def test_the_operator_sees_them_all(mesh: Mesh, page: Running) -> None:
    assert mesh.status() == {"leader": "leads", "standby": "standby", "first": "serves", "second": "serves"}


def test_each_may_do_what_it_needs(mesh: Mesh, page: Running) -> None:
    refused = [line for running in mesh.started for line in running.printed() if "not_authorized" in line or "may not" in line]

    assert refused == []


@pytest.mark.parametrize("scheme", ["rss", "wss"])
def test_who_proves_nothing_is_nobody(mesh: Mesh, scheme: str) -> None:
    url = getattr(mesh, scheme)
    wrong = mesh.folder / "wrong_ticket"
    wrong.write_text("guessed")
    write = ("write", SERVICE, '{"votes": [["eve", ["beer"]]]}', "--timeout", "3")
    with (
        mesh.run(mesh.client, *write, url=url, authid="feeder", DELTAMESH_TICKET_FILE=str(wrong)) as guessing,
        mesh.run(mesh.client, *write, url=url) as silent,
        mesh.run(mesh.client, *write, url=url, authid="feeder", DELTAMESH_CA_FILE="") as believing,
    ):
        assert (guessing.wait(), silent.wait(), believing.wait()) == (1, 1, 1)

    assert "ticket in static WAMP-Ticket authentication is invalid" in guessing.lines[-1]
    assert "not_authorized" in silent.lines[-1] or "no_auth_method" in silent.lines[-1]
    assert "certificate verify failed" in believing.lines[-1]


def test_a_client_whose_cable_was_cut_catches_up(mesh: Mesh, page: Running) -> None:
    mesh.client.cut()
    mesh.vote(mesh.leader, "bob")
    mesh.client.heal()

    assert shows(page, 2)


def test_clients_of_a_follower_whose_cable_is_cut_are_served_by_another_one(mesh: Mesh, page: Running) -> None:
    """Whichever of the two serves the page: each is cut off once."""
    mesh.first.cut()
    mesh.vote(mesh.client, "cy")
    assert shows(page, 3)
    mesh.first.heal()
    with mesh.run(mesh.first, "read", SERVICE, "how_many", "--timeout", "60", url=mesh.wss) as read:
        assert read.wait() == 0  # this host is reached again
    mesh.second.cut()
    mesh.vote(mesh.client, "dee")
    assert shows(page, 4)
    mesh.second.heal()


def test_the_standby_leads_when_the_cable_of_the_leader_is_cut(mesh: Mesh, page: Running) -> None:
    mesh.leader.cut()
    mesh.vote(mesh.client, "eva")
    assert shows(page, 5)
    assert mesh.status()["standby"] == "leads"
    mesh.leader.heal()
    mesh.vote(mesh.leader, "flo")

    assert shows(page, 6)
