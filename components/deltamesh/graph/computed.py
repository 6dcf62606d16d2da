"""What nodes that run an application's function share: arguments, tracked reads, failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deltamesh.graph.collection import Description
from deltamesh.graph.lookup import Lookup
from deltamesh.graph.node import Node, StoredNode
from deltamesh.graph.reader import Reader
from deltamesh.values import IndexKey

if TYPE_CHECKING:
    from deltamesh.graph.collection import Lazy, Map
    from deltamesh.graph.graph import Graph


class ComputedNode(StoredNode):
    """Runs `function` for a key, and again when something that it read has changed."""

    __slots__ = ("arguments", "function", "lookups", "reading", "reread", "seen")

    def __init__(
        self, graph: Graph, number: int, description: Map | Lazy, sources: list[Node], follows: list[Node], read: list[Node]
    ) -> None:
        super().__init__(graph, number, description, sources, follows)
        self.function = description.function
        self.seen: list[Any] = []
        """What the computation that runs now has read: look-up, key, look-up, key, …"""
        by_node = {node: Lookup(node, self.seen) for node in read}  # a collection may be given twice
        self.lookups = list(by_node.values())
        remaining = iter(read)
        self.arguments: list[Any] = [by_node[next(remaining)] if isinstance(item, Description) else item for item in description.extra]
        self.reading: dict[IndexKey, Reader] = {}
        """By key, unless the function cannot read anything: what it has read."""
        self.reread: dict[IndexKey, Reader] = {}
        """Of these, in the order of becoming known, those with a change of what was read. Filled by the nodes that were read."""

    def forget(self, key: IndexKey) -> None:
        """Drop what is known about a key that is not computed any more."""
        reader = self.reading.pop(key, None)
        if reader is not None:
            reader.track([])
        self.failures.pop(key, None)

    def close(self) -> None:
        super().close()
        for reader in list(self.reading.values()):
            reader.track([])
        self.reading.clear()  # they hold this node: it is to go now, not when the collector finds it, which does not look at what is old
