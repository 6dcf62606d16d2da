"""`deltamesh parameters` as processes: what is said of names that there are not, and of messages that say nothing."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from twisted.internet.threads import deferToThread

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.parameters import service
from deltamesh.parameters.administration.administration import Administration
from deltamesh.parameters.git.repository import Repository
from deltamesh.parameters.reader.census import Census
from deltamesh.parameters.reader.reader import Reader
from tests.cli.running_command import deltamesh
from tests.mesh.mesh import Inside, until
from tests.parameters.repositories import Repo, made

pytestmark = pytest.mark.mesh

S = "com.example.parameters"  # of which the router tells who holds what


class Commanded:
    """A service whose repository is administered, and commands that look at it."""

    def __init__(self, inside: Inside, folder: Path, repo: Repo) -> None:
        self.inside = inside
        self.repo = repo
        self._folder = folder

    async def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        found: subprocess.CompletedProcess[str] = await deferToThread(
            deltamesh, "parameters", command, S, *arguments, "--router", self.inside.url, cwd=self._folder
        )
        return found


@asynccontextmanager
async def commanded(inside: Callable[..., Inside], tmp_path: Path) -> AsyncIterator[Commanded]:
    repo = made(tmp_path / "repository")
    repo.commit({"base/payment.yaml": "fee: 1\ngone: 2\nlimits: {daily: 5}\n"}, "Begin.")
    head = repo.commit({"base/payment.yaml": "fee: 1\nlimits: {daily: 5}\n"}, "Remove.")
    place = inside(service(S))
    await place.lead()
    await place.follow()
    connection, counting = Connection(place.url), Connection(place.url)
    reader = Reader(connection, S, Repository(str(repo.path)))
    administration = Administration(connection, S, reader, reader.repository)
    census = Census(counting, S)
    reader.start()
    counting.start()
    await connection.joined()
    await counting.joined()
    census.start()
    await until(lambda: len(census._subscriptions) == 2)
    await reader.look()
    assert repo.head() == head
    try:
        yield Commanded(place, tmp_path, repo)
    finally:
        await administration.stop()
        await census.stop()
        await counting.stop()
        await reader.stop()


@pytest.mark.parametrize("command", ["log", "census"])
async def test_who_asks_for_a_name_that_there_is_not_is_told(command: str, inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with commanded(inside, tmp_path) as place:
        for name in ("no.such", "payment.limits"):  # the other one is the beginning of a name
            for options in ((), ("--json",)):
                done = await place.run(command, name, *options)
                assert (done.returncode, done.stdout) == (1, "")
                assert (
                    done.stderr == f"Error: {name}: there is no such parameter in {S}; `deltamesh read {S} tree` shows all that there are\n"
                )
        known = await place.run(command, "payment.fee")
        everything = await place.run(command)

    assert (known.returncode, known.stderr) == (0, "")
    assert (everything.returncode, everything.stderr) == (0, "")


async def test_the_log_of_a_parameter_that_was_removed_is_shown(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with commanded(inside, tmp_path) as place:
        done = await place.run("log", "payment.gone")
        census = await place.run("census", "payment.gone")

    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if line.startswith("    ")] == [
        "    Remove.",
        "    2 → removed",
        "    Begin.",
        "    2",
    ]
    assert (census.returncode, census.stdout) == (1, "")


async def test_who_holds_a_name_that_there_is_not_is_shown(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with commanded(inside, tmp_path) as place:
        live = await Mesh(await place.inside.connect(), S).live("census")
        holder = await place.inside.connect()
        holder.publish(f"{S}.on_holding", client="mistaken", kind="python", host="here", names=["no.such"], commit=None, number=None)
        await until(lambda: list(live.entries()))
        done = await place.run("census", "no.such", "--json")

    assert done.returncode == 0
    assert [json.loads(line)["client"] for line in done.stdout.splitlines()] == ["mistaken"]


@pytest.mark.parametrize(("command", "what"), [("set", "payment.fee=2"), ("unset", "payment.fee"), ("revert", None)])
async def test_a_message_that_cannot_be_one_is_refused_first(
    command: str, what: str | None, inside: Callable[..., Inside], tmp_path: Path
) -> None:
    async with commanded(inside, tmp_path) as place:
        head = place.repo.head()
        for message, why in (
            ("", "say in a few words why"),
            (" \n", "say in a few words why"),
            ("x" * 2_001, "2001 characters are too many"),
        ):
            done = await place.run(command, what or head, "-m", message)
            assert (done.returncode, done.stdout) == (2, "")
            assert f"Invalid value for '-m' / '--message': {why}" in done.stderr
        assert place.repo.head() == head
        assert (await place.run(command, what or head, "-m", "x" * 2_000)).returncode == 0
