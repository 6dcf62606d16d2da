"""Administration on a real router, with real repositories: preview, change, revert, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.connection.identity import NOBODY, Identity, Ticket
from deltamesh.errors import DeltameshError
from deltamesh.leader.leader import Leader
from deltamesh.parameters import service
from deltamesh.parameters.access import Access
from deltamesh.parameters.administration.administration import MAX_CHANGES, Administration
from deltamesh.parameters.administration.message import MAX_MESSAGE
from deltamesh.parameters.git.repository import Repository
from deltamesh.parameters.reader.reader import Reader
from deltamesh.stream import Position
from tests.mesh.mesh import Inside, until
from tests.parameters.repositories import Repo, made
from tests.parameters.servers import Daemon
from tests.running_router import RunningRouter

S = "com.example.administered"
TICKET = "a ticket that nobody guesses"

FILES = {
    "base/payment.yaml": "# all\nfee: 1\nlimits: {daily: 5, weekly: 6}\n",
    "base/mail.json": '{"host": "x", "secrets": {"password": "hunter2"}}\n',
    "environments/test/payment.yaml": "fee: 2\n",
    "schemas/payment.json": '{"properties": {"fee": {"type": "integer", "maximum": 9}}}',
    "README.md": "read me\n",
}

pytestmark = pytest.mark.mesh


class Administered:
    """A repository, the service of it, and a client of that."""

    def __init__(
        self, repo: Repo, leader: Leader, connection: Connection, reader: Reader, repository: Repository, administration: Administration
    ) -> None:
        self.repo = repo
        self.leader = leader
        self.connection = connection
        self.reader = reader
        self.repository = repository
        self.administration = administration

    async def call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        return await self.connection.call(f"{S}.repository.{name}", *args, **kwargs)

    async def change(self, *changes: list[Any], message: str = "Change it.", **kwargs: Any) -> str:
        """Change values; assert that the service has them at the position of the answer. Return the commit."""
        answer = await self.call("change", list(changes), message, **kwargs)
        assert answer["commit"] == self.repo.head()
        position = Position(answer["position"]["epoch"], answer["position"]["revision"])
        held = await Mesh(self.connection, S).read("chosen", {"names": [each[0] for each in changes]}, at_least=position)
        if kwargs.get("layer") is None:
            assert {name: values.one()["value"] for name, values in held} == {each[0]: each[1] for each in changes if len(each) == 2}
        return str(answer["commit"])

    async def refused(self, name: str, *args: Any, **kwargs: Any) -> DeltameshError:
        """Return the error of a call; nothing was committed."""
        head = self.repo.head()
        with pytest.raises(DeltameshError) as refused:
            await self.call(name, *args, **kwargs)
        assert self.repo.head() == head
        return refused.value

    def text(self, path: str) -> str | None:
        """Return what a file says at the head."""
        tree = self.repo.git[self.repo.head()].tree
        return tree[path].data.decode() if path in tree else None


def somebody(role: str | None) -> Any:
    """What the router says of a caller."""
    return SimpleNamespace(caller_authid="ada", caller_authrole=role)


@asynccontextmanager
async def administered(
    inside: Callable[..., Inside],
    tmp_path: Path,
    *,
    url: str | None = None,
    access: Access | None = None,
    bare: bool = True,
    uri: str = S,
    **options: Any,
) -> AsyncIterator[Administered]:
    repo = made(tmp_path / "repository", bare=bare)
    repo.commit(FILES, "Begin.")
    place = inside(service(uri))
    leader = await place.lead()
    await place.follow()
    connection = Connection(place.url)
    repository = Repository(url or repo.url, directory=tmp_path / "mirrors", **options)
    reader = Reader(connection, uri, repository, environment="test")
    administration = Administration(connection, uri, reader, repository, access=access)
    administration.start()
    reader.start()
    await connection.joined()
    await reader.look()
    try:
        yield Administered(repo, leader, await place.connect(), reader, repository, administration)
    finally:
        await administration.stop()
        await reader.stop()


async def test_a_preview_shows_what_would_change_and_changes_nothing(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        head = place.repo.head()
        preview = await place.call("preview", [["payment.fee", 3], ["payment.limits.daily"], ["new.name", "x"]])

        assert preview["head"] == place.repo.head() == head
        assert preview["files"] == ["base/new.yaml", "base/payment.yaml", "environments/test/payment.yaml"]
        assert "-fee: 2\n+fee: 3\n" in preview["diff"]
        assert "-limits: {daily: 5, weekly: 6}\n+limits: {weekly: 6}\n" in preview["diff"]
        assert "--- /dev/null\n+++ b/base/new.yaml\n" in preview["diff"]


async def test_a_change_is_a_commit_that_the_service_has_when_it_is_answered(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        first = place.repo.head()
        commit = await place.change(
            ["payment.fee", 3], ["payment.limits.daily", 7], message="Raise.\n\nMore of it.", author="Ada L <ada@example.com>"
        )
        made_one = place.repo.git[commit]

        assert [str(parent) for parent in made_one.parent_ids] == [first]
        assert (made_one.author.name, made_one.author.email, made_one.message) == ("Ada L", "ada@example.com", "Raise.\n\nMore of it.\n")
        assert place.text("base/payment.yaml") == "# all\nfee: 1\nlimits: {daily: 7, weekly: 6}\n"
        assert place.text("environments/test/payment.yaml") == "fee: 3\n"

        await place.change(["payment.limits.daily"], layer="base")
        assert place.text("base/payment.yaml") == "# all\nfee: 1\nlimits: {weekly: 6}\n"
        history = await Mesh(place.connection, S).read("history", {"name": "payment.limits.daily"})
        assert [("gone" in values.one(), values.one().get("was")) for _, values in history] == [(True, 7), (False, 5), (False, None)]


async def test_who_does_not_say_who_it_is_is_what_the_router_knows(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        commit = await place.change(["payment.fee", 3])
        author = place.repo.git[commit].author

        assert author.email == f"{author.name}@component"


async def test_what_would_not_be_good_is_refused_with_all_problems(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        for name in ("preview", "change"):
            more = () if name == "preview" else ("Try.",)
            error = await place.refused(name, [["payment.fee", "hunter3"]], *more)
            assert error.uri == f"{S}.error.not_good"
            assert [(each["file"], each["line"], each["name"]) for each in error.facts["problems"]] == [
                ("environments/test/payment.yaml", 1, "payment.fee")
            ]
            assert "hunter" not in str(error.to_wire())
        error = await place.refused("change", [["payment.none"], ["mail.host.x", 1]], "Try.")
        assert [each["name"] for each in error.facts["problems"]] == ["payment.none", "mail.host.x"]


async def test_a_value_that_a_later_layer_hides_is_set_only_in_a_named_layer(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        place.repo.commit({"environments/test/mail.yaml": "null\n"}, "Hide all of it.")
        error = await place.refused("change", [["mail.port", 25]], "Try.")

        assert (error.uri, error.facts["problems"][0]["name"]) == (f"{S}.error.not_good", "mail.port")
        await place.change(["mail.port", 25], layer="base")


async def test_a_change_of_a_name_that_somebody_else_has_changed_is_a_conflict(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        seen = place.repo.head()
        await place.change(["payment.limits.daily", 7])

        error = await place.refused("change", [["payment.limits.daily", 8], ["payment.limits.weekly", 8]], "Mine.", head=seen)
        assert (error.uri, error.retry, error.facts["names"]) == (f"{S}.error.conflict", False, ["payment.limits.daily"])
        await place.change(["payment.limits.weekly", 8], head=seen)
        await place.change(["payment.limits.daily", 8], head=place.repo.head())
        assert place.text("base/payment.yaml") == "# all\nfee: 1\nlimits: {daily: 8, weekly: 8}\n"

        error = await place.refused("change", [["payment.fee", 4]], "Mine.", head="0" * 40)
        assert error.uri == f"{S}.error.conflict"


async def test_changes_at_the_same_time_come_one_after_the_other(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        made_all = await gatherResults(
            [Deferred.fromCoroutine(place.call("change", [[f"counts.n{number}", number]], f"Number {number}.")) for number in range(12)]
        )

        commits = [each["commit"] for each in made_all]
        chain = [str(commit.id) for commit in place.repo.git.walk(place.repo.head())]
        assert len(set(commits)) == 12
        assert chain[:12] == commits[::-1]
        assert len((place.text("base/counts.yaml") or "").splitlines()) == 12


async def test_what_is_so_already_is_no_commit(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        error = await place.refused("change", [["payment.fee", 2]], "Try.")

        assert (error.uri, error.retry) == (f"{S}.error.nothing_to_change", False)


async def test_a_commit_can_be_taken_back(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        before = {path: place.text(path) for path in FILES}
        commit = await place.change(["payment.fee", 3], ["new.name", "x"])
        await place.change(["mail.host", "y"])

        preview = await place.call("preview", revert=commit)
        assert preview["files"] == ["base/new.yaml", "environments/test/payment.yaml"]
        assert "-fee: 3\n+fee: 2\n" in preview["diff"]
        answer = await place.call("revert", commit, head=preview["head"], author="Eve <eve@example.com>")
        assert answer["commit"] == place.repo.head()
        assert place.repo.git[answer["commit"]].message == f"Revert {commit}.\n"
        after = {path: place.text(path) for path in FILES}
        assert after == {**before, "base/mail.json": '{"host": "y", "secrets": {"password": "hunter2"}}\n'}
        assert place.text("base/new.yaml") is None

        error = await place.refused("revert", commit)
        assert error.uri in (f"{S}.error.nothing_to_change", f"{S}.error.conflict")


async def test_what_later_commits_have_changed_again_is_not_taken_back(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        commit = await place.change(["payment.fee", 3])
        seen = place.repo.head()
        await place.change(["payment.fee", 4])

        error = await place.refused("revert", commit)
        assert (error.uri, error.retry, error.facts["files"]) == (f"{S}.error.conflict", False, ["environments/test/payment.yaml"])
        for wrong in (place.repo.git[commit].tree.id, "0" * 40):
            assert (await place.refused("revert", str(wrong))).uri == f"{S}.error.no_such_commit"

        later = await place.change(["payment.limits.daily", 1])
        error = await place.refused("revert", later, head=seen)
        assert (error.uri, error.facts["names"]) == (f"{S}.error.conflict", ["payment.limits.daily"])


async def test_taking_back_a_commit_that_is_not_good_heals(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        bad = place.repo.commit({"base/payment.yaml": "fee: [\n"}, "Break it.")
        error = await place.refused("change", [["mail.host", "y"]], "Try.")
        assert (error.uri, error.facts["problems"][0]["file"]) == (f"{S}.error.not_good", "base/payment.yaml")

        answer = await place.call("revert", bad, "Heal it.")
        assert answer["position"] is not None
        assert place.text("base/payment.yaml") == FILES["base/payment.yaml"]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"changes": []}, "changes"),
    ({"changes": "payment.fee"}, "changes"),
    ({"changes": [["payment.fee", 1, 2]]}, "changes"),
    ({"changes": [[1, 2]]}, "changes"),
    ({"changes": [["payment.fee", 3], ["payment.fee"]]}, "twice"),
    ({"changes": [[f"n{number}", 1] for number in range(MAX_CHANGES + 1)]}, "too many"),
    ({"message": " \n"}, "message"),
    ({"message": "x" * (MAX_MESSAGE + 1)}, "message"),
    ({"message": "a\x1b[31m"}, "message"),
    ({"message": 5}, "message"),
    ({"layer": 5}, "layer"),
    ({"head": "HEAD"}, "head"),
    ({"author": "Ada\n<ada@example.com>"}, "author"),
    ({"author": "Ada <ada@example.com>\n"}, "author"),
    ({"author": "A<d>a <ada@example.com>"}, "author"),
    ({"author": "<ada@example.com>"}, "author"),
    ({"author": f"{'x' * 200} <a@b>"}, "author"),
    ({"author": 7}, "author"),
]


async def test_arguments_are_checked(inside: Callable[..., Inside], tmp_path: Path) -> None:
    connection = await inside().connect()
    repository = Repository(str(tmp_path))
    administration = Administration(connection, S, Reader(connection, S, repository), repository)
    for arguments, said in WRONG:
        with pytest.raises(DeltameshError, match=said) as refused:
            await administration._change(somebody("component"), **{"changes": [["payment.fee", 3]], "message": "Try.", **arguments})
        assert refused.value.uri == "deltamesh.error.invalid_parameters", arguments


async def test_a_repository_that_is_only_read_says_so(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path, is_read_only=True) as place:
        assert (await place.call("preview", [["payment.fee", 3]]))["files"] == ["environments/test/payment.yaml"]
        assert (await place.refused("change", [["payment.fee", 3]], "Try.")).uri == f"{S}.error.read_only"


async def test_a_working_tree_follows_unless_it_has_changes_of_its_own(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path, bare=False) as place:
        file = place.repo.path / "environments/test/payment.yaml"
        await place.change(["payment.fee", 3])
        assert file.read_text() == "fee: 3\n"
        assert place.repo.run("status", "--porcelain") == ""

        file.write_text("fee: 8\n")
        error = await place.refused("change", [["payment.fee", 4]], "Try.")
        assert error.uri == f"{S}.error.read_only"
        assert file.read_text() == "fee: 8\n"


async def test_a_role_changes_and_sees_only_what_it_may_have(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path, access=Access([("payment", ["treasurer"])])) as place:
        head = place.repo.head()
        for name, change in (
            ("mail.secrets.password", place.administration._change(somebody("treasurer"), [["mail.secrets.password", "x"]], "Try.")),
            ("payment.fee", place.administration._change(somebody("postman"), [["payment.fee"]], "Try.")),
            ("payment.fee", place.administration._preview(somebody("postman"), [["payment.fee", 4]])),
        ):
            with pytest.raises(DeltameshError, match=f"{name} is restricted") as refused:
                await change
            assert (refused.value.uri, refused.value.facts["name"]) == (f"{S}.error.restricted", name)
        with pytest.raises(DeltameshError, match="only a component") as refused:
            await place.administration._change(somebody("treasurer"), [["payment.fee", 4]], "Try.", author="Eve <eve@example.com>")
        assert place.repo.head() == head

        preview = await place.administration._preview(somebody("postman"), [["mail.host", "y"]])
        assert "hunter2" not in preview["diff"]
        assert '-mail.host: "x"\n+mail.host: "y"\n' in preview["diff"]
        assert "hunter2" in (await place.administration._preview(somebody("component"), [["mail.host", "y"]]))["diff"]

        commit = (await place.administration._change(somebody("treasurer"), [["payment.fee", 4]], "Mine."))["commit"]
        assert place.repo.git[commit].author.email == "ada@treasurer"
        with pytest.raises(DeltameshError, match="is restricted"):
            await place.administration._revert(somebody("postman"), commit)


async def test_without_rules_only_who_may_have_everything_administers(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        for role in ("browser", "", None):
            with pytest.raises(DeltameshError) as refused:
                await place.administration._preview(somebody(role), [["payment.fee", 4]])
            assert refused.value.uri == f"{S}.error.restricted"
        assert (await place.administration._preview(somebody("administrator"), [["payment.fee", 4]]))["files"]


async def test_administrators_change_values_from_a_page_and_browsers_do_not(
    inside: Callable[..., Inside], tmp_path: Path, router: RunningRouter
) -> None:
    (router.node_directory / "administrator.ticket").write_text(TICKET)
    async with administered(inside, tmp_path, uri="com.example.parameters") as place:
        for role, identity in (("browser", NOBODY), ("administrator", Identity(Ticket("administrator", TICKET)))):
            connection = Connection(router.ws_url, identity=identity)
            connection.start()
            await connection.joined()
            call = connection.call("com.example.parameters.repository.change", [["payment.fee", 4]], "Change it.")
            try:
                if role == "browser":
                    with pytest.raises(DeltameshError, match="not_authorized"):
                        await call
                else:
                    commit = place.repo.git[(await call)["commit"]]
                    assert (commit.author.name, commit.author.email) == (role, f"{role}@{role}")
            finally:
                await connection.stop()
        assert place.text("environments/test/payment.yaml") == "fee: 4\n"


async def test_a_change_of_a_remote_repository_is_pushed_on_top_of_what_others_did(inside: Callable[..., Inside], tmp_path: Path) -> None:
    with Daemon(tmp_path) as server:
        async with administered(inside, tmp_path, url=f"{server.url}/repository") as place:
            await place.change(["payment.fee", 3])
            assert place.text("environments/test/payment.yaml") == "fee: 3\n"

            commit = place.repository.commit
            others = ["fee: 1\nlimits: {daily: 6, weekly: 6}\n", "fee: 1\nlimits: {daily: 7, weekly: 6}\n"]

            def after_somebody_else(*args: Any) -> str:
                """Somebody else pushes just before we do."""
                if others:
                    place.repo.commit({"base/payment.yaml": others.pop(0)}, "Theirs.")
                return commit(*args)

            place.repository.commit = after_somebody_else  # type: ignore[method-assign]
            await place.change(["payment.limits.weekly", 8])
            assert place.text("base/payment.yaml") == "fee: 1\nlimits: {daily: 7, weekly: 8}\n"
            assert [each.message.strip() for each in place.repo.git.walk(place.repo.head())][:3] == ["Change it.", "Theirs.", "Theirs."]

            others.append("fee: 1\nlimits: {daily: 7, weekly: 9}\n")
            with pytest.raises(DeltameshError) as refused:
                await place.call("change", [["payment.limits.weekly", 10]], "Mine.")
            assert (refused.value.uri, refused.value.facts["names"]) == (f"{S}.error.conflict", ["payment.limits.weekly"])
            assert "weekly: 9" in (place.text("base/payment.yaml") or "")

            server.stop()
            error = await place.refused("change", [["payment.fee", 4]], "Try.")
            assert (error.uri, error.retry) == (f"{S}.error.out_of_reach", True)


async def test_a_commit_is_answered_although_the_service_cannot_be_written(
    inside: Callable[..., Inside], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: list[str]
) -> None:
    monkeypatch.setattr("deltamesh.parameters.administration.administration.WRITE_LIMIT", 0.2)
    async with administered(inside, tmp_path) as place:
        await place.leader.stop()
        answer = await place.call("change", [["payment.fee", 3]], "Change it.")

        assert answer == {"commit": place.repo.head(), "position": None}


async def test_who_stands_by_administers_when_its_reader_works(inside: Callable[..., Inside], tmp_path: Path) -> None:
    async with administered(inside, tmp_path) as place:
        connection = Connection(place.connection.url)
        repository = Repository(place.repo.url)
        reader = Reader(connection, S, repository, environment="test")
        administration = Administration(connection, S, reader, repository)
        reader.start()
        try:
            await until(lambda: connection.session is not None)
            await place.change(["payment.fee", 3])
            assert administration._registered == []

            await place.administration.stop()
            await place.reader.stop()
            await connection.joined()
            await place.change(["payment.fee", 4])
            assert len(administration._registered) == 3
        finally:
            await administration.stop()
            await reader.stop()
