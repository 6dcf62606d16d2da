"""
A git repository as a reader sees it: the newest commit of a branch, the commits before it, their files. And administration adds commits.

One on this machine is used where it is, and nothing is written to it but commits. One elsewhere has a mirror here, which may be deleted
at any time. All of this waits for disks and servers, so it belongs into a thread; one at a time is let in.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any, Final
from urllib.parse import unquote

import pygit2
from pygit2.enums import RepositoryOpenFlag

from deltamesh.errors import ConfigurationError
from deltamesh.parameters.content.branch import Commit
from deltamesh.parameters.content.reading import Files
from deltamesh.parameters.git import committing
from deltamesh.parameters.git.committing import Changes, InTheWay, NoSuchCommit, ReadOnly
from deltamesh.parameters.git.credentials import Credentials
from deltamesh.parameters.git.remote import MIRRORED, Damaged, OutOfReach, Remote
from deltamesh.parameters.git.trees import Trees

__all__ = ["DEFAULT_DIRECTORY", "Changes", "InTheWay", "NoSuchCommit", "ReadOnly", "Repository"]

DEFAULT_DIRECTORY: Final = ".crossbar/parameters"
"""Where mirrors are."""

MAX_TEXT: Final = 1_000
"""Characters of a commit's message, or author, that are looked at."""

MAX_PACKS: Final = 100
"""Fetches leave a pack each. So many become one."""

_NO_BRANCH: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|//|@\{|\.lock(/|$)|/\.|\.(/|$)|/$|^[/.-]|.{200}")
"""What the name of a branch cannot have, by git-check-ref-format(1)."""

_FULL_TIME: Final = (1 << 53) - 1


