"""The policies that the router's settings add, with real sessions and real kills; and who may call the router's own procedures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import pytest

from tests.router.parties import CANCELED, Stage, write_settings
from tests.running_router import RunningRouter
from tests.wire_connection import WireConnection, error_of

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

EVEN: Final = "com.example.policies.even"
KEYED: Final = "com.example.policies.keyed"
SETTINGS: Final = f"""
[[calls]]
uri = "{EVEN}"
choose = "least_loaded"

[[calls]]
uri = "{KEYED}"
choose = "affinity"
key = 0
tries = 2
"""
DENIED: Final = "wamp.error.not_authorized"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    directory = tmp_path_factory.mktemp("policies")
    write_settings(directory, SETTINGS)
    with RunningRouter(directory) as router:
        yield router
    assert router.stderr == []


@pytest.fixture
def stage(running: RunningRouter) -> Iterator[Stage]:
    with ExitStack() as stack:
        yield Stage(running, stack=stack)


def test_the_least_loaded_callee_is_chosen(stage: Stage) -> None:
    """However often that is the same one, and whatever the callees registered with."""
    slow, quick = (stage.callee(name, EVEN, invoke="roundrobin") for name in ("slow", "quick"))
    caller = stage.caller()
    caller.call(EVEN, 0)
    assert slow.given_next() == 0
    for number in range(1, 6):
        caller.call(EVEN, number)
        assert quick.given_next() == number
        quick.answer(number)

        assert caller.told() == [f"{number} done by quick"]
    assert slow.given() == []


def test_load_is_the_part_of_the_slots_that_is_taken(stage: Stage) -> None:
    small, large = stage.callee("small", EVEN, concurrency=1), stage.callee("large", EVEN, concurrency=4)
    caller = stage.caller()
    caller.call(EVEN, *range(6))
    caller.told()

    assert small.given() == [0]
    assert large.given() == [1, 2, 3, 4]


@pytest.mark.parametrize("procedure", [EVEN, KEYED])
def test_where_the_settings_choose_nobody_keeps_others_out(stage: Stage, procedure: str) -> None:
    greedy, worker = stage.callee("greedy", procedure, invoke="single"), stage.callee("worker", procedure, concurrency=1)
    caller = stage.caller()
    caller.call(procedure, ("x", 1), ("y", 1))
    caller.told()

    assert (greedy.given(), worker.given()) == ([("x", 1)], [("y", 1)])


def test_calls_with_equal_keys_go_to_one_callee_in_order(stage: Stage) -> None:
    """They wait for it, even if another one is free."""
    a, b = (stage.callee(name, KEYED, concurrency=2) for name in "ab")
    caller = stage.caller()
    caller.call(KEYED, ("x", 1), ("y", 1), ("x", 2), ("x", 3), ("y", 2))
    caller.told()
    assert a.given() == [("x", 1), ("x", 2)]
    assert b.given() == [("y", 1), ("y", 2)]
    b.answer(("y", 1), ("y", 2))

    assert b.given() == []
    a.answer(("x", 2))
    assert a.given() == [("x", 3)]
    caller.call(KEYED, ("z", 1))
    assert b.given_next() == ("z", 1)


def test_the_keys_of_a_callee_that_is_killed_move(stage: Stage) -> None:
    """What it had goes first, in its order, and then what waits."""
    a, b = (stage.callee(name, KEYED, process=True, concurrency=2) for name in "ab")
    caller = stage.caller()
    caller.call(KEYED, ("x", 1), ("x", 2), ("x", 3), ("x", 4))
    caller.told()
    assert a.given() == [("x", 1), ("x", 2)]
    assert b.given() == []
    stage.end(a)

    assert b.given() == [("x", 1), ("x", 2)]
    b.answer(("x", 1), ("x", 2))
    assert b.given() == [("x", 3), ("x", 4)]
    stage.end(b)
    assert caller.told() == [
        "('x', 1) done by b",
        "('x', 2) done by b",
        "('x', 3) deltamesh.error.no_callee",
        "('x', 4) deltamesh.error.no_callee",
    ]


def test_no_two_callees_work_on_one_key(stage: Stage) -> None:
    """A callee that unregisters has its key until it has answered, also calls that nobody waits for."""
    a, b = (stage.callee(name, KEYED, concurrency=2) for name in "ab")
    caller = stage.caller()
    caller.call(KEYED, ("x", 1), ("x", 2), ("x", 3))
    caller.told()
    assert a.given() == [("x", 1), ("x", 2)]
    a.unregister(KEYED)
    caller.cancel(("x", 2), "killnowait")
    assert caller.told() == [f"('x', 2) {CANCELED}"]

    assert b.given() == []
    a.answer(("x", 1))
    assert caller.told() == ["('x', 1) done by a"]
    assert b.given() == []
    a.answer(("x", 2))
    assert b.given_next() == ("x", 3)


@pytest.mark.parametrize("procedure", ["mesh.drain", "mesh.publish_many", "mesh.metrics"])
def test_browsers_may_not_call_the_procedures_of_the_router(running: RunningRouter, procedure: str) -> None:
    """Components may, and are told what was wrong with this call."""
    with WireConnection(running.ws_url) as browser, WireConnection(running.unix_path) as component:
        assert error_of(browser.call(procedure, -1)) == DENIED
        assert error_of(component.call(procedure, -1)) not in (DENIED, "wamp.error.no_such_procedure")


@pytest.mark.parametrize("topic", ["mesh.queue.on_full", "mesh.queue.on_drained"])
def test_browsers_may_not_subscribe_to_what_queues_announce(running: RunningRouter, topic: str) -> None:
    with WireConnection(running.ws_url) as browser, WireConnection(running.unix_path) as component:
        assert error_of(browser.subscribe(topic)) == DENIED
        assert error_of(component.subscribe(topic)) is None
