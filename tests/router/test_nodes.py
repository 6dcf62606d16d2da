"""The nodes in `router/nodes`, started as they are but for ports, keys and certificates: who gets in, and what each may do."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from deltamesh.connection.identity import KeyPair, Ticket, make_key
from tests.cli.running_command import POLL, RunningCommand, deltamesh
from tests.router.visitor import Refused, Visitor, make_certificate
from tests.running_router import OURS, ROOT, STOCK, RunningRouter, free_port
from tests.wire_connection import error_of

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

NODES = ROOT / "router" / "nodes"
S = "com.example.hackernews"
DENIED = "wamp.error.not_authorized"
NOBODY_THERE = "wamp.error.no_such_procedure"
SECRET = "a ticket that nobody guesses"
APPLICATION = POLL.replace("com.example.poll", S)

PROGRAMS = pytest.mark.parametrize("program", [pytest.param(OURS, id="ours"), pytest.param(STOCK, id="stock")], scope="module")
"""Every node is for plain Crossbar.io as well."""


class Node:
    """A running copy of a node, and where its doors are, by their numbers in the configuration."""

    def __init__(self, name: str, folder: Path, program: tuple[str, ...], edit: Callable[[dict[str, Any]], None] | None = None) -> None:
        self.folder = folder
        self.ports: dict[int, int] = {}
        shutil.copytree(NODES / name, folder, dirs_exist_ok=True)
        (folder / "poll.py").write_text(APPLICATION)

        def adapt(config: dict[str, Any]) -> None:
            config.clear()
            config.update(json.loads((NODES / name / ".crossbar" / "config.json").read_text()))
            for transport in config["workers"][0]["transports"]:
                endpoint = transport["endpoint"]
                if endpoint["type"] == "tcp":
                    self.ports[endpoint["port"]] = free_port()
                    endpoint |= {"port": self.ports[endpoint["port"]], "interface": "127.0.0.1"}
            if edit is not None:
                edit(config)

        arguments = ("--insight-port", str(free_port())) if program == OURS else ()
        self.insight = f"http://127.0.0.1:{arguments[1]}" if arguments else ""
        self.router = RunningRouter(folder, program=program, edit=adapt, arguments=arguments)

    def url(self, scheme: str, port: int, path: str = "") -> str:
        return f"{scheme}://localhost:{self.ports[port]}{path}"

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)


@pytest.fixture(scope="module")
def secrets() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPONENT_TICKET", SECRET)
        patch.setenv("HACKERNEWS_FEEDER_TICKET", SECRET)
        yield


def may(answer: list[Any]) -> bool:
    """Whether something was allowed; that nobody is there to do it is another matter."""
    return error_of(answer) != DENIED


# ---- all of them


@pytest.mark.parametrize("name", sorted(path.name for path in NODES.iterdir() if path.is_dir()))
def test_every_node_is_sound_and_in_the_table(name: str, tmp_path: Path, secrets: None) -> None:
    shutil.copytree(NODES / name, tmp_path, dirs_exist_ok=True)
    (tmp_path / "web").mkdir()
    make_certificate(tmp_path / ".crossbar")
    done = subprocess.run(
        [sys.executable, "-m", "deltamesh_router", "check", "--cbdir", str(tmp_path / ".crossbar")],
        cwd=ROOT / "router", capture_output=True, text=True, check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("router: sound: ") == 2
    assert f"| [{name}]({name}/.crossbar/config.json) |" in (NODES / "README.md").read_text()


# ---- tls


@pytest.fixture(scope="module")
def tls(program: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory, secrets: None) -> Iterator[Node]:
    """With a certificate that was made as the README says, where openssl is installed."""
    node = Node("tls", tmp_path_factory.mktemp("tls"), program)
    (command,) = re.findall(r"^    (openssl req .*?)\n\n", (NODES / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    if shutil.which("openssl") is None:
        make_certificate(node.router.node_directory)
    else:
        subprocess.run(["sh", "-c", command], cwd=node.folder, check=True, capture_output=True)
    with node.router:
        yield node


def authority(node: Node) -> Path:
    return node.router.node_directory / "server.crt"


@PROGRAMS
def test_a_page_comes_by_wss_as_a_browser(tls: Node) -> None:
    with Visitor(tls.url("wss", 8443, "/ws"), authority=authority(tls), origin="https://localhost:8443") as page:
        assert page.welcome["authrole"] == "browser"
        assert may(page.call(f"{S}.open"))
        assert not may(page.call(f"{S}.write"))
    with pytest.raises(ConnectionRefusedError, match="denied"):
        Visitor(tls.url("wss", 8443, "/ws"), authority=authority(tls), origin="https://evil.example")


@PROGRAMS
def test_a_component_comes_with_a_ticket_and_nobody_without(tls: Node) -> None:
    door = tls.url("rss", 8444)
    with Visitor(door, Ticket("component", SECRET), authority=authority(tls)) as component:
        assert component.welcome["authrole"] == "component"
        assert error_of(component.register(f"{S}.write")) is None
    for credentials in (None, Ticket("component", "wrong"), Ticket("component", ""), Ticket("somebody", SECRET)):
        with pytest.raises(Refused):
            Visitor(door, credentials, authority=authority(tls))
    with Visitor(f"unix:{tls.router.unix_path}") as component:
        assert component.welcome["authrole"] == "component"


@PROGRAMS
def test_who_does_not_believe_the_certificate_does_not_come(tls: Node) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        Visitor(tls.url("rss", 8444), Ticket("component", SECRET))


@pytest.mark.parametrize("program", [OURS], ids=["ours"], scope="module")
def test_the_command_line_over_tls(tls: Node) -> None:
    ticket, wrong, ca = tls.file("ticket", SECRET + "\n"), tls.file("wrong", "wrong"), str(authority(tls))
    door, page = tls.url("rss", 8444), tls.url("wss", 8443, "/ws")
    secret = {"DELTAMESH_ROUTER": door, "DELTAMESH_AUTHID": "component", "DELTAMESH_TICKET": SECRET, "DELTAMESH_CA_FILE": ca}
    options = ("--router", door, "--authid", "component", "--ca-file", ca)
    with (
        RunningCommand("leader", "poll:app", *options, "--ticket-file", ticket, cwd=tls.folder) as leader,
        RunningCommand("follower", "poll:app", "--name", "first", cwd=tls.folder, **secret) as follower,
    ):
        leader.wait_for("hackernews.leader: ready")
        follower.wait_for("hackernews.first: ready")
        read = deltamesh("read", S, "how_many", "--router", page, "--ca-file", ca, cwd=tls.folder)
        write = deltamesh("write", S, '{"votes": [[1, ["x"]]]}', "--router", page, "--ca-file", ca, cwd=tls.folder)
    refused = deltamesh("read", S, "how_many", *options, "--ticket-file", wrong, "--timeout", "2", cwd=tls.folder)
    unbelieved = deltamesh("read", S, "how_many", "--router", page, "--timeout", "2", cwd=tls.folder)

    assert read.returncode == 0, read.stderr
    assert (write.returncode, DENIED in write.stderr) == (1, True)
    assert refused.returncode == unbelieved.returncode == 1
    assert "does not take part: wamp.error.not_authorized: ticket in static WAMP-Ticket authentication is invalid" in refused.stderr
    assert "does not take part: TLS: certificate verify failed: does --ca-file name who" in unbelieved.stderr


def test_without_a_ticket_in_the_environment_the_router_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPONENT_TICKET", raising=False)
    node = Node("tls", tmp_path, OURS)
    make_certificate(node.router.node_directory)
    node.router.launch()

    assert node.router.wait() == 1
    assert "there is no ticket for 'component': set the environment variable" in node.router.stderr[-1]


# ---- authentication


class Authenticating(Node):
    """A copy of the node that asks for credentials, with keys for its principals."""

    def __init__(self, folder: Path, program: tuple[str, ...]) -> None:
        names = ("hackernews.leader", "hackernews.follower", "operator", "stranger")
        self.keys = {name: KeyPair(make_key(folder / f"{name}.key").private, name) for name in names}
        super().__init__("authentication", folder, program, self.let_in)

    def let_in(self, config: dict[str, Any]) -> None:
        """Do what the README says: put public keys into the list of each principal."""
        for name, principal in config["workers"][0]["transports"][1]["auth"]["cryptosign"]["principals"].items():
            assert principal["authorized_keys"] == []
            principal["authorized_keys"] = [self.keys[name].public]

    def enter(self, who: str) -> Visitor:
        if who == "browser":
            return Visitor(self.url("ws", 8080, "/ws"))
        credentials = Ticket(who, SECRET) if who == "hackernews.feeder" else self.keys[who]
        return Visitor(self.url("rs", 8090), credentials)


@pytest.fixture(scope="module")
def guarded(program: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory, secrets: None) -> Iterator[Authenticating]:
    node = Authenticating(tmp_path_factory.mktemp("guarded"), program)
    with node.router:
        yield node


ALL_OF_THEM = ("hackernews.leader", "hackernews.follower", "hackernews.feeder", "operator", "browser")
RIGHTS = {
    "register": {
        f"{S}.write": {"hackernews.leader"},
        f"{S}.upvote": {"hackernews.leader"},
        f"{S}.shared.snapshot": {"hackernews.leader"},
        f"{S}.open": {"hackernews.follower"},
        f"{S}.open.first": {"hackernews.follower"},
        f"{S}.read": {"hackernews.follower"},
        "com.example.departures.write": set(),
    },
    "call": {
        f"{S}.write": {"hackernews.feeder"},
        f"{S}.upvote": {"browser"},
        f"{S}.open": {"browser"},
        f"{S}.open.first": {"browser"},
        "deltamesh.run.scale": set(),
        f"{S}.shared.snapshot": {"hackernews.follower"},
        "mesh.drain": {"operator"},
        "mesh.publish_many": {"hackernews.follower", "operator"},
        "mesh.heartbeat": {"hackernews.leader", "hackernews.follower", "operator"},
        "wamp.session.list": set(),
        "wamp.session.kill": set(),
        "wamp.registration.list": set(),
        "com.example.departures.open": set(),
    },
    "publish": {
        f"{S}.shared": {"hackernews.leader"},
        f"{S}.leader.on_gone": {"hackernews.leader"},
        f"{S}.status": {"hackernews.leader", "hackernews.follower"},
        f"{S}.status.wanted": {"operator"},
        f"{S}.live.first.x": {"hackernews.follower"},
        f"{S}.follower.first.on_gone": {"hackernews.follower"},
        "mesh.queue.on_full": set(),
        "com.example.departures.shared": set(),
    },
    "subscribe": {
        f"{S}.shared": {"hackernews.leader", "hackernews.follower"},
        f"{S}.status": {"hackernews.follower", "operator"},
        f"{S}.status.wanted": {"hackernews.leader", "hackernews.follower"},
        f"{S}.leader.on_gone": {"hackernews.leader", "hackernews.follower"},
        f"{S}.live.first.x": {"browser"},
        f"{S}.follower.first.on_gone": {"browser"},
        "wamp.subscription.on_subscribe": {"hackernews.follower"},
        "wamp.session.on_join": set(),
        "mesh.queue.on_full": {"operator"},
    },
}
"""What may be done, by whom; everybody else is refused."""


@PROGRAMS
@pytest.mark.parametrize("who", ALL_OF_THEM)
def test_each_principal_may_do_what_its_role_needs_and_nothing_else(guarded: Authenticating, who: str) -> None:
    with guarded.enter(who) as session:
        allowed = {(action, uri) for action, uris in RIGHTS.items() for uri in uris if may(getattr(session, action)(uri))}

    assert session.welcome["authid"] == who or who == "browser"
    assert allowed == {(action, uri) for action, uris in RIGHTS.items() for uri, whose in uris.items() if who in whose}


@pytest.mark.parametrize("program", [OURS], ids=["ours"], scope="module")
def test_nobody_may_answer_for_all_procedures_that_begin_alike(guarded: Authenticating) -> None:
    with guarded.enter("hackernews.leader") as leader:
        assert error_of(leader.register(f"{S}.", match="prefix")) == DENIED
        assert error_of(leader.register(f"{S}..open", match="wildcard")) == DENIED


@PROGRAMS
def test_wrong_credentials_are_refused(guarded: Authenticating) -> None:
    stranger = guarded.keys["stranger"]
    for credentials in (
        None,
        Ticket("hackernews.feeder", "wrong"),
        Ticket("hackernews.leader", SECRET),  # has a key, and no ticket
        Ticket("stranger", SECRET),
        stranger,
        KeyPair(stranger.private),
        KeyPair(stranger.private, "hackernews.leader"),
        KeyPair(guarded.keys["hackernews.follower"].private, "hackernews.leader"),
        Impostor(stranger.private, guarded.keys["hackernews.leader"].public),
    ):
        with pytest.raises(Refused):
            Visitor(guarded.url("rs", 8090), credentials)


class Impostor(KeyPair):
    """Names the public key of somebody else."""

    def __init__(self, private: Any, public: str) -> None:
        super().__init__(private, "hackernews.leader")
        object.__setattr__(self, "_claimed", public)

    @property
    def public(self) -> str:
        return str(vars(self)["_claimed"])


@PROGRAMS
def test_a_key_is_enough_to_be_known(guarded: Authenticating) -> None:
    with Visitor(guarded.url("rs", 8090), KeyPair(guarded.keys["operator"].private)) as session:
        assert (session.welcome["authid"], session.welcome["authrole"]) == ("operator", "operator")


@pytest.mark.parametrize("program", [OURS], ids=["ours"], scope="module")
def test_a_service_runs_with_these_roles(guarded: Authenticating) -> None:
    def who(name: str) -> tuple[str, ...]:
        return ("--router", guarded.url("rs", 8090), "--authid", name)

    feeder = {"DELTAMESH_AUTHID": "hackernews.feeder", "DELTAMESH_TICKET": SECRET, "DELTAMESH_ROUTER": guarded.url("rs", 8090)}
    page = {"DELTAMESH_ROUTER": guarded.url("ws", 8080, "/ws")}
    folder = guarded.folder
    with (
        RunningCommand("leader", "poll:app", *who("hackernews.leader"), "--key-file", "hackernews.leader.key", cwd=folder) as leader,
        RunningCommand(
            "follower", "poll:app", *who("hackernews.follower"), cwd=folder, DELTAMESH_KEY_FILE="hackernews.follower.key"
        ) as follower,
    ):
        leader.wait_for("hackernews.leader: ready")
        follower.wait_for(": ready")
        write = deltamesh("write", S, '{"votes": [["ada", ["tea"]]]}', cwd=folder, **feeder)
        vote = deltamesh("call", S, "vote", "--arg", "voter=bob", "--arg", "choice=tea", cwd=folder, **page)
        with RunningCommand("watch", S, "how_many", cwd=folder, **page) as watch:
            watch.wait_for("[[null,[2]]]")
            deltamesh("write", S, '{"votes": [["cy", ["tea"]]]}', cwd=folder, **feeder)
            watch.wait_for("[[null,[3]]]")

    assert (write.returncode, write.stderr) == (0, "")
    assert (vote.returncode, vote.stderr) == (0, "")


# ---- production


@pytest.fixture(scope="module")
def production(program: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node("production", tmp_path_factory.mktemp("production"), program)
    (node.folder / "web").mkdir()
    (node.folder / "web" / "index.html").write_text("a page")
    with node.router:
        yield node


@PROGRAMS
def test_pages_of_one_site_come(production: Node) -> None:
    door = production.url("ws", 8080, "/ws")
    with (
        Visitor(door, origin="https://www.example.org") as page,
        Visitor(f"unix:{production.router.unix_path}") as component,
        urlopen(production.url("http", 8080, "/")) as answer,
    ):
        assert (page.welcome["authrole"], component.welcome["authrole"]) == ("browser", "component")
        assert error_of(page.call(f"{S}.open")) == NOBODY_THERE
        assert answer.read() == b"a page"
    for origin in ("http://127.0.0.1:8080", "http://www.example.org", "https://evil.example", "null"):
        with pytest.raises(ConnectionRefusedError, match="denied"):
            Visitor(door, origin=origin)


@pytest.mark.parametrize("program", [OURS], ids=["ours"], scope="module")
def test_the_settings_of_the_node_are_in_use(production: Node) -> None:
    with urlopen(f"{production.insight}/readyz") as answer:
        assert answer.read() == b"ready\n"
    with Visitor(production.url("ws", 8080, "/ws")) as page, Visitor(f"unix:{production.router.unix_path}") as component:
        component.register(f"{S}.vote")
        page.send_all([[48, number, {}, f"{S}.vote"] for number in range(1, 102)])
        refused = page.receive()

        assert (refused[2], error_of(refused)) == (101, "deltamesh.error.too_many_calls")
