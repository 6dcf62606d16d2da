"""Entries as a table."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console
from rich.table import Table

from deltamesh.cli.table import MAX_WIDTH, table_of
from deltamesh.values import Values, freeze, index_key


def entries(*pairs: tuple[Any, list[Any]]) -> list[tuple[Any, Values]]:
    return [(freeze(key), Values([freeze(value) for value in values])) for key, values in pairs]


def printed(table: Table, width: int = 400) -> list[list[str]]:
    """Return the cells, line by line; no cell of these tests contains a blank."""
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        console.print(table)
    return [line.split() for line in captured.get().splitlines()]


def test_fields_of_objects_and_parts_of_keys_are_columns() -> None:
    table = table_of(entries((["JFK", 1], [{"to": "SFO", "late": 3}]), (["JFK", 2], [{"to": "LAX", "at": None}])), width=400, max_rows=9)

    assert printed(table) == [["key", "1", "key", "2", "to", "late", "at"], ["JFK", "1", "SFO", "3"], ["JFK", "2", "LAX", "null"]]


def test_other_values_have_one_column() -> None:
    table = table_of(entries(("a", [1, True]), ("b", ["x", [1, {"y": 2}]])), width=400, max_rows=9)

    assert printed(table) == [["key", "value"], ["a", "1"], ["a", "true"], ["b", "x"], ["b", '[1,{"y":2}]']]


def test_keys_of_different_lengths_are_one_column() -> None:
    table = table_of(entries((["a"], [1]), (["a", "b"], [2]), (None, [3])), width=400, max_rows=9)

    assert printed(table) == [["key", "value"], ['["a"]', "1"], ['["a","b"]', "2"], ["null", "3"]]


def test_objects_and_others_stand_side_by_side() -> None:
    table = table_of(entries((1, [{"a": 1}]), (2, [7]), (3, [{}])), width=400, max_rows=9)

    assert printed(table) == [["key", "a", "…"], ["1", "1"], ["2", "7"], ["3"]]


def test_fields_for_which_there_is_no_room_share_a_column() -> None:
    row = {"from": "JFK", "to": "SFO", "late": 3, "by": "UA"}
    wide = printed(table_of(entries((1, [row])), width=26, max_rows=9), width=26)
    narrow = printed(table_of(entries((1, [row])), width=22, max_rows=9), width=22)

    assert wide == [["key", "from", "to", "late", "by"], ["1", "JFK", "SFO", "3", "UA"]]
    assert narrow == [["key", "from", "to", "…"], ["1", "JFK", "SFO", '{"lat…']]


def test_a_long_text_leaves_room_for_others() -> None:
    head, row = printed(table_of(entries((1, [{"a": "x" * 100, "b": 1}])), width=60, max_rows=9), width=60)

    assert head == ["key", "a", "b"]
    assert row == ["1", "x" * (MAX_WIDTH - 1) + "…", "1"]


def test_rows_are_limited_and_changed_ones_stand_out() -> None:
    table = table_of(entries((1, ["a", "b"]), (2, ["c"]), (3, ["d"])), width=400, max_rows=3, changed={index_key(2)})

    assert [row.style for row in table.rows] == [None, None, "bold yellow"]


def test_control_characters_do_not_reach_the_terminal() -> None:
    table = table_of(entries(("\x1b[2J", ["[red]a\x07\nb"])), width=400, max_rows=9)

    assert printed(table)[1] == ["�[2J", "[red]a��b"]


def test_nothing_is_a_head_only() -> None:
    assert printed(table_of([], width=400, max_rows=9)) == [["key"]]