class Repository:
    """
    A branch of the repository at `place`: a path, or a URL with file, https, ssh, git or http, or `user@host:path`.

    Args:
        branch: None: the one that its HEAD is, which may become another one.
        directory: where the mirror of a remote one is made, under a name that depends on URL and branch.
        is_read_only: whether commits are refused.

    Raises:
        ConfigurationError: `place` or `branch` cannot be one.
    """

    def __init__(
        self,
        place: str,
        branch: str | None = None,
        *,
        directory: str | Path = DEFAULT_DIRECTORY,
        credentials: Credentials | None = None,
        is_read_only: bool = False,
    ) -> None:
        if not place or "\x00" in place:
            raise ConfigurationError("name a repository by its path or URL")
        branch = None if branch is None else branch.removeprefix(MIRRORED)
        if branch is not None and (not branch or _NO_BRANCH.search(branch)):
            raise ConfigurationError(f"{branch!r:.100} cannot be the name of a branch")
        self.remote = Remote.at(place, credentials or Credentials())
        self.wanted = branch
        """The branch that was asked for."""
        self.branch = branch
        """The branch that is followed, as far as is known: HEAD may be another one now, or be at a commit without a branch."""
        self.is_read_only = is_read_only
        if self.remote is not None:
            digest = hashlib.sha256(f"{self.remote.url}\n{branch or ''}".encode()).hexdigest()[:24]
            self.path = Path(directory).absolute() / digest
            self.place = self.remote.url
        else:
            self.path = Path(_local(place)).absolute()
            self.place = str(self.path)
        self._lock = RLock()
        self._git: Any = None  # a pygit2.Repository, as of the last look at the head
        self._trees = Trees()
        self._chain: list[Commit] = []
        self._places: dict[str, int] = {}  # of these, in the chain

    @property
    def is_remote(self) -> bool:
        """Whether it is not on this machine."""
        return self.remote is not None

    @property
    def is_writable(self) -> bool:
        """Whether commits are taken, as far as can be told without trying."""
        return not self.is_read_only and (self.is_remote or os.access(self.path, os.W_OK))

    # Reading

    def refresh(self) -> None:
        """
        Fetch what is new, if it is remote.

        Raises:
            OutOfReach: the server, or what it has.
        """
        if self.remote is None:
            return
        with self._lock:
            try:
                try:
                    self._fetch(self.remote)
                    self._tidy_up()
                except Damaged:
                    self.forget()
                    self._fetch(self.remote)
            except OSError as error:
                raise OutOfReach(f"the mirror of {self.place} cannot be written: {error}") from error

    def _fetch(self, remote: Remote) -> None:
        self._close()
        self._git = self._mirror()
        try:
            branch = remote.fetch(self._git, self.wanted)
        finally:
            self._close()
        if self.wanted is None:
            self.branch = branch

    def head(self) -> str:
        """
        Return the id of the newest commit.

        Raises:
            OutOfReach: there is none, or no such branch, or the repository cannot be read.
        """
        with self._lock:
            self._close()
            with self._using() as git:
                if self.wanted is None and not self.is_remote:
                    target = git.references["HEAD"].raw_target
                    if not isinstance(target, bytes):  # HEAD is at a commit, without a branch
                        self.branch = None
                        return str(target)
                    self.branch = target.decode(errors="replace").removeprefix(MIRRORED)
                reference = None if self.branch is None else git.references.get(MIRRORED + self.branch)
            if reference is None:
                raise self._nothing(self.branch)
            with self._using() as git:
                return str(reference.peel(pygit2.Commit).id)

    def probe(self) -> None:
        """
        See that there is a branch to follow. Of a remote one the server is asked; its mirror, which another process may use, is left alone.

        Raises:
            OutOfReach: there is none, or the repository cannot be read.
        """
        if self.remote is None:
            self.head()
        elif self.remote.branch_there(self.wanted) is None:
            raise self._nothing(self.wanted)

    def _nothing(self, branch: str | None) -> OutOfReach:
        what = "it has no HEAD" if branch is None else f"there is no branch {branch}"
        return OutOfReach(f"{self.place} has nothing to read: {what}")

    def chain(self, limit: int | None = None, until: str | None = None, *, head: str | None = None) -> list[Commit]:
        """
        Return the commits from the newest back along first parents, oldest first.

        Args:
            limit: how many at most, the newest; None: all.
            until: an id; if it is among them, only those after it.
            head: where to begin, instead of at `head()`.

        Raises:
            OutOfReach: one cannot be read.
        """
        with self._lock:
            self._extend_chain(self.head() if head is None else head)
            first = 0 if limit is None else max(0, len(self._chain) - limit)
            if until is not None and until in self._places:
                first = max(first, self._places[until] + 1)
            return self._chain[first:]

    def _extend_chain(self, head: str) -> None:
        """Let `_chain` end at `head`; what it has in common with the former one is not read again."""
        new: list[Any] = []
        with self._using() as git:
            following: str | None = head
            while following is not None and following not in self._places:
                commit = git[following].peel(pygit2.Commit)
                new.append(commit)
                parents = commit.parent_ids
                following = str(parents[0]) if parents else None
            kept = 0 if following is None else self._places[following] + 1
            added = [_described(commit, kept + number) for number, commit in enumerate(reversed(new))]
        for each in self._chain[kept:]:
            del self._places[each.id]
        self._chain[kept:] = added
        self._places.update({each.id: each.number for each in added})

    def files(self, commit: str, *, is_whole: bool = True) -> Files:
        """
        Return the files of a commit by path, without symbolic links and submodules.

        Args:
            commit: its id.
            is_whole: whether folders are wanted that can have no parameters.

        Raises:
            NotGood: there are too many.
            OutOfReach: a tree cannot be read.
        """
        with self._using() as git:
            return self._trees.files(git, git[commit].peel(pygit2.Commit).tree_id, is_whole=is_whole)

    def check(self, commit: str) -> None:
        """
        See that the repository can be read, and has this commit, whatever is in it.

        Raises:
            OutOfReach: it cannot, or has not.
        """
        with self._using() as git:
            git[commit].peel(pygit2.Commit)

    def load(self, blob: str) -> bytes:
        """
        Return the content of a file by the id of its blob.

        Raises:
            OutOfReach: it cannot be read.
        """
        with self._using() as git:
            _, content = git.odb.read(pygit2.Oid(hex=blob))
            return bytes(content)

    # Writing

    def commit(self, files: Changes, message: str, author: str, parent: str) -> str:
        """
        Change files of the branch, by one commit, and return its id. A working tree that has the branch follows.

        Args:
            files: what changes.
            message: why.
            author: `Name <mail>`.
            parent: the newest commit, for which the change was made.

        Raises:
            Moved: the branch is at another commit.
            ReadOnly: no commits are taken here, or the working tree has changes of its own.
            Refused: the server does not take this one.
            OutOfReach: the repository.
        """
        who = committing.signature(author)
        if self.is_read_only:
            raise ReadOnly(f"{self.place} is only read here")
        with self._using() as git:
            branch = self.branch
            if branch is None:
                raise ReadOnly(f"{self.place} is not on a branch")
            if not self.is_writable:
                raise ReadOnly(f"{self.place} cannot be written by this user")
            made = committing.commit(git, files, message, who, parent)
            if self.remote is not None:
                self.remote.push(git, made, branch, parent)
                git.references.create(MIRRORED + branch, made, force=True)
            else:
                committing.move(git, branch, parent, made, list(files))
            return made

    def reverted(self, commit: str, head: str) -> dict[str, bytes | None]:
        """
        Return the content of the files that differ from `head` when what `commit` did is taken back.

        Raises:
            NoSuchCommit: the branch has none of this id, which has to be whole.
            InTheWay: later commits have changed the same lines.
            OutOfReach: the repository; or it is too much.
        """
        with self._using() as git:
            self._extend_chain(head)
            if commit not in self._places:
                raise NoSuchCommit(f"the branch has no commit {commit:.80}")
            return committing.reverted(git, commit, head)

    # Where it is

    @contextmanager
    def _using(self) -> Iterator[Any]:
        """Let one in, and tell what git stumbles over as `OutOfReach`."""
        with self._lock:
            try:
                if self._git is None:
                    self._git = pygit2.Repository(str(self.path), RepositoryOpenFlag.NO_SEARCH)
                yield self._git
            except (pygit2.GitError, KeyError, ValueError, OSError) as error:
                self._close()
                raise Damaged(self._why(error)) from error

    def _close(self) -> None:
        """Have it opened anew: packs that are open are shared by all who open them, also when they are other ones by now."""
        if self._git is not None:
            self._git.free()
            self._git = None

    def _why(self, error: Exception) -> str:
        if isinstance(error, KeyError):
            return f"{self.place}: {error.args[0] if error.args else error} is not there, or damaged"
        if "not owned by current user" in str(error):
            remedy = f"run the reader as that one, or allow it with `git config --global --add safe.directory {self.path}`"
            return f"{self.place} belongs to another user: {remedy}"
        return str(error) if self.place in str(error) else f"{self.place}: {error}"

    def _mirror(self) -> Any:
        """Return the mirror, which is made if there is none, or none that can be opened."""
        try:
            return pygit2.Repository(str(self.path), RepositoryOpenFlag.NO_SEARCH)
        except pygit2.GitError:
            self.forget()
        try:
            self.path.mkdir(mode=0o700, parents=True)
            return pygit2.init_repository(str(self.path), bare=True)
        except (pygit2.GitError, OSError) as error:
            raise OutOfReach(f"no mirror of {self.place} can be made in {self.path}: {error}") from error

    def forget(self) -> None:
        """Delete the mirror of a remote one: the next `refresh` fetches all of it again."""
        with self._lock:
            self._close()
            if self.is_remote:
                try:
                    shutil.rmtree(self.path)
                except FileNotFoundError:
                    return
                except OSError as error:
                    raise OutOfReach(f"the mirror of {self.place} cannot be deleted: {error}") from error

    def _tidy_up(self) -> None:
        """Put all packs of the mirror into one, if there are many."""
        before = sorted((self.path / "objects" / "pack").glob("*.pack"))
        if len(before) < MAX_PACKS:
            return
        with self._using() as git:
            git.pack()
            self._close()
        after = set((self.path / "objects" / "pack").glob("*.pack"))
        if after - set(before):
            for pack in before:
                pack.with_suffix(".idx").unlink(missing_ok=True)
                pack.unlink(missing_ok=True)


def _local(place: str) -> str:
    if not place.startswith("file://"):
        return place
    path = place.removeprefix("file://").removeprefix("localhost")
    if not path.startswith("/"):
        raise ConfigurationError("the place of the repository names a file of another machine: write file:///path")
    return unquote(path)


def _described(commit: Any, number: int) -> Commit:
    signature = commit.author
    author = f"{_text(signature.raw_name)} <{_text(signature.raw_email)}>"
    time = max(0, min(commit.commit_time, _FULL_TIME))
    return Commit(id=str(commit.id), number=number, author=author[:MAX_TEXT], time=time, message=_text(commit.raw_message)[:MAX_TEXT])


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace").strip()
