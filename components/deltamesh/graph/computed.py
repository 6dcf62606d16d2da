"""What nodes that run an application's function share: arguments, tracked reads, failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deltamesh.graph.collection import Description
from deltamesh.graph.lookup import Lookup
from deltamesh.graph.node import Node, StoredNode
from deltamesh.values import IndexKey

if TYPE_CHECKING:
    from deltamesh.graph.collection import Lazy, Map
    from deltamesh.graph.graph import Graph


class ComputedNode(StoredNode):
    """Runs `function` for a key, and again when something that it read has changed."""

    __slots__ = ("arguments", "function", "lookups", "reread")

    def __init__(
        self, graph: Graph, number: int, description: Map | Lazy, sources: list[Node], follows: list[Node], read: list[Node]
    ) -> None:
        super().__init__(graph, number, description, sources, follows)
        self.function = description.function
        by_node = {node: Lookup(node) for node in read}  # a collection may be given twice
        self.lookups = list(by_node.values())
        remaining = iter(read)
        self.arguments: list[Any] = [by_node[next(remaining)] if isinstance(item, Description) else item for item in description.extra]
        self.reread: dict[IndexKey, None] = {}
        """Keys whose reads have changed, an ordered set; filled by the nodes that were read."""

    def forget(self, key: IndexKey) -> None:
        """Drop what is known about a key that is not computed any more."""
        for lookup in self.lookups:
            lookup.forget((self, key))
        self.failures.pop(key, None)

    def close(self) -> None:
        super().close()
        for lookup in self.lookups:
            lookup.close(self)
