"""Hearing that a branch moves: whatever git does with its files, and whatever is done to the folder."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deltamesh.parameters.git.watching import Watching, common_directory, git_directory, where
from tests.mesh.mesh import reactor, until
from tests.parameters.repositories import made

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is of Linux")


class Heard:
    """Counts."""

    def __init__(self, path: Path) -> None:
        self.count = 0
        self.watching = Watching(self._moved, reactor)
        self._path = path

    def _moved(self) -> None:
        self.count += 1

    def arm(self, branch: str | None = "main") -> bool:
        """Watch where the branch is now."""
        return self.watching.arm(where(self._path, branch))

    async def after(self, act: Callable[[], object]) -> None:
        """Return when something has been heard of what `act()` does."""
        before = self.count
        act()
        await until(lambda: self.count > before, f"{act} is heard")


@asynccontextmanager
async def heard(path: Path, branch: str | None = "main") -> AsyncIterator[Heard]:
    listening = Heard(path)
    listening.arm(branch)
    try:
        yield listening
    finally:
        listening.watching.stop()


@pytest.mark.parametrize("bare", [True, False], ids=["bare", "tree"])
async def test_commits_by_anybody_are_heard(tmp_path: Path, bare: bool) -> None:
    repo = made(tmp_path / "repository", bare)
    first = repo.commit({"base/a.json": "1"})
    async with heard(repo.path) as listening:
        assert listening.watching.is_armed
        await listening.after(lambda: repo.commit({"base/a.json": "2"}))
        await listening.after(lambda: repo.run("update-ref", "refs/heads/main", first))
        await listening.after(repo.pack)
        await listening.after(lambda: repo.commit({"base/a.json": "3"}))
        await listening.after(lambda: repo.switch("other"))
        await listening.after(lambda: repo.delete("main"))


async def test_a_push_is_heard(tmp_path: Path) -> None:
    repo, clone = made(tmp_path / "repository.git"), made(tmp_path / "clone", bare=False)
    clone.commit({"base/a.json": "1"})
    async with heard(repo.path) as listening:
        await listening.after(lambda: clone.run("push", "-q", str(repo.path), "main"))
        clone.commit({"base/a.json": "2"})
        await listening.after(lambda: clone.run("push", "-q", str(repo.path), "main"))


async def test_other_branches_and_objects_are_not_heard(tmp_path: Path) -> None:
    repo = made(tmp_path / "repository.git")
    repo.commit({"base/a.json": "1"})
    async with heard(repo.path) as listening:
        for number in range(5):
            repo.commit({"base/b.json": str(number)}, branch="other")
        await listening.after(lambda: repo.commit({"base/a.json": "2"}))

        assert listening.count == 1


async def test_a_branch_in_folders_that_are_made_and_go(tmp_path: Path) -> None:
    repo = made(tmp_path / "repository.git")
    head = repo.commit({"base/a.json": "1"})
    name = "feature/deep/one"
    async with heard(repo.path, name) as listening:
        for _ in range(2):
            # a folder of it is made: who hears that, arms again, and looks
            await listening.after(lambda: repo.force(head, branch=name))
            assert listening.arm(name)
            assert not listening.arm(name)
            await listening.after(lambda: repo.commit({"base/a.json": "2"}, branch=name))
            await listening.after(lambda: repo.delete(name))
            shutil.rmtree(repo.path / "refs" / "heads" / "feature", ignore_errors=True)
            listening.arm(name)


async def test_a_folder_that_is_replaced_is_watched_again(tmp_path: Path) -> None:
    repo = made(tmp_path / "repository.git")
    repo.commit({"base/a.json": "1"})
    async with heard(repo.path) as listening:
        path = repo.path
        for put_away in (lambda: shutil.rmtree(path), lambda: path.rename(tmp_path / "away")):
            await listening.after(put_away)
            listening.arm()
            assert not listening.watching.is_armed
            repo = made(tmp_path / "repository.git")
            repo.commit({"base/a.json": "2"})
            assert listening.arm()
            await listening.after(lambda repo=repo: repo.commit({"base/a.json": "3"}))


async def test_nothing_is_heard_after_the_end(tmp_path: Path) -> None:
    repo = made(tmp_path / "repository.git")
    repo.commit({"base/a.json": "1"})
    async with heard(repo.path) as ended, heard(repo.path) as listening:
        ended.watching.stop()
        await listening.after(lambda: repo.commit({"base/a.json": "2"}))

        assert ended.count == 0


async def test_descriptors_are_closed_once_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When all folders that are watched go at once, nobody else's file is closed."""
    import os

    from twisted.internet import inotify

    closed: list[int] = []
    close = os.close

    class Counting:
        """The module `os`, as inotify sees it."""

        @staticmethod
        def close(number: int) -> None:
            closed.append(number)
            close(number)

    monkeypatch.setattr(inotify, "os", Counting)
    for number in range(3):
        repo = made(tmp_path / f"{number}.git")
        repo.commit({"base/a.json": "1"})
        async with heard(repo.path) as listening:
            await listening.after(lambda repo=repo: shutil.rmtree(repo.path))
            made(tmp_path / f"{number}.git").commit({"base/a.json": "1"})
            assert listening.arm()
            listening.watching.stop()
        await until(lambda number=number: len(closed) == 2 * (number + 1), "both are closed")

    assert len(closed) == 6


def test_where_git_has_its_files(tmp_path: Path) -> None:
    bare, tree = made(tmp_path / "bare.git"), made(tmp_path / "tree", bare=False)
    tree.commit({"base/a.json": "1"})
    tree.run("worktree", "add", "-q", "-b", "other", str(tmp_path / "second"))
    second = git_directory(tmp_path / "second")

    assert git_directory(bare.path) == bare.path
    assert git_directory(tree.path) == tree.path / ".git"
    assert second == tree.path / ".git" / "worktrees" / "second"
    assert common_directory(second) == tree.path / ".git"
    assert common_directory(bare.path) == bare.path
    assert git_directory(tmp_path) is None
    assert git_directory(tmp_path / "nowhere") is None
