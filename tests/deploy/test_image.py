"""What the Dockerfile makes, made by its own commands: a mesh runs from it as its user, and writes only where a container lets it."""

from __future__ import annotations

import faulthandler
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.dockerfile import Image, base_python, ignore_rules, instructions, is_for_everybody, is_ignored
from tests.deploy.running import SERVICE, Running, make_secrets
from tests.running_router import ROOT, free_port

missing = [name for name in ("npm", "openssl") if shutil.which(name) is None]
pytestmark = [
    pytest.mark.mesh,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing), reason=f"the image cannot be made without {' and '.join(missing)}"),
]

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

PORTS = ("8080", "8444", "8081")
"""Of the node: pages, components, and where to look inside."""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that the image's user can reach, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="deltamesh-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(place: Path) -> Image:
    faulthandler.cancel_dump_traceback_later()  # a hundred packages take as long as the disk lets them
    (place / "image").mkdir()
    return Image(place / "image")


class Host:
    """Where containers of the image run: their secrets, ports, and the folders in which they may write."""

    def __init__(self, image: Image, place: Path) -> None:
        self.image = image
        self.place = place
        self.secrets = make_secrets(place / "secrets")
        self.secrets.chmod(0o755)
        can_change = os.geteuid() == 0 and is_for_everybody(base_python())
        self.user = int(image.stage.user.partition(":")[0]) if can_change else None
        self.ports = {port: str(free_port()) for port in PORTS}
        self.node = place / "node"
        shutil.copytree(image.place("/mesh/node"), self.node)
        for file in (self.node / ".crossbar/config.json", self.node / "router/router.toml"):
            file.write_text(self.ported(file.read_text()))

    def ported(self, text: str) -> str:
        """Return `text` with ports that are free instead of those of the image."""
        return re.sub("|".join(rf"\b{port}\b" for port in PORTS), lambda match: self.ports[match[0]], text)

    def folder(self, name: str) -> str:
        """Return a folder, as a volume or a file system in memory is one."""
        path = self.place / name
        path.mkdir(exist_ok=True)
        if self.user is not None:
            os.chown(path, self.user, self.user)
        return str(path)

    def run(self, *command: str, **more: str) -> Running:
        """Start what a container would."""
        env = self.image.environment(
            TMPDIR=self.folder("tmp"),
            DELTAMESH_NODE=str(self.node),
            DELTAMESH_WEB=str(self.image.place("/mesh/web")),
            DELTAMESH_SECRETS=str(self.secrets),
            DELTAMESH_PLACE=self.folder("place"),
            DELTAMESH_ROUTER=f"rss://localhost:{self.ports['8444']}",
            DELTAMESH_CA_FILE=str(self.secrets / "ca.crt"),
            **more,
        )
        return Running(command, cwd=self.image.place(self.image.stage.folder), env=env, user=self.user)

    def component(self, *arguments: str, authid: str, **more: str) -> Running:
        """Start a component with its identity."""
        ticket = str(self.secrets / f"{authid}_ticket")
        return self.run(*self.image.stage.entry, *arguments, DELTAMESH_AUTHID=authid, DELTAMESH_TICKET_FILE=ticket, **more)

    def feeder(self) -> Running:
        """Start the feeder of compose, which ends when it has written what there is to begin with."""
        ticket = str(self.secrets / "feeder_ticket")
        return self.run(*COMPOSE["services"]["feeder"]["entrypoint"], DELTAMESH_AUTHID="feeder", DELTAMESH_TICKET_FILE=ticket)


@pytest.fixture(scope="module")
def host(image: Image, place: Path) -> Host:
    return Host(image, place)


@pytest.fixture(scope="module")
def router(host: Host) -> Iterator[Running]:
    with host.run("deltamesh-router") as running:
        running.wait_for("router: ready")
        yield running


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_size) for path in folder.rglob("*")}


def test_it_says_what_it_can_do(host: Host) -> None:
    with host.run(*host.image.stage.entry, *host.image.stage.command) as running:
        assert running.wait() == 0
    assert any("Reactive microservices" in line for line in running.lines)


def test_it_holds_what_a_mesh_needs_and_nothing_else(image: Image) -> None:
    files = [str(path.relative_to(image.root)) for path in image.root.rglob("*") if path.is_file()]

    assert {path.name for path in image.place("/mesh").iterdir()} == {"web", "node", "examples"}
    assert {path.name for path in image.place("/mesh/web/node_modules").iterdir()} == {"wampy"}
    assert [name for name in files if name.startswith("mesh/") and re.search(r"(\.key|_ticket|password|\.pyc|\.sqlite)$", name)] == []
    assert not image.place("/build").exists()


