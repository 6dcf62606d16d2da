"""Who sends much in parts can wait until the receiver has read them."""

from __future__ import annotations

import select
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from tests.running_router import RunningRouter
from tests.wire_connection import CALL, EVENT, PUBLISH, RESULT, WireConnection, error_of

pytestmark = pytest.mark.mesh

CAUGHT_UP: Final = "mesh.caught_up"
TOPIC: Final = "com.example.pacing.topic"
MEGABYTE: Final = "x" * 1_000_000


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def asker(router: RunningRouter, stack: ExitStack) -> WireConnection:
    return stack.enter_context(WireConnection(router.unix_path))


@pytest.fixture
def reader(router: RunningRouter, stack: ExitStack) -> WireConnection:
    reader = stack.enter_context(WireConnection(router.unix_path))
    reader.subscribe(TOPIC)
    return reader


def test_who_has_read_everything_has_caught_up(asker: WireConnection, reader: WireConnection) -> None:
    assert asker.call(CAUGHT_UP, reader.session)[3] == [True]
    assert asker.call(CAUGHT_UP, asker.session)[3] == [True]


def test_the_answer_comes_when_everything_was_taken(asker: WireConnection, reader: WireConnection) -> None:
    asker.publish(TOPIC, MEGABYTE)
    asker.send([CALL, 101, {}, CAUGHT_UP, [reader.session]])
    asker.send([CALL, 102, {}, CAUGHT_UP, [reader.session]])
    assert asker.call("wamp.session.count")[0] == RESULT  # which is answered before

    assert reader.receive()[0] == EVENT
    answers = [asker.receive() for _ in range(2)]
    assert sorted([(kind, request, *args) for kind, request, _, args in answers]) == [(RESULT, 101, True), (RESULT, 102, True)]


def test_who_leaves_never_catches_up(asker: WireConnection, reader: WireConnection) -> None:
    asker.publish(TOPIC, MEGABYTE)
    asker.send([CALL, 101, {}, CAUGHT_UP, [reader.session]])
    asker.call("wamp.session.count")
    reader.close()

    assert asker.receive()[3] == [False]
    assert asker.call(CAUGHT_UP, reader.session)[3] == [False]


def test_who_is_closed_as_a_slow_reader_never_catches_up(asker: WireConnection, reader: WireConnection) -> None:
    for _ in range(3):
        asker.publish(TOPIC, MEGABYTE)
    asker.send([CALL, 101, {}, CAUGHT_UP, [reader.session]])
    for _ in range(4):
        asker.begin(PUBLISH, {}, TOPIC, [MEGABYTE])

    assert asker.receive() == [RESULT, 101, {}, [False]]
    ended = select.poll()
    ended.register(reader.socket, select.POLLHUP)
    assert ended.poll(0) == []


def test_who_asks_may_leave_before_the_answer(router: RunningRouter, reader: WireConnection, asker: WireConnection) -> None:
    with WireConnection(router.unix_path) as leaving:
        leaving.publish(TOPIC, MEGABYTE)
        leaving.send([CALL, 101, {}, CAUGHT_UP, [reader.session]])
        leaving.call("wamp.session.count")
    while leaving.session in asker.call("wamp.session.list")[3][0]:
        pass
    said = len(router.lines)

    assert reader.receive()[0] == EVENT
    assert asker.call(CAUGHT_UP, reader.session)[3] == [True]
    assert router.lines[said:] == []


@pytest.mark.parametrize("args", [[], ["1"], [0], [1.5], [True], [1, 2]])
def test_anything_but_the_number_of_a_session_is_refused(asker: WireConnection, args: list[Any]) -> None:
    assert error_of(asker.call(CAUGHT_UP, *args)) == "wamp.error.invalid_argument"
