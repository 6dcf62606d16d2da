"""Repositories: what is read of them, what is written to them, and what is wrong with some."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pygit2
import pytest

from deltamesh.errors import ConfigurationError
from deltamesh.parameters.content.reading import NotGood
from deltamesh.parameters.git import repository as module
from deltamesh.parameters.git import trees
from deltamesh.parameters.git.credentials import Credentials, credentials
from deltamesh.parameters.git.remote import Damaged, Moved, OutOfReach, Refused, Remote
from deltamesh.parameters.git.repository import InTheWay, NoSuchCommit, ReadOnly, Repository
from tests.parameters.repositories import Link, Repo, Submodule, made, run
from tests.parameters.servers import Daemon, OverHTTP

ADA = "Ada <ada@example.com>"


@pytest.fixture(params=[True, False], ids=["bare", "tree"])
def repo(request: pytest.FixtureRequest, tmp_path: Path) -> Repo:
    return made(tmp_path / "repository", bare=request.param)


@pytest.fixture
def bare(tmp_path: Path) -> Repo:
    return made(tmp_path / "repository.git")


def texts(repository: Repository, commit: str) -> dict[str, str]:
    return {path: repository.load(blob.id).decode() for path, blob in repository.files(commit).items()}


def out_of_reach(repository: Repository) -> str:
    with pytest.raises(OutOfReach) as caught:
        repository.head()
    return str(caught.value)


# Reading


@pytest.mark.parametrize("form", ["{}", "file://localhost{}"])
def test_head_chain_and_files_of_a_repository_here(repo: Repo, form: str) -> None:
    first = repo.commit({"base/payment/limits.json": '{"daily": 5}', "README": "text"}, "Begin.\n\nWith a reason.\n")
    second = repo.commit({"base/payment/limits.json": '{"daily": 6}', "base/fees.yaml": "rate: 3\n"}, "Grow.", author="Bob <bob@b.org>")
    repository = Repository(form.format(repo.path))

    assert repository.head() == second
    assert [(each.id, each.number, each.author, each.message) for each in repository.chain()] == [
        (first, 0, ADA, "Begin.\n\nWith a reason."),
        (second, 1, "Bob <bob@b.org>", "Grow."),
    ]
    assert [each.time for each in repository.chain()] == [1_700_000_060, 1_700_000_120]
    assert texts(repository, first) == {"base/payment/limits.json": '{"daily": 5}', "README": "text"}
    assert texts(repository, second) == {"base/payment/limits.json": '{"daily": 6}', "base/fees.yaml": "rate: 3\n", "README": "text"}
    assert repository.files(second)["base/fees.yaml"].size == len("rate: 3\n")
    assert (repository.branch, repository.is_remote, repository.is_writable) == ("main", False, True)


def test_links_and_submodules_are_no_files(bare: Repo) -> None:
    head = bare.commit({"base/a.json": "1", "base/link.json": Link("/etc/passwd"), "base/other": Submodule(), "folder": Link("base")})

    assert texts(Repository(str(bare.path)), head) == {"base/a.json": "1"}


def test_huge_and_binary_files_are_named_without_being_loaded(bare: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    head = bare.commit({"base/a.bin": os.urandom(1 << 20), "base/b.json": b"\xff\x00", "base/ü.json": "1"})
    bare.pack()
    repository = Repository(str(bare.path))
    monkeypatch.setattr(repository, "load", None)

    assert {path: blob.size for path, blob in repository.files(head).items()} == {"base/a.bin": 1 << 20, "base/b.json": 2, "base/ü.json": 1}


def test_names_that_are_not_utf8_are_told_apart(bare: Repo) -> None:
    raw = b"".join(b"100644 " + name + b"\0" + bare.git.create_blob(name).raw for name in (b"\xfe.json", b"\xff.json"))
    tree = bare.git.write(pygit2.enums.ObjectType.TREE, raw)
    commit = bare.commit({})
    signature = bare.git[commit].author
    head = str(bare.git.create_commit("refs/heads/main", signature, signature, "Names.", tree, [commit]))

    assert sorted(Repository(str(bare.path)).files(head)) == ["\\xfe.json", "\\xff.json"]


def test_the_chain_is_that_of_first_parents(bare: Repo) -> None:
    root = bare.commit({"base/a.json": "1"})
    aside = [bare.commit({"base/b.json": str(number)}, branch="aside", parents=[root] if number == 0 else None) for number in range(3)]
    merge = bare.commit({"base/b.json": "2"}, parents=[root, aside[-1]])

    assert [(each.id, each.number) for each in Repository(str(bare.path)).chain()] == [(root, 0), (merge, 1)]


def test_the_chain_goes_on_after_every_kind_of_move(bare: Repo) -> None:
    """What was read before is kept as far as it still holds: the result is that of reading anew."""
    repository = Repository(str(bare.path), "main")
    ids = [bare.commit({"base/a.json": str(number)}) for number in range(6)]
    moves = [ids[5], ids[2], bare.commit({}, parents=[ids[2]]), ids[4], bare.commit({}, parents=[]), ids[5]]
    for target in moves:
        bare.force(target)
        assert repository.chain() == Repository(str(bare.path), "main").chain()
        assert repository.chain()[-1].id == repository.head() == target

    assert [each.number for each in repository.chain(2)] == [4, 5]
    assert [each.id for each in repository.chain(until=ids[3])] == ids[4:]
    assert [each.id for each in repository.chain(1, until=ids[3])] == ids[5:]
    assert [each.id for each in repository.chain(head=ids[1])] == ids[:2]


def test_a_branch_is_followed_where_git_keeps_it(repo: Repo) -> None:
    repository = Repository(str(repo.path), "feature/deep/one")
    first = repo.commit({"base/a.json": "1"}, branch="feature/deep/one")

    assert repository.head() == first
    repo.pack()
    assert repository.head() == first
    second = repo.commit({"base/a.json": "2"}, branch="feature/deep/one")
    assert repository.head() == second
    assert texts(repository, second) == {"base/a.json": "2"}


def test_without_a_branch_head_is_followed(repo: Repo) -> None:
    repository = Repository(str(repo.path))
    first = repo.commit({"base/a.json": "1"})
    other = repo.commit({"base/a.json": "2"}, branch="other")

    assert (repository.head(), repository.branch) == (first, "main")
    repo.switch("other")
    assert (repository.head(), repository.branch) == (other, "other")
    repo.git.set_head(repo.git[first].id)
    assert (repository.head(), repository.branch) == (first, None)


def test_a_second_working_tree_has_the_branches_of_the_first(tmp_path: Path) -> None:
    repo = made(tmp_path / "first", bare=False)
    head = repo.commit({"base/a.json": "1"})
    repo.run("worktree", "add", "-q", "-b", "other", str(tmp_path / "second"))

    assert Repository(str(tmp_path / "second")).head() == head
    assert Repository(str(tmp_path / "second"), "main").head() == head


def test_what_is_missing_is_said(tmp_path: Path, bare: Repo) -> None:
    assert "has nothing to read: there is no branch main" in out_of_reach(Repository(str(bare.path)))
    bare.commit({"base/a.json": "1"})
    assert "there is no branch other" in out_of_reach(Repository(str(bare.path), "other"))
    assert "not found" in out_of_reach(Repository(str(tmp_path / "nowhere")))
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in out_of_reach(Repository(str(tmp_path / "file")))
    inside = bare.path / "folder"
    inside.mkdir()
    assert "not found" in out_of_reach(Repository(str(inside)))


def test_a_repository_that_goes_and_comes_back(bare: Repo) -> None:
    repository = Repository(str(bare.path))
    head = bare.commit({"base/a.json": "1"})
    assert repository.head() == head
    away = bare.path.with_name("away.git")
    bare.path.rename(away)

    assert "not found" in out_of_reach(repository)
    away.rename(bare.path)
    assert texts(repository, repository.head()) == {"base/a.json": "1"}
    shutil.rmtree(bare.path)
    another = made(bare.path).commit({"base/b.json": "2"})
    assert texts(repository, repository.head()) == {"base/b.json": "2"}
    assert [each.id for each in repository.chain()] == [another]


@pytest.mark.parametrize("what", ["blob", "tree", "commit"])
@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_damaged_objects_are_named(bare: Repo, what: str, how: str) -> None:
    head = bare.commit({"base/a.json": "1"})
    commit = bare.git[head]
    damaged = {"commit": head, "tree": str(commit.tree["base"].id), "blob": str(commit.tree["base/a.json"].id)}[what]
    path = bare.path / "objects" / damaged[:2] / damaged[2:]
    path.chmod(0o600)
    path.unlink() if how == "gone" else path.write_bytes(b"not an object")

    with pytest.raises(Damaged) as caught:
        texts(repository := Repository(str(bare.path)), repository.head())
    assert str(bare.path) in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_the_repository_of_another_user_is_refused_with_what_to_do(bare: Repo) -> None:
    bare.commit({"base/a.json": "1"})
    os.chown(bare.path, 12345, 12345)

    assert (
        f"belongs to another user: run the reader as that one, or allow it with `git config --global --add safe.directory {bare.path}`"
        in (out_of_reach(Repository(str(bare.path))))
    )


def test_trees_that_multiply_are_not_unfolded(bare: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten trees that each contain the next one ten times are ten thousand million files."""
    git = bare.git
    below, mode = git.create_blob(b"1"), 0o100644
    for _ in range(10):
        builder = git.TreeBuilder()
        for number in range(10):
            builder.insert(str(number), below, mode)
        below, mode = builder.write(), 0o040000
    signature = git[bare.commit({})].author
    head = str(git.create_commit(None, signature, signature, "Many.", below, []))
    monkeypatch.setattr(trees, "MAX_ENTRIES", 5_000)

    with pytest.raises(NotGood, match="more than 5,000 files"):
        Repository(str(bare.path)).files(head)


