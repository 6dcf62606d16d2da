"""JSON, YAML and TOML: what they mean, where it stands, what is refused, and that nothing takes for ever or shows values."""

from __future__ import annotations

import json
import re
from random import Random
from typing import Any

import msgspec
import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from deltamesh.parameters.text import yamltext
from deltamesh.parameters.text.document import MAX_VALUE, NOTHING, Unreadable, settled
from deltamesh.parameters.text.formats import MAX_FILE, SUFFIXES, parse
from deltamesh.parameters.text.plainyaml import plain
from deltamesh.values import freeze, order_of

quick = settings(derandomize=True, deadline=None, database=None, max_examples=200)

texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cn", "Co"]), max_size=6)
atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
trees = st.recursive(atoms, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=12)


def value(text: str | bytes, suffix: str = ".yaml") -> Any:
    return parse(text.encode() if isinstance(text, str) else text, suffix).value


def refused(text: str | bytes, suffix: str) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        value(text, suffix)
    return caught.value


def outcome(content: bytes, suffix: str) -> tuple[str, list[int]]:
    """Return why a file is refused, or nothing, and the lines that are told."""
    try:
        return "", [*parse(content, suffix).lines.values()]
    except Unreadable as error:
        return error.reason, [] if error.line is None else [error.line]


def same(a: Any, b: Any) -> bool:
    return order_of(freeze(a)) == order_of(freeze(b))


@quick
@given(trees, st.sampled_from([None, 1]))
def test_json_and_yaml_agree_about_json(tree: Any, indent: int | None) -> None:
    text = json.dumps(tree, ensure_ascii=False, indent=indent)

    assert same(value(text, ".json"), tree)
    assert same(value(text, ".yaml"), tree)


@quick
@given(st.dictionaries(st.text("ab. é\"'", min_size=1, max_size=4), trees.filter(lambda tree: tree is not None), max_size=4))
def test_toml_says_what_was_written(tree: dict[str, Any]) -> None:
    tree = json.loads(re.sub(r"\bnull\b", "0", json.dumps(tree)))  # which TOML does not have

    assert same(value(tomlkit.dumps(tree), ".toml"), tree)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        *[
            (word, word)
            for word in (
                "no",
                "yes",
                "on",
                "off",
                "NO",
                "y",
                "n",
                "1_000",
                "1:30",
                "2024-02-30",
                "2001-12-14t21:59:43.10-05:00",
                "0b1",
                "=",
            )
        ],
        *[("012", 12), ("0o14", 12), ("0xfF", 255), ("+1", 1), ("1e3", 1000), (".5", 0.5), ("1.", 1), ("-0", 0)],
        *[("~", None), ("null", None), ("Null", None), ("True", True), ("FALSE", False), ("'true'", "true"), ('"1"', "1")],
        *[
            ("!!str 1", "1"),
            ("!!int '3'", 3),
            ("!!float 3", 3),
            ("! 1", "1"),
            ("!!null ''", None),
            ("!!timestamp 2001-12-14", "2001-12-14"),
        ],
        *[("|\n  a\n  b\n", "a\nb\n"), (">-\n  a\n  b\n", "a b")],
    ],
)
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, meaning: Any) -> None:
    assert same(value(f"a: {text}"), {"a": meaning})


def test_aliases_and_merging() -> None:
    assert value("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\nd:\n  y: 4\n  <<: [{y: 5, z: 6}, {z: 7}]") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2},
        "d": {"y": 4, "z": 6},
    }
    assert value("'<<': 1\nb: <<") == {"<<": 1, "b": "<<"}


def test_a_yaml_directive_changes_no_meaning() -> None:
    assert value("%YAML 1.1\n---\na: no\nb: 012\n") == {"a": "no", "b": 12}


def test_times_become_iso_text() -> None:
    document = value("a = 1979-05-27T07:32:00Z\nb = 1979-05-27\nc = 07:32:00.5\nd = [1979-05-27]", ".toml")

    assert {name: settled(each)[0] for name, each in document.items()} == {
        "a": "1979-05-27T07:32:00+00:00",
        "b": "1979-05-27",
        "c": "07:32:00.500000",
        "d": ("1979-05-27",),
    }


