"""
What is shown in talks: more callees make it faster, and nobody tells the callers.

Twenty calls of two seconds on callees with two and three slots; then the same, and a callee with five slots joins after two seconds.
Here the clock is the test's, and on a running router callees answer on command.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from tests.router.recorded_realm import RecordedClient, RecordedRealm
from tests.running_router import RunningRouter
from tests.wire_connection import CALL, INVOCATION, RESULT, YIELD, WireConnection

WORK = "com.example.talk"
SECONDS = 2.0


class SlowWorker:
    """Answers each call when it has worked on it for two seconds."""

    def __init__(self, realm: RecordedRealm, slots: int) -> None:
        self.realm, self.slots, self.most = realm, slots, 0
        self.client: RecordedClient = realm.join()
        self.client.register(WORK, slots)
        self.running: list[int] = []
        self.look()

    def look(self) -> None:
        """Begin with what has come."""
        for _, number, _ in self.client.received():
            self.running.append(number)
            self.most = max(self.most, len(self.running))
            self.realm.clock.callLater(SECONDS, self._answer, number)

    def _answer(self, number: int) -> None:
        self.running.remove(number)
        self.client.answer(number, number)


@pytest.mark.parametrize(("joins", "expected"), [(False, 8.0), (True, 6.0)])
def test_twenty_calls_take_as_long_as_the_slots_allow(joins: bool, expected: float) -> None:
    realm = RecordedRealm()
    caller = realm.join()
    workers = [SlowWorker(realm, 2), SlowWorker(realm, 3)]
    requests = [caller.call(WORK, number) for number in range(20)]
    answered: list[tuple[float, int]] = []
    while len(answered) < 20:
        for worker in workers:
            worker.look()
        realm.pass_time(realm.due()[0] - realm.clock.seconds())
        if joins and len(workers) == 2:
            workers.append(SlowWorker(realm, 5))
        answered += [(realm.clock.seconds(), request) for _, request, _ in caller.received()]

    assert answered[-1][0] == expected
    assert sorted(request for _, request in answered) == requests
    assert [worker.most for worker in workers] == [worker.slots for worker in workers]
    assert realm.is_idle()


class WorkerOnCommand:
    """A callee on a connection to a running router. It begins with what it is sent, and answers when it is told to."""

    def __init__(self, connection: WireConnection, slots: int) -> None:
        self._connection = connection
        connection.register(WORK, invoke="roundrobin", concurrency=slots)

    def begin(self, number: int) -> list[list[Any]]:
        """Wait for so many calls; return them."""
        calls = [self._connection.receive() for _ in range(number)]
        assert all(call[0] == INVOCATION for call in calls)
        return calls

    def answer(self, calls: list[list[Any]]) -> None:
        """Answer these calls."""
        for _, number, _, _, args in calls:
            self._connection.send([YIELD, number, {}, args])


@pytest.mark.mesh
def test_a_callee_that_joins_takes_its_share_of_what_waits_on_a_running_router(router: RunningRouter) -> None:
    with ExitStack() as stack:
        caller, *connections = [stack.enter_context(WireConnection(router.unix_path)) for _ in range(4)]
        two, three = WorkerOnCommand(connections[0], 2), WorkerOnCommand(connections[1], 3)
        for number in range(20):
            caller.send([CALL, number + 1, {}, WORK, [number]])
        first = two.begin(2), three.begin(3)
        for worker, calls in zip((two, three), first, strict=True):
            worker.answer(calls)
        second = two.begin(2), three.begin(3)
        five = WorkerOnCommand(connections[2], 5)
        third = five.begin(5)
        for worker, calls in zip((two, three), second, strict=True):
            worker.answer(calls)
        last = two.begin(2), three.begin(3)
        five.answer(third)
        for worker, calls in zip((two, three), last, strict=True):
            worker.answer(calls)
        results = [caller.receive() for _ in range(20)]

    begun = [sorted([call[4][0] for calls in stage for call in calls]) for stage in (first, second, (third,), last)]
    assert begun == [list(range(start, start + 5)) for start in (0, 5, 10, 15)]
    assert sorted([(kind, args) for kind, _, _, args in results]) == [(RESULT, [number]) for number in range(20)]