@pytest.mark.parametrize("folder", ["src", ".github", "base", "regions"])
def test_folders_that_can_have_no_parameters_are_not_entered(bare: Repo, folder: str) -> None:
    bare.commit({"base/a.json": "1", "README": "text"})
    deep = bare.commit({f"{folder}/{'x/' * 65}y": "1"})
    repository = Repository(str(bare.path))

    with pytest.raises(NotGood, match="more than 64 deep"):
        repository.files(deep)
    if folder in ("base", "regions"):
        with pytest.raises(NotGood, match="more than 64 deep"):
            repository.files(deep, is_whole=False)
    else:
        assert sorted(repository.files(deep, is_whole=False)) == ["README", "base/a.json"]


def test_without_a_base_all_folders_are_entered_but_hidden_ones(bare: Repo) -> None:
    head = bare.commit({"src/a.json": "1", ".github/b.yaml": "1", "base": Submodule(), "c.json": "1"})

    assert sorted(Repository(str(bare.path)).files(head, is_whole=False)) == ["c.json", "src/a.json"]


def test_what_is_remembered_is_bounded(bare: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trees, "MAX_KNOWN", 3)
    repository = Repository(str(bare.path))
    for number in range(10):
        head = bare.commit({f"base/{number}.json": str(number)})
        assert len(repository.files(head)) == number + 1


