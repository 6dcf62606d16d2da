"""The rules of a call queue, one by one."""

from __future__ import annotations

import heapq
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from deltamesh_router.queue.callee import QueuedCall
from deltamesh_router.queue.callqueue import CallQueue
from deltamesh_router.queue.moves import Dispatch, Drained, Emptied, Lost, NoCallee, QueueFull, Refusal, WaitedTooLong
from deltamesh_router.settings.settings import CallRule


class Call(QueuedCall):
    def __init__(self, name: Any, key: Any = None) -> None:
        super().__init__(key)
        self.name = name


def queue_of(invoke: str = "first", callees: Iterable[tuple[str, int | None]] = (("A", 1),), **rule: Any) -> CallQueue:
    """A queue with callees of these names and slots."""
    queue = CallQueue(CallRule(**rule), invoke, lambda n: n - 1)
    for session, concurrency in callees:
        queue.join(session, concurrency, 0.0)
    return queue


def offered(queue: CallQueue, *names: Any, now: float = 0.0) -> list[Call]:
    calls = [Call(name) for name in names]
    for call in calls:
        queue.offer(call, now)
    return calls


def told(moves: Iterable[Any]) -> list[Any]:
    """What moves say, in short: (call, callee) for a dispatch."""
    short: dict[type, Callable[[Any], Any]] = {
        Dispatch: lambda move: (move.call.name, move.callee.session),
        Refusal: lambda move: (move.call.name, type(move.reason)),
        Lost: lambda move: (move.call.name, Lost),
        Emptied: lambda move: (move.callee.session, Emptied),
        Drained: lambda move: Drained,
    }
    return [short[type(move)](move) for move in moves]


# -- slots


def test_a_call_goes_to_a_free_callee_at_once() -> None:
    queue = queue_of()
    call = Call("x")

    callee = queue.offer(call, 3.0)

    assert callee is call.callee is queue.callees["A"]
    assert (call.since, call.started, call.tries, queue.in_flight, queue.waiting) == (3.0, 3.0, 1, 1, 0)


def test_calls_wait_while_all_are_full_and_go_in_order() -> None:
    queue = queue_of(callees=[("A", 2)])
    a, b, *_ = offered(queue, "a", "b", "c", "d", "e")

    assert (queue.in_flight, queue.waiting) == (2, 3)
    assert told(queue.answered(b, 1.0)) == [("c", "A")]
    assert told(queue.answered(a, 1.0)) == [("d", "A")]


def test_who_has_named_no_number_is_never_full() -> None:
    queue = queue_of(callees=[("A", None)])

    calls = offered(queue, *range(1000))

    assert {call.callee.session for call in calls if call.callee} == {"A"}
    assert (queue.in_flight, queue.waiting, queue.capacity) == (1000, 0, None)


def test_a_call_that_nobody_wants_keeps_its_slot_until_it_is_answered() -> None:
    queue = queue_of()
    a, b = offered(queue, "a", "b")

    assert told(queue.withdraw(a, 1.0)) == []
    assert (queue.in_flight, b.callee) == (1, None)
    assert told(queue.answered(a, 2.0)) == [("b", "A")]


def test_a_withdrawn_call_does_not_hold_up_those_behind() -> None:
    """A caller that leaves takes its queued calls along."""
    queue = queue_of()
    a, b, c, _ = offered(queue, "a", "b", "c", "d")

    for call in (b, c, c):
        assert told(queue.withdraw(call, 1.0)) == []

    assert queue.waiting == 1
    assert told(queue.answered(a, 2.0)) == [("d", "A")]


def test_a_callee_that_joins_gets_what_waits() -> None:
    queue = queue_of()
    offered(queue, "a", "b", "c", "d")

    assert told(queue.join("B", 2, 1.0)) == [("b", "B"), ("c", "B")]
    assert (queue.capacity, queue.in_flight, queue.waiting) == (3, 3, 1)


def test_a_callee_that_joins_again_has_another_number_of_slots() -> None:
    queue = queue_of()
    a, b, c, _ = offered(queue, "a", "b", "c", "d")

    assert told(queue.join("A", 3, 1.0)) == [("b", "A"), ("c", "A")]
    assert told(queue.join("A", 1, 1.0)) == []
    assert [told(queue.answered(call, 2.0)) for call in (a, b, c)] == [[], [], [("d", "A")]]


