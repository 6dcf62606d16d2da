"""What schemas demand of parameters, which line is to blame, and that no schema stops a reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from deltamesh.parameters.content import schema as schema_module
from deltamesh.parameters.content.reading import NotGood
from deltamesh.parameters.content.schema import NotASchema, Schema
from deltamesh.parameters.text.formats import parse
from tests.parameters.trees import Trees, problems, values

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema(content: Any) -> Schema:
    return Schema(parse(json.dumps(content).encode(), ".json"))


def refused(text: str) -> NotASchema:
    with pytest.raises(NotASchema) as caught:
        Schema(parse(text.encode(), ".json"))
    return caught.value


def told(texts: dict[str, str], **layers: Any) -> list[tuple[str | None, int | None, str | None, str]]:
    return [(each.file, each.line, each.name, each.reason) for each in problems(texts, **layers)]


LIMITS = """{"type": "object",
 "properties": {"daily": {"type": "integer", "minimum": 1}, "hosts": {"type": "array", "items": {"type": "string"}}},
 "required": ["daily"],
 "additionalProperties": false}"""


def test_a_value_is_blamed_by_file_and_line() -> None:
    texts = {"base/payment/limits.yaml": "hosts: []\ndaily: 0\nother: 1\n", "schemas/payment/limits.json": LIMITS}

    assert told(texts) == [
        ("base/payment/limits.yaml", 2, "payment.limits.daily", "expected is at least 1, by schemas/payment/limits.json"),
        ("base/payment/limits.yaml", 3, "payment.limits.other", "there is something that may not be here, by schemas/payment/limits.json"),
    ]


def test_the_file_of_the_layer_that_the_value_came_from_is_blamed() -> None:
    texts = {
        "base/payment/limits.yaml": "daily: 5\n",
        "environments/test/payment.toml": "\n[limits]\ndaily = 'x'\n",
        "regions/eu/payment/limits.json": '{"hosts": ["a",\n1]}',
        "schemas/payment/limits.json": LIMITS,
    }

    assert told(texts) == []
    assert told(texts, environment="test", region="eu") == [
        ("environments/test/payment.toml", 3, "payment.limits.daily", "expected is integer, by schemas/payment/limits.json"),
        ("regions/eu/payment/limits.json", 1, "payment.limits.hosts", "expected is string, by schemas/payment/limits.json"),
    ]


def test_what_is_missing_is_named_and_blamed_on_what_is_there() -> None:
    texts = {"base/payment.yaml": "a: 1\nlimits:\n  hosts: []\n", "schemas/payment/limits.json": LIMITS}

    assert told(texts) == [("base/payment.yaml", 2, "payment.limits.daily", "it is missing, by schemas/payment/limits.json")]


def test_a_schema_of_one_value_and_one_of_everything() -> None:
    texts = {"base/a.yaml": "b: x\n", "schemas/a/b.yaml": "type: integer\n", "schemas/_.toml": "required = ['c', 'a']\n"}

    assert told(texts) == [
        ("base/a.yaml", 1, "a.b", "expected is integer, by schemas/a/b.yaml"),
        ("base/a.yaml", 1, "c", "it is missing, by schemas/_.toml"),
    ]
    assert told({"schemas/_.toml": "required = ['c']\n"}) == [("schemas/_.toml", 1, "c", "it is missing, by schemas/_.toml")]


def test_what_is_not_there_breaks_nothing() -> None:
    assert told({"base/b.yaml": "a: 1", "schemas/payment/limits.json": LIMITS}) == []


def test_lists_booleans_and_whole_numbers_are_what_json_says() -> None:
    demands = schema({"properties": {"a": {"type": "array", "uniqueItems": True}, "b": {"type": "integer"}, "c": {"enum": [1]}}})

    assert demands.check({"a": [1, True, 0, False, "1"], "b": 1.0, "c": 1}) == []
    assert [each.place for each in demands.check({"a": [1, {"x": 1}, {"x": 1.0}], "b": True, "c": True})] == [("a",), ("b",), ("c",)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{"properties": {\n"a": {"type":\n"text"}}}', 2),
        ('\n\n{"properties": 1}', 3),
        ("[1]", 1),
        ('{"a": 1,\n"$schema": "http://json-schema.org/draft-07/schema#"}', 2),
        ('{"properties": {"a": {\n"$schema": "http://json-schema.org/draft-07/schema#"}}}', 2),
        ('{"properties": {"a": {\n"$id": "http://localhost/a"}}}', 2),
        ('{"properties": {"a":\n{"$ref": "http://127.0.0.1:9/a.json"}}}', 2),
        ('{"properties": {"a":\n{"$ref": "other.json"}}}', 2),
        ('{"properties": {"a":\n{"$ref": "file:///etc/passwd"}}}', 2),
        ('{"properties": {"a":\n{"$ref": "#/$defs/none"}}}', 2),
        ('{"properties": {"a":\n{"$dynamicRef": "#none"}}}', 2),
        ('{"x": [1], "properties": {"a":\n{"$ref": "#/x"}}}', 2),
        ('{"examples": [{"type": 1}], "properties": {"a":\n{"$ref": "#/examples/0"}}}', 2),
        ('{"properties": {"a": {\n"pattern": "(?=x)"}}}', 2),
        ('{"patternProperties": {\n"a":true,\n"(":true}}', 3),
        ('{"patternProperties": {"a": true},\n"unevaluatedProperties": false}', 2),
        ('{"allOf": [' * 200 + "{}" + "]}" * 200, 1),
    ],
)
def test_what_is_no_schema(text: str, line: int) -> None:
    assert refused(text).line == line


def test_a_wrong_schema_is_a_problem_though_nothing_is_there() -> None:
    assert [each[:2] for each in told({"schemas/b.yaml": "a: [", "schemas/a b.json": "{}"})] == [
        ("schemas/a b.json", None),
        ("schemas/b.yaml", 1),
    ]
    assert [each[:2] for each in told({"schemas/a.json": '{\n"type": 1}', "schemas/b.yaml": "items: 1"})] == [
        ("schemas/a.json", 2),
        ("schemas/b.yaml", 1),
    ]


def test_two_schemas_for_one_name() -> None:
    texts = {"schemas/a.json": "true", "schemas/a.yaml": "true"}

    assert told(texts) == [("schemas/a.yaml", None, "a", "there is another schema for this in schemas/a.json")]


def test_references_within_the_file() -> None:
    demands = schema(
        {
            "$schema": DRAFT,
            "$id": "https://example.com/tree",
            "$ref": "#/$defs/node",
            "$defs": {
                "node": {"type": "object", "additionalProperties": {"$ref": "#node"}, "$anchor": "x"},
                "n": {"$anchor": "node", "$ref": "#/$defs/node"},
            },
        }
    )

    assert demands.check({"a": {"b": {}}}) == []
    assert [each.place for each in demands.check({"a": {"b": 1}})] == [("a", "b")]


@pytest.mark.parametrize(
    "content",
    [
        {"$ref": "#"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"unevaluatedProperties": False, "$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}},
        {
            "$defs": {f"a{each}": {"allOf": [{"$ref": f"#/$defs/a{each + 1}"}] * 10} for each in range(9)} | {"a9": {"type": "object"}},
            "$ref": "#/$defs/a0",
        },
    ],
)
def test_a_schema_without_end_is_a_breach(monkeypatch: pytest.MonkeyPatch, content: Any) -> None:
    monkeypatch.setattr(schema_module, "MAX_WORK", 2_000)

    (breach,) = schema(content).check({"a": {}})

    assert breach.place == ()


def test_long_texts_and_long_lists_take_linear_time() -> None:
    demands = schema({"properties": {"a": {"pattern": "^(a+)+$"}, "b": {"uniqueItems": True}}})

    found = demands.check({"a": "a" * 60_000 + "!", "b": [{"x": each} for each in range(6_000)]})

    assert [(each.place, each.reason) for each in found] == [(("a",), "expected is a text that matches ^(a+)+$")]


names = st.sampled_from(["a", "b", "ab", "c1"])
atoms = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "ab", "b1", 0.5, 2.0])
trees = st.recursive(atoms, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6)
keywords = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["integer", "string", "object", "array", ["null", "number"]]),
        "minimum": st.integers(-2, 2),
        "maxLength": st.integers(0, 2),
        "pattern": st.sampled_from(["^a", "b$", "[0-9]", "^(a|b)+$"]),
        "enum": st.lists(atoms, min_size=1, max_size=3),
        "const": atoms,
        "required": st.lists(names, max_size=2, unique=True),
        "uniqueItems": st.booleans(),
        "minProperties": st.integers(0, 2),
        "dependentRequired": st.dictionaries(names, st.lists(names, max_size=1), max_size=1),
    },
)
schemas = st.recursive(
    keywords | st.booleans(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(names, inner, max_size=2),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b", "1$"]), inner, max_size=2),
            "additionalProperties": inner,
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "if": inner,
            "then": inner,
            "contains": inner,
            "propertyNames": inner,
            "unevaluatedItems": inner,
        },
    ),
    max_leaves=6,
)


@settings(derandomize=True, deadline=None, database=None, max_examples=100)
@given(schemas, trees)
def test_a_schema_finds_fault_when_the_package_does(content: Any, tree: Any) -> None:
    assert bool(schema(content).check(tree)) == (not Draft202012Validator(content).is_valid(tree))


@settings(derandomize=True, deadline=None, database=None, max_examples=60)
@given(schemas, st.dictionaries(names, st.sampled_from(["hunter2", 77341234, ["hunter2", 77341234]]), min_size=1, max_size=3))
def test_breaches_show_no_values(content: Any, tree: Any) -> None:
    for breach in schema(content).check(tree):
        assert "hunter" not in breach.reason
        assert "7734" not in breach.reason


def test_a_check_is_made_again_only_if_something_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Any] = []
    check = Schema.check
    monkeypatch.setattr(Schema, "check", lambda self, value: checked.append(value) or check(self, value))
    trees = Trees()
    reading = trees.reading()
    texts = {"a.yaml": "x: 1", "b.yaml": "x: 2", "schemas/a.json": "{}", "schemas/b.json": "{}", "schemas/b/x.json": "{}"}

    for change in ({}, {"c.yaml": "x: 1"}, {"b.yaml": "x: 3"}, {"a.yaml": "# x\nx: 1"}, {"schemas/a.json": "true"}, {"b.yaml": ""}):
        texts |= change
        reading.read(trees.files(texts))

    assert checked == [{"x": 1}, {"x": 2}, 2, {"x": 3}, 3, {"x": 1}]


def test_what_is_wrong_stays_wrong_until_it_is_mended() -> None:
    trees = Trees()
    reading = trees.reading()
    texts = {"a.yaml": "x: 1", "schemas/a.json": '{"required": ["y"]}'}

    for change in ({}, {"README.md": "x"}, {"b.yaml": "x: 1"}, {"a.yaml": "x: 2"}):
        texts |= change
        with pytest.raises(NotGood):
            reading.read(trees.files(texts))
    assert [*reading.read(trees.files(texts | {"a.yaml": "y: 2"}))] == ["a.y", "b.x"]


def test_values_of_good_schemas_come_through() -> None:
    assert values({"a.yaml": "x: 1", "schemas/a.json": '{"properties": {"x": {"type": "integer"}}}'}) == {"a.x": 1}
