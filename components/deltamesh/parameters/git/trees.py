"""The files of a commit. Folders that have not changed are not looked at again, however many commits have them."""

from __future__ import annotations

from typing import Any, Final

from pygit2.enums import FileMode

from deltamesh.parameters.content.reading import Blob, NotGood, Problem

MAX_ENTRIES: Final = 200_000
"""Files and folders of one commit. A few trees that contain each other can have more than there is memory for."""

MAX_DEPTH: Final = 64
"""Of folders in each other."""

LAYERS: Final = ("base", "environments", "regions", "schemas")
"""The folders that can have parameters, if there is a base."""

MAX_KNOWN: Final = 500_000
"""Files and folders that are remembered by their ids; then all are forgotten."""


class Trees:
    """Those of one repository."""

    def __init__(self) -> None:
        self._blobs: dict[Any, Blob] = {}  # by id
        self._trees: dict[Any, list[tuple[str, Blob]]] = {}  # all files below, by id of the tree
        self._num_known = 0  # entries of these

    def files(self, git: Any, tree: Any, *, is_whole: bool = True) -> dict[str, Blob]:
        """
        Return the files of a tree by path, without symbolic links and submodules. A path that is not UTF-8 is shown with backslashes.

        Args:
            git: the repository, as pygit2 has it.
            tree: an id.
            is_whole: whether folders are wanted that can have no parameters.

        Raises:
            NotGood: there are too many.
        """
        if self._num_known > MAX_KNOWN:
            self._blobs.clear()
            self._trees.clear()
            self._num_known = 0
        return dict(self._below(git, tree, 0) if is_whole else self._of_layers(git, tree))

    def _of_layers(self, git: Any, tree: Any) -> list[tuple[str, Blob]]:
        """Return the files of a whole tree by path, but those in folders that can have no parameters."""
        entries = [(entry, entry.raw_name.decode(errors="backslashreplace")) for entry in git[tree]]
        folders = {name: entry.id for entry, name in entries if entry.filemode == FileMode.TREE and not name.startswith(".")}
        if "base" in folders and self._below(git, folders["base"], 1):
            folders = {name: folder for name, folder in folders.items() if name in LAYERS}
        found = [
            (name, self._blob(git, entry.id)) for entry, name in entries if entry.filemode in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE)
        ]
        for name, folder in folders.items():
            found += [(f"{name}/{path}", blob) for path, blob in self._below(git, folder, 1)]
            if len(found) > MAX_ENTRIES:
                raise _too_much(f"there are more than {MAX_ENTRIES:,} files")
        return found

    def _below(self, git: Any, tree: Any, depth: int) -> list[tuple[str, Blob]]:
        """Return the files of a tree by path below it."""
        known = self._trees.get(tree)
        if known is not None:
            return known
        if depth > MAX_DEPTH:
            raise _too_much(f"there are folders in each other more than {MAX_DEPTH} deep")
        found: list[tuple[str, Blob]] = []
        num_entries = 0
        for entry in git[tree]:
            name = entry.raw_name.decode(errors="backslashreplace")
            num_entries += 1
            if entry.filemode == FileMode.TREE:
                below = self._below(git, entry.id, depth + 1)
                num_entries += len(below)
                if num_entries <= MAX_ENTRIES:
                    found += [(f"{name}/{path}", blob) for path, blob in below]
            elif entry.filemode in (FileMode.BLOB, FileMode.BLOB_EXECUTABLE):
                found.append((name, self._blob(git, entry.id)))
            if num_entries > MAX_ENTRIES:
                raise _too_much(f"there are more than {MAX_ENTRIES:,} files")
        self._trees[tree] = found
        self._num_known += 1 + len(found)
        return found

    def _blob(self, git: Any, oid: Any) -> Blob:
        known = self._blobs.get(oid)
        if known is None:
            _, size = git.odb.read_header(oid)
            known = self._blobs[oid] = Blob(str(oid), size)
        return known


def _too_much(reason: str) -> NotGood:
    return NotGood([Problem(None, None, None, reason)])
