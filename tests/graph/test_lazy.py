"""Lazy collections: computed when read, kept while read, recursive to any depth, and never circular."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from deltamesh.graph import Graph, Input, lazy

USERS, POSTS, VOTES = Input("users"), Input("posts"), Input("votes")


def total(key: Any, itself: Any, posts: Any) -> Any:
    """The sum of a chain: each post has a number and the post before it."""
    post = posts.one(key)
    yield post["n"] + (itself.one(post["before"]) if post["before"] is not None else 0)


def read(key: Any, values: Any, totals: Any) -> Any:
    for value in values:
        yield key, totals.one(value, default=None)


TOTALS = lazy(total, POSTS)


def test_it_computes_what_is_read_and_keeps_it_while_it_is_read(graph: Any) -> None:
    graph.put("posts", *[[i, [{"n": 1, "before": i - 1 if i else None}]] for i in range(10)])
    watch = graph.watch(USERS.map(read, TOTALS))
    assert graph.node_of(TOTALS).entries == {}

    graph.put("users", ["me", [4]])
    assert watch.entries() == [("me", (5,))]
    assert sorted(graph.node_of(TOTALS).entries) == [0, 1, 2, 3, 4]
    graph.put("users", ["me", [2]])
    assert sorted(graph.node_of(TOTALS).entries) == [0, 1, 2]
    graph.put("users", ["me", []])

    assert graph.node_of(TOTALS).entries == {}
    assert graph.node_of(POSTS).readers == {}
    watch.close()
    assert graph.node_of(TOTALS) is None


def test_a_chain_may_be_longer_than_pythons_stack_whoever_is_asked_first(graph: Any) -> None:
    length = 3000
    graph.put("posts", *[[i, [{"n": 1, "before": i - 1 if i else None}]] for i in range(length)])
    watch = graph.watch(USERS.map(read, TOTALS))

    graph.put("users", ["me", [length - 1]])
    assert watch.entries() == [("me", (length,))]
    since = graph.work()
    graph.put("posts", [0, [{"n": 5, "before": None}]])
    assert watch.entries() == [("me", (length + 4,))]
    assert since()["lazy(total)"] <= 2 * length
    graph.put("users", ["me", []])

    assert graph.node_of(TOTALS).entries == {}


@pytest.mark.parametrize("length", [1, 2, 49, 50, 51, 101, 230])
def test_a_cycle_of_any_length_fails_whoever_is_asked_first(length: int) -> None:
    for first in {0, 1 % length, length // 2, length - 1}:
        graph = Graph(["users", "posts"])
        graph.write({"posts": [[i, [{"n": 1, "before": (i - 1) % length}]] for i in range(length)] + [["on", [{"n": 1, "before": 0}]]]})
        watch = graph.watch(USERS.map(read, TOTALS))

        graph.write({"users": [["first", [first]], ["second", [(first + 1) % length]], ["on", ["on"]]]})

        graph.check_invariants()
        assert watch.entries() == [("first", (None,)), ("on", (None,)), ("second", (None,))]
        failures = {failure.key: failure.error for failure in graph.failures() if failure.node == "lazy(total)"}
        assert {key: error for key, error in failures.items() if key != "on"} == {
            i: f"CycleError: {i} depends on itself" for i in range(length)
        }
        assert failures["on"].startswith("NotOne: lazy(total) has 0 values")


def test_a_cycle_heals_when_it_is_cut(graph: Any) -> None:
    graph.put("posts", *[[i, [{"n": 1, "before": (i - 1) % 5}]] for i in range(5)])
    watch = graph.watch(USERS.map(read, TOTALS))
    graph.put("users", ["me", [3]])
    assert watch.entries() == [("me", (None,))]

    graph.put("posts", [1, [{"n": 1, "before": None}]])
    assert watch.entries() == [("me", (3,))]
    assert graph.failures() == []
    graph.put("posts", [1, [{"n": 1, "before": 3}]])

    assert watch.entries() == [("me", (None,))]
    assert sorted(graph.node_of(TOTALS).circular) == [1, 2, 3]


def test_a_cycle_that_nobody_reads_is_dropped(graph: Any) -> None:
    graph.put("posts", *[[i, [{"n": 1, "before": (i - 1) % 5}]] for i in range(5)])
    graph.watch(USERS.map(read, TOTALS))
    graph.put("users", ["me", [3]], ["you", [1]])

    graph.put("users", ["me", []])
    assert len(graph.node_of(TOTALS).entries) == 5
    graph.put("users", ["you", []])

    assert graph.node_of(TOTALS).entries == {}
    assert graph.failures() == []


@pytest.mark.parametrize("order", list(permutations("abcd")))
def test_two_cycles_fail_alike_in_every_order(order: Any) -> None:
    """a reads b and then c; b reads a; c reads itself or nothing; d reads b and c, and copes."""

    def follow(key: Any, itself: Any, links: Any) -> Any:
        for link in links.all(key):
            yield itself.one(link, default="absent")
        yield key

    def ask(key: Any, values: Any, it: Any) -> Any:
        yield key, it.all(key)

    graph = Graph(["links", "asked"])
    graph.write({"links": [["a", ["b", "c"]], ["b", ["a"]], ["c", ["c"]], ["d", ["b", "c"]]]})
    watch = graph.watch(Input("asked").map(ask, lazy(follow, Input("links"))))

    for key in order:
        graph.write({"asked": [[key, [1]]]})
        graph.check_invariants()

    assert watch.entries() == [("a", ((),)), ("b", ((),)), ("c", ((),)), ("d", (("absent", "absent", "d"),))]


def test_a_failure_that_nobody_needs_any_more_does_not_reject(strict: Any) -> None:
    """Of one write: b begins to fail, and a, which has read it, does not read it any more."""

    def follow(key: Any, itself: Any, posts: Any, votes: Any) -> Any:
        if posts.one(key) == "fail":
            raise ValueError
        yield itself.one(votes.one(key)) if votes.all(key) else 0

    strict.write({"posts": [["a", ["ok"]], ["b", ["ok"]]], "votes": [["a", ["b"]]], "users": [[1, ["a"]]]})
    watch = strict.watch(USERS.map(read, lazy(follow, POSTS, VOTES)))
    assert watch.entries() == [(1, (0,))]

    commit = strict.write({"posts": [["b", ["fail"]]], "votes": [["a", []]]})

    assert commit.failures == []
    assert strict.failures() == []


def test_it_has_no_size(graph: Any) -> None:
    graph.watch(USERS.map(lambda key, values, totals: [(key, totals.size())], TOTALS))

    graph.put("users", [1, ["x"]])

    assert graph.failures()[0].error == "TypeError: a lazy collection has no size: only keys that are looked up are known"
