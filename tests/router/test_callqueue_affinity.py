"""Calls with equal keys stay together, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh_router.queue import affinity
from deltamesh_router.queue.callee import QueuedCall
from deltamesh_router.queue.callqueue import CallQueue
from deltamesh_router.queue.moves import Dispatch, Emptied, Lost, NoCallee, Refusal, WaitedTooLong
from deltamesh_router.settings.settings import CallRule


class Call(QueuedCall):
    def __init__(self, name: str) -> None:
        super().__init__(name.rstrip("0123456789") or None)
        self.name = name


class Queue(CallQueue):
    """A queue with affinity: "x1" and "x2" are calls of key "x", and "1" is one without a key. Moves are told in short."""

    def __init__(self, callees: dict[str, int], **rule: Any) -> None:
        super().__init__(CallRule(choose="affinity", **rule), "roundrobin", lambda n: n - 1)
        self.calls: dict[str, Call] = {}
        for session, concurrency in callees.items():
            self.join(session, concurrency, 0.0)

    def call(self, *names: str, now: float = 0.0) -> list[str | None]:
        """Offer calls; return who got them."""
        got: list[str | None] = []
        for name in names:
            self.calls[name] = Call(name)
            callee = self.offer(self.calls[name], now)
            got.append(None if callee is None else callee.session)
        return got

    def done(self, name: str, now: float = 1.0) -> list[Any]:
        return told(self.answered(self.calls[name], now))


def told(moves: Any) -> list[Any]:
    def short(move: Any) -> Any:
        match move:
            case Dispatch(call, callee):
                return call.name, callee.session
            case Emptied(callee):
                return callee.session, Emptied
            case Lost(call):
                return call.name, Lost
            case Refusal(call, reason):
                return call.name, type(reason)

    return [short(move) for move in moves]


def test_equal_keys_go_to_the_same_callee() -> None:
    queue = Queue({"A": 10, "B": 10})

    assert queue.call("x1", "y1", "x2", "x3", "y2", "z1") == ["A", "B", "A", "A", "B", "B"]


def test_a_key_comes_back_to_its_callee() -> None:
    queue = Queue({"A": 10, "B": 10})
    queue.call("x1", "y1")
    queue.done("x1")
    queue.done("y1")

    assert queue.call("y2", "y3", "x2", "y4") == ["B", "B", "A", "B"]


def test_calls_wait_for_the_callee_of_their_key_alone() -> None:
    queue = Queue({"A": 1, "B": 1})

    assert queue.call("x1", "x2", "y1", "x3") == ["A", None, "B", None]
    assert queue.done("y1") == []
    assert queue.done("x1") == [("x2", "A")]
    assert queue.done("x2") == [("x3", "A")]


def test_a_new_key_goes_to_whoever_is_free_first() -> None:
    queue = Queue({"A": 1, "B": 1})

    assert queue.call("x1", "y1", "z1", "z2") == ["A", "B", None, None]
    assert queue.done("y1") == [("z1", "B")]
    assert queue.done("x1") == []
    assert queue.done("z1") == [("z2", "B")]


def test_keys_take_turns() -> None:
    queue = Queue({"A": 1})
    queue.call("x1", "x2", "x3", "x4", "y1", "y2", "z1")
    order = [queue.done(name) for name in ("x1", "x2", "y1", "z1", "x3", "y2")]

    assert order == [[("x2", "A")], [("y1", "A")], [("z1", "A")], [("x3", "A")], [("y2", "A")], [("x4", "A")]]


def test_calls_with_and_without_a_key_go_as_they_came() -> None:
    queue = Queue({"A": 1})
    queue.call("x1", "1", "y1", "2", "x2")
    order = [queue.done(name) for name in ("x1", "1", "y1", "2")]

    assert order == [[("1", "A")], [("y1", "A")], [("2", "A")], [("x2", "A")]]


def test_keys_move_when_their_callee_leaves() -> None:
    queue = Queue({"A": 1, "B": 2}, tries=2)
    queue.call("x1", "y1", "x2", "x3")

    assert told(queue.leave("A", 1.0)) == [("x1", "B")]
    assert queue.call("x4", "y2") == [None, None]
    assert [queue.done(name) for name in ("y1", "x1", "x2")] == [[("x2", "B")], [("y2", "B")], [("x3", "B")]]


def test_all_calls_of_a_key_that_moves_may_go_at_once() -> None:
    """The callee with the fewest calls is asked first, and after one call it is not that one any more."""
    queue = Queue({"A": 1, "B": 3, "C": 3}, tries=2)
    queue.call("x1", "y1", "z1", "x2")

    assert told(queue.leave("A", 1.0)) == [("x1", "B"), ("x2", "B")]


def test_second_chances_of_a_key_come_before_its_other_calls() -> None:
    queue = Queue({"A": 2, "B": 1}, tries=2)
    queue.call("x1", "y1", "x2", "x3", "x4")
    assert told(queue.leave("A", 1.0)) == []

    assert [queue.done(name) for name in ("y1", "x1", "x2", "x3")] == [[(f"x{n}", "B")] for n in (1, 2, 3, 4)]


def test_without_a_second_chance_the_rest_of_the_key_moves() -> None:
    queue = Queue({"A": 1, "B": 1})
    queue.call("x1", "x2")

    assert told(queue.leave("A", 1.0)) == [("x1", Lost), ("x2", "B")]


def test_a_key_stays_with_a_draining_callee_until_its_calls_are_answered() -> None:
    """Or two callees would work on it at once."""
    queue = Queue({"A": 2, "B": 2})
    assert queue.call("x1", "y1", "x2", "x3") == ["A", "B", "A", None]

    assert told(queue.drain("A", 1.0)) == []
    assert queue.call("x4") == [None]
    assert queue.done("x1") == []
    assert queue.done("x2") == [("x3", "B"), ("A", Emptied)]
    assert queue.done("y1") == [("x4", "B")]


def test_keys_that_only_wait_leave_a_draining_callee_at_once() -> None:
    queue = Queue({"A": 1, "B": 1})
    queue.call("x1", "y1")
    queue.done("x1")
    queue.done("y1")
    assert queue.call("x2", "z1") == ["A", "B"]
    queue.done("x2")
    assert queue.call("w1", "x3") == ["A", None]
    queue.done("z1")

    assert told(queue.drain("A", 1.0)) == [("x3", "B")]


def test_a_call_that_nobody_wants_keeps_its_key_too() -> None:
    queue = Queue({"A": 1, "B": 1})
    queue.call("x1", "x2")
    queue.withdraw(queue.calls["x1"], 1.0)
    queue.unregister("A", 1.0)

    assert queue.waiting == 1
    assert queue.done("x1") == [("x2", "B"), ("A", Emptied)]


def test_a_withdrawn_call_lets_those_behind_it_pass() -> None:
    queue = Queue({"A": 1, "B": 1})
    queue.call("x1", "x2", "x3", "y1", "z1")
    queue.withdraw(queue.calls["x2"], 1.0)
    queue.withdraw(queue.calls["z1"], 1.0)

    assert queue.done("x1") == [("x3", "A")]
    assert queue.done("y1") == []
    assert queue._lanes.num_keys == 2


def test_calls_with_a_key_wait_too_long_and_without_callees_as_others_do() -> None:
    queue = Queue({"A": 1}, max_wait=10.0)
    queue.call("x1")
    queue.call("x2", now=1.0)
    queue.call("1", now=2.0)
    queue.call("y1", now=3.0)

    assert queue.next_expiry == 11.0
    assert told(queue.expire(12.0)) == [("1", WaitedTooLong), ("x2", WaitedTooLong)]
    assert told(queue.leave("A", 12.0)) == [("x1", Lost), ("y1", NoCallee)]
    assert queue._lanes.num_keys == 0


def test_idle_keys_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affinity, "MAX_IDLE_KEYS", 100)
    queue = Queue({"A": 1000, "B": 1000})
    names = [f"{'abcdefghij'[number // 100]}{chr(200 + number % 100)}" for number in range(1000)]
    queue.call(*names)

    for name in names:
        queue.done(name)

    assert queue._lanes.num_keys == 100
    assert told(queue.leave("A", 1.0)) == told(queue.leave("B", 1.0)) == []
    assert queue._lanes.num_keys == 0


def test_affinity_can_be_switched_on_and_off_while_calls_wait() -> None:
    queue = Queue({"A": 1, "B": 1})
    queue.call("x1", "x2", "y1", "z1")

    queue.change_rule(CallRule())
    queue.call("1")

    assert queue.done("y1") == [("z1", "B")]
    assert queue.done("z1") == [("1", "B")]
    queue.change_rule(CallRule(choose="affinity"))
    assert queue.call("x3") == [None]
    assert [queue.done(name) for name in ("x1", "x2")] == [[("x2", "A")], [("x3", "A")]]
