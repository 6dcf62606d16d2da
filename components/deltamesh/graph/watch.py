"""A collection that somebody outside the graph looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from deltamesh.graph.group import plain_values
from deltamesh.graph.order import in_order
from deltamesh.values import JSON, IndexKey, Values, index_key, plain_key

if TYPE_CHECKING:
    from deltamesh.graph.collection import Collection
    from deltamesh.graph.graph import Graph
    from deltamesh.graph.node import Node

Entry: TypeAlias = tuple[JSON, Values]
"""A key and its values; in a delta, no values mean that the key is gone."""


class Watch:
    """
    Holds a collection in the graph until it is closed. Made by `Graph.watch`.

    Its changes are in each `Commit`, under this object.
    """

    __slots__ = ("_graph", "_node", "collection", "is_closed")

    def __init__(self, graph: Graph, collection: Collection, node: Node) -> None:
        self._graph = graph
        self._node = node
        self.collection = collection
        self.is_closed = False
        node.watches[self] = None
        graph.retain(node)

    def __len__(self) -> int:
        self._graph.check()
        return len(self._node)

    def entries(self) -> list[Entry]:
        """Return all entries in the order of keys. They are immutable, and stay as they are when the graph changes."""
        self._graph.check()
        values_of = self._node.values_of
        return [(plain_key(key), plain_values(values_of(key))) for key in in_order(list(self._node.keys()))]

    def values_of(self, key: Any) -> Values:
        """Return the values of one key, none if it is not there."""
        self._graph.check()
        return plain_values(self._node.values_of(index_key(key)))

    def close(self) -> None:
        """Let go of the collection; nodes that nobody else needs are freed. Does nothing the second time."""
        self._graph.check_idle()
        if not self.is_closed:
            self.is_closed = True
            del self._node.watches[self]
            self._graph.release(self._node)


def delta_of(node: Node) -> list[Entry]:
    """Return the changed keys of a node in order, with their new values."""
    keys: list[IndexKey] = in_order(node.changes) if len(node.changes) > 1 else list(node.changes)
    return [(plain_key(key), plain_values(node.values_of(key))) for key in keys]
