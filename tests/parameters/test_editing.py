"""Choosing layer and file of a change, and what a change does to a repository as a whole."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping
from typing import Any

import pytest

from deltamesh.parameters.administration.difference import MAX_DIFFERENCE, difference
from deltamesh.parameters.administration.editing import BY_HAND, Shelf, edit, members
from deltamesh.parameters.content.reading import Blob, Held, NotGood, Reading
from deltamesh.values import freeze

TREE = {
    "base/payment.yaml": "# all\nfee: 1\nlimits: {daily: 5}\n",
    "base/payment/keys.json": '{"public": "p"}\n',
    "base/mail.toml": 'host = "x"\n',
    "base/notes.txt": "not read\n",
    "environments/test/payment/limits.yaml": "daily: 6   # more\n",
    "environments/other/payment.yaml": "fee: 100\n",
    "regions/eu/mail.yaml": "port: 25\n",
}


def shelf(tree: Mapping[str, str] = TREE, environment: str | None = "test", region: str | None = "eu") -> Shelf:
    return Shelf(tree, environment, region)


def after(changes: dict[str, Any], layer: str | None = None, tree: Mapping[str, str] = TREE) -> dict[str, str | None]:
    """Edit the files; a value that is `...` is a removal."""
    return edit(shelf(tree), {name: () if value is ... else (freeze(value),) for name, value in changes.items()}, layer)


def read(tree: Mapping[str, str | None], environment: str | None = "test", region: str | None = "eu") -> dict[str, Held]:
    contents = {path: text.encode() for path, text in tree.items() if text is not None}
    blobs = {hashlib.sha1(content).hexdigest(): content for content in contents.values()}
    files = {path: Blob(hashlib.sha1(content).hexdigest(), len(content)) for path, content in contents.items()}
    return Reading(blobs.__getitem__, environment=environment, region=region).read(files)


def problems(changes: dict[str, Any], layer: str | None = None, tree: Mapping[str, str] = TREE) -> list[tuple[str | None, str]]:
    with pytest.raises(NotGood) as refused:
        after(changes, layer, tree)
    return [(problem.name, problem.reason) for problem in refused.value.problems]


def test_a_value_is_changed_in_the_layer_that_it_comes_from() -> None:
    assert after({"payment.limits.daily": 7}) == {"environments/test/payment/limits.yaml": "daily: 7   # more\n"}
    assert after({"payment.fee": 2}) == {"base/payment.yaml": "# all\nfee: 2\nlimits: {daily: 5}\n"}
    assert after({"mail.port": 26}) == {"regions/eu/mail.yaml": "port: 26\n"}


def test_a_layer_can_be_named() -> None:
    assert after({"payment.limits.daily": 7}, "base") == {"base/payment.yaml": "# all\nfee: 1\nlimits: {daily: 7}\n"}
    assert after({"payment.fee": 7}, "region") == {"regions/eu/payment.yaml": "fee: 7\n"}
    assert after({"payment.limits.daily": ...}, "base") == {"base/payment.yaml": "# all\nfee: 1\n"}


def test_a_new_name_goes_into_the_file_with_the_longest_beginning_of_it() -> None:
    assert after({"payment.keys.private.name": "n"}) == {
        "base/payment/keys.json": '{"public": "p", "private": {"name": "n"}}\n',
    }
    assert after({"payment.new": True})["base/payment.yaml"] == "# all\nfee: 1\nlimits: {daily: 5}\nnew: true\n"


def test_a_name_without_a_file_gets_a_new_one_with_the_usual_suffix_of_its_layer() -> None:
    two = {"base/a.json": '{"x": 1}', "base/b.json": '{"x": 1}', "base/c.toml": "x = 1"}

    assert after({"fees.card.visa": 2}, tree=two) == {"base/fees.json": '{\n  "card": {\n    "visa": 2\n  }\n}\n'}
    assert after({"fees": 2}, tree=two) == {"base/fees.json": "2\n"}
    assert after({"fees": 2}, tree={"base/c.toml": "x = 1"}) == {"base/fees.yaml": "2\n"}
    assert after({"fees.x": 2, "fees.y": 3}, tree={"a.toml": "x = 1"}) == {"fees.toml": "x = 2\ny = 3\n"}
    assert after({"fees.x": 2}, tree={"base/README.md": "x"}) == {"base/fees.yaml": "x: 2\n"}
    assert after({"fees.x": 2}, tree={}) == {"fees.yaml": "x: 2\n"}


def test_a_removed_name_shows_what_an_earlier_layer_says() -> None:
    edited = after({"payment.limits.daily": ...})

    assert edited == {"environments/test/payment/limits.yaml": None}
    assert read({**TREE, **edited})["payment.limits.daily"].value == 5


@pytest.mark.parametrize("first", ["a/b", "/etc", "-r", "a\\b", "a:b", "~"])
def test_no_file_is_made_that_would_be_elsewhere(first: str) -> None:
    assert problems({f"{first}.x": 1}) == [(f"{first}.x", "there is no file for it, and none can be called so")]


def test_several_files_are_changed_together() -> None:
    edited = after({"payment.fee": 2, "payment.keys.public": ..., "mail.host": "y", "mail.port": 1, "payment.limits.weekly": 9})

    assert sorted(edited) == ["base/mail.toml", "base/payment.yaml", "base/payment/keys.json", "regions/eu/mail.yaml"]
    assert edited["base/payment/keys.json"] is None
    assert edited["base/payment.yaml"] == "# all\nfee: 2\nlimits: {daily: 5, weekly: 9}\n"


def test_a_value_can_become_an_object_if_it_is_removed_as_well() -> None:
    assert after({"payment.fee": ..., "payment.fee.card": 2}) == {"base/payment.yaml": "# all\nlimits: {daily: 5}\nfee:\n  card: 2\n"}
    assert after({"fees": ..., "fees.card": 2}, tree={"fees.yaml": "5\n"}) == {"fees.yaml": "card: 2\n"}


def test_nothing_is_edited_if_all_is_so_already() -> None:
    assert after({"payment.fee": 1, "mail.host": "x"}) == {}


def test_all_that_cannot_be_done_is_told_and_nothing_is_done() -> None:
    told = problems({"payment.none": ..., "payment.fee.card": 1, "a..b": 1, "mail.o": {"x": 1}, "mail.host": None})

    assert told == [
        (None, "a name may not have an empty part: no dot at its ends, and no two together"),
        ("mail.o", "an object is no value: give its members by their own names"),
        ("payment.none", "there is no such parameter"),
        ("mail.host", "TOML has no null"),
        ("payment.fee.card", "what it is below is a value: remove that first"),
    ]
    assert problems({"payment.fee": ...}, "environment") == [("payment.fee", "the layer environment does not have it")]
    assert problems({"payment.fee": 1}, "moon") == [(None, "there is no layer 'moon'; there is base, environment, region")]


def test_a_file_that_cannot_be_read_is_not_edited() -> None:
    with pytest.raises(NotGood) as refused:
        after({"payment.fee": 1}, tree={"base/payment.yaml": "fee: 1\nfee: 2\n"})

    assert (refused.value.problems[0].file, refused.value.problems[0].line) == ("base/payment.yaml", 2)


def test_yaml_that_says_a_thing_once_for_two_names_is_not_edited() -> None:
    shared = {"base/a.yaml": "one: &one {x: 1}\ntwo: *one\nthree:\n  <<: *one\n  y: 2\n"}

    assert problems({"a.two.x": 2}, tree=shared) == [("a.two.x", "it comes from another place of the file: edit that by hand")]
    assert problems({"a.three.x": ...}, tree=shared) == [("a.three.x", "it comes from another place of the file: edit that by hand")]
    assert problems({"a.one.x": 2}, tree=shared) == [("a.one.x", BY_HAND)]
    assert after({"a.three.x": 3}, tree=shared)["base/a.yaml"] == shared["base/a.yaml"].replace("  y: 2\n", "  y: 2\n  x: 3\n")


def test_what_tomlkit_would_damage_is_not_edited() -> None:
    tree = {"base/a.toml": "k = {p = 1, q.r = 2}\n"}

    assert problems({"a.k.q.x.y": 3}, tree=tree) == [("a.k.q.x.y", BY_HAND)]
    assert after({"a.k.q.x": 3}, tree=tree) == {"base/a.toml": "k = {p = 1, q.r = 2, q.x = 3}\n"}


@pytest.mark.parametrize("part", range(5))
def test_any_changes_of_any_repository_are_what_was_asked_for_and_nothing_else(part: int) -> None:
    for seed in range(20 * part, 20 * part + 20):
        change_any(random.Random(seed))


def change_any(chance: random.Random) -> None:
    """Make a repository and change it; assert that nothing else has changed."""
    tree = {}
    for folder in ("base", "environments/test", "regions/eu"):
        for number in range(chance.randint(0, 4)):
            first = chance.choice(["pay", "mail", "ui"])
            path = f"{folder}/{first}/{chance.choice(['a', 'b'])}" if chance.random() < 0.5 else f"{folder}/{first}{number}"
            keys = {f"k{each}": chance.choice(["1", '"text"', "true", "[1, 2]"]) for each in range(chance.randint(1, 4))}
            suffix = chance.choice([".yaml", ".json", ".toml"])
            lines = {
                ".yaml": "\n".join([f"{key}: {value}  # note" for key, value in keys.items()]),
                ".json": "{" + ", ".join([f'"{key}": {value}' for key, value in keys.items()]) + "}",
                ".toml": "\n".join([f"{key} = {value}  # note" for key, value in keys.items()]),
            }
            if not any(other.rpartition(".")[0] == path for other in tree):
                tree[path + suffix] = lines[suffix] + "\n"
    before = read(tree)
    names = [*before, "pay.a.new", "mail.b.k9.deep", "other.x", "ui0.k1", "whole"]
    chosen = chance.sample(names, min(len(names), chance.randint(1, 6)))
    changes = {
        name: ... if name in before and chance.random() < 0.4 else chance.choice([7, "é: #", None, [1, {"a": 2}], 0.5]) for name in chosen
    }
    if any(path.endswith(".toml") for path in tree):
        changes = {name: 7 if value is None else value for name, value in changes.items()}
    layer = chance.choice([None, None, "base"])
    if layer is not None:
        changes = {name: value for name, value in changes.items() if value is not ... or before[name].layer == layer} or {"other.x": 1}

    edited = after(changes, layer, tree)

    new_tree = {path: text for path, text in {**tree, **edited}.items() if text is not None}
    old, new = shelf(tree), shelf(new_tree)
    for name in {*before, *read(new_tree), *changes}:
        was, now = old.values_of(name), new.values_of(name)
        if name in changes:
            where = layer or (before[name].layer if name in before else "base")
            was = {each: value for each, value in was.items() if each != where}
            if changes[name] is not ...:
                was[where] = freeze(changes[name])
        assert now == was, name


# What people are shown


def shown(old: dict[str, str | None], new: dict[str, str | None], *hidden: str) -> str:
    def found(path: str, text: str) -> Mapping[str, Any] | None:
        return None if text == "?" else members(path, ("base", path.partition(".")[0]), text)

    return difference(old, new, found, lambda name: name not in hidden)


def test_a_difference_is_unified() -> None:
    assert shown({"a.yaml": "x: 1\ny: 2\n", "b.yaml": "x: 1"}, {"a.yaml": "x: 1\ny: 3", "b.yaml": None, "c.yaml": "z: 1\n"}) == (
        "--- a/a.yaml\n+++ b/a.yaml\n@@ -1,2 +1,2 @@\n x: 1\n-y: 2\n+y: 3\n\\ No newline at end of file\n"
        "--- a/b.yaml\n+++ /dev/null\n@@ -1 +0,0 @@\n-x: 1\n\\ No newline at end of file\n"
        "--- /dev/null\n+++ b/c.yaml\n@@ -0,0 +1 @@\n+z: 1\n"
    )


def test_hidden_values_are_blank_and_so_are_comments_beside_them() -> None:
    old, new = "# old is hunter1\nkey: hunter2\nfee: 1\n", "# old is hunter2\nkey: hunter3\nfee: 2\nnew: hunter4\n"
    text = shown({"a.yaml": old}, {"a.yaml": new}, "a.key", "a.new")

    assert "hunter" not in text
    assert [line for line in text.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")] == [
        "-a.key: (hidden)",
        "-a.fee: 1",
        "+a.key: (hidden, changed)",
        "+a.fee: 2",
        "+a.new: (hidden)",
    ]
    assert "hunter" in shown({"a.yaml": old}, {"a.yaml": new}, "b.key")
    assert "?" not in shown({"a.yaml": "?"}, {"a.yaml": "x: 1\n"}, "secrets")


def test_a_difference_has_an_end() -> None:
    text = shown({"a.json": None}, {"a.json": json.dumps({f"k{number}": 1 for number in range(40_000)}, indent=0)})

    assert len(text) < MAX_DIFFERENCE + 100
    assert text.endswith("\n… and more\n")
