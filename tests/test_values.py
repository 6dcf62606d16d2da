"""Values are frozen and canonical; keys have JSON's identity and one total order."""

from __future__ import annotations

import copy
import json
import math
import pickle
from collections import UserDict
from enum import Enum, IntEnum
from functools import cmp_to_key
from random import Random
from typing import Any, NamedTuple

import pytest

from deltamesh.values import ABSENT, MAX_DEPTH, NotJSON, NotOne, Object, Values, WrappedKey, freeze, index_key, order_of, plain_key, same

SAMPLES: list[Any] = [
    *(None, False, True, -2, -1.5, 0, 0.5, 1, 2, 3.25, 10**20, "", "0", "1", "a", "a\0", "b", "é", "\uffff", "\U0001f600"),
    *([], [None], [False], [0], [1], [1, 0], [1, "0"], [True], ["1"], [[]], [[1]], [[1], 0], [{}], [{"a": 1}]),
    *({}, {"a": None}, {"a": 1}, {"a": True}, {"a": 1, "b": 2}, {"a": [1]}, {"aa": 0}, {"b": 0}, {"": {}}),
]


def compare(a: Any, b: Any) -> int:
    """The order of the protocol's document, word by word."""

    def rank(value: Any) -> int:
        names = {type(None): 0, int: 2, float: 2, str: 3, list: 4, dict: 5}
        return 1 if isinstance(value, bool) else names[type(value)]

    if rank(a) != rank(b):
        return -1 if rank(a) < rank(b) else 1
    if isinstance(a, list):
        for one, two in zip(a, b, strict=False):
            if result := compare(one, two):
                return result
        return (len(a) > len(b)) - (len(a) < len(b))
    if isinstance(a, dict):
        return compare([[name, a[name]] for name in sorted(a)], [[name, b[name]] for name in sorted(b)])
    if a is None:
        return 0
    return (a > b) - (a < b)


def test_the_order_is_that_of_the_protocol() -> None:
    for a in SAMPLES:
        for b in SAMPLES:
            one, two = order_of(freeze(a)), order_of(freeze(b))
            assert (one > two) - (one < two) == compare(a, b), (a, b)


def test_sorting_gives_the_order_of_the_protocol() -> None:
    shuffled = list(SAMPLES)
    Random(1).shuffle(shuffled)

    assert [json.dumps(value) for value in sorted(map(freeze, shuffled), key=order_of)] == [
        json.dumps(value) for value in sorted(SAMPLES, key=cmp_to_key(compare))
    ]


def test_index_keys_are_equal_for_equal_json_only() -> None:
    for a in SAMPLES:
        for b in SAMPLES:
            assert (index_key(a) == index_key(b)) == (json.dumps(a) == json.dumps(b)), (a, b)


def test_index_keys_and_plain_keys_are_each_others_inverse() -> None:
    keys = {index_key(value): value for value in SAMPLES}

    assert len(keys) == len(SAMPLES)
    for key, value in keys.items():
        assert index_key(plain_key(key)) == key
        assert index_key(key) == key
        assert json.dumps(plain_key(key)) == json.dumps(value)


@pytest.mark.parametrize(
    "one, two", [(1, 1.0), ([1, [2]], [1.0, (2.0,)]), ({"a": [1.0]}, {"a": (1,)}), (-0.0, 0), ([True, 1.0], (True, 1))]
)
def test_equal_numbers_are_one_key_and_one_value(one: Any, two: Any) -> None:
    assert index_key(one) == index_key(two)
    assert repr(plain_key(index_key(one))) == repr(plain_key(index_key(two)))
    assert repr(freeze(one)) == repr(freeze(two))


def test_only_keys_that_python_confuses_are_wrapped() -> None:
    assert [type(index_key(key)) is WrappedKey for key in (None, 1, 1.5, "a", [1, "a", [None]])] == [False] * 5
    assert [type(index_key(key)) is WrappedKey for key in (True, [False], [[True]], {}, [{}])] == [True] * 5
    assert repr(index_key([True])) == "WrappedKey((True,))"


@pytest.mark.parametrize("value", SAMPLES)
def test_frozen_values_are_the_same_json(value: Any) -> None:
    frozen = freeze(value)

    assert json.dumps(frozen) == json.dumps(value)
    assert same(frozen, freeze(value))
    assert repr(freeze(frozen)) == repr(frozen)


def test_what_is_frozen_is_not_copied_again() -> None:
    frozen = freeze({"a": [1, {"b": 2}]})

    assert freeze(frozen) is frozen
    assert freeze([frozen])[0] is frozen
    assert freeze({"x": frozen})["x"] is frozen


def test_frozen_values_do_not_follow_their_originals() -> None:
    original: Any = {"list": [1, {"deep": [2]}], "flat": {"n": 1}}
    frozen = freeze(original)

    original["list"][1]["deep"].append(3)
    original["flat"]["n"] = 2
    original["new"] = 1

    assert frozen == {"list": (1, {"deep": (2,)}), "flat": {"n": 1}}


