from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltamesh.errors import MalformedMessage
from deltamesh.stream import Mirror
from deltamesh.values import Object, Values, freeze, index_key, order_of, plain_key

SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.5, 1.0, -0.0]) | st.sampled_from(["", "a", "b"])
JSONS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2), max_leaves=4
)
ENTRIES = st.lists(st.tuples(JSONS, st.lists(JSONS, max_size=2)), max_size=30)


def test_content_is_read_by_key_and_in_the_order_of_keys() -> None:
    mirror = Mirror()
    assert mirror.apply('[["b",[1]],[true,[2]],[1,[{"x":[3]}]]]') == [True, 1, "b"]
    assert mirror.entries() == [(True, (2,)), (1, (Object({"x": (3,)}),)), ("b", (1,))]
    assert (mirror.get(1.0), mirror.get(True), mirror.get("c")) == ((Object({"x": (3,)}),), (2,), ())
    assert mirror.get("c") == Values()
    assert len(mirror) == 3
    assert True in mirror
    assert False not in mirror


def test_malformed_entries_change_nothing() -> None:
    mirror = Mirror()
    mirror.apply('[["a",[1]],["b",[2]]]')
    for change in (mirror.apply, mirror.replace):
        with pytest.raises(MalformedMessage):
            change('[["a",[]],["c",[1]],["b"]]')
        assert mirror.entries() == [("a", (1,)), ("b", (2,))]


@given(st.lists(st.tuples(st.booleans(), ENTRIES), max_size=8))
def test_it_is_what_its_changes_add_up_to(changes: list[tuple[bool, list[Any]]]) -> None:
    mirror = Mirror()
    model: dict[Any, str] = {}
    for whole, entries in changes:
        before, model = model, {} if whole else dict(model)
        for key, values in entries:
            model.pop(index_key(key), None)
            if values:
                model[index_key(key)] = repr(order_of(freeze([1.0 * v if type(v) is int else v for v in values])))
        changed = (mirror.replace if whole else mirror.apply)(json.dumps(entries))
        differing = [key for key in before.keys() | model.keys() if before.get(key) != model.get(key)]
        assert [index_key(key) for key in changed] == sorted(differing, key=order_of)
        assert [key for key, _ in mirror.entries()] == [plain_key(key) for key in sorted(model, key=order_of)]
        assert len(mirror) == len(model)


def test_few_changes_of_many_keys_keep_the_order() -> None:
    mirror = Mirror()
    mirror.replace(json.dumps([[key, [key]] for key in range(0, 1000, 2)]))
    mirror.apply(json.dumps([[501, [1]], [0, []], [999, [1]], [-1, [1]], [500, []], [2, [7]]]))
    keys = [key for key, _ in mirror.entries()]
    assert keys == sorted(keys)
    assert keys[:3] == [-1, 2, 4]
    assert keys[-1] == 999
    assert len(keys) == len(mirror) == 501
