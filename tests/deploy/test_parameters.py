"""
Live parameters in a deployment: the profile `parameters` of compose, as processes with their own identities, over TLS, and a repository
that asks for a token.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deltamesh.connection import Connection
from deltamesh.connection.identity import Identity, Ticket
from deltamesh.connection.wamp import PublishOptions, WampError
from tests.deploy.composed import Composed
from tests.deploy.running import Running
from tests.mesh.mesh import run
from tests.parameters.repositories import Repo, made
from tests.parameters.servers import OverHTTP

missing = [name for name in ("git", "openssl") if shutil.which(name) is None]
pytestmark = [
    pytest.mark.mesh,
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing), reason=f"there are no parameters without {' and '.join(missing)}"),
]

S = "com.example.parameters"
NAME = "payment.limits.daily.eur"
TOKEN = "a token of the forge"
OTHER = "com.example.hackernews"
DENIED = "wamp.error.not_authorized"


def limit(number: int) -> dict[str, str]:
    return {"base/payment/limits.yaml": f"daily: {{eur: {number}}}\n"}


class Deployed:
    """What is deployed, and the repository."""

    def __init__(self, composed: Composed, repo: Repo, users: list[str | None], components: list[Running]) -> None:
        self.composed = composed
        self.repo = repo
        self.users = users
        """Whom the server of git was asked by, one for each request; None: nobody said."""
        self.components = components

    def ask(self, *arguments: str, authid: str | None = None, url: str | None = None) -> tuple[int, str]:
        """Run a command to its end; return its exit code, and what it says."""
        with self.composed.command(*arguments, authid=authid, url=url) as command:
            return command.wait(), "\n".join(command.lines)

    def allowed(self, authid: str | None, attempts: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return those of `attempts` (what, URI) that the router does not refuse."""
        tickets, authorities = self.composed.secrets, (self.composed.secrets / "ca.crt").read_text()
        who = None if authid is None else Ticket(authid, (tickets / f"{authid}_ticket").read_text().strip())
        url = self.composed.page if authid is None else self.composed.url
        found: list[tuple[str, str]] = run(_allowed(url, Identity(who, authorities), attempts))
        return found


