"""The node of an input: what writes go to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltamesh.graph.node import NOTHING, Node, StoredNode
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
        current = self.entries
        changes = {}
        for key, values in entries.items():
            before: Values = current.get(key, ABSENT)  # type: ignore[assignment]
            if before == values and same(before, values):
                continue
            changes[key] = (before, values)
            self.put(key, values)
        self.changes = changes or NOTHING
