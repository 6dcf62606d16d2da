"""`audit` works everything out again and finds what differs."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh.graph import Graph, Input, Sum, lazy
from deltamesh.graph.audit import Difference
from deltamesh.graph.node import StoredNode
from deltamesh.values import Values

ITEMS, OTHERS = Input("items"), Input("others")


def invert(key: Any, values: Any, others: Any) -> Any:
    for value in values:
        yield value, [key, *others.all(key)]


def by_length(key: Any, values: Any) -> Any:
    yield "n", len(values)


def chained(key: Any, itself: Any, others: Any) -> Any:
    yield key
    if key < 3:
        yield from itself.all(key + 1)


def read(key: Any, values: Any, chain: Any) -> Any:
    yield key, len(chain.all(key))


INVERTED, CHAINED = ITEMS.map(invert, OTHERS), lazy(chained, OTHERS)


@pytest.fixture
def graph() -> Graph:
    graph = Graph(["items", "others"])
    graph.write({"items": [[i, [i % 2, "x"]] for i in range(6)], "others": [[2, ["two"]]]})
    collections = [
        INVERTED.take(2),
        INVERTED.map(by_length).reduce(Sum),
        ITEMS.slice(1, 3).merge(OTHERS).size(),
        ITEMS.map(read, CHAINED),
    ]
    for collection in collections:
        graph.watch(collection)
    return graph


def test_a_graph_as_it_should_be_has_no_differences(graph: Graph) -> None:
    assert len(graph.nodes()) == 11
    assert graph.audit() == []


@pytest.mark.parametrize(
    "collection, key",
    [
        (INVERTED, "x"),
        (INVERTED.map(by_length).reduce(Sum), "n"),
        (ITEMS.slice(1, 3).merge(OTHERS), 2),
        (ITEMS.map(read, CHAINED), 5),
        (CHAINED, 3),
    ],
)
def test_every_wrong_value_is_found(graph: Graph, collection: Any, key: Any) -> None:
    node = graph.node_of(collection)
    assert isinstance(node, StoredNode)
    right = Values(node.values_of(key))
    node.entries[key] = Values(("wrong",))

    assert Difference(collection.label(), key, Values(("wrong",)), right) in graph.audit()


def test_a_missing_and_a_surplus_key_are_found(graph: Graph) -> None:
    node = graph.node_of(ITEMS.map(read, CHAINED))
    assert isinstance(node, StoredNode)
    node.entries["surplus"] = Values((1,))
    del node.entries[4]

    assert graph.audit() == [
        Difference("items.map(read)", 4, Values(), Values((1,))),
        Difference("items.map(read)", "surplus", Values((1,)), Values()),
    ]
    assert graph.audit()[0].to_json() == {"node": "items.map(read)", "key": 4, "values": [], "expected": [1]}


def test_a_circular_key_that_is_not_circular_is_found(graph: Graph) -> None:
    node: Any = graph.node_of(CHAINED)
    node.circular.add(3)
    node.entries[3] = Values()

    assert {difference.key for difference in graph.audit() if difference.node == "lazy(chained)"} == {2, 3}
