"""The node of `merge`: all keys of its sources, their values one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltamesh.graph.node import NOTHING, Change, Node, StoredNode
from deltamesh.values import ABSENT, IndexKey, Values, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Merge
    from deltamesh.graph.graph import Graph


class MergeNode(StoredNode):
    """Keeps the joined values. A source may be given twice."""

    __slots__ = ()

    def __init__(self, graph: Graph, number: int, description: Merge, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, sources)

    def build(self) -> None:
        for source in self.sources:
            for key in source.keys():
                self.put(key, self._joined(key))

    def settle(self) -> None:
        changes: dict[IndexKey, Change] = {}
        for key in dict.fromkeys([key for source in self.sources for key in source.changes]):
            before: Values = self.entries.get(key, ABSENT)  # type: ignore[assignment]
            after = self._joined(key)
            self.num_recomputed += 1
            if same(before, after):
                self.num_unchanged += 1
                continue
            self.put(key, after)
            parts = [source.changes[key] for source in self.sources if key in source.changes]
            changes[key] = (
                tuple([value for part in parts for value in part[0]]),
                tuple([value for part in parts for value in part[1]]),
                None,
            )
        self.changes = changes or NOTHING

    def _joined(self, key: IndexKey) -> Values:
        return Values([value for source in self.sources for value in source.values_of(key)])
