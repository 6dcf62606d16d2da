"""From files to parameters: what counts, what is refused, what is loaded, and that a reading remembers nothing that shows."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deltamesh.parameters.content import layers, reading
from deltamesh.parameters.content.folders import folders, placing
from deltamesh.parameters.content.reading import Blob, NotGood, Problem, Reading
from tests.parameters.trees import Trees, problems, read, values


def test_paths_and_keys_make_names() -> None:
    texts = {
        "base/payment/limits.yaml": "daily: {eur: 5, usd: [6]}\nmonthly.eur: 7\nnone: {}\n",
        "base/timeout.json": "3",
        "base/hosts.toml": "[main]\nport = 80\n",
        "base/shop.v2.yml": "open: true\n",
        "base/empty.yaml": "# nothing yet\n",
        "base/nothing.json": "{}",
    }

    assert values(texts) == {
        "payment.limits.daily.eur": 5,
        "payment.limits.daily.usd": (6,),
        "payment.limits.monthly.eur": 7,
        "payment.limits.none": {},
        "timeout": 3,
        "hosts.main.port": 80,
        "shop.v2.open": True,
    }


def test_other_files_are_never_loaded() -> None:
    trees = Trees()
    files = trees.files({"base/a.yaml": "x: 1"})
    for path in (
        "README.md",
        "base/b.txt",
        "base/json",
        "base/.hidden.yaml",
        ".github/x.yaml",
        "base/.x/a.json",
        "base/a.JSON",
        "base/a.yaml~",
    ):
        files[path] = Blob("not there", 10**12)
    for path in ("c.yaml", "environments/prod/a.yaml", "environments/a.yaml", "regions/eu/a.yaml", "regions/a.json", "bases/a.yaml"):
        files[path] = Blob("not there", 10**12)

    assert [*trees.reading().read(files)] == ["a.x"]


def test_without_a_folder_for_the_base_all_that_is_left_is_the_base() -> None:
    texts = {
        "a.yaml": "x: 1",
        "b/c.json": "2",
        "environments/prod/a.yaml": "x: 3",
        "regions/eu/b.yaml": "c: 4",
        ".ci/a.yaml": "x: 5",
        "schemas/a.json": "{}",
    }

    assert values(texts) == {"a.x": 1, "b.c": 2}
    assert values(texts, environment="prod", region="eu") == {"a.x": 3, "b.c": 4}


def test_layers_win_in_their_order() -> None:
    texts = {
        "base/a.yaml": "x: 1\ny: 1\nz: {t: 1, u: 1}\n",
        "environments/prod/a.yaml": "y: 2\nz: 2\nx: {v: 2}\n",
        "environments/prod-2/a.yaml": "y: 9\n",
        "regions/eu/a.yaml": "x.w: 3\n",
    }
    found = read(texts, environment="prod", region="eu")

    assert {name: (held.value, held.layer) for name, held in found.items()} == {
        "a.x.v": (2, "environment"),
        "a.x.w": (3, "region"),
        "a.y": (2, "environment"),
        "a.z": (2, "environment"),
    }
    assert Reading(lambda _: b"", environment="prod", region="eu").layers == ["base", "environment", "region"]


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".x"])
def test_an_environment_is_the_name_of_a_folder(name: str) -> None:
    with pytest.raises(ValueError, match="name of a folder"):
        Reading(lambda _: b"", environment=name)


def test_placing_says_the_same_as_reading() -> None:
    paths = ["a.yaml", "b/c.toml", "x.md", ".d.json", "environments/prod/a.yaml", "environments/test/a.yaml", "schemas/a.json"]

    assert placing(paths, environment="prod") == {
        "a.yaml": ("base", "a"),
        "b/c.toml": ("base", "b.c"),
        "environments/prod/a.yaml": ("environment", "a"),
    }
    assert placing([*paths, "base/x.md"]) == {}
    assert folders(paths, "prod", "eu") == {"base": "", "environment": "environments/prod/", "region": "regions/eu/"}
    assert folders(["base/x.md"]) == {"base": "base/"}


def test_all_problems_are_told_in_order() -> None:
    texts = {
        "base/a.yaml": "x: 1\nb c: 2\nd..e: 3\nf: {'': 4}\n",
        "base/b.json": '{"x": 1,\n "x": 2}',
        "base/c.json": '{"y": 1,\n\n "z": {"t": 1, "u": "\\ud800"}}',
        "base/c.yaml": "y: 1\nz:\n  t: {v: 1}\n",
        "base/g h.yaml": "a: [",
        "environments/prod/i.toml": "a = [\n",
    }

    assert problems(texts, environment="prod") == [
        Problem("base/a.yaml", 2, "a", "a name may not have blanks, or characters that cannot be printed"),
        Problem("base/a.yaml", 3, "a.d", "a name may not have an empty part: no dot at its ends, and no two together"),
        Problem("base/a.yaml", 4, "a.f", "a name may not have an empty part: no dot at its ends, and no two together"),
        Problem("base/b.json", 2, None, "a key comes twice in an object"),
        Problem("base/c.json", 3, "c.z.t", "it is a value, and the beginning of names in base/c.yaml"),
        Problem("base/c.json", 3, "c.z.u", "it has a lone surrogate, which is no character"),
        Problem("base/c.yaml", 1, "c.y", "the name is also in base/c.json"),
        Problem("base/g h.yaml", None, None, "its path makes no name: a name may not have blanks, or characters that cannot be printed"),
        Problem("environments/prod/i.toml", 2, None, "this is not TOML"),
    ]


def test_a_file_that_contradicts_itself() -> None:
    assert problems({"a.yaml": "b.c: 1\nb:\n  c: 2\n  d: {}\nb.d.e: 1\nb.d: 2"}) == [
        Problem("a.yaml", 1, "a.b.c", "the name comes twice in this file"),
        Problem("a.yaml", 4, "a.b.d", "it is a value, and the beginning of names in a.yaml"),
        Problem("a.yaml", 4, "a.b.d", "the name comes twice in this file"),
    ]


def test_a_large_or_binary_file_is_a_problem_and_the_rest_is_checked() -> None:
    trees = Trees()
    files = trees.files({"a.json": b"\x00\xff\xfe", "b.yaml": "x: ["}) | {"c.toml": Blob("huge", 10**12)}

    with pytest.raises(NotGood) as caught:
        trees.reading().read(files)

    assert [(each.file, each.line) for each in caught.value.problems] == [("a.json", 1), ("b.yaml", 1), ("c.toml", None)]


def test_names_that_are_too_long_cost_nothing() -> None:
    deep = "{a: " * 120 + "1" + "}" * 120
    (problem,) = problems({"a.yaml": deep})
    assert problem.name is not None
    assert problem.name.startswith("a.a.a")
    assert "200 characters" in problem.reason

    (problem,) = problems({"a.json": f'{{"{"x" * 500_000}": 1}}'})
    assert (problem.name, len(problem.reason) < 100) == ("a", True)


@pytest.mark.parametrize(
    ("limit", "module", "what"),
    [
        ("MAX_FILES", reading, "files"),
        ("MAX_TEXT", reading, "bytes"),
        ("MAX_SIZE", reading, "bytes"),
        ("MAX_PARAMETERS", reading, "parameters"),
    ],
)
def test_a_commit_is_bounded(monkeypatch: pytest.MonkeyPatch, limit: str, module: Any, what: str) -> None:
    texts = {"a.yaml": "x: 1", "b.yaml": "x: 1"}
    assert problems(texts) == []

    monkeypatch.setattr(module, limit, 1)

    (problem,) = problems(texts)
    assert problem.reason.startswith("there are ")
    assert what in problem.reason


def test_a_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "MAX_PARAMETERS", 2)

    assert [each.reason for each in problems({"a.yaml": "{a: 1, b: 2, c: 3, d: 4}"})] == ["there are more than 2 parameters"]


def test_problems_are_bounded() -> None:
    assert len(problems({f"{letter}.yaml": "".join(f"'a {each}': 1\n" for each in range(80)) for letter in "abc"})) == 100


def test_only_what_changed_is_loaded() -> None:
    trees = Trees()
    reader = trees.reading(environment="prod")
    texts = {f"base/{each}.yaml": f"x: {each}" for each in range(20)} | {"environments/prod/1.yaml": "x: 5", "schemas/1.json": "{}"}
    reader.read(trees.files(texts))
    assert (reader.num_loads, reader.num_files) == (21, 22)  # two are the same

    reader.read(trees.files(texts | {"base/3.yaml": "x: 33", "README.md": "x"}))
    assert reader.num_loads == 22

    moved = {path.replace("base/4", "base/44"): text for path, text in texts.items()}
    assert reader.read(trees.files(moved))["44.x"].file == "base/44.yaml"
    reader.read(trees.files(texts))
    assert reader.num_loads == 22


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEPT", 10)
    trees = Trees()
    reader = trees.reading()
    texts = {f"{each}.yaml": f"x: {each}" for each in range(5)}
    for _ in range(2):
        reader.read(trees.files(texts))
    assert reader.num_loads == 5  # those of the last commit are there

    reader.read({})
    assert len(reader.read(trees.files(texts))) == 5
    assert reader.num_loads == 10


def test_what_is_returned_may_be_changed() -> None:
    trees = Trees()
    reader = trees.reading()
    files = trees.files({"a.yaml": "x: 1"})
    reader.read(files).clear()

    assert [*reader.read(files)] == ["a.x"]


PATHS = [
    "base/a.yaml",
    "base/b.yaml",
    "base/a/b.yaml",
    "environments/prod/a.yaml",
    "a.yaml",
    "regions/eu/b.yaml",
    "schemas/a.yaml",
    "schemas/_.yaml",
    "x",
]
TEXTS = [
    "x: 1",
    "x: 2",
    "b: 1",
    "b: {c: 1}",
    "x: {y: 1}",
    "{}",
    "5",
    "[",
    "x: 1\nx: 2",
    "type: object",
    "required: [x]",
    "properties: {x: {type: integer}}",
]
commits = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(TEXTS), max_size=5)


@settings(derandomize=True, deadline=None, database=None, max_examples=150)
@given(st.lists(commits, min_size=2, max_size=6))
def test_a_reading_goes_from_commit_to_commit_as_if_each_were_the_first(chain: list[dict[str, str]]) -> None:
    trees = Trees()
    going = trees.reading(environment="prod", region="eu")

    def outcome(reader: Reading, texts: dict[str, str]) -> Any:
        try:
            return reader.read(trees.files(texts))
        except NotGood as error:
            return error.problems

    for texts in chain:
        assert outcome(going, texts) == outcome(trees.reading(environment="prod", region="eu"), texts)
