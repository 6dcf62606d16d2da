"""The state of a branch depends on its commits alone, however one came to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deltamesh.parameters.content import branch
from deltamesh.parameters.content.branch import Commit, Link, Parameter, State, beginning, state_of
from deltamesh.parameters.content.reading import Held, NotGood, Problem
from deltamesh.values import freeze, same

Content = dict[str, Any] | list[str]
"""Values by name, or the files that are bad."""


HELD: dict[str, Held] = {}
"""A reading tells what has not changed by the same object."""


def held_of(value: Any, file: str) -> Held:
    return HELD.setdefault(repr((value, file)), Held(freeze(value), file, "base"))


def link(number: int, content: Content, name: str = "main") -> Link:
    """Return a commit. Values that are pairs say which file they are in."""

    def read() -> Mapping[str, Held]:
        if isinstance(content, list):
            raise NotGood([Problem(file, number, None, "it is bad") for file in content])
        return {each: held_of(*(value if isinstance(value, tuple) else (value, "a.yaml"))) for each, value in content.items()}

    return Commit(f"{name}{number}", number, "Ann <ann@example.com>", 1_700_000_000 + number, f"Change {number}."), read


def chain(*contents: Content, first: int = 0) -> list[Link]:
    return [link(first + index, content) for index, content in enumerate(contents)]


def held(state: State) -> dict[str, tuple[Any, int]]:
    return {name: (parameter.value, parameter.number) for name, parameter in state.parameters.items()}


def test_each_parameter_knows_the_commit_that_changed_it_last() -> None:
    state = state_of(chain({"a": 1, "b": 1}, {"a": 2, "b": 1}, {"a": 2, "b": 1, "c": [1]}))

    assert state.parameters == {
        "a": Parameter(2, "a.yaml", "main1", 1),
        "b": Parameter(1, "a.yaml", "main0", 0),
        "c": Parameter((1,), "a.yaml", "main2", 2),
    }
    assert state.head == state.good
    assert state.commits[1] == {
        "commit": "main1",
        "author": "Ann <ann@example.com>",
        "time": 1_700_000_001,
        "message": "Change 1.",
        "good": True,
        "changed": 1,
    }


def test_true_is_not_one() -> None:
    assert held(state_of(chain({"a": 1, "b": [0]}, {"a": True, "b": [False]}))) == {"a": (True, 1), "b": ((False,), 1)}
    assert held(state_of(chain({"a": 1}, {"a": 1.0}))) == {"a": (1, 0)}


def test_a_bad_commit_changes_nothing() -> None:
    state = state_of(chain({"a": 1}, ["a.yaml", "b.yaml"], ["a.yaml"]))

    assert held(state) == {"a": (1, 0)}
    assert state.head is not None
    assert state.good is not None
    assert (state.head.number, state.good.number) == (2, 0)
    assert [(number, told["good"], told["changed"]) for number, told in state.commits.items()] == [
        (0, True, 1),
        (1, False, 0),
        (2, False, 0),
    ]


def test_a_problem_is_blamed_on_the_commit_that_brought_it_in() -> None:
    state = state_of(chain({}, ["a.yaml"], ["a.yaml", "b.yaml"], {"a": 1}, ["b.yaml"], ["a.yaml", "b.yaml"], ["a.yaml", "b.yaml"]))

    assert [(commit.number, problem.file, problem.line) for commit, problem in state.problems] == [(5, "a.yaml", 6), (4, "b.yaml", 6)]


def test_the_fix_heals_it() -> None:
    state = state_of(chain({"a": 1}, ["a.yaml"], {"a": 2}))

    assert state.problems == ()
    assert held(state) == {"a": (2, 2)}


def test_a_branch_without_a_good_commit_has_nothing() -> None:
    state = state_of(chain(["a.yaml"]))

    assert (state.parameters, state.good, len(state.problems)) == ({}, None, 1)
    assert state_of([]) == State()


def test_what_is_renamed_has_not_changed() -> None:
    state = state_of(chain({"a": (1, "x.yaml")}, {"a": (1, "y.yaml")}))

    assert state.parameters == {"a": Parameter(1, "y.yaml", "main0", 0)}
    assert state.commits[1]["changed"] == 0


def test_changes_come_and_go() -> None:
    state = state_of(chain({"a": 1}, {}, ["x"], {"a": 1, "b": 2}, {"a": 3, "b": 2}))

    assert state.changes == {"a": ((0, {"value": 1}), (1, {"gone": True}), (3, {"value": 1}), (4, {"value": 3})), "b": ((3, {"value": 2}),)}


def test_the_newest_changes_of_a_name_are_kept() -> None:
    changes = state_of(chain(*[{"a": number, "b": 0} for number in range(150)])).changes

    assert [number for number, _ in changes["a"]] == [*range(50, 150)]
    assert [number for number, _ in changes["b"]] == [0]


@pytest.mark.parametrize(
    ("limit", "most", "kept"),
    [("MAX_ALL_CHANGES", 5, {"a": [2, 3], "b": [2], "c": [2]}), ("MAX_ALL_SIZE", 7, {"a": [3]}), ("MAX_ALL_CHANGES", 0, {})],
)
def test_all_changes_together_are_bounded(monkeypatch: pytest.MonkeyPatch, limit: str, most: int, kept: dict[str, list[int]]) -> None:
    monkeypatch.setattr(branch, limit, most)
    state = state_of(chain({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 2}, {"a": 3, "c": "xx"}, {"a": "x", "c": "xx"}))

    assert {name: [number for number, _ in changes] for name, changes in state.changes.items()} == kept
    assert held(state) == {"a": ("x", 3), "c": ("xx", 2)}


def test_what_a_commit_says_is_bounded_and_can_be_sent() -> None:
    commit = Commit("x", 0, "A\udcff" * 300, -1, "b\ud800" + "c" * 1000)

    (told,) = state_of([(commit, dict)]).commits.values()

    assert told["author"] == "A?" * 100
    assert told["message"] == "b?" + "c" * 498


def test_the_chain_begins_where_it_seldom_moves() -> None:
    assert [beginning(number, 100) for number in (0, 99, 100, 199, 200, 299, 300)] == [0, 0, 0, 0, 100, 100, 200]


def test_what_is_known_is_not_read_again() -> None:
    reads: list[int] = []

    def counted(each: Link) -> Link:
        commit, read = each
        return commit, lambda: reads.append(commit.number) or read()

    links = [counted(each) for each in chain({"a": 1}, ["x"], {"a": 2})]
    known = state_of(links[:2])
    state_of(links, known)

    assert reads == [0, 1, 2]
    assert state_of(links, state_of(links)).parameters == {"a": Parameter(2, "a.yaml", "main2", 2)}
    assert reads == [0, 1, 2, 0, 1, 2]


def test_what_is_known_of_something_else_is_ignored() -> None:
    links = chain({"a": 1}, {"a": 2}, {"a": 3})
    scratch = state_of(links)
    other = link(1, {"a": 9}, "other")
    longer = chain({"a": 1}, {"a": 2}, {"a": 3}, {"a": 4})

    for known in (
        State(),
        state_of([]),
        state_of([links[0], other]),
        state_of([link(0, {"b": 1}, "other"), *links[1:2]]),
        state_of(links[1:2]),
        state_of(longer),
        state_of([link(5, {"a": 5})]),
    ):
        assert state_of(links, known) == scratch


names = st.sampled_from(["a", "b", "c", "d"])
values = st.sampled_from([1, 2, True, 1.0, None, "x", [1], [True], {}])
contents = st.one_of(
    st.dictionaries(names, values, max_size=4),
    st.dictionaries(names, st.tuples(values, st.sampled_from(["x", "y"])), max_size=3),
    st.lists(st.sampled_from(["a.yaml", "b.yaml"]), min_size=1, unique=True),
)
quick = settings(derandomize=True, deadline=None, database=None, max_examples=150)


@pytest.fixture(params=[(100, 100_000, 16 << 20), (2, 100_000, 16 << 20), (3, 5, 16 << 20), (100, 100_000, 20)], ids=str)
def limits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in zip(("MAX_CHANGES", "MAX_ALL_CHANGES", "MAX_ALL_SIZE"), request.param, strict=True):
        monkeypatch.setattr(branch, name, limit)


@pytest.mark.usefixtures("limits")
def test_going_on_is_the_same_as_beginning_anew() -> None:
    @quick
    @given(st.lists(contents, min_size=1, max_size=10), st.data())
    def check(made: list[Content], data: st.DataObject) -> None:
        links = chain(*made, first=data.draw(st.integers(0, 3)))
        known: State | None = None
        for end in sorted(data.draw(st.sets(st.integers(0, len(links))))):
            known = state_of(links[:end], known)

        assert_same(state_of(links, known), state_of(links))

    check()


@quick
@given(st.lists(contents, min_size=1, max_size=10))
def test_the_parameters_are_those_of_the_newest_good_commit(made: list[Content]) -> None:
    links = chain(*made)
    state = state_of(links)
    good = [(commit, read()) for (commit, read), content in zip(links, made, strict=True) if isinstance(content, dict)]

    if not good:
        assert state.parameters == {}
        return
    newest = good[-1][1]
    assert state.parameters.keys() == newest.keys()
    for name, parameter in state.parameters.items():
        assert same(parameter.value, newest[name].value)
        assert parameter.file == newest[name].file
        # it was not so before the commit that is said to have changed it, and was so ever since
        had = [name in each and same(each[name].value, parameter.value) for _, each in good]
        place = [commit.number for commit, _ in good].index(parameter.number)
        assert all(had[place:])
        assert place == 0 or not had[place - 1]


@quick
@given(st.lists(contents, min_size=1, max_size=10))
def test_what_has_changed_leads_to_what_is_there(made: list[Content]) -> None:
    state = state_of(chain(*made))
    last = {name: changes[-1] for name, changes in state.changes.items()}

    assert {name for name, (_, what) in last.items() if "gone" not in what} == state.parameters.keys()
    for name, parameter in state.parameters.items():
        assert last[name][0] == parameter.number
        assert same(last[name][1]["value"], parameter.value)
    for number, told in state.commits.items():
        assert told["changed"] == len([name for name, changes in state.changes.items() if number in dict(changes)])


def assert_same(one: State, other: State) -> None:
    """`==` says that true is one."""
    assert one == other
    assert repr(sorted(one.parameters.items())) == repr(sorted(other.parameters.items()))
    assert repr(sorted(one.changes.items())) == repr(sorted(other.changes.items()))
