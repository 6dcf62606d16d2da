"""
Shared registrations: what plain Crossbar.io does wrong, and that ours does it right.

Every test runs on both. What `either` has for plain Crossbar.io documents its behaviour as it was found; when one of these fails,
a release has mended it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from copy import deepcopy
from typing import Any, Final

import pytest

from tests.router.parties import CANCELED, FAILED, Stage, write_settings
from tests.running_router import OURS, STOCK, RunningRouter
from tests.wire_connection import CANCELLING, REGISTER, REGISTERED, ROLES

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

PROCEDURE: Final = "com.example.shared"
BOUNDED: Final = "com.example.bounded"
IMPATIENT: Final = "com.example.impatient"
TWICE: Final = "com.example.twice"
SETTINGS: Final = f"""
[[calls]]
uri = "{BOUNDED}"
max_waiting = 2

[[calls]]
uri = "{IMPATIENT}"
max_wait = 0.001

[[calls]]
uri = "{TWICE}"
tries = 2
"""

BUSY: Final = "crossbar.error.max_concurrency_reached"
TIMEOUT: Final = "wamp.error.timeout"
FULL: Final = "deltamesh.error.queue_full"
TOO_LATE: Final = "deltamesh.error.waited_too_long"
NO_CALLEE: Final = "deltamesh.error.no_callee"

Either = Callable[[Any, Any], Any]


def add_realm_with_store(config: dict[str, Any]) -> None:
    """Beside `realm1`, the realm `stored`, in which plain Crossbar.io lets calls wait: two at most, if it minded its limit."""
    realms = config["workers"][0]["realms"]
    queues = [{"uri": BOUNDED, "match": "exact", "limit": 2}]
    realms.append({**deepcopy(realms[0]), "name": "stored", "store": {"type": "memory", "limit": 2, "call-queue": queues}})


@pytest.fixture(scope="module", params=[STOCK, OURS], ids=["stock", "ours"])
def program(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param


@pytest.fixture(scope="module")
def running(program: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    directory = tmp_path_factory.mktemp("shared")
    write_settings(directory, SETTINGS)
    with RunningRouter(directory, program=program, edit=add_realm_with_store) as router:
        yield router
    assert program == STOCK or router.stderr == []


@pytest.fixture
def stage(running: RunningRouter) -> Iterator[Stage]:
    """A realm without a store."""
    with ExitStack() as stack:
        yield Stage(running, stack=stack)


@pytest.fixture
def stored(running: RunningRouter) -> Iterator[Stage]:
    """A realm with a store."""
    with ExitStack() as stack:
        yield Stage(running, realm="stored", stack=stack)


@pytest.fixture(scope="module")
def either(program: tuple[str, ...]) -> Either:
    """Return the first of two values on plain Crossbar.io, and the second on ours."""
    return lambda stock, ours: stock if program == STOCK else ours


def test_all_callees_are_busy(stage: Stage, either: Either) -> None:
    a, b = (stage.callee(name, PROCEDURE, concurrency=1) for name in "ab")
    caller = stage.caller()
    caller.call(PROCEDURE, 1, 2, 3)

    assert caller.told() == either([f"3 {BUSY}"], [])
    assert (a.given(), b.given()) == ([1], [2])
    b.answer(2)
    assert (a.given(), b.given()) == either(([], []), ([], [3]))
    a.answer(1)
    assert caller.told() == ["2 done by b", "1 done by a"]


def test_a_queue_is_bounded(stored: Stage, either: Either) -> None:
    callee, caller = stored.callee("a", BOUNDED, concurrency=1), stored.caller()
    caller.call(BOUNDED, *range(6))

    assert caller.told() == either([], [f"{number} {FULL}" for number in (3, 4, 5)])
    assert callee.given() == [0]
    for number in range(3):
        callee.answer(number)
        assert callee.given() == ([number + 1] if number < 2 else either([3], []))
    if caller.facts:
        assert caller.facts[5]["retry"] is True
        assert (caller.facts[5]["procedure"], caller.facts[5]["waiting"]) == (BOUNDED, 2)


def test_a_call_does_not_wait_for_ever(stored: Stage, either: Either) -> None:
    callee, caller = stored.callee("a", IMPATIENT, concurrency=1), stored.caller()
    caller.call(IMPATIENT, 1, 2)

    if either(False, True):
        assert caller.told_next() == f"2 {TOO_LATE}"
        assert caller.facts[2]["retry"] is True
    assert caller.told() == []
    assert callee.given() == [1]
    callee.answer(1)
    assert callee.given() == either([2], [])


def test_a_call_that_ends_with_an_error_makes_room(stored: Stage, either: Either) -> None:
    callee, caller = stored.callee("a", PROCEDURE, concurrency=1), stored.caller()
    caller.call(PROCEDURE, 1, 2)
    caller.told()
    assert callee.given() == [1]
    callee.fail(1)

    assert callee.given() == either([], [2])
    assert caller.told() == [f"1 {FAILED}"]


def test_a_fresh_call_does_not_overtake(stored: Stage, either: Either) -> None:
    callee, caller = stored.callee("a", PROCEDURE, concurrency=1), stored.caller()
    caller.call(PROCEDURE, 1, 2)
    caller.told()
    assert callee.given() == [1]
    callee.fail(1)
    caller.call(PROCEDURE, 3)
    caller.told()

    assert callee.given() == either([3], [2])


def test_a_callee_that_joins_takes_what_waits(stored: Stage, either: Either) -> None:
    a, caller = stored.callee("a", PROCEDURE, concurrency=1), stored.caller()
    caller.call(PROCEDURE, 1, 2, 3, 4)
    caller.told()
    b = stored.callee("b", PROCEDURE, concurrency=2)

    assert b.given() == either([], [2, 3])
    assert a.given() == [1]


def test_a_callee_that_registers_again_goes_on(stored: Stage, either: Either) -> None:
    """What it had before still takes its slots."""
    callee, other = (stored.callee(name, PROCEDURE, concurrency=1) for name in "ab")
    caller = stored.caller()
    caller.call(PROCEDURE, 1, 2, 3)
    caller.told()
    assert (callee.given(), other.given()) == ([1], [2])
    callee.unregister(PROCEDURE)
    callee.register(PROCEDURE, concurrency=1)
    caller.call(PROCEDURE, 4)
    caller.told()

    assert callee.given() == either([4], [])
    callee.answer(1)
    assert callee.given() == [3]


def test_a_callee_that_unregisters_finishes_what_it_has(stored: Stage, either: Either) -> None:
    """And is given nothing more; the other callee is."""
    a, b = (stored.callee(name, PROCEDURE, concurrency=1) for name in "ab")
    caller = stored.caller()
    caller.call(PROCEDURE, 1, 2, 3)
    caller.told()
    assert (a.given(), b.given()) == ([1], [2])
    a.unregister(PROCEDURE)
    a.answer(1)

    assert caller.told() == ["1 done by a"]
    assert (a.given(), b.given()) == ([], [])
    b.answer(2)
    assert b.given() == [3]


def test_the_last_callee_is_killed_while_calls_wait(stored: Stage, either: Either) -> None:
    callee, caller = stored.callee("a", PROCEDURE, process=True, concurrency=1), stored.caller()
    caller.call(PROCEDURE, 1, 2)
    caller.told()
    assert callee.given() == [1]
    stored.end(callee)

    assert caller.told() == [f"1 {CANCELED}", *either([], [f"2 {NO_CALLEE}"])]
    if 2 in caller.facts:
        assert caller.facts[2]["retry"] is True
    caller.call(PROCEDURE, 3)
    assert caller.told() == ["3 wamp.error.no_such_procedure"]
    assert stored.callee("b", PROCEDURE, concurrency=1).given() == []


def test_a_caller_that_leaves_takes_its_waiting_calls_along(stored: Stage, either: Either) -> None:
    callee = stored.callee("a", PROCEDURE, concurrency=1)
    stays, leaves = stored.caller(), stored.caller(process=True)
    stays.call(PROCEDURE, 1)
    stays.told()
    leaves.call(PROCEDURE, 2)
    leaves.told()
    stays.call(PROCEDURE, 3)
    stays.told()
    stored.end(leaves)
    assert callee.given() == [1]
    callee.answer(1)

    assert callee.given() == either([2], [3])


def test_a_caller_that_leaves_does_not_block_the_queue(stored: Stage, either: Either) -> None:
    callee = stored.callee("a", PROCEDURE, concurrency=1)
    stays, leaves = stored.caller(), stored.caller(process=True)
    leaves.call(PROCEDURE, 1, 2)
    leaves.told()
    stays.call(PROCEDURE, 3)
    assert callee.given() == [1]
    stored.end(leaves)
    callee.answer(1)

    assert callee.given() == either([], [3])
    stays.call(PROCEDURE, 4)
    assert stays.told() == []
    assert callee.given() == []


def test_a_caller_that_leaves_during_its_call(stage: Stage, either: Either) -> None:
    """The slot is taken until the callee answers, and then it is free."""
    callee = stage.callee("a", PROCEDURE, concurrency=1)
    stays, leaves = stage.caller(), stage.caller(process=True)
    leaves.call(PROCEDURE, 1)
    assert callee.given_next() == 1
    stage.end(leaves)
    stays.call(PROCEDURE, 2)

    assert stays.told() == either([f"2 {BUSY}"], [])
    assert callee.given() == []
    assert callee.interrupted == [1]
    callee.answer(1)
    assert callee.given() == either([], [2])
    stays.call(PROCEDURE, 3)
    assert stays.told() == either([f"3 {BUSY}"], [])


def test_a_call_that_times_out(stage: Stage, either: Either) -> None:
    """The slot is taken until the callee answers, and then it is free."""
    callee, caller = stage.callee("a", PROCEDURE, concurrency=1), stage.caller()
    caller.call(PROCEDURE, 1, timeout=1)

    assert caller.told_next() == "1 " + either(CANCELED, TIMEOUT)
    caller.call(PROCEDURE, 2)
    assert caller.told() == either([f"2 {BUSY}"], [])
    assert callee.given() == [1]
    assert callee.interrupted == [1]
    callee.answer(1)
    assert callee.given() == either([], [2])


@pytest.mark.parametrize("roles", [CANCELLING, ROLES], ids=["knows_cancel", "knows_no_cancel"])
def test_a_caller_is_told_of_its_timeout(stage: Stage, either: Either, roles: dict[str, Any]) -> None:
    """Plain Crossbar.io tells only those who know CANCEL; the others wait for ever."""
    callee, caller = stage.callee("a", PROCEDURE), stage.caller(roles=roles)
    caller.call(PROCEDURE, 1, timeout=1)
    assert callee.given_next() == 1
    while not callee.interrupted:
        assert callee.given() == []

    assert caller.told() == (either([], [f"1 {TIMEOUT}"]) if roles == ROLES else ["1 " + either(CANCELED, TIMEOUT)])


def test_random_honours_concurrency(stage: Stage, either: Either) -> None:
    a, b = (stage.callee(name, PROCEDURE, invoke="random", concurrency=1) for name in "ab")
    caller = stage.caller()
    caller.call(PROCEDURE, *range(10))

    assert caller.told() == []
    assert len(a.given() + b.given()) == either(10, 2)


@pytest.mark.parametrize(("invoke", "favourite", "other"), [("first", "a", "b"), ("last", "b", "a")])
def test_a_busy_favourite_overflows_to_the_next(stage: Stage, either: Either, invoke: str, favourite: str, other: str) -> None:
    callees = {name: stage.callee(name, PROCEDURE, invoke=invoke, concurrency=1) for name in "ab"}
    caller = stage.caller()
    caller.call(PROCEDURE, 1, 2)

    assert caller.told() == either([f"2 {BUSY}"], [])
    assert callees[favourite].given() == [1]
    assert callees[other].given() == either([], [2])


def test_a_callee_is_killed(stage: Stage, either: Either) -> None:
    """What may not be done twice is not; both say so."""
    a, b = stage.callee("a", PROCEDURE, process=True), stage.callee("b", PROCEDURE)
    caller = stage.caller()
    caller.call(PROCEDURE, 1)
    assert a.given_next() == 1
    stage.end(a)

    assert caller.told() == [f"1 {CANCELED}"]
    assert b.given() == []


def test_a_callee_of_idempotent_calls_is_killed(stage: Stage, either: Either) -> None:
    """The other callee is given its calls, in their order, and before those that wait."""
    a, b = stage.callee("a", TWICE, process=True, concurrency=2), stage.callee("b", TWICE, concurrency=1)
    caller = stage.caller()
    caller.call(TWICE, 1, 2, 3)
    assert (caller.told(), a.given(), b.given()) == ([], [1, 3], [2])
    caller.call(TWICE, 4)
    assert caller.told() == either([f"4 {BUSY}"], [])
    stage.end(a)

    assert caller.told() == either([f"1 {CANCELED}", f"3 {CANCELED}"], [])
    for argument, following in ((2, 1), (1, 3), (3, 4)):
        if not either(argument == 2, True):
            break
        b.answer(argument)
        assert b.given() == either([], [following])
    assert caller.told() == either(["2 done by b"], ["2 done by b", "1 done by b", "3 done by b"])


def test_a_second_chance_is_the_last(stage: Stage, either: Either) -> None:
    a, b, c = (stage.callee(name, TWICE, process=True) for name in "abc")
    caller = stage.caller()
    caller.call(TWICE, 1)
    assert a.given_next() == 1
    stage.end(a)
    assert caller.told() == either([f"1 {CANCELED}"], [])
    assert b.given() == either([], [1])
    stage.end(b)

    assert caller.told() == either([], [f"1 {CANCELED}"])
    assert c.given() == []


def test_timeouts_are_milliseconds_and_end_in_their_order(stage: Stage, either: Either) -> None:
    """Plain Crossbar.io takes them for seconds, so a second passes between the ends of 1 and 2, and the longer ones do not end."""
    callee, caller = stage.callee("a", PROCEDURE), stage.caller()
    timeouts = [1, 2, 640, 480, 320, 160]
    ended = [1, 2, *either([], [160, 320, 480, 640])]
    started = time.monotonic()
    caller.call_each(PROCEDURE, {timeout: {"timeout": timeout} for timeout in timeouts})

    for timeout in ended:
        assert caller.told_next() == f"{timeout} {either(CANCELED, TIMEOUT)}"
        assert time.monotonic() - started > either(0, timeout / 1000)
    assert caller.told() == []
    assert callee.given() == timeouts
    assert callee.interrupted == ended


def test_force_reregister_replaces_all_callees(stage: Stage, either: Either) -> None:
    olds = [stage.callee(name, PROCEDURE) for name in "abcd"]
    new, caller = stage.callee("new"), stage.caller()
    number = new.connection.begin(REGISTER, {"invoke": "roundrobin", "force_reregister": True}, PROCEDURE)

    assert [message[:2] for message in new.sent()] == either([], [[REGISTERED, number]])
    assert [old.given() for old in olds] == [[]] * 4
    assert [old.num_revoked for old in olds] == either([1, 0, 1, 0], [1, 1, 1, 1])
    caller.call(PROCEDURE, 1, 2)
    assert caller.told() == []
    assert [callee.given() for callee in (*olds, new)] == either([[], [1], [], [2], []], [[], [], [], [], [1, 2]])


def test_skip_is_answered(stage: Stage, either: Either) -> None:
    """The callee is left alone, and its slot is taken until it answers."""
    callee, caller = stage.callee("a", PROCEDURE, concurrency=1), stage.caller()
    caller.call(PROCEDURE, 1)
    assert callee.given_next() == 1
    caller.cancel(1, "skip")

    assert caller.told() == either([], [f"1 {CANCELED}"])
    caller.call(PROCEDURE, 2)
    assert caller.told() == either([f"2 {BUSY}"], [])
    assert (callee.given(), callee.interrupted) == ([], [])
    callee.answer(1)
    assert callee.given() == either([], [2])


@pytest.mark.parametrize("mode", ["skip", "kill", "killnowait"])
def test_a_call_that_waits_is_cancelled(stored: Stage, either: Either, mode: str) -> None:
    callee, caller = stored.callee("a", PROCEDURE, concurrency=1), stored.caller()
    caller.call(PROCEDURE, 1, 2, 3)
    caller.told()
    caller.cancel(2, mode)

    assert caller.told() == either([], [f"2 {CANCELED}"])
    assert callee.given() == [1]
    callee.answer(1)
    assert callee.given() == either([2], [3])


def test_a_call_that_waits_times_out(stored: Stage, either: Either) -> None:
    """In plain Crossbar.io its time begins when it is given to a callee."""
    callee, caller = stored.callee("a", PROCEDURE, concurrency=1), stored.caller()
    caller.call(PROCEDURE, 1)
    caller.call(PROCEDURE, 2, timeout=1)

    assert either(None, "2 " + TIMEOUT) == (caller.told_next() if either(False, True) else None)
    assert callee.given() == [1]
    callee.answer(1)
    assert callee.given() == either([2], [])
