from __future__ import annotations

import json

import pytest

from deltamesh.errors import MalformedMessage
from deltamesh.stream import decode, encode, grouped, join, parts
from deltamesh.values import Object, Values, index_key

ENTRIES = [(index_key(True), Values((1,))), (index_key((1, "a")), Values((Object({"x": (1, None)}), 2))), ("gone", Values())]
TEXT = '[[true,[1]],[[1,"a"],[{"x":[1,null]},2]],["gone",[]]]'


def test_text_and_content_are_translated_both_ways() -> None:
    assert encode(ENTRIES) == TEXT
    assert decode(TEXT) == dict(ENTRIES)
    assert encode([]) == "[]"
    assert decode("[]") == {}


def test_what_is_decoded_is_frozen() -> None:
    values = decode('[["a",[{"x":[1]}]]]')["a"]
    assert type(values) is Values
    assert type(values.one()) is Object
    assert values.one()["x"] == (1,)


def test_the_last_values_of_a_key_count() -> None:
    assert decode('[["a",[1]],[1,[1]],["a",[2]],[1.0,[]]]') == {"a": (2,), 1: ()}


def test_large_integers_are_exact() -> None:
    assert decode(encode([(10**30, Values((2**64,)))])) == {10**30: (2**64,)}


@pytest.mark.parametrize(
    "text",
    [
        "", "[", "{}", "null", "[1]", "[[1]]", "[[1,2]]", "[[1,[2],3]]", "[[1,[2]]]x", "[[1,[NaN]]]", "[[1e999,[1]]]", "[[1,[1e999]]]",
        '[["\\ud800",[1]]]', '[["\ud800",[1]]]',
        f"[[1,[{'[' * 65}{']' * 65}]]]", f"[[{'[' * 65}{']' * 65},[1]]]", "[" * 100_000, f"[[1,[{'9' * 5000}]]]",
    ],
    ids=lambda text: ascii(text)[:25],
)  # fmt: skip
def test_anything_else_is_malformed(text: str) -> None:
    with pytest.raises(MalformedMessage):
        decode(text)


def test_values_may_be_nested_as_deeply_as_keys() -> None:
    deep = "[" * 64 + "]" * 64
    assert len(decode(f"[[{deep},[{deep}]]]")) == 1


@pytest.mark.parametrize(
    "texts, joined",
    [
        ([], "[]"),
        (["[]"], "[]"),
        (["[]", "[]", "[ ]"], "[]"),
        (['[["a",[1]]]'], '[["a",[1]]]'),
        (["[]", '[["a",[1]]]', "[\n]", '[["a",[]],["b",[2]]]', "[]"], '[["a",[1]],["a",[]],["b",[2]]]'),
    ],
)
def test_texts_are_joined_in_order(texts: list[str], joined: str) -> None:
    assert join(texts) == joined
    assert join(iter(texts)) == joined


def test_parts_are_about_the_size_and_together_everything() -> None:
    entries = [(n, Values(("x" * (n % 50),))) for n in range(300)]
    texts = list(parts(entries, 200))
    assert [entry for text in texts for entry in json.loads(text)] == json.loads(encode(entries))
    assert all(len(text) <= 210 for text in texts)
    assert len(texts) < 100
    assert join(texts) == encode(entries)


def test_groups_keep_the_order_and_only_long_texts_are_split() -> None:
    texts = [f'[["a",[{number}]]]' for number in range(20)] + [encode([(n, Values((n,))) for n in range(50)]), "[]", '[["b",[]]]']
    groups = list(grouped(texts, 100))

    assert [entry for group in groups for entry in json.loads(group)] == json.loads(join(texts))
    assert max(map(len, groups)) <= 110
    assert len(groups) < 12
    assert list(grouped([], 100)) == ["[]"]


def test_a_text_is_read_alike_whether_it_is_large_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        '[["a",[1,{"b":[null]}]],["a",[]],[[1.0,"c"],["x"]]]',
        "[]",
        '[["a"]]',
        '[["a",1]]',
        '{"a":1}',
        "[1]",
        '[["a",[1]]',
        "[[[[1]],[NaN]]]",
    ]

    def read() -> list[object]:
        return [outcome(text) for text in texts]

    small = read()
    monkeypatch.setattr("deltamesh.stream.entries.LARGE", 0)

    assert read() == small


def outcome(text: str) -> object:
    try:
        return decode(text)
    except MalformedMessage:
        return MalformedMessage


def test_there_is_at_least_one_part_and_none_for_nothing() -> None:
    assert list(parts([], 10)) == ["[]"]
    assert list(parts([("a" * 100, Values((1,))), ("b", Values((1,)))], 10)) == [f'[["{"a" * 100}",[1]]]', '[["b",[1]]]']
