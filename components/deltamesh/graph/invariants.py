"""What must hold in a graph between two writes. Checked by tests after each step, never in production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deltamesh.graph.computed import ComputedNode
from deltamesh.graph.group import Group
from deltamesh.graph.input import InputNode
from deltamesh.graph.lazy_node import LazyNode
from deltamesh.graph.made import Several, keys_made
from deltamesh.graph.map import MapNode
from deltamesh.graph.node import NOTHING, Node, StoredNode
from deltamesh.graph.order import TOP, in_order
from deltamesh.graph.reader import SIZE
from deltamesh.graph.reduce import ReduceNode
from deltamesh.graph.slices import SlicesNode
from deltamesh.graph.take import TakeNode

if TYPE_CHECKING:
    from deltamesh.graph.graph import Graph


def check_invariants(graph: Graph) -> None:
    """
    Check every node.

    Raises:
        AssertionError: something does not hold, which is a fault in the engine.
    """
    assert not graph.failed
    assert not graph.to_sweep
    nodes = graph.nodes()
    for node in nodes:
        _check_links(node, nodes)
        if isinstance(node, StoredNode):
            _check_entries(node)
        if isinstance(node, ComputedNode):
            assert not node.reread
        if isinstance(node, MapNode):
            _check_contributions(node)
        elif isinstance(node, LazyNode):
            _check_kept(node)
        elif isinstance(node, TakeNode):
            _check_window(node)
        elif isinstance(node, SlicesNode):
            assert not node.touched
        elif isinstance(node, ReduceNode):
            assert node.entries.keys() <= node.states.keys() <= set(node.source.keys())
            assert node.entries.keys() | node.failures.keys() == set(node.source.keys())
    _check_readers(nodes)


def _check_links(node: Node, nodes: list[Node]) -> None:
    assert node.changes is NOTHING
    assert not node.is_queued
    users = sum([each.sources.count(node) for each in nodes]) + len(node.watches) + isinstance(node, InputNode)
    assert node.num_users == users > 0
    assert all([source in nodes and source.number < node.number for source in node.sources])
    assert all([each in nodes and node in each.sources for each in node.dependents])
    assert all([each in nodes and each.source is node for each in node.takes])
    assert [take.limit for take in node.takes] == sorted([take.limit for take in node.takes], reverse=True)


def _check_entries(node: StoredNode) -> None:
    assert all(node.entries.values()) or isinstance(node, LazyNode)
    assert not node.entries.keys() & node.failures.keys() or isinstance(node, LazyNode | MapNode)
    if node.order is not None:
        assert list(node.order.between(None, TOP)) == in_order(node.entries)


def _check_contributions(node: MapNode) -> None:
    """What is shown is of the source keys that have made it, and nothing else."""
    contributors: dict[Any, set[Any]] = {}
    for source, made in node.made_by().items():
        keys = list(keys_made(made))
        assert source in node.source
        assert not keys or source not in node.failures
        assert len(set(keys)) == len(keys)
        assert len(keys) > 1 or type(made) is not Several
        for key in keys:
            contributors.setdefault(key, set()).add(source)
    assert contributors.keys() == node.entries.keys()
    assert all([key in node.source for key in node.failures])
    for key, sources in contributors.items():
        current = node.entries[key]
        if isinstance(current, Group):
            assert current.parts.keys() == sources
            assert len(sources) > 1
            assert all(current.parts.values())
            assert current.size == len(current.values()) == sum(map(len, current.parts.values()))
        else:
            assert len(sources) == 1
    owners = {key: source for key, sources in contributors.items() if len(sources) == 1 for source in sources if source != key}
    assert node.owners == owners or (node.owners is None and not any([isinstance(each, Group) for each in node.entries.values()]))


def _check_kept(node: LazyNode) -> None:
    assert not node.stale
    assert not node.unread
    assert node.circular <= node.failures.keys() <= node.entries.keys() == node.readers.keys()
    assert all([not node.entries[key] for key in node.failures])
    reached = [key for key in node.readers if any(reader.node is not node for reader in node.readers_of(key))]
    for key in reached:  # grows while it is gone through
        reached.extend([each for each in node.reads_of(key) if each not in reached])
    assert set(reached) == node.entries.keys()


def _check_window(node: TakeNode) -> None:
    keys = list(node.source.keys_between(None, TOP))[: node.limit]
    assert list(node.window.between(None, TOP)) == keys
    assert node.members == set(keys)
    assert len(node.members) == len(keys)
    assert node.boundary == (keys[-1] if keys and len(keys) == node.limit else TOP)
    assert (node in node.source.takes) == (node.limit > 0)


def _check_readers(nodes: list[Node]) -> None:
    """Who is told of a key is who has read it: the two sides of look-ups agree."""
    told = {(node.number, key, reader) for node in nodes for key, found in node.readers.items() for reader in _as_set(found)}
    read = set()
    for node in nodes:
        if isinstance(node, ComputedNode):
            assert not node.seen
            for entry, reader in node.reading.items():
                assert (reader.node, reader.entry) == (node, entry)
                assert entry in (node.source if isinstance(node, MapNode) else node.entries)
                read.update([(lookup.node.number, key, reader) for lookup, key in reader.pairs()])
    assert told == read
    assert all([node.known_size == (len(node) if SIZE in node.readers else None) for node in nodes])


def _as_set(found: Any) -> Any:
    return found if type(found) is set else (found,)