@pytest.mark.parametrize(("text", "suffix"), [("", ".yaml"), ("# nothing\n", ".yaml"), ("---\n", ".yaml"), ("---\n...\n", ".yml")])
def test_files_without_content(text: str, suffix: str) -> None:
    assert value(text, suffix) is NOTHING


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_line_ends_of_windows_and_byte_order_marks(suffix: str) -> None:
    text = {".json": '{\n"a":\n1,\n"b": 2}', ".toml": "a = 1\n\nb = 2\n"}.get(suffix, "a: 1\n\nb: 2\n")

    document = parse(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), suffix)

    assert document.value == {"a": 1, "b": 2}
    assert document.line_of(("b",)) == (4 if suffix == ".json" else 3)


def test_tabs() -> None:
    assert value('{\t"a":\t1}', ".json") == {"a": 1}
    assert value("a\t=\t1", ".toml") == {"a": 1}
    assert refused("a:\n\tb: 1\n", ".yaml").line == 2


@pytest.mark.parametrize(
    ("text", "suffix", "line"),
    [
        ('{"a": 1,\n "a": 2}', ".json", 2),
        ('{"b": [{"a": 1},\n {"a": 1,\n "\\u0061": 2}]}', ".json", 3),
        ("{'a': 1}", ".json", 1),
        ('{"a": 1,}', ".json", 1),
        ('[1\n,"NaN", NaN]', ".json", 2),
        ("-Infinity", ".json", 1),
        ("", ".json", 1),
        ('{"a": 1}\n{"b": 2}', ".json", 2),
        ('"a\nb"', ".json", 1),
        ("[" * 100_000, ".json", None),
        (f"1{'0' * 5000}", ".json", None),
        ("a: 1\nb: 2\na: 3", ".yaml", 3),
        ("a: {b: 1, b: 2}", ".yaml", 1),
        ("a: 1\n1: 2", ".yaml", 2),
        ("a: 1\ntrue: 2", ".yaml", 2),
        ("a: 1\n? [b]\n: 2", ".yaml", 2),
        ("a: 1\n  b: 2", ".yaml", 2),
        ("a: 1\nb: *c", ".yaml", 2),
        ("a: &a [*a]", ".yaml", 1),
        ("a: 1\nb: !!python/object:os.system x", ".yaml", 2),
        ("a: !!set {a}", ".yaml", 1),
        ("a: !!int x", ".yaml", 1),
        ("a: 1\nb: .inf", ".yaml", 2),
        ("a: -.INF", ".yaml", 1),
        ("a: .nan", ".yaml", 1),
        (f"a: 1{'0' * 5000}", ".yaml", 1),
        ("a: 1\n---\nb: 2", ".yaml", 2),
        ("a: b\x01", ".yaml", 1),
        ('a: "\\UFFFFFFFF"', ".yaml", None),
        ("<<: 1", ".yaml", 1),
        ("a: [" * 1000, ".yaml", 1),
        ("a:\n" + "".join(f"{' ' * depth}a:\n" for depth in range(1, 200)), ".yaml", 129),
        ("a = 1\nb = 2\na = 3", ".toml", 3),
        ("a = 1\n[a]\nb = 2", ".toml", 2),
        ("a = 1\nb = 1979-13-01", ".toml", 2),
        ("a = ", ".toml", 1),
        ('a = "b', ".toml", 1),
        ("a = 1\n\nb = [1,\n2", ".toml", 4),
        ("a = " + "[" * 100_000, ".toml", 1),
        ("a = 1\nb = {c = " + "{c = " * 1000, ".toml", 2),
        ("a" + ".a" * 400_000 + " = 1", ".toml", 1),
        ("\n[a" + ".a" * 400_000 + "]", ".toml", 2),
        ("x = {a" + ".a" * 400_000 + " = 1}", ".toml", 1),
        ('a = "' + '\\"' * 400_000, ".toml", 1),
        (f"a = 1{'0' * 5000}", ".toml", None),
    ],
)
def test_what_is_refused_and_where(text: str, suffix: str, line: int | None) -> None:
    assert refused(text, suffix).line == line


def test_not_utf_8() -> None:
    for suffix in SUFFIXES:
        assert refused(b'{"a": 1,\n"b\xff": 2}', suffix).line == 2
        assert refused('{"a": 1}'.encode("utf-16"), suffix).line == 1


def test_a_large_file_is_refused_before_it_is_looked_at() -> None:
    assert refused(b"\xff" * (MAX_FILE + 1), ".json").reason == f"it has {MAX_FILE + 1} bytes; a file may have {MAX_FILE}"


