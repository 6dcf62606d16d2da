"""What callers pass is checked against annotations, and equal parameters are equal."""

from __future__ import annotations

from math import nan
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct

from deltamesh.application.signature import Signature
from deltamesh.application.transaction import Caller, Role
from deltamesh.errors import ConfigurationError, InvalidParameters, TooLarge


class Place(Struct, frozen=True):
    name: str
    zoom: int = 1


def top(
    shared: Any,
    limit: Annotated[int, Meta(ge=1, le=100)] = 25,
    reader: str | None = None,
    *,
    order: Literal["up", "down"] = "up",
    tags: list[str] = [],  # noqa: B006 - as applications write it
    place: Place | None = None,
    anything=None,
): ...


def test_defaults_are_filled_in() -> None:
    parameters = Signature(top, 1)

    expected = {"limit": 25, "reader": None, "order": "up", "tags": [], "place": None, "anything": None}
    assert parameters.check({}) == expected
    assert parameters.check(None) == expected
    assert parameters.check({"limit": 3, "tags": ["a"], "place": {"name": "x"}}) == {
        **expected,
        "limit": 3,
        "tags": ["a"],
        "place": Place("x"),
    }


def test_a_mutable_default_is_not_shared() -> None:
    parameters = Signature(top, 1)

    parameters.check({})["tags"].append("mine")

    assert parameters.check({})["tags"] == []


@pytest.mark.parametrize(
    "given, reason",
    [
        ({"limit": "3"}, "limit"),
        ({"limit": 0}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": None}, "limit"),
        ({"reader": 7}, "reader"),
        ({"order": "sideways"}, "order"),
        ({"tags": "a"}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"place": {}}, "place"),
        ({"place": {"name": 1}}, "place"),
        ({"more": 1}, "more"),
        ({1: 2}, "not a string"),
        ([1], "an object"),
        ("limit", "an object"),
        ({"anything": nan}, "JSON"),
        ({"anything": b"x"}, "JSON"),
        ({"anything": object()}, ""),
    ],
)
def test_what_does_not_fit_is_refused_by_name(given: object, reason: str) -> None:
    with pytest.raises(InvalidParameters, match=f"(?s)^top: .*{reason}"):
        Signature(top, 1).check(given)


def test_sizes_are_limited() -> None:
    nested: Any = 1
    for _ in range(100):
        nested = [nested]

    with pytest.raises(TooLarge):
        Signature(top, 1).check({"reader": "x" * 17_000})
    with pytest.raises(InvalidParameters, match="nested"):
        Signature(top, 1).check({"anything": nested})


def test_a_call_may_be_positional_or_by_name() -> None:
    parameters = Signature(top, 1)

    assert parameters.check_call([3], {"reader": "ann"})["limit"] == 3
    assert parameters.check_call([3, "ann"], {}) == parameters.check_call([], {"reader": "ann", "limit": 3})
    with pytest.raises(InvalidParameters, match="given twice"):
        parameters.check_call([3], {"limit": 3})
    with pytest.raises(InvalidParameters, match="7 positional"):
        parameters.check_call([1] * 7, {})


def test_equal_parameters_have_one_identity() -> None:
    parameters = Signature(top, 1)

    def identity(**given: Any) -> Any:
        return parameters.identity(parameters.check(given))

    assert identity(limit=3.0, place={"name": "x"}) == identity(place={"zoom": 1, "name": "x"}, limit=3, reader=None)
    assert identity(limit=3) != identity(limit=4)


def test_the_caller_is_not_the_callers_to_say() -> None:
    def mine(shared: Any, caller: Any, limit: int = 1): ...

    parameters = Signature(mine, 1)

    assert parameters.takes_caller
    assert parameters.names == ["limit"]
    with pytest.raises(InvalidParameters, match="caller"):
        parameters.check({"caller": "somebody else"})


def test_callers_who_are_known_by_their_role_only_are_equal_if_it_is() -> None:
    def each(shared: Any, caller: Any): ...
    def ours(shared: Any, caller: Role): ...

    ada, eve = Caller(1, "ada", "browser"), Caller(2, "eve", "browser")

    assert Signature(each, 1).caller(ada)[0] is ada
    assert Signature(each, 1).caller(ada)[1] != Signature(each, 1).caller(eve)[1]
    assert Signature(ours, 1).caller(ada) == Signature(ours, 1).caller(eve) == ("browser", "browser")
    assert Signature(ours, 1).caller(Caller()) == ("", "")


def test_functions_that_cannot_be_called_by_name_are_refused() -> None:
    def variable(shared: Any, *limits: int): ...
    def keywords(shared: Any, **limits: int): ...
    def none(): ...
    def unknown(shared: Any, limit: Nowhere): ...  # type: ignore[name-defined]  # noqa: F821
    def no_type(shared: Any, limit: 1 + 1): ...  # type: ignore[valid-type]

    for function in (variable, keywords, none, unknown):
        with pytest.raises(ConfigurationError, match=function.__name__):
            Signature(function, 1)