def test_what_is_no_branch_is_refused() -> None:
    for branch in ("", "a b", "../a", "a..b", ".a", "a/", "a.lock", "a//b", "-a", "@{0}", "a\n", "x" * 201):
        with pytest.raises(ConfigurationError, match="cannot be the name of a branch"):
            Repository("/nowhere", branch)


# Writing


def test_a_commit_changes_only_its_files(repo: Repo) -> None:
    head = repo.commit({"base/a.json": "1", "base/b.json": "2", "link": Link("base"), "c/d": "3"})
    repository = Repository(str(repo.path))
    repository.head()
    made_here = repository.commit({"base/a.json": b"10", "base/b.json": None, "new/e.yaml": b"x: 1\n"}, "Change.\n", "Bob <b@b.org>", head)

    assert repository.head() == made_here == repo.head()
    assert texts(repository, made_here) == {"base/a.json": "10", "c/d": "3", "new/e.yaml": "x: 1\n"}
    commit = repo.git[made_here]
    assert (commit.author.name, commit.author.email, commit.message) == ("Bob", "b@b.org", "Change.\n")
    assert [str(each) for each in commit.parent_ids] == [head]
    assert "link" in commit.tree
    if not repo.git.is_bare:
        assert repo.run("status", "--porcelain") == ""
        assert (repo.path / "base" / "a.json").read_text() == "10"
        assert not (repo.path / "base" / "b.json").exists()


