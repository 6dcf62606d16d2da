"""The store of the three other architectures: the same repository, read for one name, and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pygit2

BRANCH: Final = "refs/heads/main"


class Store:
    """The repository at `path`. A parameter `g1.n7` is the member `n7` of `base/g1.json` at the head of its branch."""

    def __init__(self, path: Path) -> None:
        self.num_reads = 0
        self._path = path

    def read(self, name: str) -> Any:
        """
        Return the value of a parameter, from the repository.

        Raises:
            LookupError, OSError, pygit2.GitError: there is no such parameter, or no repository.
        """
        self.num_reads += 1
        group, key = name.split(".")
        # opened anew, as a connection from a pool would be checked: an open one goes on reading when its folder has gone
        repository = pygit2.Repository(str(self._path))
        tree = repository.references[BRANCH].peel(pygit2.Tree)
        blob = tree[f"base/{group}.json"]
        assert isinstance(blob, pygit2.Blob)
        return json.loads(blob.data)[key]
