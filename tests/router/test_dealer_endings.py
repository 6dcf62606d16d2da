"""How calls end before they are answered: cancelled, timed out, given back, message by message."""

from __future__ import annotations

import pytest

from deltamesh_router.settings.settings import CallRule
from tests.router.recorded_realm import CANCELED, WORK, RecordedClient, RecordedRealm, numbers, worker

TIMEOUT = "wamp.error.timeout"


# -- cancel


def test_a_call_that_waits_is_cancelled_at_once(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    caller.call(WORK)
    for mode in ("kill", "killnowait", "skip", None):
        request = caller.call(WORK)
        caller.cancel(request, mode)

        assert caller.received() == [("ERROR", request, CANCELED)]

    (number,) = numbers(one)
    one.answer(number)
    assert one.received() == []
    assert len(caller.received()) == 1
    assert realm.is_idle()


@pytest.mark.parametrize("mode", ["killnowait", "skip", None])
def test_a_cancelled_call_keeps_its_slot_until_the_callee_answers(realm: RecordedRealm, caller: RecordedClient, mode: str | None) -> None:
    one = worker(realm)
    first, second = caller.call(WORK), caller.call(WORK, "waits")
    (number,) = numbers(one)
    caller.cancel(first, mode)

    assert caller.received() == [("ERROR", first, CANCELED)]
    assert one.received() == ([] if mode == "skip" else [("INTERRUPT", number, "killnowait")])

    one.answer(number, "too late", progress=True)
    assert one.received() == []
    one.answer(number, "too late")

    assert one.received() == [("INVOCATION", number + 1, ["waits"])]
    one.answer(number + 1)
    assert caller.received() == [("RESULT", second, None)]
    assert realm.is_idle()


@pytest.mark.parametrize("end", ["yield", "error", "left"])
def test_a_killed_call_is_answered_when_the_callee_has_stopped(realm: RecordedRealm, caller: RecordedClient, end: str) -> None:
    realm.set(CallRule(uri=WORK, tries=3))
    one, other = worker(realm), worker(realm)
    request = caller.call(WORK)
    (number,) = numbers(one)
    caller.cancel(request, "kill")
    caller.cancel(request, "kill")
    if end == "yield":
        one.answer(number, "a part", progress=True)

    assert one.received() == [("INTERRUPT", number, "kill")]
    assert caller.received() == []

    if end == "left":
        one.leave()
    elif end == "yield":
        one.answer(number)
    else:
        one.fail(number, CANCELED)

    assert caller.received() == [("ERROR", request, CANCELED)]
    assert other.received() == []
    assert realm.is_idle()


def test_who_does_not_wait_for_a_killed_call_any_longer_is_answered(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    request = caller.call(WORK)
    (number,) = numbers(one)
    caller.cancel(request, "kill")
    caller.cancel(request, "skip")

    assert one.received() == [("INTERRUPT", number, "kill")]
    assert caller.received() == [("ERROR", request, CANCELED)]

    one.leave()
    assert caller.received() == []
    assert realm.is_idle()


@pytest.mark.parametrize("mode", ["kill", "killnowait", "skip"])
def test_a_callee_that_knows_no_interrupt_is_left_alone(realm: RecordedRealm, caller: RecordedClient, mode: str) -> None:
    one = worker(realm, cancels=False)
    request = caller.call(WORK)
    (number,) = numbers(one)
    caller.cancel(request, mode)

    assert one.received() == []
    assert caller.received() == [("ERROR", request, CANCELED)]

    one.answer(number)
    assert realm.is_idle()


def test_to_cancel_what_is_answered_does_nothing(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    request = caller.call(WORK)
    one.answer(*numbers(one))
    caller.received()
    caller.cancel(request)
    caller.cancel(999)

    assert caller.received() == one.received() == []


# -- timeouts


def test_a_timeout_counts_from_the_call_and_is_in_milliseconds(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    request = caller.call(WORK, timeout=250)
    (number,) = numbers(one)
    realm.pass_time(0.249)

    assert caller.received() == one.received() == []

    realm.pass_time(0.001)
    (error,) = caller.messages()
    (interrupt,) = one.messages()

    assert (error.request, error.error) == (request, TIMEOUT)
    assert (interrupt.request, interrupt.mode, interrupt.reason) == (number, "killnowait", TIMEOUT)
    one.fail(number, CANCELED)
    assert caller.received() == []
    assert realm.is_idle()


def test_the_time_that_a_call_waits_counts(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    caller.call(WORK)
    waits, runs = caller.call(WORK, timeout=100), caller.call(WORK, timeout=500)
    (number,) = numbers(one)
    realm.pass_time(0.2)

    assert caller.received() == [("ERROR", waits, TIMEOUT)]

    one.answer(number)
    (invocation,) = one.messages()
    caller.received()
    realm.pass_time(0.3)

    assert invocation.timeout == 300
    assert caller.received() == [("ERROR", runs, TIMEOUT)]
    one.answer(invocation.request)
    assert realm.is_idle()


def test_a_call_that_is_answered_in_time_never_times_out(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    _, cancelled = caller.call(WORK, timeout=10), caller.call(WORK, timeout=10)
    one.answer(*numbers(one))
    caller.cancel(cancelled)
    one.answer(*[number for kind, number, _ in one.received() if kind == "INVOCATION"])
    caller.call("com.example.nobody", timeout=10)
    caller.received()
    realm.pass_time(1)

    assert caller.received() == []
    assert realm.is_idle()


@pytest.mark.parametrize("timeout", [0, 10**12, 10**400])
def test_a_timeout_of_nothing_or_of_ages_is_none(realm: RecordedRealm, caller: RecordedClient, timeout: int) -> None:
    one = worker(realm)
    caller.call(WORK, timeout=timeout)

    assert len(one.received()) == 1
    assert realm.clock.getDelayedCalls() == []


def test_a_killed_call_times_out_without_a_second_interrupt(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    request = caller.call(WORK, timeout=100)
    (number,) = numbers(one)
    caller.cancel(request, "kill")
    realm.pass_time(0.1)

    assert one.received() == [("INTERRUPT", number, "kill")]
    assert caller.received() == [("ERROR", request, TIMEOUT)]
    one.fail(number)
    assert realm.is_idle()


def test_calls_that_wait_too_long_are_refused(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, max_wait=2.0))
    one = worker(realm)
    caller.call(WORK)
    first = caller.call(WORK)
    realm.pass_time(1)
    second = caller.call(WORK)
    realm.pass_time(1)

    (error,) = caller.messages()
    assert (error.request, error.error) == (first, "deltamesh.error.waited_too_long")
    assert error.kwargs == {"procedure": WORK, "waited": 2.0, "retry": True}

    realm.pass_time(1)
    assert caller.received() == [("ERROR", second, "deltamesh.error.waited_too_long")]
    one.answer(*numbers(one))
    assert realm.is_idle()


# -- somebody leaves


def test_a_caller_that_leaves_takes_its_waiting_calls_along(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, gone = worker(realm), realm.join()
    gone.call(WORK, timeout=10)
    for _ in range(3):
        gone.call(WORK, timeout=10)
    caller.call(WORK, "waits")
    (number,) = numbers(one)
    gone.leave()

    assert one.received() == [("INTERRUPT", number, "killnowait")]

    one.fail(number, CANCELED)
    assert one.received() == [("INVOCATION", number + 1, ["waits"])]
    one.answer(number + 1)
    assert gone.received() == []
    assert realm.is_idle()


@pytest.mark.parametrize("mode", ["kill", "skip"])
def test_a_caller_that_leaves_after_it_has_cancelled_leaves_nothing(realm: RecordedRealm, caller: RecordedClient, mode: str) -> None:
    one = worker(realm)
    request = caller.call(WORK)
    (number,) = numbers(one)
    caller.cancel(request, mode)
    one.received()
    caller.leave()

    assert one.received() == []
    one.answer(number)
    assert realm.is_idle()


def test_a_callee_that_leaves_loses_its_calls(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, two = worker(realm, 2), worker(realm, 1)
    lost, kept, lost_too = caller.call(WORK), caller.call(WORK), caller.call(WORK)
    one.leave()
    errors = caller.messages()

    assert [(error.request, error.error) for error in errors] == [(lost, CANCELED), (lost_too, CANCELED)]
    assert errors[0].kwargs == {"procedure": WORK, "retry": True}

    two.answer(*numbers(two))
    assert caller.received() == [("RESULT", kept, None)]
    assert realm.is_idle()


def test_calls_with_a_try_left_go_to_another_callee_in_their_order(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, tries=2))
    one = worker(realm, 2)
    requests = [caller.call(WORK, number) for number in range(3)]
    two = worker(realm, 1)
    assert [args for _, _, args in two.received()] == [[2]]
    old = [number for _, number, _ in one.received()]
    one.leave()
    two.answer(3)
    for _ in range(2):
        ((_, number, _),) = two.received()
        two.answer(number)

    assert [request for _, request, _ in caller.received()] == [requests[2], *requests[:2]]
    for number in old:  # nobody's any more
        two.answer(number)
    assert caller.received() == []
    assert realm.is_idle()


def test_a_call_that_waits_for_its_second_try_can_be_cancelled(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, tries=2))
    one, two = worker(realm), worker(realm)
    request, _ = caller.call(WORK), caller.call(WORK)
    one.leave()
    caller.cancel(request)

    assert caller.received() == [("ERROR", request, CANCELED)]
    two.answer(*numbers(two))
    assert two.received() == []
    assert realm.is_idle()


def test_the_tries_of_a_call_are_bounded(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, tries=2))
    workers = [worker(realm) for _ in range(3)]
    request = caller.call(WORK)
    workers[0].leave()
    workers[1].leave()

    assert caller.received() == [("ERROR", request, CANCELED)]
    assert workers[2].received() == []
    assert realm.is_idle()


def test_there_is_no_second_try_after_a_part_of_the_answer(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, tries=2))
    one, two = worker(realm), worker(realm)
    request = caller.call(WORK, receive_progress=True)
    one.answer(*numbers(one), "part", progress=True)
    one.leave()

    assert caller.received() == [("RESULT", request, ["part"], "progress"), ("ERROR", request, CANCELED)]
    assert two.received() == []
    assert realm.is_idle()


def test_when_no_callee_is_left_what_waits_is_refused(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, tries=2))
    one = worker(realm)
    requests = [caller.call(WORK) for _ in range(3)]
    one.leave()
    errors = caller.messages()

    assert [(error.request, error.error) for error in errors] == [(request, "deltamesh.error.no_callee") for request in requests]
    assert errors[0].kwargs == {"procedure": WORK, "retry": True}
    assert realm.dealer.queues == {}
    assert realm.is_idle()


def test_a_session_may_call_itself_and_leave(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    one.call(WORK)
    one.call(WORK)
    request = caller.call(WORK)
    (number,) = numbers(one)
    realm.router.detach(one)

    assert number == 1
    assert one.received() == []
    assert caller.received() == [("ERROR", request, "deltamesh.error.no_callee")]
    assert realm.is_idle()


def test_a_session_that_joins_again_is_another_one(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    request = caller.call(WORK)
    (number,) = numbers(one)
    realm.router.detach(caller)
    caller._session_id += 1_000_000
    realm.router.attach(caller)
    one.received()
    caller._requests = iter([request])
    again = caller.call(WORK)
    one.answer(number, "for nobody")
    ((_, number, _),) = one.received()
    one.answer(number, "for it")

    assert caller.received() == [("RESULT", again, ["for it"])]
    assert realm.is_idle()