@pytest.mark.parametrize("late, duration", [(False, 8.0), (True, 6.0)])
def test_twenty_calls_of_two_seconds(*, late: bool, duration: float) -> None:
    """2 and 3 slots take 8 s; with 5 more slots after 2 s it is 6 s."""
    queue = queue_of("roundrobin", [("A", 2), ("B", 3)])
    ends: list[tuple[float, int, Call]] = []
    for call in offered(queue, *range(20)):
        if call.callee:
            heapq.heappush(ends, (2.0, call.name, call))
    now = 0.0
    has_joined = not late
    while ends:
        now, _, call = heapq.heappop(ends)
        moves = list(queue.answered(call, now))
        if not has_joined:
            has_joined = True
            moves += queue.join("C", 5, now)
        for move in moves:
            heapq.heappush(ends, (now + 2.0, move.call.name, move.call))

    assert now == duration


# -- second chance


def test_a_call_whose_callee_left_is_lost_unless_it_may_be_tried_again() -> None:
    queue = queue_of(callees=[("A", 2), ("B", 1)])
    a, b, *_ = offered(queue, "a", "b", "c", "d")

    assert told(queue.leave("A", 1.0)) == [("a", Lost), ("b", Lost)]
    assert (a.callee, b.callee, queue.num_lost, queue.in_flight, queue.waiting) == (None, None, 2, 1, 1)


def test_second_chances_come_first_and_in_order() -> None:
    queue = queue_of(callees=[("A", 3), ("B", 1)], tries=2)
    a, b, c, d, _, _ = offered(queue, "a", "b", "c", "d", "e", "f")

    assert told(queue.leave("A", 1.0)) == []
    dispatched: list[Any] = []
    for _ in range(5):
        dispatched += queue.answered(next(iter(queue.callees["B"].calls)), 2.0)
    assert told(dispatched) == [("a", "B"), ("b", "B"), ("c", "B"), ("e", "B"), ("f", "B")]
    assert [call.tries for call in (a, b, c, d)] == [2, 2, 2, 1]


def test_a_free_callee_takes_over_at_once() -> None:
    queue = queue_of(callees=[("A", 2), ("B", 1), ("C", 1)], tries=2)
    offered(queue, "a", "b")

    assert told(queue.leave("A", 1.0)) == [("a", "B"), ("b", "C")]


def test_tries_are_bounded() -> None:
    queue = queue_of(callees=[("A", 1), ("B", 1), ("C", 1)], tries=2)
    offered(queue, "a")

    assert told(queue.leave("A", 1.0)) == [("a", "B")]
    assert told(queue.leave("B", 2.0)) == [("a", Lost)]


def test_no_second_chance_for_what_nobody_wants() -> None:
    queue = queue_of(callees=[("A", 2), ("B", 2)], tries=2)
    a, _ = offered(queue, "a", "b")
    queue.withdraw(a, 1.0)

    moves = queue.leave("A", 2.0)

    assert told(moves) == [("a", Lost), ("b", "B")]
    assert not moves[0].call.is_wanted
    assert queue.num_lost == 0


def test_second_chances_are_not_refused_for_want_of_room() -> None:
    queue = queue_of(callees=[("A", None), ("B", 1)], tries=2, max_waiting=10)
    offered(queue, *range(100))

    assert told(queue.leave("A", 1.0)) == [(0, "B")]
    assert queue.waiting == 99
    with pytest.raises(QueueFull):
        offered(queue, "one more")


def test_a_dispatch_may_be_outdated_when_it_is_carried_out() -> None:
    queue = queue_of(tries=2)
    a, b = offered(queue, "a", "b")
    (move,) = queue.answered(a, 1.0)

    queue.leave("A", 1.0)

    assert isinstance(move, Dispatch)
    assert b.callee is not move.callee


# -- without a callee


def test_without_a_callee_calls_are_refused() -> None:
    with pytest.raises(NoCallee):
        offered(queue_of(callees=[]), "a")


def test_what_waits_is_refused_when_the_last_callee_leaves() -> None:
    queue = queue_of(tries=2)
    offered(queue, "a", "b", "c")

    assert told(queue.leave("A", 1.0)) == [("a", NoCallee), ("b", NoCallee), ("c", NoCallee)]
    assert (queue.callees, queue.waiting, queue.num_no_callee) == ({}, 0, 3)


def test_what_waits_is_refused_when_the_last_callee_unregisters() -> None:
    queue = queue_of()
    a, _ = offered(queue, "a", "b")

    assert told(queue.unregister("A", 1.0)) == [("b", NoCallee)]
    with pytest.raises(NoCallee):
        offered(queue, "c")
    assert told(queue.answered(a, 2.0)) == [("A", Emptied)]
    assert queue.callees == {}


