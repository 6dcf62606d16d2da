"""A function that raises leaves its key without a result, is listed, and is tried again when what it read changes."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh.graph import Input, Max, Min, Reducer, Sum

USERS, POSTS = Input("users"), Input("posts")


def needs_author(key: Any, values: Any, users: Any) -> Any:
    yield key, users.one(values.one())


def test_a_failure_is_listed_and_tried_again(graph: Any) -> None:
    watch = graph.watch(POSTS.map(needs_author, USERS))

    commit = graph.put("posts", [7, [1]], [8, [2]])
    assert [(failure.node, failure.key) for failure in commit.failures] == [("posts.map(needs_author)", 7), ("posts.map(needs_author)", 8)]
    assert commit.failures[0].error == "NotOne: users has 0 values for key 1, one is expected"
    commit = graph.put("users", [1, ["Ann"]])

    assert commit.failures == []
    assert commit.deltas[watch] == [(7, ("Ann",))]
    assert [failure.key for failure in graph.failures()] == [8]
    assert graph.counters()["posts.map(needs_author)"] == {"recomputed": 3, "unchanged": 2, "failed": 2}


def test_a_failure_takes_back_what_was_there(graph: Any) -> None:
    watch = graph.watch(POSTS.map(needs_author, USERS))
    graph.write({"users": [[1, ["Ann"]]], "posts": [[7, [1]]]})

    commit = graph.put("users", [1, []])

    assert commit.deltas[watch] == [(7, ())]


def test_a_failure_goes_with_its_key(graph: Any) -> None:
    graph.watch(POSTS.map(needs_author, USERS))
    graph.put("posts", [7, [1]])

    graph.put("posts", [7, []])

    assert graph.failures() == []
    assert graph.node_of(USERS).readers == {}


def test_what_a_generator_reads_at_its_end_belongs_to_the_key_that_failed(graph: Any) -> None:
    def untidy(key: Any, values: Any, users: Any) -> Any:
        try:
            yield "no pair" if values[0] == "bad" else (key, len(users.all(key)))
        finally:
            users.all("late")

    graph.watch(POSTS.map(untidy, USERS))
    graph.put("posts", [1, ["bad"]], [2, ["good"]])
    graph.check_invariants()

    assert {reader.entry for reader in graph.node_of(USERS).readers["late"]} == {1, 2}
    assert graph.node_of(USERS).readers[2].entry == 2


def test_what_was_yielded_before_the_failure_does_not_count(graph: Any) -> None:
    def halfway(key: Any, values: Any) -> Any:
        yield key, "first"
        raise KeyError("second")

    watch = graph.watch(USERS.map(halfway))
    graph.put("users", [1, ["x"]])

    assert watch.entries() == []
    assert graph.failures()[0].error == "KeyError: 'second'"


@pytest.mark.parametrize(
    "made, message",
    [
        (None, "TypeError: a mapper returns or yields (key, value) pairs; this one returned nothing"),
        (5, "TypeError: 'int' object is not iterable"),
        ("text", "TypeError: a mapper yields (key, value) pairs, not 't'"),
        ([1], "TypeError: a mapper yields (key, value) pairs, not 1"),
        ([[1, 2]], "TypeError: a mapper yields (key, value) pairs, not [1, 2]"),
        ([(1, 2, 3)], "TypeError: a mapper yields (key, value) pairs, not (1, 2, 3)"),
        ([(1, {2, 3})], "NotJSON: set has no JSON form: {2, 3}"),
        ([(1, float("nan"))], "NotJSON: the number nan has no JSON form"),
        ([({1: 1}, 2)], "NotJSON: the name 1 of an object's member is not a string"),
        ([(object, 2)], "NotJSON: type has no JSON form: <class 'object'>"),
    ],
)
def test_nonsense_from_a_mapper_fails(graph: Any, made: Any, message: str) -> None:
    watch = graph.watch(USERS.map(lambda key, values: made))

    graph.put("users", [1, ["x"]])

    assert watch.entries() == []
    assert [failure.error for failure in graph.failures()] == [message]


def test_a_long_error_is_cut_and_on_one_line(graph: Any) -> None:
    def fail(key: Any, values: Any) -> Any:
        raise ValueError("line\n" * 1000)

    graph.watch(USERS.map(fail))
    graph.put("users", [1, ["x"]])

    assert len(graph.failures()[0].error) == 400
    assert "\n" not in graph.failures()[0].error


def test_failures_are_in_the_order_of_keys(graph: Any) -> None:
    def fail(key: Any, values: Any) -> Any:
        raise ValueError

    graph.watch(USERS.map(fail))

    commit = graph.put("users", *[[key, [1]] for key in ("b", 2, "a", None, True, 1)])

    assert [failure.key for failure in commit.failures] == [None, True, 1, 2, "a", "b"]


# Reducers


def keep(key: Any, values: Any) -> Any:
    return [("all", value) for value in values]


def test_a_sum_fails_while_there_is_something_else_than_numbers(graph: Any) -> None:
    watch = graph.watch(USERS.map_reduce(keep, reducer=Sum))

    graph.put("users", [1, [1, 0.5]], [2, ["x"]])
    assert watch.entries() == []
    assert graph.failures()[0].error == "TypeError: a sum needs numbers, not 'x'"
    graph.put("users", [2, [True]])
    assert watch.entries() == []
    graph.put("users", [2, [2]])

    assert watch.entries() == [("all", (3.5,))]
    assert graph.failures() == []


def test_a_sum_does_not_depend_on_the_way_there(graph: Any) -> None:
    watch = graph.watch(USERS.map_reduce(keep, reducer=Sum))
    for i, value in enumerate([1e16, 1.5, -1e16, 0.1, 0.2, 1e-300, 5]):
        graph.put("users", [i, [value]])
    graph.put("users", [0, []], [2, []])

    assert watch.entries() == [("all", (6.8,))]
    graph.put("users", [3, []], [4, []], [5, []], [1, []])
    assert repr(watch.entries()) == "[('all', (5,))]"


def test_a_sum_beyond_the_range_of_floats_fails_and_comes_back(graph: Any) -> None:
    watch = graph.watch(USERS.map_reduce(keep, reducer=Sum))
    graph.put("users", [1, [1.7e308]], [2, [1.7e308]], [3, [0.5]])
    assert "OverflowError" in graph.failures()[0].error

    graph.put("users", [1, []], [2, [0.25]])

    assert watch.entries() == [("all", (0.75,))]


def test_an_emptied_key_is_absent(graph: Any) -> None:
    watch = graph.watch(USERS.map_reduce(keep, reducer=Sum))
    graph.put("users", [1, [0]])
    assert watch.entries() == [("all", (0,))]

    commit = graph.put("users", [1, []])

    assert commit.deltas[watch] == [("all", ())]


def test_extremes_know_the_next_one(graph: Any) -> None:
    low, high = graph.watch(USERS.map_reduce(keep, reducer=Min)), graph.watch(USERS.map_reduce(keep, reducer=Max))
    graph.put("users", [1, [True, 3]], [2, [1, "a"]], [3, [{"z": 1}, None]])
    assert (low.values_of("all"), high.values_of("all")) == ((None,), ({"z": 1},))

    graph.put("users", [3, []])
    assert (low.values_of("all"), high.values_of("all")) == ((True,), ("a",))
    graph.put("users", [1, [3]], [2, [1]])

    assert (low.values_of("all"), high.values_of("all")) == ((1,), (3,))


class Grudging(Reducer):
    """Cannot remove, and says so in its own way."""

    def initial(self) -> Any:
        return 0

    def add(self, state: Any, value: Any) -> Any:
        return state + value

    def remove(self, state: Any, value: Any) -> Any:
        raise NotImplementedError


def test_a_reducer_that_cannot_remove_is_folded_again(graph: Any) -> None:
    watch = graph.watch(USERS.map_reduce(keep, reducer=Grudging))
    graph.put("users", [1, [1]], [2, [2]])

    graph.put("users", [1, [5]])

    assert watch.entries() == [("all", (7,))]
    assert graph.failures() == []
