"""Which calls have the same key."""

from __future__ import annotations

from typing import Any

import pytest
from autobahn.wamp.message import Call

from deltamesh_router.calls.affinitykey import affinity_key


def key(value: Any) -> Any:
    return affinity_key(Call(1, "com.example.x", args=[value]), 0)


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        ("a", "a"),
        ([1, {"a": 2.0, "b": None}], [1.0, {"b": None, "a": 2}]),
        (b"x", b"x"),
        (nested(1, 300), nested(1, 300)),
    ],
)
def test_equal_values_are_one_key(one: Any, other: Any) -> None:
    assert key(one) == key(other)
    assert hash(key(one)) == hash(key(other))


def test_different_values_are_different_keys() -> None:
    values: list[Any] = [None, False, True, 0, 1, "", "1", "None", b"1", [], {}, [[]], [1], [True], ["1"], {"a": 1}, {"a": True}, ["a", 1]]
    values += [nested(1, 300), nested(2, 300), nested(True, 300)]

    assert len({key(value) for value in values}) == len(values)


def test_a_key_is_at_a_position_or_has_a_name() -> None:
    call = Call(1, "com.example.x", args=["a", "b"], kwargs={"name": "c"})

    assert [affinity_key(call, place) for place in (0, 1, 2, "name", "other")] == ["a", "b", None, "c", None]


@pytest.mark.parametrize("place", [0, "name"])
def test_arguments_that_cannot_be_read_have_no_key(place: int | str) -> None:
    assert affinity_key(Call(1, "com.example.x", payload=b"opaque", enc_algo="cryptobox"), place) is None
    assert affinity_key(Call(1, "com.example.x"), place) is None
