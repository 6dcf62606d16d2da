"""What strangers send costs the sender the connection, and nobody else anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deltamesh_router.wire.messages import MAX_DEPTH, read_json
from tests.running_router import RunningRouter
from tests.wire_connection import ERROR, WireConnection


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_json_is_read() -> None:
    assert read_json('[1, true, {"a": [null, 1.5]}, "\\u00e9"]') == [1, True, {"a": [None, 1.5]}, "é"]


def test_binary_values_are_read_as_wamp_has_them_in_json() -> None:
    assert read_json('["\\u0000AQI=", {"x": "\\u0000"}, "a\\u0000b"]') == [b"\1\2", {"x": b""}, "a\0b"]


def test_nesting_is_bounded() -> None:
    assert read_json(nested(MAX_DEPTH)) == json.loads(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(ValueError, match="nested deeper than"):
            read_json(nested(depth))
    assert len(read_json("[" + "[]," * 1000 + "[]]")) == 1001


@pytest.mark.parametrize("text", ["", "nonsense", "[1"])
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)


def test_a_refused_message_costs_its_sender_the_connection_and_prints_a_line(tmp_path: Path) -> None:
    """The router goes on, and what it prints does not grow with what was sent."""
    malformed = ["nonsense", "[]", "[99]", '{"a":1}', "[48]", '[48,"x",{},5]', '[48,1,{},"com.example.hackernews."]']
    refused = ["[" * 100_000, nested(5000), *malformed]
    with RunningRouter(tmp_path) as router:
        before = len(router.stderr)
        for text in refused:
            with WireConnection(router.ws_url) as stranger:
                stranger.socket.sendall(stranger.wrap(text.encode()))
                with pytest.raises(EOFError):
                    stranger.receive()
        with WireConnection(router.ws_url) as other:
            assert other.call("com.example.hackernews.open", "top")[0] == ERROR
    printed = router.stderr[before:]

    assert not [line for line in printed if "Traceback" in line]
    assert len(printed) <= 3 * len(refused), printed
    assert max(map(len, printed), default=0) < 1000
