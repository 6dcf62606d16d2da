"""Arguments in JSON that turn out to be none only when somebody else needs them in another format."""

from __future__ import annotations

import pytest

from tests.running_router import RunningRouter
from tests.wire_connection import CALL, ERROR, INVOCATION, RESULT, YIELD, WireConnection

ECHO = "com.example.hackernews.echo"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param('["\\u0000not base64!"]', id="a binary value that is none"),
        pytest.param(f"[{'9' * 5000}]", id="a number with too many digits"),
        pytest.param('["\\ud800"]', id="half a character"),
    ],
)
def test_unreadable_arguments_of_a_call_end_nothing_else(router: RunningRouter, arguments: str) -> None:
    with WireConnection(router.unix_path) as callee, WireConnection(router.ws_url) as caller:
        callee.register(ECHO, concurrency=1)
        caller.socket.sendall(caller.wrap(f'[{CALL},1000,{{}},"{ECHO}",{arguments}]'.encode()))
        assert caller.receive()[:3] == [ERROR, CALL, 1000]

        with WireConnection(router.ws_url) as other:
            other.send([CALL, 7, {}, ECHO, ["well"]])
            invocation = callee.receive()
            assert (invocation[0], invocation[4]) == (INVOCATION, ["well"])
            callee.send([YIELD, invocation[1], {}, invocation[4]])
            assert other.receive()[::3] == [RESULT, ["well"]]