def test_aliases_cannot_blow_up() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{each}: &a{each} [{', '.join([f'*a{each - 1}'] * 10)}]\n" for each in range(1, 12))
    assert "aliases" in refused(bomb, ".yaml").reason

    long = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 100)}]"
    assert "aliases" in refused(long, ".yaml").reason


@quick
@given(st.data(), st.sampled_from(SUFFIXES))
def test_lines_are_those_of_the_keys(data: st.DataObject, suffix: str) -> None:
    number = iter(range(1000))
    leaf = st.sampled_from([1, "a", [1, [2]], [{"in": 1}, 2], True])
    shape = data.draw(st.recursive(leaf, lambda inner: st.lists(inner, min_size=1, max_size=3).map(tuple), max_leaves=8))

    def named(part: Any) -> Any:
        return {f"key{next(number)}_": named(each) for each in part} if isinstance(part, tuple) else part

    tree = {"top": named(shape)}
    text = tomlkit.dumps(tree) if suffix == ".toml" else json.dumps(tree, indent=2) if suffix == ".json" else as_yaml(tree)
    document = parse(text.encode(), suffix)

    assert document.value == tree
    rows = text.split("\n")
    for place, line in document.lines.items():
        if isinstance(place[-1], str):
            assert place[-1] in rows[line - 1], (place, line, text)
    assert {part for place in document.lines for part in place if part != "in" and isinstance(part, str)} == set(
        re.findall(r"key\d+_|top", text)
    )


def as_yaml(tree: Any, indent: str = "") -> str:
    """Return block style, with comments and empty lines in between."""
    if isinstance(tree, dict):
        return "".join([f"\n{indent}# x\n{indent}{name}:{as_yaml(item, indent + '  ')}" for name, item in tree.items()])
    return f" {json.dumps(tree)}\n"


def test_lines_of_tables_in_arrays() -> None:
    text = "[[a]]\nx = 1\n[[a]]\nx = 2\n[a.b]\ny.z = '''\n\n'''\nw = 3\n[[a.c]]\n[c]\n'd.e' = {f = 1}\n"
    document = parse(text.encode(), ".toml")

    assert document.lines == {
        ("a",): 1,
        ("a", 0): 1,
        ("a", 0, "x"): 2,
        ("a", 1): 3,
        ("a", 1, "x"): 4,
        ("a", 1, "b"): 5,
        ("a", 1, "b", "y"): 6,
        ("a", 1, "b", "y", "z"): 6,
        ("a", 1, "b", "w"): 9,
        ("a", 1, "c"): 10,
        ("a", 1, "c", 0): 10,
        ("c",): 11,
        ("c", "d.e"): 12,
    }
    assert document.line_of(("c", "d.e", "f")) == 12


SECRETS = {
    ".json": '{"user": "admin",\n "password": "hunter2hunter2", "pin": 77341234, "keys": ["hunter2hunter2", 77341234, true]}',
    ".yaml": "user: admin\npassword: 'hunter2hunter2'\npin: 77341234\nkeys:\n  - hunter2hunter2\n  - [77341234, \"hunter2hunter2\"]\n",
    ".toml": "user = \"admin\"\n[a]\npassword = 'hunter2hunter2'\npin = 77341234\nkeys = ['''hunter2hunter2''', 77341234]\n",
}


@settings(quick, max_examples=600)
@given(
    st.sampled_from(sorted(SECRETS)),
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 2), st.sampled_from([*"'\"\\[]{}:=,.#&*!%@`|>?-\t\n 1aé\x00", "\u2028"])), max_size=4
    ),
)
def test_a_damaged_file_is_read_or_refused_and_shows_no_values(suffix: str, edits: list[tuple[int, int, str]]) -> None:
    text = SECRETS[suffix]
    for place, length, new in edits:
        text = text[:place] + new + text[place + length :]

    reason, lines = outcome(text.encode(), suffix)

    assert not re.search(r"hunt|unter2|ter2|7734|3412|1234", reason)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines)


