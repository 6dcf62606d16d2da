"""The node of `size`: how many keys its source has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltamesh.graph.node import NOTHING, Node, StoredNode
from deltamesh.values import Values

if TYPE_CHECKING:
    from deltamesh.graph.collection import Size
    from deltamesh.graph.graph import Graph


class SizeNode(StoredNode):
    """One entry, of the key null."""

    __slots__ = ()

    def __init__(self, graph: Graph, number: int, description: Size, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, sources)

    def build(self) -> None:
        self.put(None, Values((len(self.sources[0]),)))

    def settle(self) -> None:
        before, after = self.values_of(None), Values((len(self.sources[0]),))
        self.num_recomputed += 1
        if before == after:
            self.num_unchanged += 1
            self.changes = NOTHING
            return
        self.put(None, after)
        self.changes = {None: (tuple(before), after, None)}
