"""Changing members of one file: the values are the asked-for ones, and all else stays as it was written."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import tomlkit

from deltamesh.parameters.content.layers import place
from deltamesh.parameters.text import formats
from deltamesh.parameters.text.alteration import altered, written
from deltamesh.parameters.text.document import Unreadable
from deltamesh.parameters.text.notation import yaml_key, yaml_literal, yaml_value
from deltamesh.parameters.text.outline import Unalterable
from deltamesh.values import JSON, freeze, same

YAML = """\
# Limits of payments
daily: 5   # in euros
currency: 'EUR'
names:
    # who may
    admins:   # in order
      - ada
      - bob   # since May
    "on": true
# how much
rates: {low: 1.0, high: 2.50}
text: |
    one
    two

nothing:
a.b: 1
shared: &shared {x: 1}
again: *shared
"""

JSON_TEXT = """\
{
    "daily": 5,
    "rates": {"low": 1.0, "high": 2.50, "list": [1,2]},
    "names": {
        "admins": [
            "ada"
        ],
        "mail": null
    }
}
"""

TOML = """\
# Limits of payments
daily = 5   # in euros
a.b = 1

[names] # of people
admins = ["ada",
  "bob", # since May
]
rates = {low = 1.0, high = 2.50}

# the mail
[names.mail]
host = 'x'
"""


def segments(*names: str) -> list[tuple[str, ...]]:
    return [tuple(name.split(".")) for name in names]


def members(text: str | None, suffix: str) -> dict[str, JSON]:
    """What the reader finds in a file that is called `f`."""
    if text is None:
        return {}
    placed = place(f"f{suffix}", "f", "base", formats.parse(text.encode(), suffix))
    assert placed.problems == []
    return {name: held.value for name, held in placed.values.items()}


def changed(text: str, suffix: str, gone: list[str], values: dict[str, Any]) -> str:
    """Change a text; assert that reading it gives what was asked for, and nothing else is other."""
    frozen = {name: freeze(value) for name, value in values.items()}
    new = altered(text, suffix, segments(*gone), {tuple(name.split(".")): value for name, value in frozen.items()})
    expected = {name: value for name, value in members(text, suffix).items() if name.removeprefix("f.") not in gone}
    expected |= {f"f.{name}": value for name, value in frozen.items()}
    assert same(freeze(members(new, suffix)), freeze(expected)), new
    assert new is not None
    return new


def edits(old: str, new: str) -> tuple[list[str], list[str]]:
    """The lines that are not in the new text any more, and those that are only there."""
    before, after = old.splitlines(), new.splitlines()
    return [line for line in before if line not in after], [line for line in after if line not in before]


def test_a_value_in_yaml_is_changed_where_it_stands() -> None:
    new = changed(YAML, ".yaml", [], {"daily": 7, "currency": "USD", "rates.low": 1.5, "names.on": False, "nothing": [1, "two"]})

    assert edits(YAML, new) == (
        ["daily: 5   # in euros", "currency: 'EUR'", '    "on": true', "rates: {low: 1.0, high: 2.50}", "nothing:"],
        ["daily: 7   # in euros", "currency: 'USD'", '    "on": false', "rates: {low: 1.5, high: 2.50}", "nothing: [1, two]"],
    )


def test_arrays_and_texts_of_several_lines_in_yaml_stay_what_they_are() -> None:
    new = changed(YAML, ".yaml", [], {"names.admins": ["eve", "no", "a: b"], "text": "three\n\nfour"})

    assert edits(YAML, new) == (
        ["      - ada", "      - bob   # since May", "text: |", "    one", "    two"],
        ["      - eve", '      - "no"', '      - "a: b"   # since May', "text: |-", "    three", "    four"],
    )


def test_comments_between_a_key_of_yaml_and_its_value_stay() -> None:
    new = changed(YAML, ".yaml", [], {"names.admins": "nobody"})
    assert edits(YAML, new)[1] == ["    admins: nobody   # in order   # since May"]

    new = changed("a:   # one\n  # two\n  5\nb: 1\n", ".yaml", [], {"a": [6]})
    assert new == "a: [6]   # one\n  # two\nb: 1\n"


def test_new_members_of_yaml_come_last_in_the_innermost_object() -> None:
    new = changed(YAML, ".yaml", [], {"names.mail.host": "x", "names.mail.port": 25, "rates.mid": None, "fee": {}, "yes": "1e3"})

    assert edits(YAML, new) == (
        ["rates: {low: 1.0, high: 2.50}"],
        ["    mail:", "        host: x", "        port: 25", "rates: {low: 1.0, high: 2.50, mid: null}", "fee: {}", '"yes": "1e3"'],
    )
    assert new.index("mail:") < new.index("# how much")


def test_members_of_yaml_are_removed_with_what_is_empty_then() -> None:
    new = changed(YAML, ".yaml", ["names.admins", "names.on", "rates.low", "a.b", "text"], {})

    assert new.splitlines() == [
        "# Limits of payments",
        "daily: 5   # in euros",
        "currency: 'EUR'",
        "# how much",
        "rates: {high: 2.50}",
        "",
        "nothing:",
        "shared: &shared {x: 1}",
        "again: *shared",
    ]


def test_json_keeps_its_indentation_and_what_is_written_on_one_line() -> None:
    new = changed(JSON_TEXT, ".json", ["daily"], {"rates.high": 3, "rates.mid": 2, "names.admins": [1, 2], "names.mail": [1], "a.b": "ü"})

    assert (
        new
        == """\
{
    "rates": {"low": 1.0, "high": 3, "list": [1,2], "mid": 2},
    "names": {
        "admins": [
            1,
            2
        ],
        "mail": [1]
    },
    "a": {
        "b": "ü"
    }
}
"""
    )


@pytest.mark.parametrize("text", ['{"a":1,"b":{"c":[1]}}', '{ "a" : 1, "b" : { "c" : [1] } }\n', '{"a": 1, "b":\n\t{"c": [1]}}'])
def test_json_on_one_line_stays_there(text: str) -> None:
    assert changed(text, ".json", ["b.c"], {}).count("\n") <= text.count("\n")
    assert changed(text, ".json", ["a"], {"b.d.e": 1, "z.y": [None]}).count("\n") == text.count("\n")


def test_toml_keeps_comments_order_and_quotes() -> None:
    new = changed(
        TOML,
        ".toml",
        ["names.rates.low"],
        {"daily": 6, "a.b": 2, "names.mail.host": "y", "names.mail.port": 25, "fee": 1.5, "names.new.x": 1},
    )
    gone, added = edits(TOML, new)

    assert gone == ["daily = 5   # in euros", "a.b = 1", "rates = {low = 1.0, high = 2.50}", "host = 'x'"]
    assert {"daily = 6   # in euros", "a.b = 2", "rates = { high = 2.50}", "port = 25", "fee = 1.5"} <= set(added)


@pytest.mark.parametrize("suffix", [".yaml", ".json", ".toml"])
def test_nothing_is_left_of_a_file_without_members(suffix: str) -> None:
    text = written(suffix, {("a", "b"): 1, ("c",): "x"})

    assert altered(text, suffix, segments("a.b", "c"), {}) is None
    assert members(altered(text, suffix, segments("a.b", "c"), {("d",): 1}), suffix) == {"f.d": 1}


@pytest.mark.parametrize("suffix, text", [(".yaml", YAML), (".json", JSON_TEXT), (".toml", TOML)])
def test_line_ends_of_windows_a_byte_order_mark_and_a_missing_last_line_end_stay(suffix: str, text: str) -> None:
    for before in (text.replace("\n", "\r\n"), "\ufeff" + text, text.rstrip("\n")):
        new = changed(before, suffix, ["daily"], {"new": 1})

        assert new.startswith("\ufeff") == before.startswith("\ufeff")
        assert new.endswith("\n") == before.endswith("\n")
        assert new.count("\r") == (new.count("\n") if "\r" in before else 0)


@pytest.mark.parametrize(
    "suffix, text, name, value, reason",
    [
        (".yaml", YAML, "daily.eur", 1, "what it is below is a value"),
        (".yaml", YAML, "names", 1, "there are names below it"),
        (".yaml", YAML, "a", 1, "there are names below it"),
        (".json", JSON_TEXT, "daily.eur.x", 1, "what it is below is a value"),
        (".json", JSON_TEXT, "names", 1, "there are names below it"),
        (".toml", TOML, "daily.eur", 1, "what it is below is a value"),
        (".toml", TOML, "names", 1, "there are names below it"),
        (".toml", TOML, "daily", None, "TOML has no null"),
        (".toml", TOML, "daily", [{"x": None}], "TOML has no null"),
        (".yaml", YAML, "again.x", 2, "edit that by hand"),
    ],
)
def test_what_would_change_other_names_is_refused(suffix: str, text: str, name: str, value: Any, reason: str) -> None:
    with pytest.raises(Unalterable, match=reason):
        altered(text, suffix, [], {tuple(name.split(".")): freeze(value)})


# Any file, any change

KEYS = ["a", "b", "<<", "c", "on", "7", "x.y", "x", "ключ", "a'b", "#", "-", "null", "1e3"]
TEXTS = [
    "yes",
    "1",
    "null",
    "~",
    "a: b",
    "a #b",
    "l\nm\n",
    "l\n\nm",
    " x",
    "2020-01-01",
    "'",
    '"',
    "\\",
    "\u2028\x85",
    "😀",
    "",
    "=",
    "<<",
    "two words",
    "é",
]
NUMBERS = [0, -1, 10**18, 0.5, -1e-7, 1e300, 1.5e16]


class Chance(random.Random):
    """Makes files and values."""

    def atom(self) -> Any:
        return self.choice([None, True, False, *TEXTS, *TEXTS, *NUMBERS])

    def value(self) -> Any:
        """What a parameter can have."""
        if self.random() < 0.7:
            return self.atom()
        items = [self.choice([self.atom(), {self.choice(KEYS): self.atom()}, [self.atom()]]) for _ in range(self.randint(0, 3))]
        return self.choice([items, {}])

    def tree(self, depth: int) -> dict[str, Any]:
        """Members of an object."""
        keys = self.sample(KEYS, self.randint(1, 4))
        return {key: self.tree(depth - 1) if depth and self.random() < 0.4 else self.value() for key in keys}

    def yaml(self, tree: dict[str, Any], prefix: str = "", indent: str = "") -> list[str]:
        """Lines in any style, with a comment before each member, and one behind values."""
        step = self.choice(["  ", "    "])
        lines = []
        for key, value in tree.items():
            name = f"{prefix}{key}"
            start = indent + self.choice([yaml_key(key), json.dumps(key, ensure_ascii=False)])
            lines.append(f"{indent}# before {name!r}")
            if isinstance(value, dict) and value and self.random() < 0.7:
                lines += [f"{start}:  # of {name!r}", *self.yaml(value, f"{name}.", indent + step)]
            elif isinstance(value, list) and value and self.random() < 0.7:
                inner = indent + self.choice(["", step])
                lines += [f"{start}:", *[f"{inner}- {yaml_value(item)}{self.choice(['', '  # item'])}" for item in value]]
            elif isinstance(value, str) and (literal := yaml_literal(value, indent + step)) is not None:
                lines.append(f"{start}: {literal}")
            else:
                lines.append(f"{start}: {yaml_value(value)}   # behind {name!r}")
            lines += [""] * self.randint(0, 1)
        return lines

    def toml(self) -> str:
        """Tables in any order, some of them in several places."""
        values = ["1", '"x"', "true", "[1, 2]", "[\n  1, # one\n  2,\n]", "{p = 1, q = {r = 2}}", "'l'", "1.50", "1979-05-27"]
        lines = ["# head"]
        for head in ["", *self.sample(["a", "a.b", "a.b.c", "z", "a.d", "y.w", '"q"'], self.randint(1, 5))]:
            lines += ["", f"# before {head}", f"[{head}]  # of {head}"] if head else []
            for number in range(self.randint(0, 3)):
                lines.append(f"{self.choice([f'k{number}', f'd.e{number}'])} = {self.choice(values)}  # behind")
        return "\n".join(lines) + "\n"

    def file(self) -> tuple[str, str]:
        """A suffix, and the text of a file that can be read."""
        while True:
            suffix, tree = self.choice([".yaml", ".json", ".toml"]), self.tree(2)
            if suffix == ".yaml":
                text = "\n".join(self.yaml(tree)) + "\n"
            elif suffix == ".json":
                text = json.dumps(tree, indent=self.choice([None, 2, "\t"]), ensure_ascii=self.choice([True, False]))
            elif self.random() < 0.5:
                text = tomlkit.dumps(without_null(tree))
            else:
                text = self.toml()
            try:
                placed = place(f"f{suffix}", "f", "base", formats.parse(text.encode(), suffix))
            except Unreadable:  # a table comes twice
                continue
            if placed.values and not placed.problems:
                return suffix, text

    def name(self, names: list[str]) -> str:
        """One of these, or one near them."""
        return self.choice([self.choice(names), ".".join([*self.choice(names).split(".")[: self.randint(0, 2)], self.choice(KEYS)])])


def without_null(value: Any) -> Any:
    """TOML has none."""
    if isinstance(value, dict):
        return {key: without_null(item) for key, item in value.items()}
    return [without_null(item) for item in value] if isinstance(value, list) else 0 if value is None else value


@pytest.mark.parametrize("part", range(4))
def test_any_change_of_any_file_is_what_was_asked_for_and_nothing_else(part: int) -> None:
    for seed in range(part * 200, part * 200 + 200):
        chance = Chance(seed)
        suffix, text = chance.file()
        names = sorted(name.removeprefix("f.") for name in members(text, suffix))
        gone = chance.sample(names, chance.randint(0, min(3, len(names))))
        wanted = {chance.name(names): without_null(chance.value()) if suffix == ".toml" else chance.value() for _ in range(3)}
        kept = [name for name in names if name not in gone]
        values: dict[str, Any] = {}
        for name, value in wanted.items():
            others = {*kept, *values} - {name}
            if name not in gone and not any(f"{a}.".startswith(f"{b}.") for other in others for a, b in ((name, other), (other, name))):
                values[name] = value
        if not kept and not values:
            assert altered(text, suffix, segments(*gone), {}) is None
            continue

        new = changed(text, suffix, gone, values)

        if suffix == ".yaml" and kept:
            comments = [f"# {where} {name!r}\n" for name in kept for where in ("before", "behind")]
            assert [each for each in comments if each in text] == [each for each in comments if each in new], seed
