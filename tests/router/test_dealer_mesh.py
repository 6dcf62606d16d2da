"""Calls on a running router: what only real connections and the router's own sessions show."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.running_router import RunningRouter
from tests.wire_connection import (
    CALL,
    CANCELLING,
    ERROR,
    INTERRUPT,
    INVOCATION,
    REGISTERED,
    RESULT,
    UNREGISTERED,
    YIELD,
    WireConnection,
    error_of,
)

pytestmark = pytest.mark.mesh

WORK = "com.example.dealer.work"


class Room:
    """Sessions that leave when the test ends."""

    def __init__(self, router: RunningRouter, stack: ExitStack) -> None:
        self._router = router
        self._stack = stack

    def component(self, **options: Any) -> WireConnection:
        return self._stack.enter_context(WireConnection(self._router.unix_path, **options))

    def browser(self) -> WireConnection:
        return self._stack.enter_context(WireConnection(self._router.ws_url))

    def worker(self, concurrency: int = 1, **options: Any) -> WireConnection:
        connection = self.component(**options)
        assert connection.register(WORK, invoke="roundrobin", concurrency=concurrency)[0] == REGISTERED
        return connection


@pytest.fixture
def room(router: RunningRouter) -> Iterator[Room]:
    with ExitStack() as stack:
        yield Room(router, stack)


def test_a_timeout_answers_the_caller_and_interrupts_the_callee(room: Room) -> None:
    worker, caller = room.worker(roles=CANCELLING), room.component()
    caller.send([CALL, 1, {"timeout": 20}, WORK])
    caller.send([CALL, 2, {"timeout": 30}, WORK])
    kind, number, _, details = worker.receive()

    assert (kind, details["timeout"]) == (INVOCATION, 20)
    assert [caller.receive()[2:5] for _ in range(2)] == [[number, {}, "wamp.error.timeout"] for number in (1, 2)]
    assert worker.receive() == [INTERRUPT, number, {"mode": "killnowait", "reason": "wamp.error.timeout"}]

    caller.send([CALL, 3, {}, WORK])
    worker.send([ERROR, INVOCATION, number, {}, "wamp.error.canceled"])
    kind, number, *_ = worker.receive()
    worker.send([YIELD, number, {}])
    assert caller.receive()[:2] == [RESULT, 3]


def test_a_session_is_drained(room: Room) -> None:
    worker, caller, operator = room.worker(), room.component(), room.component()
    caller.send([CALL, 1, {}, WORK, ["runs"]])
    number = worker.receive()[1]
    operator.send([CALL, 7, {}, "mesh.drain", [worker.session]])
    assert error_of(operator.call("mesh.drain", 7)) == "wamp.error.no_such_session"
    caller.send([CALL, 2, {}, WORK, ["waits"]])
    other = room.worker()
    assert other.receive()[4] == ["waits"]
    worker.send([YIELD, number, {}])

    assert operator.receive() == [RESULT, 7, {}, [{"session": worker.session, "calls": 1}]]
    assert caller.receive()[:2] == [RESULT, 1]


def test_browsers_may_not_drain(room: Room) -> None:
    browser = room.browser()

    assert error_of(browser.call("mesh.drain", browser.session)) == "wamp.error.not_authorized"


def test_the_meta_procedures_know_the_callees(room: Room) -> None:
    worker, operator = room.component(), room.component()
    registration = worker.register(WORK, invoke="roundrobin", concurrency=1)[2]
    other = room.worker()

    assert operator.call("wamp.registration.lookup", WORK)[3] == [registration]
    assert operator.call("wamp.registration.match", WORK)[3] == [registration]
    assert operator.call("wamp.registration.list_callees", registration)[3] == [[worker.session, other.session]]
    assert operator.call("wamp.registration.count_callees", registration)[3] == [2]
    assert operator.call("wamp.registration.get", registration)[3][0]["invoke"] == "roundrobin"
    assert registration in operator.call("wamp.registration.list")[3][0]["exact"]
    # plain Crossbar.io raises an AttributeError here
    assert error_of(operator.call("wamp.registration.remove_callee", registration, worker.session)) is None
    assert operator.call("wamp.registration.list_callees", registration)[3] == [[other.session]]


def test_a_callee_takes_the_place_of_the_others(room: Room) -> None:
    former = [room.component() for _ in range(3)]
    (old,) = {each.register(WORK, invoke="roundrobin", concurrency=1)[2] for each in former}
    caller, new = room.component(), room.component()
    for number in range(1, 5):
        caller.send([CALL, number, {}, WORK, [number]])
    running = [each.receive()[1] for each in former]
    answer = new.register(WORK, invoke="roundrobin", concurrency=1, force_reregister=True)

    assert answer[0] == REGISTERED
    assert new.receive()[4] == [4]
    for each, number in zip(former, running, strict=True):
        assert each.receive() == [UNREGISTERED, 0, {"registration": old, "reason": "wamp.error.unregistered"}]
        each.send([YIELD, number, {}])
    assert sorted(caller.receive()[1] for _ in range(3)) == [1, 2, 3]


def test_a_call_that_is_too_large_for_the_callee_is_refused(room: Room) -> None:
    small = room.worker(handshake=b"\x7f\x23\0\0")  # up to 2 KiB
    caller = room.component()

    assert error_of(caller.call(WORK, "x" * 5000)) == "wamp.error.invalid_argument"

    caller.send([CALL, 2, {}, WORK, ["small"]])
    assert small.receive()[4] == ["small"]


def test_an_answer_that_is_too_large_for_the_caller_is_an_error(room: Room) -> None:
    worker, small = room.worker(), room.component(handshake=b"\x7f\x23\0\0")
    small.send([CALL, 1, {}, WORK])
    worker.send([YIELD, worker.receive()[1], {}, ["x" * 5000]])

    assert error_of(small.receive()) == "wamp.error.invalid_argument"


def test_what_the_router_refuses_has_facts_in_every_format(room: Room) -> None:
    browser, owner = room.browser(), room.component()
    open_to_browsers = "com.example.hackernews.dealer_test"
    owner.register(open_to_browsers, invoke="roundrobin", concurrency=1)
    browser.socket.sendall(b"".join([browser.frame([CALL, number, {}, open_to_browsers]) for number in (1, 2)]))
    owner.receive()
    owner.close()
    first, second = browser.receive(), browser.receive()

    assert first[:3] + first[4:5] == [ERROR, CALL, 1, "wamp.error.canceled"]
    assert second[4] == "deltamesh.error.no_callee"
    assert second[6] == {"procedure": open_to_browsers, "retry": True}
    assert open_to_browsers in second[5][0]


def test_nobody_registers_a_procedure_of_the_router(room: Room) -> None:
    assert error_of(room.component().register("mesh.publish_many")) == "deltamesh.error.reserved"
