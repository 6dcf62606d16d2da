"""A position: one moment of one stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from deltamesh.errors import InvalidPosition

MAX_REVISION: Final = 2**53 - 1
"""The last revision: beyond it JavaScript would not tell neighbours apart."""

MAX_EPOCH: Final = 128
"""Characters that the name of an epoch may have."""


@dataclass(frozen=True, slots=True)
class Position:
    """
    A moment of a stream: what it contains is determined by the position.

    `epoch` names one history of revisions, `revision` counts in it. Revisions of different epochs cannot be compared.
    """

    epoch: str
    revision: int

    def to_wire(self) -> list[Any]:
        """Return `[epoch, revision]`."""
        return [self.epoch, self.revision]

    @classmethod
    def from_wire(cls, wire: object) -> Position:
        """
        Return the position that `[epoch, revision]` stands for.

        Raises:
            InvalidPosition: it is not of that shape.
        """
        if not isinstance(wire, list | tuple) or len(wire) != 2 or not is_epoch(wire[0]) or not is_revision(wire[1]):
            raise InvalidPosition(wire)
        return cls(wire[0], wire[1])


def is_epoch(value: object) -> TypeGuard[str]:
    """Whether `value` can name an epoch: a string of 1 to `MAX_EPOCH` characters."""
    return type(value) is str and 0 < len(value) <= MAX_EPOCH


def is_revision(value: object) -> TypeGuard[int]:
    """Whether `value` can be a revision: an integer (and no boolean) from 0 to `MAX_REVISION`."""
    return type(value) is int and 0 <= value <= MAX_REVISION
