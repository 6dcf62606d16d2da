"""What people type for values and changes."""

from __future__ import annotations

from typing import Any

import click
import pytest
from click.testing import CliRunner

from deltamesh.cli.arguments import json_value, named_value
from deltamesh.cli.command import main
from deltamesh.cli.data import parse_changes
from deltamesh.cli.failure import CommandFailed


@pytest.mark.parametrize(
    "text,value",
    [
        ("10", 10),
        ("null", None),
        ('"10"', "10"),
        ("[1, null]", [1, None]),
        ('{"a": 1}', {"a": 1}),
        ("JFK", "JFK"),
        ("007", "007"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_a_value_is_json_or_text(text: str, value: Any) -> None:
    assert json_value(text) == value
    assert named_value(f"name={text}") == ("name", value)


@pytest.mark.parametrize("text", ['{"a": }', "[1", '"open'])
def test_what_begins_like_json_must_be_json(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not JSON"):
        json_value(text)


@pytest.mark.parametrize("text", ["limit", "=10", "a b=1", "1=1"])
def test_a_named_value_needs_a_name(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write NAME=VALUE"):
        named_value(text)


def test_changes_are_a_list_of_pairs_or_an_object() -> None:
    assert parse_changes('[["a", [[1, [2]]]], ["b", []], ["a", [[3, []]]]]') == {"a": [[1, [2]], [3, []]], "b": []}
    assert parse_changes('{"a": [[1, [2]]]}') == {"a": [[1, [2]]]}


@pytest.mark.parametrize("text", ["", "{", "7", '"a"', "[1]", '[["a"]]', '[["a", 1]]', "[[1, []]]", '{"a": 1}'])
def test_other_changes_are_refused(text: str) -> None:
    with pytest.raises(CommandFailed, match="changes are"):
        parse_changes(text)


@pytest.mark.parametrize(
    "arguments",
    [
        ["read", "poll", "top"],
        ["read", "com.example.poll"],
        ["read", "com.example.poll", "top", "--param", "limit"],
        ["read", "com.example.poll", "top", "--param", "a=1", "--param", "a=2"],
        ["read", "com.example.poll", "top", "--key", "[1"],
        ["follower", "poll:app", "--name", "First One"],
        ["leader", "poll"],
        ["run"],
        ["run", "poll:app", "--followers", "0"],
        ["run", "poll:app", "--with", ""],
        ["run", "poll:app", "--with", "'"],
        ["watches"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: ")
    assert "Traceback" not in result.stderr
