"""What nodes that run an application's function share: arguments, tracked reads, failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deltamesh.graph.collection import Description
from deltamesh.graph.failure import Failure, describe
from deltamesh.graph.lookup import Lookup
from deltamesh.graph.node import Node, StoredNode
from deltamesh.values import IndexKey, plain_key

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
        self.lookups = [Lookup(node) for node in read]
        remaining = iter(self.lookups)
        self.arguments: list[Any] = [next(remaining) if isinstance(item, Description) else item for item in description.extra]
        self.reread: set[IndexKey] = set()
        """Keys whose reads have changed; filled by the nodes that were read."""

    def fail(self, key: IndexKey, error: Exception) -> None:
        """List `key` as failed. Its reads stay tracked: a change of them is the occasion to try again."""
        failure = Failure(self.description.label(), plain_key(key), describe(error))
        self.failures[key] = failure
        self.num_failed += 1
        self.graph.new_failures.append(failure)

    def forget(self, key: IndexKey) -> None:
        """Drop what is known about a key that is not computed any more."""
        for lookup in self.lookups:
            lookup.forget(self, key)
        self.failures.pop(key, None)

    def close(self) -> None:
        super().close()
        for lookup in self.lookups:
            lookup.close(self)