def test_its_user_is_nobody_of_importance_and_its_ports_are_those_of_the_node(image: Image) -> None:
    node = json.loads(image.place("/mesh/node/.crossbar/config.json").read_text())
    doors = [transport["endpoint"]["port"] for transport in node["workers"][0]["transports"]]

    assert image.stage.user == "10001:10001"
    assert image.stage.ports == sorted([*doors, 8081])


def test_its_packages_come_with_extras_that_there_are() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    (extras,) = [rest.partition("=")[2] for word, _, rest in instructions((ROOT / "Dockerfile").read_text()) if word == "ARG"]

    assert set(extras.split(",")) <= set(setup["options.extras_require"])


@pytest.mark.parametrize(
    ("path", "ignored"),
    [
        ("setup.cfg", False),
        (".git/config", True),
        ("tests/conftest.py", True),
        ("components/deltamesh/__init__.py", False),
        ("components/deltamesh/__pycache__/x.pyc", True),
        ("deploy/node/.crossbar/config.json", False),
        ("deploy/node/.crossbar/key.priv", True),
        ("deploy/secrets/leader_ticket", True),
        ("deploy/image/deltamesh-router", False),
        ("web/node_modules/wampy/package.json", True),
        (".crossbar/key.priv", True),
    ],
)
def test_the_builder_is_sent_only_sources(path: str, *, ignored: bool) -> None:
    assert is_ignored(path, ignore_rules()) is ignored


def test_a_mesh_runs_from_it_and_writes_only_where_it_may(host: Host, router: Running) -> None:
    before = contents(host.image.root)
    volume = host.folder("volume")
    application = "examples.hackernews:app"
    with (
        host.component("leader", application, authid="leader", DELTAMESH_JOURNAL=f"sqlite:{volume}/") as leader,
        host.component("follower", application, authid="follower", POD_NAME="follower-0") as follower,
    ):
        leader.wait_for("hackernews.leader: ready")
        follower.wait_for("hackernews.follower_0: ready")
        page = ("--router", f"ws://127.0.0.1:{host.ports['8080']}/ws")
        with host.component("write", SERVICE, '{"posts": [[7, [{"title": "Tea"}]]]}', authid="feeder") as write:
            assert write.wait() == 0, write.lines
        with host.feeder() as seed:
            assert seed.wait() == 0, seed.lines
        session, entry = "session=0123456789abcdef", host.image.stage.entry
        with host.run(*entry, "call", SERVICE, "sign_in", "--arg", session, "--arg", "name=ada", *page) as call:
            assert call.wait() == 0, call.lines
        with host.run(*entry, "read", SERVICE, "me", "--param", session, *page) as read:
            assert read.wait() == 0, read.lines
            assert "ada" in "\n".join(read.lines)

    assert contents(host.image.root) == before
    assert router.process.poll() is None


def test_a_container_that_is_started_again_finds_a_clean_place(host: Host, router: Running) -> None:
    """A node.pid of before names a process which in a container is another one."""
    router.process.kill()
    router.wait()
    pid_file = Path(host.folder("place")) / ".crossbar/node.pid"
    assert pid_file.exists()
    pid_file.write_text(json.dumps({"pid": os.getppid(), "argv": ["crossbar"], "options": {}}))

    with host.run("deltamesh-router") as again:
        again.wait_for("router: ready")


def test_without_a_ticket_the_router_does_not_start(host: Host) -> None:
    few = host.place / "few"
    shutil.copytree(host.secrets, few, ignore=lambda *_: ["operator_ticket"])
    with host.run("env", f"DELTAMESH_SECRETS={few}", f"DELTAMESH_PLACE={host.folder('other')}", "deltamesh-router") as running:
        assert running.wait() == 1
    assert "there is no ticket for 'operator'" in running.lines[-1] or "OPERATOR_TICKET" in running.lines[-1]


def test_the_password_of_the_database_goes_where_libpq_takes_it(host: Host) -> None:
    secrets = host.place / "awkward"
    secrets.mkdir()
    (secrets / "postgres_password").write_text("a:b\\c\n")
    with host.run("env", f"DELTAMESH_SECRETS={secrets}", f"TMPDIR={host.folder('home')}", *host.image.stage.entry, "--version") as running:
        assert running.wait() == 0
    written = host.place / "home/pgpass"

    assert written.read_text() == "*:*:*:*:a\\:b\\\\c\n"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


def healthcheck() -> list[str]:
    word, *command = COMPOSE["services"]["router"]["healthcheck"]["test"]
    assert word == "CMD"
    return list(command)


def test_the_health_check_of_compose_says_what_is_so(host: Host) -> None:
    command = [host.ported(word) for word in healthcheck()]
    env = host.image.environment()
    with host.run("deltamesh-router") as running:
        running.wait_for("router: ready")
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "ready\n\n")
    assert subprocess.run(command, env=env, capture_output=True, check=False).returncode == 1
