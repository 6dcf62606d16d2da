"""Making a commit without a working tree, moving a branch to it, and taking a commit back: what git does, with pygit2."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final, TypeAlias

import pygit2
from pygit2.enums import CheckoutStrategy, FileMode, FileStatus, RepositoryState

from deltamesh.errors import ConfigurationError
from deltamesh.parameters.git.remote import MIRRORED, Moved, OutOfReach

MAX_REVERTED: Final = 64 << 20
"""Bytes of the files that reverting a commit changes."""

_AUTHOR: Final = re.compile(r"(?P<name>[^<>\x00-\x1f]+?) *<(?P<mail>[^<>\x00-\x20]*)>")

Changes: TypeAlias = Mapping[str, bytes | None]
"""Content of files by path; None: the file is removed."""


class ReadOnly(Exception):
    """The repository takes no commits; the message says why."""


class NoSuchCommit(Exception):
    """The branch has no such commit."""


class InTheWay(Exception):
    """A commit cannot be reverted, since later ones have changed the same lines of `paths`."""

    def __init__(self, paths: list[str]) -> None:
        super().__init__(f"later commits have changed the same lines of {', '.join(paths[:10])}")
        self.paths = paths


def signature(author: str) -> Any:
    """
    Return what git has for the author `Name <mail>`, now.

    Raises:
        ConfigurationError: `author` is not of that form.
    """
    named = _AUTHOR.fullmatch(author)
    if named is None:
        raise ConfigurationError(f"{author!r:.100} cannot be an author: write Name <mail>")
    return pygit2.Signature(named["name"], named["mail"] or "-")


def commit(git: Any, files: Changes, message: str, who: Any, parent: str) -> str:
    """
    Make a commit that no branch has yet, and return its id.

    Raises:
        ReadOnly: there is something at one of the paths that is no file.
    """
    index = pygit2.Index()
    index.read_tree(git[parent].peel(pygit2.Commit).tree)
    modes = {path: index[path].mode for path in files if path in index}
    for path, mode in modes.items():
        if mode not in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
            raise ReadOnly(f"{path} is no file but a symbolic link or a submodule")
        if files[path] is None:
            index.remove(path)
    folders = {str(parent) for entry in index for parent in PurePosixPath(entry.path).parents}
    for path, content in files.items():
        if content is None:
            continue
        if path in folders or any([str(folder) in index for folder in PurePosixPath(path).parents]):
            raise ReadOnly(f"{path} is a folder, or what should be one is a file")
        index.add(pygit2.IndexEntry(path, git.create_blob(content), modes.get(path, FileMode.BLOB)))
    return str(git.create_commit(None, who, who, message, index.write_tree(git), [parent]))


def move(git: Any, branch: str, parent: str, made: str, paths: list[str]) -> None:
    """
    Let a branch be at the commit `made`, and a working tree as well as far as `paths` go. Nobody else can move it meanwhile.

    After an error both are as they were.

    Raises:
        Moved: it is not at `parent`.
        ReadOnly: a working tree has it that cannot follow.
    """
    name = MIRRORED + branch
    has_begun = False
    try:
        with git.transaction() as transaction:
            transaction.lock_ref(name)
            if str(git.references[name].target) != parent:
                raise Moved(f"{branch} is not at {parent} any more")
            if not git.is_bare and git.references["HEAD"].target == name:
                _check_clean(git, paths)
                has_begun = True
                git.checkout_tree(git[made], strategy=CheckoutStrategy.SAFE | CheckoutStrategy.DISABLE_PATHSPEC_MATCH, paths=paths)
            elif git.branches.local[branch].is_checked_out():
                raise ReadOnly(f"{branch} is checked out in another working tree of {git.path}")
            transaction.set_target(name, made, message="commit")
    except BaseException:
        if has_begun:
            _restore(git, parent, paths)
        raise


def _restore(git: Any, parent: str, paths: list[str]) -> None:
    """Let a working tree have of `parent` what are `paths`, which had no changes; the index as well, unless somebody else has it."""
    ours = CheckoutStrategy.FORCE | CheckoutStrategy.REMOVE_UNTRACKED | CheckoutStrategy.DISABLE_PATHSPEC_MATCH
    git.index.read(True)
    try:
        git.checkout_tree(git[parent], strategy=ours, paths=paths)
    except pygit2.GitError:
        git.index.read(True)
        git.checkout_tree(git[parent], strategy=ours | CheckoutStrategy.DONT_UPDATE_INDEX, paths=paths)


def _check_clean(git: Any, paths: list[str]) -> None:
    if git.state() != RepositoryState.NONE:
        raise ReadOnly(f"somebody merges or rebases in the working tree {git.workdir}")
    for path in paths:
        try:
            status = git.status_file(path)
        except KeyError:  # there is no such file yet
            continue
        if status != FileStatus.CURRENT:
            raise ReadOnly(f"{path} has changes in the working tree {git.workdir} that are not committed")


def reverted(git: Any, former: str, head: str) -> dict[str, bytes | None]:
    """
    Return the content of the files that differ from `head` when what the commit `former` did is taken back.

    Raises:
        InTheWay: later commits have changed the same lines.
        OutOfReach: it is too much.
    """
    theirs, ours = git[former], git[head]
    index = git.revert_commit(theirs, ours, 1 if len(theirs.parent_ids) > 1 else 0)
    if index.conflicts is not None:
        raise InTheWay(sorted({each.path for conflict in index.conflicts for each in conflict if each is not None}))
    tree = git[index.write_tree(git)]
    found: dict[str, bytes | None] = {}
    size = 0
    for delta in ours.peel(pygit2.Tree).diff_to_tree(tree).deltas:
        path = delta.new_file.path
        found[delta.old_file.path] = None
        if path in tree and tree[path].type_str == "blob":
            size += git.odb.read_header(tree[path].id)[1]
            if size > MAX_REVERTED:
                raise OutOfReach(f"to revert {former:.12} changes files of more than {MAX_REVERTED >> 20} MiB")
            found[path] = tree[path].data
    return found
