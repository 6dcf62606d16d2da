"""
Repositories for tests: real ones, in a folder of the test.

    repository = made(tmp_path / "repository.git")
    first = repository.commit({"base/payment.json": '{"limit": 5}'}, "Begin.")
    repository.commit({"base/payment.json": None, "base/fees.yaml": "rate: 3"}, "Replace.")
    repository.force(first)

The same calls give the same commits, with the same ids: time passes by the number of commits.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import pygit2
from pygit2.enums import CheckoutStrategy, FileMode

FIRST_TIME: Final = 1_700_000_000
"""Unix time of the first commit [s]; each further one is a minute later."""

AUTHOR: Final = "Ada <ada@example.com>"


@dataclass(frozen=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True)
class Submodule:
    """A commit of another repository."""

    id: str = "1" * 40


Content: TypeAlias = str | bytes | Link | Submodule | None
"""Of a file. None: there is none."""


class Repo:
    """A repository in the folder `path`, bare or with a working tree. Its commits are made as a user does: the tree is that of HEAD."""

    def __init__(self, path: Path, git: pygit2.Repository) -> None:
        self.path = path
        self.git = git
        self._num_commits = 0

    @property
    def url(self) -> str:
        """As git takes it."""
        return f"file://{self.path}"

    def head(self, branch: str = "main") -> str:
        """Return the id of the newest commit."""
        return str(self.git.lookup_reference(f"refs/heads/{branch}").target)

    def commit(
        self,
        files: Mapping[str, Content],
        message: str = "Change.",
        *,
        branch: str = "main",
        author: str = AUTHOR,
        parents: list[str] | None = None,
    ) -> str:
        """
        Change files by path, and return the id of the commit. The branch is made if there is none.

        `parents` are those that it has instead of the newest commit of the branch, which is moved here, whatever it was.
        """
        name = f"refs/heads/{branch}"
        reference = self.git.references.get(name)
        if parents is None:
            parents = [] if reference is None else [str(reference.target)]
        index = pygit2.Index()
        if parents:
            index.read_tree(self.git[parents[0]].peel(pygit2.Tree))
        for path, content in files.items():
            if content is None:
                index.remove(path)
            else:
                index.add(pygit2.IndexEntry(path, *self._stored(content)))
        self._num_commits += 1
        who, _, mail = author.rstrip(">").rpartition(" <")
        signature = pygit2.Signature(who, mail, FIRST_TIME + 60 * self._num_commits, 0)
        made = str(self.git.create_commit(None, signature, signature, message, index.write_tree(self.git), parents))
        self.force(made, branch=branch)
        return made

    def _stored(self, content: Content) -> tuple[pygit2.Oid, FileMode]:
        if isinstance(content, Submodule):
            return pygit2.Oid(hex=content.id), FileMode.COMMIT
        if isinstance(content, Link):
            return self.git.create_blob(content.target.encode()), FileMode.LINK
        assert content is not None
        return self.git.create_blob(content.encode() if isinstance(content, str) else content), FileMode.BLOB

    def force(self, commit: str, *, branch: str = "main") -> None:
        """Move the branch, wherever it was."""
        self.git.references.create(f"refs/heads/{branch}", commit, force=True)
        if not self.git.is_bare and self.git.references["HEAD"].target == f"refs/heads/{branch}":
            self.git.checkout_head(strategy=CheckoutStrategy.FORCE | CheckoutStrategy.REMOVE_UNTRACKED)

    def delete(self, branch: str) -> None:
        """Delete a branch."""
        self.git.references.delete(f"refs/heads/{branch}")

    def switch(self, branch: str) -> None:
        """Let HEAD be another branch, which need not be there yet."""
        self.git.set_head(f"refs/heads/{branch}")

    def pack(self) -> None:
        """Put all objects and references into packs, as `git gc` does."""
        self.run("gc", "--quiet", "--prune=now")

    def run(self, *arguments: str) -> str:
        """Run git here, and return what it prints."""
        return run("-C", str(self.path), *arguments)


def run(*arguments: str) -> str:
    """Run git without the settings of whoever runs the tests, and return what it prints."""
    names = {"NAME": "Ada", "EMAIL": "ada@example.com"}
    people = {f"GIT_{role}_{what}": said for role in ("AUTHOR", "COMMITTER") for what, said in names.items()}
    environment = {**os.environ, **people, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(["git", *arguments], env=environment, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


def made(path: Path, bare: bool = True) -> Repo:
    """Make an empty repository in the folder `path`, whose HEAD is the branch `main`."""
    return Repo(path, pygit2.init_repository(str(path), bare=bare, initial_head="main"))