SIMPLE = [
    "",
    "",
    "",
    " ",
    " 1",
    " x",
    " x y",
    " no",
    " ~",
    " null",
    " 0x1f",
    " -5",
    ' "x y"',
    " 'x'",
    " x # y",
    " # y",
    " http://x:1/y?z=1",
    " é",
]
SIMPLE += [
    "  x  ",
    " -.5",
    ' ""',
    " +1",
    " $x",
    " (a)",
    " ./x",
    " a=b;c",
    " x-y~z!",
    " .",
    "  ...",
    " a b  c #",
    " 12e3",
    " 0o7",
    " +.5",
    " ٣",
]
ODD = [
    " - x",
    " 'it''s'",
    ' "\\n"',
    " x#y",
    " &a x",
    " *a",
    " [1]",
    " {x: 1}",
    " |",
    " x: y",
    " x:",
    "\tx",
    " x\u2028y",
    " x\x85y",
    " -",
    " ?",
]
ODD += [" \ufeffx", " a,b]", "#", "  - x", " >", " !!str 1", ' "a" b', " x\r", " --- x"]
KEYS = [*[f"{letter}:" for letter in "abcdefgh"], "c.d-e:", "_x1:", "no:", "true:"]
ODD_KEYS = ["-", "", "é:", "a :", '"a":', "<<:", "---", "...", "#", "- a:", "- - ", "1:", "? a", "null:", "~:"]


def test_plain_yaml_is_what_the_parser_says() -> None:
    random = Random(1)
    num_plain = 0
    for _ in range(4_000):
        indent = 0
        rows = []
        for _ in range(random.randrange(1, 7)):
            kind = random.random()
            keys = KEYS if kind < 0.75 or 0.9 < kind < 0.95 else ["-"] if kind < 0.9 else ODD_KEYS
            rows.append(" " * indent + random.choice(keys) + random.choice(SIMPLE if kind < 0.9 else SIMPLE + ODD))
            indent = max(0, indent + random.choice([0, 2, 2, 2, 1, -2] if rows[-1].endswith(":") else [0, 0, 0, 2, -2, -2, -4, 1]))
        text = random.choice(["\n"] * 9 + ["\r\n"]).join(rows)
        found = plain(text, yamltext._resolved)
        if found is not None:
            num_plain += 1
            assert same(found, yamltext._Builder(text).root), text

    assert num_plain > 500


@pytest.mark.parametrize("char", ["\t", "\r", "\x01", "\x85", "\u2028", "\ufeff", "\x7f"])
def test_unusual_characters_are_left_to_the_parser(char: str) -> None:
    for text in (f'a: "x{char}y"', f"a: 'x{char}y'", f"a: x # y{char}b: 1", f"a: x\n# y{char}b: 1"):
        assert plain(text, yamltext._resolved) is None


def test_plain_yaml_is_read_line_by_line() -> None:
    text = "# x\na: 1  # y\nb:\n  c: 'x y'\n\n  d:\n  - 1\n  - http://x:1/y\n # z\n  e:\ng.h:\n    i: \"\"\n"

    assert plain(text, yamltext._resolved) == {"a": 1, "b": {"c": "x y", "d": [1, "http://x:1/y"], "e": None}, "g.h": {"i": ""}}
    assert same(value(text), yamltext._Builder(text).root)


def test_a_message_of_the_parser_is_told_without_what_it_quotes() -> None:
    assert refused("a: !hunter2!x 1", ".yaml").reason == "this is not YAML: found undefined tag handle …"


@quick
@given(st.binary(max_size=60), st.sampled_from(SUFFIXES))
def test_any_bytes_are_read_or_refused(content: bytes, suffix: str) -> None:
    reason, _ = outcome(content, suffix)

    assert reason.isprintable()


@quick
@given(trees)
def test_settled_values_are_frozen_and_weighed(tree: Any) -> None:
    try:
        found, size = settled(tree)
    except Unreadable:
        assert "e+3" in json.dumps(tree) or any(len(digits) > 300 for digits in re.findall(r"\d+", json.dumps(tree)))
        return

    assert same(found, tree)
    assert size == len(msgspec.json.encode(found))


@pytest.mark.parametrize(
    "tree", ["\ud800", ["a\udfff"], {"\ud800": 1}, 10**400, -(10**400), [1e999], "x" * MAX_VALUE, [[[0]] * 20_000], float("nan")]
)
def test_values_that_the_mesh_cannot_carry(tree: Any) -> None:
    with pytest.raises(Unreadable):
        settled(tree)


def test_values_nested_too_deeply() -> None:
    deep: Any = 1
    for _ in range(65):
        deep = [deep]

    with pytest.raises(Unreadable, match="64 levels"):
        settled(deep)