def test_a_commit_for_another_head_is_refused(repo: Repo) -> None:
    first = repo.commit({"base/a.json": "1"})
    repository = Repository(str(repo.path))
    repository.head()
    second = repo.commit({"base/a.json": "2"})

    with pytest.raises(Moved):
        repository.commit({"base/a.json": b"3"}, "Late.", ADA, first)
    assert repository.head() == second
    assert texts(repository, second) == {"base/a.json": "2"}


def test_a_working_tree_with_own_changes_is_left_alone(tmp_path: Path) -> None:
    repo = made(tmp_path / "repository", bare=False)
    head = repo.commit({"base/a.json": "1", "base/b.json": "1"})
    repository = Repository(str(repo.path))
    repository.head()
    (repo.path / "base" / "a.json").write_text("mine")
    (repo.path / "base" / "new.json").write_text("mine")

    for path in ("base/a.json", "base/new.json"):
        with pytest.raises(ReadOnly, match="changes in the working tree"):
            repository.commit({path: b"2"}, "Change.", ADA, head)
    assert repository.head() == head
    assert repository.commit({"base/b.json": b"2"}, "Change another one.", ADA, head) == repository.head()
    assert (repo.path / "base" / "a.json").read_text() == "mine"
    assert sorted(repo.run("status", "--porcelain").split("\n")) == ["?? base/new.json", "M base/a.json"]


