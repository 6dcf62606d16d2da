"""Equal pipelines share one node, and nodes go when nobody needs them."""

from __future__ import annotations

import gc
from functools import partial
from typing import Any

import pytest

from deltamesh.errors import UnknownName
from deltamesh.graph import TOP, Count, Graph, Input, Reducer, Sum, lazy
from deltamesh.graph.node import Node

ITEMS, OTHERS = Input("items"), Input("others")


def keep(key: Any, values: Any, *extra: Any) -> Any:
    return [(key, value) for value in values]


def other(key: Any, values: Any, *extra: Any) -> Any:
    return [(key, value) for value in values]


def follow(key: Any, itself: Any, items: Any) -> Any:
    return items.all(key)


class Above(Reducer):
    """The number of values above a limit."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def initial(self) -> int:
        return 0

    def add(self, state: int, value: Any) -> int:
        return state + (value > self.limit)


@pytest.fixture
def graph() -> Graph:
    return Graph(["items", "others"])


@pytest.mark.parametrize(
    "describe",
    [
        lambda: ITEMS.map(keep, OTHERS, {"a": [1, None]}).take(3),
        lambda: Input("items").map(keep, 1.0),
        lambda: ITEMS.slice(1, 5).size(),
        lambda: ITEMS.slices((1, 2), (7, TOP)),
        lambda: ITEMS.prefix("a", 1),
        lambda: ITEMS.reduce(Sum),
        lambda: ITEMS.reduce(Above(3)),
        lambda: ITEMS.map_reduce(keep, reducer=Count()),
        lambda: ITEMS.merge(OTHERS, ITEMS),
        lambda: ITEMS.map(keep, lazy(follow, OTHERS)),
    ],
)
def test_equal_pipelines_share_their_nodes(graph: Graph, describe: Any) -> None:
    first = graph.watch(describe())
    nodes = graph.nodes()

    second = graph.watch(describe())

    assert first is not second
    assert graph.nodes() == nodes
    first.close()
    assert graph.nodes() == nodes
    second.close()
    assert [node.description for node in graph.nodes()] == [ITEMS, OTHERS]


@pytest.mark.parametrize(
    "one, two",
    [
        (ITEMS.map(keep), ITEMS.map(other)),
        (ITEMS.map(keep), OTHERS.map(keep)),
        (ITEMS.map(keep, 1), ITEMS.map(keep, True)),
        (ITEMS.map(keep, 1), ITEMS.map(keep, "1")),
        (ITEMS.map(keep, OTHERS), ITEMS.map(keep, ITEMS)),
        (ITEMS.map(keep, OTHERS), ITEMS.map(keep, OTHERS, OTHERS)),
        (ITEMS.map(keep, 1, OTHERS), ITEMS.map(keep, OTHERS, 1)),
        (ITEMS.map(keep, None, OTHERS), ITEMS.map(keep, OTHERS, None)),
        (ITEMS.reduce(Above(3)), ITEMS.reduce(Above(4))),
        (ITEMS.reduce(Sum), ITEMS.reduce(Count)),
        (ITEMS.take(3), ITEMS.take(4)),
        (ITEMS.slice(0, 1), ITEMS.slice(False, True)),
        (ITEMS.merge(OTHERS), OTHERS.merge(ITEMS)),
    ],
)
def test_different_pipelines_do_not(graph: Graph, one: Any, two: Any) -> None:
    first, second = graph.watch(one), graph.watch(two)

    assert one != two
    assert graph.node_of(one) is not graph.node_of(two)
    first.close()
    second.close()
    assert len(graph.nodes()) == 2


def test_ranges_are_equal_when_they_mean_the_same() -> None:
    assert ITEMS.slices((5, 9), (1, 6), (8, 7)) == ITEMS.slice(1, 9)
    assert ITEMS.slice(1.0, 2) == ITEMS.slice(1, 2.0)


def test_closing_twice_does_nothing(graph: Graph) -> None:
    one, two = graph.watch(ITEMS.take(1)), graph.watch(ITEMS.take(1))

    one.close()
    one.close()

    graph.write({"items": [[1, ["x"]]]})
    assert two.entries() == [(1, ("x",))]


def ask(key: Any, values: Any, asked: Any) -> Any:
    return [(key, value) for value in asked.all(key)]


def down(key: Any, itself: Any, items: Any) -> Any:
    return [*items.all(key), *(itself.all(key - 1) if key else ())]


@pytest.mark.parametrize(
    "collection",
    [
        ITEMS.map(keep),
        ITEMS.map(ask, OTHERS),
        ITEMS.map(ask, ITEMS.map(keep).take(2)),
        ITEMS.map(ask, lazy(down, OTHERS)),
        ITEMS.reduce(Count),
        ITEMS.map(ask, OTHERS).prefix(1),
        ITEMS.map(ask, OTHERS).take(2),
        ITEMS.merge(OTHERS).size(),
    ],
    ids=repr,
)
def test_nodes_go_at_once_and_need_no_collector(graph: Graph, collection: Any) -> None:
    """The collector does not look at what has been there for long: see `operation.collector`."""
    graph.write({"items": [[n, [n]] for n in range(5)], "others": [[n, [n]] for n in range(5)]})
    gc.collect()
    gc.disable()
    try:
        before = num_nodes()
        watch = graph.watch(collection)
        graph.write({"others": [[3, [4, 5]], [4, []]]})
        assert num_nodes() > before
        watch.close()
        del watch

        assert num_nodes() == before
    finally:
        gc.enable()


def num_nodes() -> int:
    return sum(isinstance(each, Node) for each in gc.get_objects())


def test_a_closed_watch_is_in_no_commit(graph: Graph) -> None:
    one, two = graph.watch(ITEMS), graph.watch(ITEMS)
    one.close()

    commit = graph.write({"items": [[1, ["x"]]]})

    assert list(commit.deltas) == [two]


def test_a_collection_of_an_unknown_input_leaves_nothing_behind(graph: Graph) -> None:
    with pytest.raises(UnknownName, match="no input is called 'nothing'; there are: items, others"):
        graph.watch(ITEMS.map(keep).merge(Input("nothing").map(keep)))

    assert len(graph.nodes()) == 2


def test_only_collections_can_be_watched(graph: Graph) -> None:
    with pytest.raises(TypeError, match="a collection is expected"):
        graph.watch(lazy(follow, ITEMS))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "misuse, message",
    [
        (lambda: ITEMS.map("keep"), "a function is expected"),
        (lambda: ITEMS.map(keep, object()), "object has no JSON form"),
        (lambda: ITEMS.reduce(keep), "a Reducer is expected"),
        (lambda: ITEMS.take(-1), "integer >= 0"),
        (lambda: ITEMS.take(True), "integer >= 0"),
        (lambda: ITEMS.slice(object()), "object has no JSON form"),
    ],
)
def test_misuse_is_refused_where_it_is_written(misuse: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        misuse()


def test_a_partial_function_has_a_label() -> None:
    assert ITEMS.map(partial(keep)).label() == "items.map(partial)"
    assert repr(ITEMS.take(3).size()) == "<items.take(3).size()>"


def test_a_node_made_later_knows_what_is_there(graph: Graph) -> None:
    graph.write({"items": [[i, [i, i]] for i in range(10)]})

    assert graph.watch(ITEMS.slice(3, 5).reduce(Sum)).entries() == [(3, (6,)), (4, (8,)), (5, (10,))]
    assert graph.watch(ITEMS.take(2).merge(ITEMS.slice(1, 1))).entries() == [(0, (0, 0)), (1, (1, 1, 1, 1))]
    assert graph.watch(ITEMS.size()).entries() == [(None, (10,))]
