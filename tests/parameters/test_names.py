"""Names of parameters: what can be one, and what is below what."""

from __future__ import annotations

import pytest

from deltamesh.parameters.names import MAX_NAME, beginnings, is_within, joined, objection


@pytest.mark.parametrize("name", ["a", "a.b", "payment.limits.daily", "größe.1.x-y_z", "$schema", "名.前", "a" * MAX_NAME])
def test_names(name: str) -> None:
    assert objection(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "a b",
        " a",
        "a\t",
        "a\n",
        "a\0b",
        "a\x7f",
        "a\u00a0b",
        "a\u200bb",
        "a\u202eb",
        "a\ud800",
        "a" * (MAX_NAME + 1),
    ],
)
def test_what_is_no_name(name: str) -> None:
    found = objection(name)

    assert found
    assert len(found) < 100
    assert found.isprintable()


def test_a_name_is_below_its_beginnings() -> None:
    assert list(beginnings("a.b.c")) == ["a", "a.b"]
    assert list(beginnings("a")) == []


def test_within_goes_by_segments() -> None:
    assert is_within("a.b", "a.b")
    assert is_within("a.b.c", "a.b")
    assert is_within("a", "")
    assert not is_within("a.bc", "a.b")
    assert not is_within("a", "a.b")


def test_joined() -> None:
    assert joined("a", "b.c") == "a.b.c"
    assert joined("", "b") == "b"
    assert joined("a", "") == "a"