def test_what_waits_goes_on_waiting_when_a_callee_is_replaced() -> None:
    queue = queue_of()
    offered(queue, "a", "b", "c")

    assert told(queue.join("B", 1, 1.0)) == [("b", "B")]
    assert told(queue.unregister("A", 1.0)) == []
    assert queue.waiting == 1


def test_calls_wait_while_all_callees_are_draining() -> None:
    queue = queue_of()
    a, _ = offered(queue, "a", "b")

    assert told(queue.drain("A", 1.0)) == []
    offered(queue, "c")
    assert told(queue.answered(a, 2.0)) == [("A", Emptied)]
    assert queue.waiting == 2
    assert told(queue.join("B", 5, 3.0)) == [("b", "B"), ("c", "B")]


# -- drain


def test_a_draining_callee_finishes_what_it_has() -> None:
    queue = queue_of(callees=[("A", 2), ("B", 1)])
    a, b = offered(queue, "a", "b")

    assert told(queue.drain("A", 1.0)) == []
    assert [call.callee.session if call.callee else None for call in offered(queue, "c", "d")] == ["B", None]
    assert told(queue.answered(a, 2.0)) == []
    assert told(queue.answered(b, 2.0)) == [("A", Emptied)]
    assert (queue.capacity, queue.waiting) == (1, 1)


def test_a_callee_without_calls_is_empty_at_once() -> None:
    queue = queue_of(callees=[("A", 1), ("B", 1)])

    assert told(queue.drain("A", 1.0)) == [("A", Emptied)]
    assert told(queue.unregister("B", 1.0)) == [("B", Emptied)]
    assert list(queue.callees) == ["A"]


def test_joining_ends_draining() -> None:
    queue = queue_of()
    a, _ = offered(queue, "a", "b")
    queue.drain("A", 1.0)

    assert told(queue.join("A", 2, 2.0)) == [("b", "A")]
    assert told(queue.answered(a, 3.0)) == []


def test_a_callee_that_registers_again_still_has_its_calls() -> None:
    queue = queue_of(callees=[("A", 1), ("B", 1)])
    a, _, _ = offered(queue, "a", "b", "c")
    queue.unregister("A", 1.0)

    assert told(queue.join("A", 1, 1.0)) == []
    assert told(queue.answered(a, 2.0)) == [("c", "A")]


@pytest.mark.parametrize("retire", [CallQueue.drain, CallQueue.unregister])
def test_a_callee_that_leaves_while_it_finishes_gives_back_its_calls(retire: Callable[..., Any]) -> None:
    queue = queue_of(callees=[("A", 1), ("B", 1)], tries=2)
    offered(queue, "a")
    retire(queue, "A", 1.0)

    assert told(queue.leave("A", 2.0)) == [("a", "B")]
    assert list(queue.callees) == ["B"]


def test_strangers_may_leave_unregister_and_drain() -> None:
    queue = queue_of()

    assert [told(retire("Z", 1.0)) for retire in (queue.leave, queue.unregister, queue.drain)] == [[], [], []]


# -- bounds


def test_a_full_queue_refuses_and_says_so_once_until_it_is_drained() -> None:
    queue = queue_of(max_waiting=2)
    a, b, c = offered(queue, "a", "b", "c")

    def is_first(name: str) -> bool:
        with pytest.raises(QueueFull) as caught:
            offered(queue, name)
        assert caught.value.waiting == 2
        return caught.value.is_first

    assert [is_first("d"), is_first("e")] == [True, False]
    assert told(queue.answered(a, 1.0)) == [("b", "A")]
    offered(queue, "f")
    assert not is_first("g")
    assert told(queue.answered(b, 2.0)) == [("c", "A")]
    assert told(queue.answered(c, 2.0)) == [("f", "A"), Drained]
    offered(queue, "h", "i")
    assert is_first("j")
    assert (queue.num_offered, queue.num_waited, queue.num_queue_full) == (10, 5, 4)


def test_nothing_may_wait_if_the_bound_is_zero() -> None:
    queue = queue_of(max_waiting=0)
    (a,) = offered(queue, "a")

    with pytest.raises(QueueFull):
        offered(queue, "b")
    assert told(queue.answered(a, 1.0)) == [Drained]


def test_who_has_waited_too_long_is_refused() -> None:
    queue = queue_of(max_wait=10.0)
    offered(queue, "a")
    offered(queue, "b", now=1.0)
    offered(queue, "c", now=2.0)

    assert queue.next_expiry == 11.0
    assert told(queue.expire(10.9)) == []
    moves = queue.expire(11.0)
    assert told(moves) == [("b", WaitedTooLong)]
    assert moves[0].reason.waited == 10.0
    assert (queue.next_expiry, queue.waiting, queue.in_flight) == (12.0, 1, 1)


