"""Keys have JSON's identity and one total order."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from deltamesh.graph import TOP, Input

USERS = Input("users")

IN_ORDER: list[Any] = [
    *(None, False, True, -7, -0.5, 0, 1, 2.5, 10**30, "", "1", "10", "2", "a", "é", "\U0001f600"),
    *([], [None], [False], [1], [1, None], [1, "a"], [1, [0]], [2], ["a"], [[]], [[1], 2], [{}]),
    *({}, {"a": 1}, {"a": 1, "b": 0}, {"a": True} and {"a": "1"}, {"b": False}, {"b": True}, {"b": 0}),
]


def test_all_kinds_of_keys_stand_in_one_order(graph: Any) -> None:
    watch, first = graph.watch(USERS), graph.watch(USERS.take(5))

    graph.put("users", *[[key, ["x"]] for key in reversed(IN_ORDER)])

    assert [key for key, _ in watch.entries()] == _frozen(IN_ORDER)
    assert [key for key, _ in first.entries()] == _frozen(IN_ORDER[:5])


def test_the_order_of_writing_does_not_matter(graph: Any) -> None:
    watch, first = graph.watch(USERS), graph.watch(USERS.take(2))
    keys: list[Any] = [True, 1, "1", [1], {"a": 1}]

    for order in permutations(keys):
        graph.put("users", *[[key, []] for key in keys])
        for key in order:
            graph.put("users", [key, ["x"]])
        assert [key for key, _ in watch.entries()] == _frozen(keys)
        assert [key for key, _ in first.entries()] == [True, 1]


def test_one_and_one_point_zero_are_one_key(graph: Any) -> None:
    watch = graph.watch(USERS)

    graph.put("users", [1, ["a"]], [[1.0, {"x": 2.0}], ["b"]])
    graph.put("users", [1.0, ["c"]], [[1, {"x": 2}], ["d"]])

    assert repr(watch.entries()) == "[(1, ('c',)), ((1, {'x': 2}), ('d',))]"


@pytest.mark.parametrize(
    "one, two", [(1, True), (0, False), (1, "1"), (None, False), (None, 0), ([1], [True]), ({"a": 1}, {"a": True}), ([], {}), ("", None)]
)
def test_what_python_takes_for_equal_may_be_two_keys(graph: Any, one: Any, two: Any) -> None:
    watch = graph.watch(USERS)

    graph.put("users", [one, ["one"]], [two, ["two"]])

    assert len(watch) == 2
    assert watch.values_of(one) == ("one",)
    assert watch.values_of(two) == ("two",)
    assert graph.put("users", [one, []]).deltas[watch] == _frozen([(one, ())])
    assert watch.values_of(two) == ("two",)


def test_true_and_one_are_two_values(graph: Any) -> None:
    watch = graph.watch(USERS.map(lambda key, values: [(key, {"v": values[0]})]))
    graph.put("users", [1, [1]])

    commit = graph.put("users", [1, [True]])

    assert repr(commit.deltas[watch]) == "[(1, ({'v': True},))]"


def test_minus_zero_and_whole_floats_are_what_json_makes_of_them(graph: Any) -> None:
    watch = graph.watch(USERS)
    graph.put("users", [-0.0, [-0.0, 1.0, 1e3, [2.0]]])

    assert repr(watch.entries()) == "[(0, (0, 1, 1000, (2,)))]"
    assert graph.put("users", [0, [0, 1, 1000, [2]]]).deltas == {}


@pytest.mark.parametrize(
    "collection, expected",
    [
        (USERS.slice(1, 3), [1, 2, 3]),
        (USERS.slice(1, 1), [1]),
        (USERS.slice(True, True), [True]),
        (USERS.slice(3, 1), []),
        (USERS.slice(None, None), [None]),
        (USERS.slice(end=1), [None, False, True, 1]),
        (USERS.slice("b"), ["b", (1,), (1, True), (1, 2), (1, 2, 3), (2,), {"a": 1}]),
        (USERS.slices((2, 3), (1, 2), ("b", "b"), ({}, TOP)), [1, 2, 3, "b", {"a": 1}]),
        (USERS.slice([1], [1, TOP]), [(1,), (1, True), (1, 2), (1, 2, 3)]),
        (USERS.prefix(1), [(1,), (1, True), (1, 2), (1, 2, 3)]),
        (USERS.prefix(1, 2), [(1, 2), (1, 2, 3)]),
        (USERS.prefix(1, True), [(1, True)]),
        (USERS.prefix(), [(1,), (1, True), (1, 2), (1, 2, 3), (2,)]),
        (USERS.slice(2).slice(end="a"), [2, 3, "a"]),
        (USERS.slice(2).take(2), [2, 3]),
        (USERS.take(5).slice(2), [2]),
        (USERS.take(4).take(2), [None, False]),
        (USERS.take(0), []),
    ],
)
def test_ranges(graph: Any, collection: Any, expected: list[Any]) -> None:
    keys: list[Any] = [None, False, True, 1, 2, 3, "a", "b", [1], [1, True], [1, 2], [1, 2, 3], [2], {"a": 1}]
    early, size = graph.watch(collection), graph.watch(collection.size())

    for key in keys:
        graph.put("users", [key, ["x"]])

    assert [key for key, _ in early.entries()] == expected
    assert graph.watch(collection.map(lambda key, values: [(key, 1)])).entries() == [(key, (1,)) for key in expected]
    assert size.entries() == [(None, (len(expected),))]
    for key in keys:
        delta = graph.put("users", [key, []]).deltas.get(early, [])
        assert len(delta) <= 2
    assert early.entries() == []


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return [_tuples(each) for each in value]
    return value


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
