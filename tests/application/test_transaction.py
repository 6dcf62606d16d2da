"""What an action sees: its own writes at once, nobody else's, and nothing of it is written before it returns."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh.application.transaction import Transaction
from deltamesh.graph import Graph, Input
from deltamesh.values import NotJSON, NotOne

POSTS, USERS = Input("posts"), Input("users")


@pytest.fixture
def graph() -> Graph:
    graph = Graph(["posts", "users"])
    graph.write({"posts": [(1, ["one"]), (True, ["yes"]), (2, ["a", "b"])]})
    return graph


def test_reads_see_what_is_committed_and_what_was_written(graph: Graph) -> None:
    tx = Transaction(graph)
    assert tx.read(POSTS, 1) == ("one",)

    tx.put(POSTS, 1.0, "uno")
    tx.put(POSTS, 3, "three", "drei")
    tx.delete(POSTS, 2)

    assert [tx.read(POSTS, key) for key in (1, 2, 3, True)] == [("uno",), (), ("three", "drei"), ("yes",)]
    assert tx.read(USERS, 1) == ()
    assert graph.values_of("posts", 1) == ("one",)


def test_one_value_or_a_default(graph: Graph) -> None:
    tx = Transaction(graph)

    assert tx.one(POSTS, 1) == "one"
    assert tx.one(POSTS, 9, None) is None
    with pytest.raises(NotOne):
        tx.one(POSTS, 9)
    with pytest.raises(NotOne):
        tx.one(POSTS, 2, None)


def test_writes_are_by_input_with_the_last_values(graph: Graph) -> None:
    tx = Transaction(graph)
    assert tx.writes() == {}

    tx.put(POSTS, [1, True], {"a": [1]})
    tx.put(POSTS, (1, True), "last")
    tx.delete(USERS, "ann")

    assert tx.writes() == {"posts": [((1, True), ("last",))], "users": [("ann", ())]}
    graph.write(tx.writes())
    assert graph.values_of("posts", [1, True]) == ("last",)


def test_what_is_put_is_frozen(graph: Graph) -> None:
    tx = Transaction(graph)
    value: dict[str, Any] = {"tags": ["a"]}

    tx.put(POSTS, 5, value)
    value["tags"].append("b")

    assert tx.one(POSTS, 5) == {"tags": ("a",)}


def test_mistakes_are_refused(graph: Graph) -> None:
    tx = Transaction(graph)

    with pytest.raises(TypeError, match="at least one value"):
        tx.put(POSTS, 1)
    with pytest.raises(NotJSON):
        tx.put(POSTS, 1, object())
    with pytest.raises(NotJSON):
        tx.put(POSTS, {1}, 1)
    assert tx.writes() == {}
