"""The values of a key that several source keys contribute to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, overload

from deltamesh.graph.order import in_order
from deltamesh.values import ABSENT, JSON, IndexKey, NotOne, Values


class Group(Sequence[Any]):
    """
    Values by the source key that contributed them, in the order of source keys.

    Counting is O(1). The order is worked out when somebody looks at the values, and then kept.
    """

    __slots__ = ("_values", "parts", "size")

    def __init__(self, parts: dict[IndexKey, Values]) -> None:
        self.parts = parts
        self.size = sum(map(len, parts.values()))
        self._values: Values | None = None

    def add(self, source: IndexKey, values: Values) -> None:
        """Set what `source` contributes, which has contributed nothing."""
        self._values = None
        self.size += len(values)
        self.parts[source] = values

    def put(self, source: IndexKey, values: Values) -> None:
        """Set what `source` contributes; no values take it out."""
        self._values = None
        self.size += len(values) - len(self.parts.get(source, ABSENT))
        if values:
            self.parts[source] = values
        else:
            self.parts.pop(source, None)

    def values(self) -> Values:
        """Return all values in order."""
        if self._values is None:
            parts = self.parts
            self._values = Values([value for source in in_order(parts) for value in parts[source]])
        return self._values

    def one(self, default: JSON = None) -> NoReturn:
        """As `Values.one`, of which a group has too many."""
        raise NotOne(f"one value expected, there are {self.size}")

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values())

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self.values()[index]

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Group | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.values())

    def __repr__(self) -> str:
        return repr(self.values())


def plain_values(values: Values | Group) -> Values:
    """Return values as a tuple, which stays as it is when the group changes."""
    return values.values() if type(values) is Group else values  # type: ignore[return-value]
