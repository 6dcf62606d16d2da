"""What several keys contribute to one is, to whoever reads it, like the values of any key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deltamesh.graph import Input
from deltamesh.values import NotOne, Values

VOTES, POSTS = Input("votes"), Input("posts")


def gather(key: Any, values: Any) -> Any:
    return [("all", value) for value in values]


@pytest.mark.parametrize("as_lookup", [True, False])
@pytest.mark.parametrize(
    "look",
    [
        lambda values: len(values) == 4,
        bool,
        lambda values: list(values) == [1, 2, 3, 4],
        lambda values: values[0] == 1 and values[-1] == 4 and values[1:3] == (2, 3),
        lambda values: 3 in values and values.index(3) == 2 and values.count(4) == 1,
        lambda values: values == Values((1, 2, 3, 4)) and Values((1, 2, 3, 4)) == values and values not in ((1, 2), 7),
        lambda values: hash(values) == hash(Values((1, 2, 3, 4))),
        lambda values: repr(values) == "(1, 2, 3, 4)",
        lambda values: list(reversed(values)) == [4, 3, 2, 1],
    ],
)
def test_it_is_a_sequence_in_the_order_of_source_keys(graph: Any, look: Callable[[Any], bool], as_lookup: bool) -> None:
    gathered = VOTES.map(gather)
    seen = (
        POSTS.map(lambda key, values, votes: [(key, look(votes.all("all")))], gathered)
        if as_lookup
        else gathered.map(lambda key, values: [(key, look(values))])
    )
    watch = graph.watch(seen)

    graph.write({"votes": [[3, [3, 4]], [1, [1]], [2, [2]]], "posts": [[1, ["x"]]]})

    assert [values for _, values in watch.entries()] == [(True,)]


def test_it_can_be_yielded_as_a_value(graph: Any) -> None:
    watch = graph.watch(VOTES.map(gather).map(lambda key, values: [(key, {"values": values})]))

    graph.put("votes", [2, ["b"]], [1, ["a"]])

    assert watch.entries() == [("all", ({"values": ("a", "b")},))]


@pytest.mark.parametrize("ask", [lambda values: values.one(), lambda values: values.one(None), lambda values: values.one(default=None)])
def test_it_has_not_one_value(graph: Any, ask: Any) -> None:
    failed = []

    def one(key: Any, values: Any) -> Any:
        with pytest.raises(NotOne, match="there are 2"):
            ask(values)
        failed.append(key)
        return []

    graph.watch(VOTES.map(gather).map(one))
    graph.put("votes", [2, ["b"]], [1, ["a"]])

    assert failed
