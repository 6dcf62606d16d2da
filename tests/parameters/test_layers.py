"""Files side by side and layers over each other, against trees that are merged in the obvious way."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from deltamesh.parameters.content.layers import Layer, Placed, overlay, place, side_by_side
from deltamesh.parameters.names import beginnings
from deltamesh.parameters.text.document import Document

keys = st.sampled_from(["a", "b", "c", "a.b", "b.c.a"])
leaves = st.sampled_from([1, 2, True, None, "x", [1], [{"y": 2}]])
trees = st.recursive(leaves | st.just({}), lambda inner: st.dictionaries(keys, inner, min_size=1, max_size=3), max_leaves=8)
files = st.dictionaries(st.sampled_from(["a", "b", "a.a", "a.b.c"]), trees, max_size=3)

quick = settings(derandomize=True, deadline=None, database=None, max_examples=150)


def placed(content: dict[str, Any], layer: str = "base") -> list[Placed]:
    return [place(f"{name}.json", name, layer, Document(tree, "", lambda _: {})) for name, tree in sorted(content.items())]


def is_consistent(names: list[str]) -> bool:
    """Whether every name comes once, and none is a value and the beginning of others."""
    return len(set(names)) == len(names) and not any(above in names for name in names for above in beginnings(name))


def flat(prefix: str, tree: Any, *, is_file: bool = True) -> list[tuple[str, Any]]:
    """Return what a file says, in the obvious way."""
    if isinstance(tree, dict) and (tree or is_file):
        return [each for key, item in tree.items() for each in flat(f"{prefix}.{key}", item, is_file=False)]
    return [(prefix, tree)]


def layer_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return pairs as a tree whose leaves are boxed."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        *parts, last = name.split(".")
        node = root
        for part in parts:
            node = node.setdefault(part, {})
        node[last] = [value]
    return root


def merged(lower: Any, upper: Any) -> Any:
    if isinstance(lower, dict) and isinstance(upper, dict):
        return {key: merged(lower[key], upper[key]) if key in lower and key in upper else (upper | lower)[key] for key in lower | upper}
    return upper


def plain(value: Any) -> Any:
    return [plain(each) for each in value] if isinstance(value, tuple) else value


def values(layer: Layer) -> dict[str, Any]:
    return {name: plain(held.value) for name, held in layer.values.items()}


@quick
@given(files)
def test_files_have_what_they_say_or_a_problem(content: dict[str, Any]) -> None:
    pairs = [each for name, tree in content.items() for each in flat(name, tree)]
    found = placed(content)
    layer, between = side_by_side(found)
    problems = [problem for each in found for problem in each.problems] + between

    assert is_consistent([name for name, _ in pairs]) == (not problems)
    if not problems:
        assert repr(sorted(values(layer).items(), key=repr)) == repr(sorted(pairs, key=repr))
    for problem in problems:
        assert problem.file in [f"{name}.json" for name in content]
        assert problem.name in [name for name, _ in pairs]


@quick
@given(st.lists(files, min_size=1, max_size=3))
def test_later_layers_win_as_trees_do(contents: list[dict[str, Any]]) -> None:
    good = [content for content in contents if is_consistent([name for file, tree in content.items() for name, _ in flat(file, tree)])]
    result = Layer({}, set())
    expected: Any = {}
    for content in good:
        layer, _ = side_by_side(placed(content))
        result = overlay(result, layer)
        expected = merged(expected, layer_of([each for name, tree in content.items() for each in flat(name, tree)]))

    assert repr(sort(layer_of([*values(result).items()]))) == repr(sort(expected))
    assert is_consistent([*result.values])


def sort(tree: Any) -> Any:
    """Return a tree with its keys in order, without branches that have nothing."""
    if not isinstance(tree, dict):
        return tree
    inside = {key: sort(item) for key, item in sorted(tree.items())}
    return {key: item for key, item in inside.items() if item != {}}


@quick
@given(files)
def test_a_layer_over_itself_or_over_nothing_is_itself(content: dict[str, Any]) -> None:
    layer, problems = side_by_side(placed(content))
    if problems or any(each.problems for each in placed(content)):
        return
    nothing = Layer({}, set())

    assert overlay(layer, layer).values == layer.values
    assert overlay(nothing, layer).values == layer.values
    assert overlay(layer, nothing).values == layer.values


def test_a_value_knows_the_file_and_layer_that_it_came_from() -> None:
    base, _ = side_by_side(placed({"a": {"b": 1, "c": 2}}))
    region, _ = side_by_side(placed({"a.b": 3}, "region"))

    found = overlay(base, region).values

    assert {name: (held.value, held.file, held.layer) for name, held in found.items()} == {
        "a.b": (3, "a.b.json", "region"),
        "a.c": (2, "a.json", "base"),
    }


def test_the_last_of_three_layers_replaces_what_the_first_one_has() -> None:
    base, _ = side_by_side(placed({"a": {"b": {"c": 1}}, "a.d": 2}))
    environment, _ = side_by_side(placed({"a.e": 3}, "environment"))
    region, _ = side_by_side(placed({"a.b": 4}, "region"))

    assert values(overlay(overlay(base, environment), region)) == {"a.b": 4, "a.d": 2, "a.e": 3}
