"""The node of an input: what writes go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from deltamesh.errors import UnknownName
from deltamesh.graph.node import NOTHING, Change, Node, StoredNode
from deltamesh.values import ABSENT, IndexKey, Values, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Input
    from deltamesh.graph.graph import Graph


class InputNode(StoredNode):
    """Keeps what was written."""

    __slots__ = ()

    def __init__(self, graph: Graph, number: int, description: Input, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, [])

    def build(self) -> None:
        """Start empty."""

    def settle(self) -> None:
        """Inputs have no sources."""

    def write(self, entries: dict[IndexKey, Values]) -> None:
        """Set the values of some keys, and leave in `changes` those that really differ."""
        current, order = self.entries, self.order
        changes: dict[IndexKey, Change] = {}
        for key, values in entries.items():
            before = current.get(key, ABSENT)
            if before == values and same(before, values):
                continue
            changes[key] = (before, values, None)  # type: ignore[assignment]
            if values:
                current[key] = values
                if order is not None and not before:
                    order.note(key)
            else:
                del current[key]
                if order is not None:
                    order.note(key)
        if order is not None:
            order.trim()
        self.changes = changes or NOTHING

    def former(self, entries: dict[IndexKey, Values]) -> dict[IndexKey, Values]:
        """Return what takes a write of `entries` back."""
        return {key: self.entries.get(key, ABSENT) for key in entries}  # type: ignore[misc]


class Inputs(dict[str, InputNode]):
    """The inputs of a graph by name. Another name raises `UnknownName`."""

    def __missing__(self, name: str) -> NoReturn:
        raise UnknownName("input", name, list(self))