async def _allowed(url: str, identity: Identity, attempts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    connection = Connection(url, identity=identity)
    connection.start()
    await connection.joined()
    session: Any = connection.session
    found = []
    for what, uri in attempts:
        try:
            match what:
                case "register":
                    await session.register(print, uri)
                case "subscribe":
                    await session.subscribe(print, uri)
                case "publish":
                    await session.publish(uri, options=PublishOptions(acknowledge=True))
                case _:
                    await session.call(uri)
        except WampError as error:
            if error.error == DENIED:
                continue
        found.append((what, uri))
    await connection.stop()
    return found


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("parameters")
    (folder / "git").mkdir()
    repo = made(folder / "git/shop.git")
    repo.run("config", "http.receivepack", "true")
    repo.commit(limit(1000) | {"regions/eu/payment/limits.yaml": "daily: {eur: 5}\n"}, "Begin.", branch="stable")
    with OverHTTP(folder / "git", TOKEN) as server:
        place = f"{server.url}/shop.git"
        composed = Composed(folder, DELTAMESH_PARAMETERS=place, DELTAMESH_PARAMETERS_BRANCH="stable", DELTAMESH_PARAMETERS_REGION="eu")
        (composed.secrets / "git_token").write_text(f"{TOKEN}\n")
        with composed.router() as router:
            router.wait_for("router: ready")
            with (
                composed.start("parameters-leader") as leader,
                composed.start("parameters-follower", "--name", "here") as follower,
                composed.start("parameters-reader", "--poll", "0.2") as reader,
            ):
                leader.wait_for("parameters.leader: ready")
                follower.wait_for("parameters.here: ready")
                reader.wait_for("parameters.reader: ready")
                yield Deployed(composed, repo, server.users, [leader, follower, reader])


def test_a_page_has_a_value_and_the_commit_that_changes_it(deployed: Deployed) -> None:
    with deployed.composed.command("parameters", "get", S, NAME, "--watch", "--json") as page:
        page.wait_for('"value":5,"source":"live"')
        made = deployed.repo.commit({"regions/eu/payment/limits.yaml": "daily: {eur: 6}\n"}, "Raise.", branch="stable")
        line = page.wait_for('"value":6,')

    assert json.loads(line)["commit"] == made


def test_the_reader_shows_its_token_and_mirrors_the_repository_on_its_volume(deployed: Deployed) -> None:
    assert set(deployed.users) == {None, "git"}  # None: before it was asked for the token
    assert (deployed.composed.folder / "mirror" / S).is_dir()


def test_the_journal_is_a_file_of_its_own(deployed: Deployed) -> None:
    assert (deployed.composed.folder / "journal" / f"{S}.sqlite").is_file()


def test_the_census_knows_who_holds_it(deployed: Deployed) -> None:
    with deployed.composed.command("parameters", "get", S, NAME, "--watch") as page:
        page.wait_for(NAME)
        with deployed.composed.command("watch", S, "census", "--param", f"name={NAME}", "--json") as census:
            assert "deltamesh parameters get" in census.wait_for('"client"')


def test_the_operator_sees_all_of_them(deployed: Deployed) -> None:
    code, said = deployed.ask("status", S, "--json", authid="operator")
    (service,) = json.loads(said.splitlines()[-1])["services"]

    assert code == 0
    assert {each["name"]: each["state"] for each in service["components"]} == {"leader": "leads", "here": "serves", "reader": "reads"}


def test_an_administrator_changes_a_value_and_a_page_may_not(deployed: Deployed) -> None:
    change = ("parameters", "set", S, f"{NAME}=7", "--message", "Raise it again.")
    refused, said = deployed.ask(*change)

    assert refused == 1
    assert DENIED in said

    code, said = deployed.ask(*change, authid="administrator")

    assert code == 0, said
    assert deployed.repo.run("show", "stable:regions/eu/payment/limits.yaml") == "daily: {eur: 7}"
    assert "7" in deployed.ask("parameters", "get", S, NAME)[1]


def test_an_administrator_comes_by_the_door_of_pages_as_well(deployed: Deployed) -> None:
    code, said = deployed.ask("parameters", "diff", S, f"{NAME}=8", authid="administrator", url=deployed.composed.page)

    assert code == 0
    assert "+daily: {eur: 8}" in said


NEEDLESS = {
    "reader": [
        *[("register", f"{S}.{name}") for name in ("open", "open.here", "read", "write", "shared.snapshot", "repository.other")],
        *[("call", f"{S}.{name}") for name in ("open", "open.here", "repository.change", "something")],
        *[("publish", f"{S}.{name}") for name in ("shared", "live.x", "follower.x", "leader.on_gone", "on_holding", "status.wanted")],
        *[("subscribe", f"{S}.{name}") for name in ("live.x", "follower.x", "leader.on_gone", "status")],
        *[("call", f"{OTHER}.{name}") for name in ("open", "read", "write", "shared.snapshot")],
        *[("subscribe", f"{OTHER}.{name}") for name in ("shared", "live.x")],
        *[("register", f"{OTHER}.open"), ("publish", f"{OTHER}.shared"), ("call", "mesh.drain"), ("call", "mesh.metrics")],
        *[("call", "wamp.session.kill"), ("subscribe", "wamp.subscription.on_create"), ("subscribe", "mesh.queue.on_full")],
    ],
    "leader": [("register", f"{S}.{name}") for name in ("open", "read", "repository.reader", "repository.change")],
    "follower": [("register", f"{S}.{name}") for name in ("write", "shared.snapshot", "repository.reader", "repository.change")],
    "feeder": [("call", f"{S}.{name}") for name in ("open", "read", "write", "repository.change")],
    "operator": [("call", f"{S}.{name}") for name in ("open", "read", "write", "repository.change")],
    "administrator": [("call", f"{S}.write"), ("call", f"{S}.shared.snapshot"), ("call", f"{OTHER}.open")],
    None: [
        *[("call", f"{S}.{name}") for name in ("write", "shared.snapshot", "repository.preview", "repository.change", "repository.reader")],
        *[("subscribe", f"{S}.{name}") for name in ("shared", "on_holding", "status")],
        *[("publish", f"{S}.on_reading"), ("register", f"{S}.open")],
    ],
}
"""What each identity may not do; None is a page."""


@pytest.mark.parametrize("authid", NEEDLESS)
def test_nobody_may_do_what_he_need_not(deployed: Deployed, authid: str | None) -> None:
    assert deployed.allowed(authid, NEEDLESS[authid]) == []


def test_a_page_may_hold_parameters(deployed: Deployed) -> None:
    may = [("call", f"{S}.open"), ("call", f"{S}.read"), ("subscribe", f"{S}.on_reading"), ("publish", f"{S}.on_holding")]

    assert deployed.allowed(None, may) == may


def test_each_may_do_what_it_needs(deployed: Deployed) -> None:
    """The last one, so that all has happened."""
    refused = [line for component in deployed.components for line in component.printed() if "not_authorized" in line or "may not" in line]

    assert refused == []


def test_without_a_repository_the_reader_says_what_is_missing(tmp_path: Path) -> None:
    with Composed(tmp_path).start("parameters-reader") as reader:
        assert reader.wait() == 2
    assert reader.lines[-1] == "Error: name the REPOSITORY, by its path or URL, or set DELTAMESH_PARAMETERS to it"
