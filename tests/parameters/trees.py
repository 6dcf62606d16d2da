"""Commits as readings take them, without a repository: files by path, and what loads their blobs."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha1
from typing import Any

from deltamesh.parameters.content.reading import Blob, Held, NotGood, Problem, Reading


class Trees:
    """Blobs by ID."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def files(self, texts: Mapping[str, str | bytes]) -> dict[str, Blob]:
        """Return the files of a commit with `texts`."""
        found = {}
        for path, text in texts.items():
            content = text if isinstance(text, bytes) else text.encode()
            blob = Blob(sha1(content).hexdigest(), len(content))
            self.blobs[blob.id] = content
            found[path] = blob
        return found

    def reading(self, **layers: Any) -> Reading:
        return Reading(self.blobs.__getitem__, **layers)


def read(texts: Mapping[str, str | bytes], **layers: Any) -> dict[str, Held]:
    """Return the parameters of one commit."""
    trees = Trees()
    return trees.reading(**layers).read(trees.files(texts))


def values(texts: Mapping[str, str | bytes], **layers: Any) -> dict[str, Any]:
    """Return the values of one commit by name."""
    return {name: held.value for name, held in read(texts, **layers).items()}


def problems(texts: Mapping[str, str | bytes], **layers: Any) -> list[Problem]:
    """Return what is wrong with one commit."""
    try:
        read(texts, **layers)
    except NotGood as error:
        return list(error.problems)
    return []
