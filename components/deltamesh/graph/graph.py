"""
The incremental engine: runs descriptions of collections, and keeps them up to date with their inputs.

*Rules.* State is a function of the inputs, never of their history. A write is one revision, all or nothing, and
nobody sees it half done. A revision costs in proportion to what it changes. Equal descriptions share one node, and a
node goes when nobody needs it.

*Failures.* A function that raises for a key leaves that key without a result until what it read changes; it is listed
in `failures`. With `on_error="reject"` the write is rolled back instead: the former inputs are written back, which by
the first rule restores everything else.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Any, Final, Literal, TypeAlias

from deltamesh.errors import GraphBroken, Rejected
from deltamesh.graph import collection as descriptions
from deltamesh.graph.audit import Difference, audit
from deltamesh.graph.collection import Collection, Description, Input
from deltamesh.graph.explain import Explanation, explain
from deltamesh.graph.failure import Failure, describe
from deltamesh.graph.input import InputNode, Inputs
from deltamesh.graph.invariants import check_invariants
from deltamesh.graph.lazy_node import LazyNode
from deltamesh.graph.map import MapNode
from deltamesh.graph.merge import MergeNode
from deltamesh.graph.node import NOTHING, Node
from deltamesh.graph.recursion import Recursion
from deltamesh.graph.reduce import ReduceNode
from deltamesh.graph.size import SizeNode
from deltamesh.graph.slices import SlicesNode
from deltamesh.graph.take import TakeNode
from deltamesh.graph.watch import Entry, Watch, delta_of
from deltamesh.graph.writes import Commit, Writes, frozen_changes
from deltamesh.values import IndexKey, Values, index_key, order_of

OnError: TypeAlias = Literal["skip", "reject"]

_NODES: Final[dict[type[Description], Any]] = {
    descriptions.Input: InputNode,
    descriptions.Map: MapNode,
    descriptions.Lazy: LazyNode,
    descriptions.Reduce: ReduceNode,
    descriptions.Slices: SlicesNode,
    descriptions.Take: TakeNode,
    descriptions.Merge: MergeNode,
    descriptions.Size: SizeNode,
}


class Graph:
    """A graph with the inputs named, all empty."""

    def __init__(self, inputs: Iterable[str], *, on_error: OnError = "skip") -> None:
        self.revision = 0
        """The number of the last write, or what the caller of `write` says it is."""
        self.on_error: OnError = on_error
        self.failed: list[tuple[Node, IndexKey]] = []
        """What has raised in the write in progress. Filled by nodes."""
        self.to_sweep: list[LazyNode] = []
        """Nodes that may keep what nobody reads. Filled by nodes."""
        self.recursion = Recursion()
        self._nodes: dict[Description, Node] = {}
        self._inputs = Inputs()
        self._queue: list[tuple[int, Node]] = []
        self._num_made = 0
        self._is_busy = False  # functions of the application may be running
        self._broken: str | None = None
        for name in inputs:
            node = self._make(Input(name), [])
            assert isinstance(node, InputNode)
            self._inputs[name] = node
            self.retain(node)

    # Writing

    def write(self, writes: Writes, *, revision: int | None = None) -> Commit:
        """
        Apply a transaction over any number of inputs as one revision, numbered `revision` or one more than the last.

        Raises:
            UnknownName: there is no such input.
            InvalidTransaction: a key or value is not JSON, or values are not a list.
            Rejected: a function raised, and the graph was made with `on_error="reject"`.
            GraphBroken: an earlier write met a fault in the engine.

        In each case nothing has changed.
        """
        if self._is_busy or self._broken is not None:
            self.check()
        prepared = []
        for name, entries in writes.items():
            prepared.append((self._inputs[name], frozen_changes(name, entries)))
        former = None if self.on_error == "skip" else [(node, node.former(entries)) for node, entries in prepared]
        self._is_busy = True
        try:
            deltas = self._apply(prepared)
            failures = self._new_failures() if self.failed else []
            if failures and former is not None:
                self._apply(former)
        except BaseException as error:
            self._broken = describe(error)
            raise
        finally:
            self._is_busy = False
            if self.failed:
                self.failed = []
        if failures and former is not None:
            raise Rejected(failures[0].node, failures[0].key, failures[0].error)
        self.revision = self.revision + 1 if revision is None else revision
        return Commit(self.revision, deltas, failures)

    def _apply(self, prepared: list[tuple[InputNode, dict[IndexKey, Values]]]) -> dict[Watch, list[Entry]]:
        """Write what was prepared, which is used up, and bring everything up to date."""
        visited: list[Node] = []
        while prepared:
            source, entries = prepared.pop()
            source.write(entries)
            if source.changes:
                visited.append(source)
                source.announce()
        queue = self._queue
        while queue:
            node = heappop(queue)[1]
            node.is_queued = False
            node.settle()
            if node.changes:
                visited.append(node)
                node.announce()
        deltas: dict[Watch, list[Entry]] = {}
        for node in visited:
            if node.watches:
                deltas.update(dict.fromkeys(node.watches, delta_of(node)))
            node.changes = NOTHING
        if self.to_sweep:
            self._sweep()
        return deltas

    def _sweep(self) -> None:
        while self.to_sweep:
            self.to_sweep.pop().sweep()

    def _new_failures(self) -> list[Failure]:
        """Return what has raised and has not been dropped since, sources first."""
        failing = {(node.number, key): node.failures[key] for node, key in self.failed if key in node.failures}
        return [failing[place] for place in sorted(failing, key=lambda place: (place[0], order_of(place[1])))]

    def enqueue(self, node: Node) -> None:
        """Let the write in progress visit `node`, which is not queued. For nodes only."""
        node.is_queued = True
        heappush(self._queue, (node.number, node))

    # Looking

    def watch(self, collection: Collection) -> Watch:
        """
        Hold `collection` in the graph, computing it if nobody held an equal one.

        Raises:
            UnknownName: it is derived from an input that this graph does not have.
        """
        self.check()
        if not isinstance(collection, Collection):
            raise TypeError(f"a collection is expected, not {collection!r:.80}")
        self._check_inputs(collection)
        self._is_busy = True
        try:
            node = self._node_for(collection)
        except BaseException as error:
            self._broken = describe(error)
            raise
        finally:
            self._is_busy = False
            self.failed = []
        self._sweep()
        return Watch(self, collection, node)

    def values_of(self, name: str, key: Any) -> Values:
        """Return the values of a key of an input, none if it is not there."""
        self.check()
        return self._inputs[name].values_of(index_key(key))  # type: ignore[return-value]

    def keys_of(self, name: str) -> list[IndexKey]:
        """Return the keys of an input, in any order, as dictionaries are indexed by."""
        self.check()
        return list(self._inputs[name].entries)

    def failures(self) -> list[Failure]:
        """Return what fails now, in the order of nodes."""
        return [failure for node in self.nodes() for failure in node.failures.values()]

    def nodes(self) -> list[Node]:
        """Return all nodes in the order of making, in which each comes after those that it reads. To look at only."""
        return sorted(self._nodes.values(), key=lambda node: node.number)

    def node_of(self, collection: Description) -> Node | None:
        """Return the node that runs `collection`, if there is one. To look at only."""
        return self._nodes.get(collection)

    def counters(self) -> dict[str, dict[str, int]]:
        """Return by label of a node how many keys were recomputed, were unchanged, and failed, ever."""
        return {
            node.description.label(): {"recomputed": node.num_recomputed, "unchanged": node.num_unchanged, "failed": node.num_failed}
            for node in self.nodes()
        }

    def explain(self, collection: Collection, key: Any) -> Explanation:
        """
        Tell which entries an entry of `collection` was made from, down to the inputs.

        Raises:
            UnknownName: the collection is derived from an input that this graph does not have.
        """
        watch = self.watch(collection)
        try:
            return explain(self._nodes[collection], index_key(key))
        finally:
            watch.close()

    def audit(self) -> list[Difference]:
        """Work out everything again from the inputs, and return what differs from what the graph shows: nothing, if it is right."""
        self.check()
        self._is_busy = True
        try:
            return audit(self)
        finally:
            self._is_busy = False

    def check_invariants(self) -> None:
        """Check everything that must hold between two writes, for tests: raises `AssertionError`."""
        check_invariants(self)

    # Making and freeing nodes

    def retain(self, node: Node) -> None:
        """Count one more user of `node`. For nodes and watches only."""
        node.num_users += 1

    def release(self, node: Node) -> None:
        """Count one user of `node` less, and free it when that was the last. For nodes and watches only."""
        waiting = [node]
        while waiting:
            node = waiting.pop()
            node.num_users -= 1
            if node.num_users == 0:
                node.close()
                del self._nodes[node.description]
                waiting.extend(node.sources)
        self._sweep()

    def _check_inputs(self, description: Description) -> None:
        waiting, seen = [description], {id(description)}
        while waiting:
            description = waiting.pop()
            if isinstance(description, Input):
                _ = self._inputs[description.name]  # which raises
            for source in description.sources:
                if id(source) not in seen:
                    seen.add(id(source))
                    waiting.append(source)

    def _node_for(self, description: Description) -> Node:
        known = self._nodes.get(description)
        if known is not None:
            return known
        return self._make(description, [self._node_for(source) for source in description.sources])

    def _make(self, description: Description, sources: list[Node]) -> Node:
        node: Node = _NODES[type(description)](self, self._num_made, description, sources)
        self._num_made += 1
        self._nodes[description] = node
        for source in sources:
            self.retain(source)
        node.build()
        return node

    def check(self) -> None:
        """
        Check that the graph can answer: a revision is complete, and none has failed.

        Raises:
            GraphBroken: an earlier write met a fault in the engine.
            RuntimeError: as `check_idle`.
        """
        self.check_idle()
        if self._broken is not None:
            raise GraphBroken(self._broken)

    def check_idle(self) -> None:
        """
        Check that nothing is being computed.

        Raises:
            RuntimeError: a function of the graph asks, which must read through its arguments only.
        """
        if self._is_busy:
            raise RuntimeError("a function of the graph must neither change it nor read it, except through its arguments")
