"""What is written brings a service from what it holds to what it is to hold, whatever that was, and in pieces that a leader takes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from deltamesh.leader.shared import MAX_CHANGES
from deltamesh.parameters.content import writing
from deltamesh.parameters.content.branch import Commit, State, state_of
from deltamesh.parameters.content.reading import MAX_SIZE, Held, NotGood, Problem
from deltamesh.parameters.content.writing import INPUTS, Contents, Transaction, contents, held_by, in_parts, transaction
from deltamesh.values import freeze, index_key, order_of
from tests.parameters.test_branch import chain, link
from tests.parameters.test_branch import contents as commit_contents

ABOUT = {"repository": "/srv/x.git", "branch": "main", "environment": None, "region": "eu", "layers": ["base", "region"], "files": 3}

quick = settings(derandomize=True, deadline=None, database=None, max_examples=150)


def applied(held: Contents, changes: Transaction) -> dict[str, dict[Any, Any]]:
    """Return what a service holds after a transaction."""
    result = {name: dict(held.get(name, {})) for name in INPUTS}
    for name, entries in changes.items():
        for key, new in entries:
            if new:
                (result[name][index_key(key)],) = new
            else:
                del result[name][index_key(key)]
    return result


def text(held: Contents) -> str:
    """Return what tells true from one."""
    return repr(sorted((name, order_of((key, value))) for name, entries in held.items() for key, value in entries.items()))


def as_a_service_says(held: Contents) -> dict[str, list[Any]]:
    """Return contents as they come back from the wire."""
    return msgspec.json.decode(msgspec.json.encode({name: [[key, [value]] for key, value in each.items()] for name, each in held.items()}))


def test_contents_are_those_that_the_service_documents() -> None:
    state = state_of(chain({"a": 1}, ["x.yaml"]))

    assert contents(state, ABOUT) == {
        "values": {"a": {"value": 1, "commit": "main0", "number": 0, "file": "a.yaml"}},
        "commits": dict(state.commits),
        "changes": {("a", 0): {"value": 1}},
        "reading": {None: {**ABOUT, "layers": ("base", "region"), "head": "main1", "good": "main0", "number": 0, "parameters": 1}},
        "problems": {
            0: {
                "commit": "main1",
                "author": "Ann <ann@example.com>",
                "time": 1_700_000_001,
                "file": "x.yaml",
                "line": 1,
                "name": None,
                "reason": "it is bad",
            }
        },
    }


def test_only_what_differs_is_written() -> None:
    links = chain({"a": 1, "b": 1, "c": 1}, {"a": 2, "b": 1})
    old, new = contents(state_of(links[:1]), ABOUT), contents(state_of(links), ABOUT)

    changes = transaction(old, new)

    assert {name: [key for key, _ in entries] for name, entries in changes.items()} == {
        "values": ["a", "c"],
        "commits": [1],
        "changes": [("a", 1), ("c", 1)],
        "reading": [None],
    }
    assert changes["values"][1] == ("c", [])
    assert transaction(new, new) == {}
    assert transaction(held_by(as_a_service_says(new)), new) == {}


def test_states_alone_leave_the_reading_as_it_is() -> None:
    links = chain({"a": 1}, {"a": True})

    assert [*transaction(state_of(links[:1]), state_of(links))] == ["commits", "changes", "values"]
    assert transaction(None, State()) == {}


def test_paths_and_authors_that_cannot_be_sent() -> None:
    def read() -> dict[str, Held]:
        raise NotGood([Problem("a\udcff" * 400, 1, None, "bad")])

    state = state_of([(Commit("x", 0, "\udcff", 0, ""), read)])

    (problem,) = contents(state)["problems"].values()
    assert msgspec.json.encode(problem)
    assert problem["file"] == "a?" * 250


@quick
@given(st.lists(st.lists(commit_contents, max_size=6), min_size=2, max_size=4), st.sampled_from([3, 10**9]), st.sampled_from([200, 10**9]))
def test_a_service_comes_from_any_branch_to_any_other(branches: list[list[Any]], max_entries: int, max_size: int) -> None:
    """Also as a killed reader has left it, between two parts."""
    held: Contents = {}
    for each in branches:
        wanted = contents(state_of([link(number, content, f"b{len(each)}-") for number, content in enumerate(each)]), ABOUT)
        parts = [*in_parts(transaction(held, wanted), max_entries, max_size)]
        for part in parts[:-1]:
            held = held_by(as_a_service_says(applied(held, part)))
            again = applied(held, transaction(held, wanted))
            assert text(again) == text(wanted)
        for part in parts[-1:]:
            held = applied(held, part)

        assert text(held) == text(wanted)
        assert transaction(held_by(as_a_service_says(held)), wanted) == {}


@quick
@given(st.lists(commit_contents, min_size=1, max_size=8), st.integers(1, 9), st.integers(1, 600))
def test_parts_are_bounded_and_what_holds_stays_together(made: list[Any], max_entries: int, max_size: int) -> None:
    changes = transaction(None, contents(state_of(chain(*made)), ABOUT))
    parts = [*in_parts(changes, max_entries, max_size)]

    assert all(parts)
    assert {name: [entry for part in parts for entry in part.get(name, [])] for name in changes} == changes
    for part in parts[:-1]:
        assert part.keys() <= {"commits", "changes"}
        size = len(msgspec.json.encode([entry for entries in part.values() for entry in entries]))
        count = sum(map(len, part.values()))
        assert count == 1 or (count <= max_entries and size <= max_size + 2)
    if len(parts) > 1:
        assert parts[-1].keys() <= {"values", "reading", "problems"} or len(parts[-1].keys() & {"commits", "changes"}) == len(parts[-1])
    for one, two in pairwise(parts):
        assert "changes" not in one or "commits" not in two


def test_the_largest_reading_fits_into_one_transaction() -> None:
    """`MAX_SIZE` of a reading bounds what stays together: all the parameters there may be, and as many that go."""
    name, file = "n" * 190, "base/" + "f" * 60
    cost = len(name) + 6 + len(file) + 128 + 3
    count = MAX_SIZE // cost

    def read(offset: int) -> dict[str, Held]:
        return {f"{name}{offset + each:06}": Held(100 + each % 9, file, "base") for each in range(count)}

    old = state_of([(Commit("0" * 40, 10**6, "", 0, ""), lambda: read(0))])
    new = state_of([(Commit("1" * 40, 10**6, "", 0, ""), lambda: read(500_000))])
    *_, last = in_parts(transaction(contents(old, ABOUT), contents(new, ABOUT)))

    assert last.keys() == {"values", "reading"}
    assert len(last["values"]) == 2 * count <= writing.MAX_ENTRIES
    assert len(msgspec.json.encode(freeze([[name, entries] for name, entries in last.items()], 80))) <= MAX_CHANGES
