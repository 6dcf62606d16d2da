"""Failed computations: an entry whose function raised yields nothing until what it read changes."""

from __future__ import annotations

from dataclasses import dataclass

from deltamesh.values import JSON


@dataclass(frozen=True, slots=True)
class Failure:
    """One key of one node whose computation raised."""

    node: str
    """The label of the description, as in `posts.map(ranked)`."""
    key: JSON
    """The key that was computed: of the source for a mapper, of the node itself otherwise."""
    error: str
    """Type and message of what was raised."""


def describe(error: BaseException) -> str:
    """Return type and message of an exception in one line of at most 400 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:400] if text else type(error).__name__


class CycleError(Exception):
    """A key of a lazy collection depends on itself."""