@pytest.mark.parametrize(
    "change",
    [
        lambda obj: obj.__setitem__("a", 2),
        lambda obj: obj.__delitem__("a"),
        lambda obj: obj.update(a=2),
        lambda obj: obj.setdefault("b", 2),
        lambda obj: obj.pop("a"),
        lambda obj: obj.popitem(),
        lambda obj: obj.clear(),
        lambda obj: obj.__ior__({"b": 1}),
    ],
)
def test_objects_cannot_be_changed(change: Any) -> None:
    frozen = freeze({"a": 1})

    with pytest.raises(TypeError, match="copy the object with"):
        change(frozen)

    assert frozen == {"a": 1}


def test_a_changed_copy_is_made_by_unpacking() -> None:
    frozen = freeze({"a": 1, "b": {"c": [2]}})
    copied = freeze({**frozen, "a": 2})

    assert copied == {"a": 2, "b": {"c": (2,)}}
    assert copied["b"] is frozen["b"]


def test_objects_can_be_copied_and_pickled() -> None:
    frozen = freeze({"a": [1, {"b": {}}]})

    for copied in (copy.deepcopy(frozen), copy.copy(frozen), pickle.loads(pickle.dumps(frozen))):
        assert type(copied) is Object
        assert copied == frozen
        assert copied.depth == frozen.depth == 4


class Colour(str, Enum):  # noqa: UP042 - of this kind str() gives the name
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Point(NamedTuple):
    x: float
    y: float


@pytest.mark.parametrize(
    "value, frozen",
    [
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Point(1, 2.0), (1, 2)),
        (UserDict(a=[1]), {"a": (1,)}),
        (Values((1, [2])), (1, (2,))),
        ({Colour.RED: Colour.RED}, {"red": "red"}),
        (range(3), (0, 1, 2)),
    ],
)
def test_values_of_unusual_types_become_what_they_are_in_json(value: Any, frozen: Any) -> None:
    assert repr(freeze(value)) == repr(frozen)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, {1, 2}, b"bytes", bytearray(b"x"), object(), 1j, {1: 2}, {None: 1}, [{"a": {2: 3}}], len]
)
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    for refused in (value, [value], {"a": value}, (1, [value])):
        with pytest.raises(NotJSON):
            freeze(refused)
        with pytest.raises(NotJSON):
            index_key(refused)


def nested(depth: int, wrap: Any) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = wrap(value)
    return value


WRAPS: list[Any] = [
    lambda v: [v],
    lambda v: (v,),
    lambda v: {"a": v},
    lambda v: {"a": 1, "b": [v]},
    lambda v: freeze({"a": v}),
    lambda v: Values((v,)),
]


@pytest.mark.parametrize("wrap", [WRAPS[0], WRAPS[1], WRAPS[2], WRAPS[5]])
def test_depth_is_limited(wrap: Any) -> None:
    freeze(nested(MAX_DEPTH, wrap))
    index_key(nested(MAX_DEPTH, wrap))

    with pytest.raises(NotJSON, match="deeper than 64 levels"):
        freeze(nested(MAX_DEPTH + 1, wrap))
    with pytest.raises(NotJSON, match="deeper than 64 levels"):
        index_key(nested(MAX_DEPTH + 1, wrap))


@pytest.mark.parametrize("wrap", [WRAPS[0], WRAPS[2], WRAPS[4]])
def test_depth_counts_what_is_frozen_already(wrap: Any) -> None:
    frozen = freeze(nested(MAX_DEPTH - 1, wrap))

    for wrapped in ([frozen], (frozen,), {"a": frozen}, {"a": 0.5, "b": frozen}, Values((frozen,))):
        freeze(wrapped)
        for again in ([wrapped], {"a": wrapped}, (wrapped, 1)):
            with pytest.raises(NotJSON, match="deeper than 64 levels"):
                freeze(again)


def test_a_circle_is_too_deep() -> None:
    circle: list[Any] = []
    circle.append(circle)

    with pytest.raises(NotJSON, match="deeper"):
        freeze(circle)


def test_same_knows_kinds_that_python_does_not() -> None:
    for a in SAMPLES:
        for b in SAMPLES:
            assert same(freeze(a), freeze(b)) == (json.dumps(a) == json.dumps(b)), (a, b)
    assert same(Values((1,)), Values((1,)))
    assert same(Values(({"a": 1},)), (freeze({"a": 1}),))
    assert not same((freeze({"a": (0, 1)}),), (freeze({"a": (0, True)}),))


def test_values_have_one_or_say_why_not() -> None:
    assert Values((7,)).one() == 7
    assert ABSENT.one(default=3) == 3
    assert ABSENT.one(None) is None
    with pytest.raises(NotOne, match="there are 0"):
        ABSENT.one()
    with pytest.raises(NotOne, match="there are 2"):
        Values((1, 2)).one(default=3)


def test_an_order_is_not_given_to_what_is_not_json() -> None:
    with pytest.raises(NotJSON, match="no place in the order"):
        order_of(object())
