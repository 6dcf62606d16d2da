"""`explain` tells which entries a value was made from, down to the inputs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deltamesh.errors import UnknownName
from deltamesh.graph import Count, Graph, Input, lazy

USERS, POSTS, VOTES = Input("users"), Input("posts"), Input("votes")


def by_post(key: Any, values: Any) -> Any:
    for vote in values:
        yield vote, key


def ranked(key: Any, values: Any, users: Any, votes: Any) -> Any:
    yield [-len(votes.all(key)), key], [values.one(), users.one("ann", default=None), users.size()]


def boss(key: Any, itself: Any, users: Any) -> Any:
    yield users.one(key)
    yield from itself.all(users.one(key))


def bosses(key: Any, values: Any, chain: Any) -> Any:
    yield key, chain.all(key)


RANKED = POSTS.map(ranked, USERS, VOTES.map(by_post))


@pytest.fixture
def graph() -> Graph:
    graph = Graph(["users", "posts", "votes"])
    graph.write(
        {
            "users": [["ann", ["Ann"]], ["bob", ["ann"]]],
            "posts": [[1, ["text"]], [2, ["more"]]],
            "votes": [["a", [1]], ["b", [1]], ["c", [2]]],
        }
    )
    return graph


def test_it_reads_like_an_explanation(graph: Graph) -> None:
    graph.watch(RANKED)

    assert str(graph.explain(RANKED.take(1), [-2, 1])) == (
        'posts.map(ranked).take(1) [-2, 1]: ["text", "Ann", 2]\n'
        '  source posts.map(ranked) [-2, 1]: ["text", "Ann", 2]\n'
        '    source posts 1: "text"\n'
        '    look-up votes.map(by_post) 1: "a", "b"\n'
        '      source votes "a": 1\n'
        '      source votes "b": 1\n'
        '    look-up users "ann": "Ann"\n'
        "    size users null: 2"
    )


def test_it_is_json(graph: Graph) -> None:
    told = graph.explain(VOTES.map(by_post).reduce(Count), 1).to_json()

    assert told == json.loads(json.dumps(told))
    assert (told["operator"], told["function"], told["role"], told["key"], told["values"], told["num_values"]) == (
        "reduce",
        "Count",
        "",
        1,
        [2],
        1,
    )
    (mapped,) = told["parts"]
    assert (mapped["operator"], mapped["function"], mapped["role"]) == ("map", "by_post", "source")
    assert [part["key"] for part in mapped["parts"]] == ["a", "b"]
    assert all(part["operator"] == "input" and part["parts"] == [] for part in mapped["parts"])


def test_every_operator_is_explained_down_to_the_inputs(graph: Graph) -> None:
    collection = VOTES.map(by_post).slice(1, 2).merge(POSTS, POSTS).size()

    assert [part.operator for part in graph.explain(collection, None).parts] == ["merge"]
    merged = graph.explain(VOTES.map(by_post).slice(1, 2).merge(POSTS, POSTS), 1)

    assert [part.operator for part in merged.parts] == ["slices", "input"]
    assert [part.operator for part in merged.parts[0].parts[0].parts] == ["input", "input"]


def test_explaining_leaves_no_nodes_behind(graph: Graph) -> None:
    graph.explain(RANKED, [-2, 1])

    assert len(graph.nodes()) == 3


def test_what_is_not_there_has_no_parts(graph: Graph) -> None:
    told = graph.explain(RANKED, [-7, 7])

    assert (told.values, told.num_values, told.parts) == ([], 0, [])
    assert str(told) == "posts.map(ranked) [-7, 7]: nothing"


def test_a_failure_is_explained_by_what_it_read(graph: Graph) -> None:
    def needs(key: Any, values: Any, users: Any) -> Any:
        yield key, users.one("nobody")

    graph.watch(POSTS.map(needs, USERS))

    assert str(graph.explain(POSTS.map(needs, USERS), 2)) == (
        "posts.map(needs) 2: failed: NotOne: users has 0 values for key 'nobody', one is expected\n"
        '  source posts 2: "more"\n'
        '  look-up users "nobody": nothing'
    )


def test_circles_end(graph: Graph) -> None:
    graph.write({"users": [["ann", ["bob"]]]})
    chain = USERS.map(bosses, lazy(boss, USERS))

    text = str(graph.explain(chain, "ann"))

    assert text.count("CycleError") == 3
    assert text.count("(see above)") == 2  # the look-up that closes the circle, and the user that the first line has read


def test_it_is_bounded(graph: Graph) -> None:
    graph.write({"votes": [[i, [1]] for i in range(1000)]})

    told = graph.explain(VOTES.map(by_post), 1)

    assert (len(told.parts), told.num_left_out) == (200, 802)
    assert (len(told.values), told.num_values) == (20, 1002)
    assert str(told).endswith("\n  … 802 more")
    assert len(str(graph.explain(POSTS.map(lambda key, values: [(key, "x" * 10000)]), 1))) < 300


def test_an_unknown_input_is_refused(graph: Graph) -> None:
    with pytest.raises(UnknownName):
        graph.explain(Input("nobody"), 1)
