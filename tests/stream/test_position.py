from __future__ import annotations

import pytest

from deltamesh.errors import InvalidPosition
from deltamesh.stream import Position


def test_the_wire_form_is_an_array() -> None:
    assert Position("E1", 7).to_wire() == ["E1", 7]
    assert Position.from_wire(["E1", 7]) == Position.from_wire(("E1", 7)) == Position("E1", 7)
    assert Position.from_wire(["E" * 128, 2**53 - 1]).revision == 2**53 - 1


@pytest.mark.parametrize(
    "wire",
    [
        None,
        "E1",
        7,
        [],
        ["E1"],
        ["E1", 7, 8],
        {"epoch": "E1"},
        ["", 7],
        ["E" * 129, 7],
        [1, 7],
        ["E1", -1],
        ["E1", True],
        ["E1", 1.0],
        ["E1", 2**53],
    ],
    ids=lambda wire: repr(wire)[:20],
)
def test_anything_else_is_invalid(wire: object) -> None:
    with pytest.raises(InvalidPosition):
        Position.from_wire(wire)


def test_it_cannot_be_changed_and_serves_as_a_key() -> None:
    position = Position("E1", 7)
    with pytest.raises(AttributeError):
        position.revision = 8  # type: ignore[misc]
    assert {position: 1}[Position("E1", 7)] == 1
