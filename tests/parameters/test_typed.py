from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from deltamesh.parameters.client.typed import Unfit, check_of, checked_default, text_of
from deltamesh.values import freeze


class Limits(msgspec.Struct):
    daily: Annotated[int, Meta(ge=0)]
    currency: Literal["eur", "usd"] = "eur"


@dataclass
class Window:
    opens: int
    closes: int

    def __post_init__(self) -> None:
        if self.opens > self.closes:
            raise ValueError("it closes before it opens")
        if self.opens < 0:
            raise KeyError(self.opens)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (int, 3, 3),
        (float, 3, 3.0),
        (list[int], [1, 2], [1, 2]),
        (Literal["a", "b"], "a", "a"),
        (Annotated[int, Meta(ge=0)], 0, 0),
        (int | None, None, None),
        (dict[str, float], {"a": 1}, {"a": 1.0}),
        (Limits, {"daily": 3}, Limits(3)),
        (Window, {"opens": 1, "closes": 2}, Window(1, 2)),
        (Any, {"a": [1, {}]}, {"a": [1, {}]}),
    ],
)
def test_values_of_the_type_are_taken(kind: Any, value: Any, expected: Any) -> None:
    taken = check_of(kind)(freeze(value))

    assert taken == expected
    assert type(taken) is type(expected)


SECRET = "hunter2"


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (int, SECRET, "Expected `int`, got `str`"),
        (int, True, "Expected `int`, got `bool`"),
        (int, 1.5, "Expected `int`, got `float`"),
        (list[int], [1, SECRET], "Expected `int`, got `str` - at `$[1]`"),
        (Annotated[int, Meta(ge=0)], -1, "Expected `int` >= 0"),
        (Literal["a", "b"], SECRET, "Not one of the values that are allowed"),
        (dict[str, Literal["a"]], {"x": SECRET}, "Not one of the values that are allowed - at `$[...]`"),
        (Limits, {"daily": 1, "currency": SECRET}, "Not one of the values that are allowed - at `$.currency`"),
        (Limits, {}, "Object missing required field `daily`"),
        (Window, {"opens": -7, "closes": 2}, "its class raised KeyError"),
    ],
)
def test_others_are_not_and_the_message_does_not_tell_them(kind: Any, value: Any, message: str) -> None:
    with pytest.raises(Unfit) as raised:
        check_of(kind)(freeze(value))

    assert str(raised.value) == message
    assert SECRET not in str(raised.value)


def test_what_is_taken_belongs_to_the_program() -> None:
    check, value = check_of(Any), freeze([[1]])
    check(value)[0].append(2)

    assert check(value) == [[1]]


def test_a_default_is_copied() -> None:
    default = [1]
    checked = checked_default(text_of(default), check_of(list[int]))
    default.append(2)

    assert checked == [1]


@pytest.mark.parametrize(
    ("kind", "default"),
    [(int, "3"), (int, None), (Limits, Limits(-1)), (list[int], ["a"]), (float, float("nan")), (Any, object()), (complex, 1j)],
)
def test_a_default_of_the_wrong_type_is_a_fault_of_the_program(kind: Any, default: Any) -> None:
    with pytest.raises(TypeError):
        checked_default(text_of(default), check_of(kind))