def test_a_commit_that_fails_leaves_the_working_tree_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = made(tmp_path / "repository", bare=False)
    head = repo.commit({"base/a.json": "1", "base/b.json": "1"})
    (repo.path / "base" / "mine.json").write_text("mine")
    repository = Repository(str(repo.path))
    changes = {"base/a.json": b"2", "base/b.json": None, "base/deep/new.json": b"2"}

    def unchanged() -> None:
        assert repository.head() == head
        assert sorted(str(path.relative_to(repo.path)) for path in (repo.path / "base").rglob("*.json")) == [
            "base/a.json",
            "base/b.json",
            "base/mine.json",
        ]
        assert (repo.path / "base" / "a.json").read_text() == "1"
        assert repo.run("status", "--porcelain") == "?? base/mine.json"

    lock = repo.path / ".git" / "index.lock"
    lock.write_text("")
    repository.head()
    with pytest.raises(OutOfReach, match="lock"):
        repository.commit(changes, "Change.", ADA, head)
    lock.unlink()
    unchanged()

    def fails(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(pygit2.transaction.ReferenceTransaction, "set_target", fails)
    with pytest.raises(OutOfReach, match="the disk is full"):
        repository.commit(changes, "Change.", ADA, head)
    unchanged()
    monkeypatch.undo()

    made_here = repository.commit(changes, "Change.", ADA, head)
    assert texts(repository, made_here) == {"base/a.json": "2", "base/deep/new.json": "2"}
    assert repo.run("status", "--porcelain") == "?? base/mine.json"


def test_a_branch_that_another_tree_has_is_left_alone(tmp_path: Path) -> None:
    repo = made(tmp_path / "first", bare=False)
    head = repo.commit({"base/a.json": "1"})
    repo.run("worktree", "add", "-q", "-b", "other", str(tmp_path / "second"))
    repository = Repository(str(repo.path), "other")

    with pytest.raises(ReadOnly, match="checked out in another working tree"):
        repository.commit({"base/a.json": b"2"}, "Change.", ADA, head)
    assert repository.head() == head


def test_commits_that_cannot_be_are_refused(repo: Repo) -> None:
    head = repo.commit({"base/a.json": "1"})
    with pytest.raises(ReadOnly):
        Repository(str(repo.path), "main", is_read_only=True).commit({"base/a.json": b"2"}, "Change.", ADA, head)
    detached = Repository(str(repo.path))
    repo.git.set_head(repo.git[head].id)
    detached.head()
    with pytest.raises(ReadOnly, match="not on a branch"):
        detached.commit({"base/a.json": b"2"}, "Change.", ADA, head)
    with pytest.raises(ConfigurationError, match="cannot be an author"):
        Repository(str(repo.path), "main").commit({"base/a.json": b"2"}, "Change.", "nobody", head)
    with pytest.raises(OutOfReach):
        Repository(str(repo.path), "main").commit({"base/a.json": b"2"}, "Change.", ADA, "1" * 40)
    with pytest.raises(OutOfReach):
        Repository(str(repo.path), "main").commit({"../a.json": b"2"}, "Change.", ADA, head)

    assert repo.head() == head


def test_what_is_no_file_is_not_written_over(repo: Repo) -> None:
    head = repo.commit({"base/a.json": "1", "base/link.json": Link("a.json"), "base/other": Submodule(), "folder": Link("base")})
    repository = Repository(str(repo.path), "main")
    for path in ("base/link.json", "base/other", "base/other/b.json", "folder/b.json", "base", "base/a.json/b.json"):
        with pytest.raises(ReadOnly, match=path):
            repository.commit({path: b"2"}, "Change.", ADA, head)
    with pytest.raises(ReadOnly, match="symbolic link"):
        repository.commit({"base/link.json": None}, "Remove.", ADA, head)

    assert repo.head() == head
    made_here = repository.commit({"base/a.json": None, "base/a.json/b.json": b"2"}, "Replace.", ADA, head)
    assert texts(repository, made_here) == {"base/a.json/b.json": "2"}


def test_a_commit_is_taken_back_as_far_as_nothing_is_in_the_way(bare: Repo) -> None:
    lines = "".join(f"{letter}: 1\n" for letter in "abcdefgh")
    bare.commit({"base/x.yaml": lines, "base/old.yaml": "o: 1\n"})
    former = bare.commit({"base/x.yaml": lines.replace("a: 1", "a: 2"), "base/old.yaml": None, "base/new.yaml": "n: 1\n"})
    bare.commit({"base/x.yaml": lines.replace("a: 1", "a: 2").replace("h: 1", "h: 2")})
    repository = Repository(str(bare.path))
    head = repository.head()

    assert repository.reverted(former, head) == {
        "base/x.yaml": lines.replace("h: 1", "h: 2").encode(),
        "base/old.yaml": b"o: 1\n",
        "base/new.yaml": None,
    }
    later = bare.commit({"base/x.yaml": lines.replace("a: 1", "a: 3")})
    with pytest.raises(InTheWay) as caught:
        repository.reverted(former, later)
    assert caught.value.paths == ["base/x.yaml"]
    with pytest.raises(NoSuchCommit):
        repository.reverted(bare.commit({}, branch="other", parents=[]), later)


# Elsewhere


@pytest.mark.parametrize("branch", ["main", None], ids=["named", "head"])
def test_a_remote_branch_is_mirrored_and_followed(tmp_path: Path, bare: Repo, branch: str | None) -> None:
    first = bare.commit({"base/a.json": "1"})
    bare.commit({"base/a.json": "9"}, branch="aside")
    with Daemon(tmp_path) as server:
        repository = Repository(f"{server.url}/repository.git", branch, directory=tmp_path / "mirrors")
        assert repository.is_remote
        repository.refresh()
        assert (repository.head(), repository.branch) == (first, "main")
        second = bare.commit({"base/a.json": "2"})
        assert repository.head() == first
        repository.refresh()
        assert texts(repository, repository.head()) == {"base/a.json": "2"}
        assert [each.id for each in repository.chain()] == [first, second]
        bare.force(first)
        repository.refresh()
        assert repository.head() == first
        if branch is None:
            bare.switch("aside")
            repository.refresh()
            assert (texts(repository, repository.head()), repository.branch) == ({"base/a.json": "9"}, "aside")
            bare.switch("main")
        bare.delete("main")
        repository.refresh()
        with pytest.raises(OutOfReach, match="nothing to read"):
            repository.head()
        third = bare.commit({"base/a.json": "3"})
        repository.refresh()
        assert repository.head() == third
        server.stop()
        with pytest.raises(OutOfReach, match="cannot be reached"):
            repository.refresh()
        assert texts(repository, repository.head()) == {"base/a.json": "3"}


def test_a_probe_finds_what_is_missing_and_leaves_the_mirror_alone(tmp_path: Path, bare: Repo) -> None:
    with Daemon(tmp_path) as server:
        named, head, other = [
            Repository(f"{server.url}/repository.git", branch, directory=tmp_path / "mirrors") for branch in ("main", None, "other")
        ]
        for each, why in (
            (named, "there is no branch main"),
            (head, "it has no HEAD"),
            (Repository(str(bare.path)), "there is no branch main"),
        ):
            with pytest.raises(OutOfReach, match=f"has nothing to read: {why}"):
                each.probe()
        bare.commit({"base/a.json": "1"})
        for each in (named, head, Repository(str(bare.path))):
            each.probe()
        with pytest.raises(OutOfReach, match="there is no branch other"):
            other.probe()
        server.stop()
        with pytest.raises(OutOfReach, match="cannot be reached"):
            named.probe()

    assert not (tmp_path / "mirrors").exists()


def test_a_remote_commit_is_pushed_if_nobody_was_first(tmp_path: Path, bare: Repo) -> None:
    first = bare.commit({"base/a.json": "1"})
    with Daemon(tmp_path) as server:
        repository = Repository(f"{server.url}/repository.git", "main", directory=tmp_path / "mirrors")
        repository.refresh()
        made_here = repository.commit({"base/a.json": b"2"}, "Change.", ADA, first)
        assert bare.head() == repository.head() == made_here
        for target in (bare.commit({"base/b.json": "1"}), first):  # gone on, and gone back
            bare.force(target)
            with pytest.raises(Moved):
                repository.commit({"base/a.json": b"3"}, "Change.", ADA, made_here)
            assert bare.head() == target
        hook = bare.path / "hooks" / "update"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
        with pytest.raises(Refused, match="hook declined"):
            repository.commit({"base/a.json": b"3"}, "Change.", ADA, first)
        assert bare.head() == first


def test_a_token_is_given_once_and_only_where_it_belongs(tmp_path: Path, bare: Repo) -> None:
    head = bare.commit({"base/a.json": "1"})
    with OverHTTP(tmp_path, "secret-token") as server:

        def fetched(known: Credentials, url: str = server.url) -> str:
            server.users.clear()
            repository = Repository(f"{url}/repository.git", "main", directory=tmp_path / "mirrors", credentials=known)
            repository.refresh()
            assert "secret-token" not in repository.place
            return repository.head()

        assert fetched(Credentials(token="secret-token")) == head
        assert set(server.users) == {None, "git"}
        assert fetched(Credentials(token="secret-token"), server.url.replace("://", "://ada@")) == head
        assert set(server.users) == {None, "ada"}
        with pytest.raises(OutOfReach, match="does not accept our token"):
            fetched(Credentials(token="wrong"))
        assert len(server.users) <= 3
        with pytest.raises(OutOfReach, match="wants to know who we are"):
            fetched(Credentials())
    assert "secret-token" not in repr(Credentials(token="secret-token"))
    assert not any(b"secret-token" in path.read_bytes() for path in (tmp_path / "mirrors").rglob("*") if path.is_file())


def test_a_mirror_heals(tmp_path: Path, bare: Repo) -> None:
    head = bare.commit({"base/a.json": "1"})
    with Daemon(tmp_path) as server:
        repository = Repository(f"{server.url}/repository.git", "main", directory=tmp_path / "mirrors")
        repository.refresh()
        for pack in repository.path.rglob("*.pack"):
            pack.chmod(0o600)
            pack.write_bytes(b"no pack")
        with pytest.raises(Damaged):
            repository.files(repository.head())
        repository.forget()
        repository.refresh()
        assert texts(repository, repository.head()) == {"base/a.json": "1"}
        (repository.path / "HEAD").unlink()
        repository.refresh()
        assert texts(repository, repository.head()) == {"base/a.json": "1"}
        assert repository.head() == head


def test_what_was_left_behind_in_a_mirror_is_swept_away(tmp_path: Path, bare: Repo) -> None:
    """A lock of a reader that was killed, and a pack without what its deltas are made of."""
    lines = "".join(f"{number}: {os.urandom(20).hex()}\n" for number in range(200))
    bare.commit({"base/a.yaml": lines})
    with Daemon(tmp_path) as server:
        for branch in ("main", None):
            repository = Repository(f"{server.url}/repository.git", branch, directory=tmp_path / "mirrors")
            repository.refresh()
            head = bare.commit({"base/a.yaml": lines + os.urandom(5).hex()})
            (repository.path / "refs" / "heads" / "main.lock").write_text("")
            repository.refresh()
            assert repository.head() == head
            for pack in repository.path.rglob("pack-*"):
                pack.unlink()
            head = bare.commit({"base/a.yaml": f"{lines}more: {branch}\n"})
            repository.refresh()
            assert repository.load(repository.files(repository.head())["base/a.yaml"].id).endswith(f"more: {branch}\n".encode())
            assert [each.id for each in repository.chain()][-1] == head


def test_many_packs_of_a_mirror_become_one(tmp_path: Path, bare: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PACKS", 4)
    with Daemon(tmp_path) as server:
        repository = Repository(f"{server.url}/repository.git", "main", directory=tmp_path / "mirrors")
        for number in range(6):
            bare.commit({"base/a.json": str(number)})
            repository.refresh()
            assert texts(repository, repository.head()) == {"base/a.json": str(number)}
        assert len(list(repository.path.rglob("*.pack"))) < 4
        assert [texts(repository, each.id)["base/a.json"] for each in repository.chain()] == ["0", "1", "2", "3", "4", "5"]


def test_urls_of_remotes() -> None:
    for place, host, path, url in (
        ("https://git.example.com/payments/parameters.git", "git.example.com", "payments/parameters", None),
        ("https://ada@git.example.com:8443/p.git", "git.example.com", "p", "https://git.example.com:8443/p.git"),
        ("https://token@git.example.com/p", "git.example.com", "p", "https://git.example.com/p"),
        ("https://user@[::1]:8443/p", "::1", "p", "https://[::1]:8443/p"),
        ("ssh://git%3Atoken@git.example.com/p", "git.example.com", "p", "ssh://git.example.com/p"),
        ("ssh://git@git.example.com:2222/payments/parameters", "git.example.com", "payments/parameters", None),
        ("git@git.example.com:payments/parameters.git", "git.example.com", "payments/parameters", None),
        ("git://127.0.0.1:9418/p.git/", "127.0.0.1", "p", None),
    ):
        remote = Remote.at(place, Credentials())
        assert remote is not None
        assert (remote.host, remote.path, remote.url) == (host, path, url or place)
    for place in ("/srv/parameters.git", "parameters.git", "file:///srv/parameters.git", "./a:b"):
        assert Remote.at(place, Credentials()) is None


def test_places_that_cannot_be_followed() -> None:
    for place, why in (
        ("ftp://host/p", "cannot be followed"),
        ("https:///p", "cannot be followed"),
        ("https://user:geheim@host/", "cannot be followed"),
        ("https://host:port/p", "is no URL"),
        ("", "name a repository"),
        ("file://host/p", "of another machine"),
        ("file://user:geheim@host/p", "of another machine"),
        ("https://host/p?private_token=geheim", "cannot be followed"),
        ("https://host/p#geheim", "cannot be followed"),
        ("https:/user:geheim@host/p", "cannot be followed"),
        ("https:///user:geheim@host/p", "cannot be followed"),
        ("https:geheim@host/p", "cannot be followed"),
        ("https:/geheim", "cannot be followed"),
        ("https//user:geheim@host/p", "cannot be followed"),
        ("user:geheim@host:path", "cannot be followed"),
        ("user:geheim@host/path", "cannot be followed"),
        ("https://user:geheim@host:99999/p", "is no URL"),
        ("https://user:geheim/p@host/p", "is no URL"),
        ("https://user:1/geheim@host/p", "cannot be followed"),
        ("https://[user:geheim@host/p", "is no URL"),
        ("https://user:geheim@[host/p", "is no URL"),
        ("ftp://user:geheim@host/p", "cannot be followed"),
    ):
        with pytest.raises(ConfigurationError, match=why) as caught:
            Repository(place)
        assert "geheim" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="not sent over http"):
        Repository("http://user@example.com/p", credentials=Credentials(token="geheim"))


@pytest.mark.parametrize("scheme", ["https", "http", "ssh", "git"])
@pytest.mark.parametrize("who", ["ada:geheim", "geheim:", ":geheim", "ada:%67eheim%40x"])
def test_a_url_with_a_password_is_refused_with_where_it_belongs(scheme: str, who: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Repository(f"{scheme}://{who}@127.0.0.1:8443/p.git", credentials=Credentials(token="another"))

    assert "has a password or token in it" in caught.value.message
    assert "--git-token-file, or set DELTAMESH_GIT_TOKEN" in caught.value.message
    assert "eheim" not in str(caught.value.to_wire())


def test_credentials_of_files_and_environment(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "key").write_text("key")
    named = {"DELTAMESH_GIT_TOKEN": "xyz", "DELTAMESH_GIT_KEY_FILE": str(tmp_path / "key"), "DELTAMESH_GIT_USER": "ada"}

    assert credentials(environment={}) == Credentials()
    assert credentials(environment=named) == Credentials("ada", "xyz", str(tmp_path / "key"))
    assert credentials(token_file=str(tmp_path / "token"), environment=named).token == "abc"
    for options in ({"token_file": str(tmp_path / "empty")}, {"token_file": "/nowhere"}, {"key_file": "/nowhere"}):
        with pytest.raises(ConfigurationError):
            credentials(environment={}, **options)


def test_a_clone_by_git_itself_can_be_read(tmp_path: Path, bare: Repo) -> None:
    """Shallow, and with its branches in packed-refs: the chain begins where it does."""
    for number in range(4):
        bare.commit({"base/a.json": str(number)})
    run("clone", "-q", "--depth=2", bare.url, str(tmp_path / "clone"))
    repository = Repository(str(tmp_path / "clone"))

    assert [texts(repository, each.id)["base/a.json"] for each in repository.chain()] == ["2", "3"]