def test_a_second_chance_may_wait_as_long_as_a_new_call() -> None:
    queue = queue_of(callees=[("A", 1), ("B", 1)], tries=2, max_wait=10.0)
    offered(queue, "a", "b")
    offered(queue, "c", now=12.0)
    queue.leave("A", 15.0)

    assert queue.next_expiry == 22.0
    assert told(queue.expire(22.0)) == [("c", WaitedTooLong)]
    assert queue.next_expiry == 25.0
    assert told(queue.expire(25.0)) == [("a", WaitedTooLong)]
    assert queue.next_expiry is None


def test_another_rule_holds_for_what_waits() -> None:
    queue = queue_of("last", callees=[("A", 2), ("B", 2)], max_wait=100.0)
    offered(queue, "a", "b", "c", "d", "e", "f")

    queue.change_rule(CallRule(max_wait=5.0, max_waiting=1, tries=2, choose="least_loaded"))

    assert queue.next_expiry == 5.0
    assert queue.waiting == 2
    with pytest.raises(QueueFull):
        offered(queue, "g")
    assert told(queue.leave("A", 1.0)) == []
    assert queue.waiting == 4


# -- purity


def test_queues_know_neither_crossbar_nor_a_reactor() -> None:
    code = """import sys, deltamesh_router.queue.callqueue
sys.exit(any(name in sys.modules for name in ('twisted', 'autobahn', 'crossbar')))"""

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- cost


def events(work: Callable[[], Any]) -> int:
    """How many functions, Python's or C's, are called while `work` runs: a measure that does not depend on the machine."""
    counted: Counter[str] = Counter()
    sys.setprofile(lambda _frame, event, _argument: counted.update([event]))
    try:
        work()
    finally:
        sys.setprofile(None)
    return counted["call"] + counted["c_call"]


def cost_of_a_call(queue: CallQueue) -> float:
    """Functions called from offering a call to its answer, on average."""
    calls = [Call(number) for number in range(200)]

    def work() -> None:
        for call in calls:
            queue.offer(call, 0.0)
            queue.answered(call, 0.0)

    return events(work) / len(calls)


POLICIES = ["first", "last", "roundrobin", "random", "least_loaded"]


@pytest.mark.parametrize("policy", POLICIES)
def test_full_callees_do_not_make_a_call_dearer(policy: str) -> None:
    rule = {"choose": policy} if policy == "least_loaded" else {}
    alone = queue_of(policy, [("free", 1)], **rule)
    crowded = queue_of(policy, [*((f"full {number}", 1) for number in range(1000)), ("free", 1)], **rule)
    busy = offered(crowded, *range(1001))
    crowded.answered(next(call for call in busy if call.callee and call.callee.session == "free"), 0.0)

    assert crowded.waiting == 0
    assert cost_of_a_call(crowded) <= cost_of_a_call(alone) + 1


@pytest.mark.parametrize("policy", POLICIES)
def test_many_free_callees_do_not_make_a_call_dearer(policy: str) -> None:
    rule = {"choose": policy} if policy == "least_loaded" else {}
    few = queue_of(policy, [(f"free {number}", 4) for number in range(2)], **rule)
    many = queue_of(policy, [(f"free {number}", 4) for number in range(1000)], **rule)

    assert cost_of_a_call(many) <= cost_of_a_call(few) + 2


@pytest.mark.slow
@pytest.mark.parametrize("num_keys", [0, 1, 100])
def test_a_long_line_is_worked_off_at_the_same_cost_per_call(num_keys: int) -> None:
    def cost(length: int) -> float:
        queue = queue_of(max_waiting=length, choose="affinity")
        for number in range(length + 1):
            queue.offer(Call(number, number % num_keys if num_keys else None), 0.0)

        def work() -> None:
            for _ in range(length):
                queue.answered(next(iter(queue.callees["A"].calls)), 1.0)

        cost = events(work) / length
        assert (queue.waiting, queue.in_flight) == (0, 1)
        return cost

    assert cost(10_000) <= cost(1000) + 1


def test_to_look_for_those_that_waited_too_long_is_no_search() -> None:
    def cost(length: int) -> int:
        queue = queue_of(callees=[("A", length), ("B", 1)], tries=2, max_waiting=2 * length)
        offered(queue, *range(2 * length))
        queue.leave("A", 1.0)
        assert queue.waiting == 2 * length - 1
        return events(lambda: queue.expire(2.0))

    assert cost(5000) == cost(5)
