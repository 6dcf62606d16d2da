"""What the dealer bounds, refuses and counts."""

from __future__ import annotations

import pytest
from autobahn.exception import PayloadExceededError
from autobahn.wamp import message as wamp
from autobahn.wamp.exception import ProtocolError, SerializationError

from deltamesh_router.settings.settings import CallRule, Limits
from tests.router.recorded_realm import WORK, Closed, RecordedClient, RecordedRealm, numbers, worker

INVALID = "wamp.error.invalid_argument"


# -- bounds and faults


def test_a_full_queue_refuses(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, max_waiting=2))
    one = worker(realm)
    caller.call(WORK)
    caller.call(WORK)
    caller.call(WORK)
    request = caller.call(WORK)
    (error,) = caller.messages()

    assert (error.request, error.error) == (request, "deltamesh.error.queue_full")
    assert error.kwargs == {"procedure": WORK, "waiting": 2, "retry": True}
    for number in (1, 2, 3):
        one.answer(number)
    assert realm.is_idle()


def test_a_callee_that_names_no_concurrency_has_that_of_the_rule(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, concurrency=1))
    silent = worker(realm, None)
    spoken = worker(realm, 2)
    for _ in range(5):
        caller.call(WORK)

    assert (len(silent.messages()), len(spoken.messages())) == (1, 2)


def test_a_session_may_have_so_many_calls(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(limits=Limits(max_calls=2))
    one, other = worker(realm, None), realm.join()
    first, _ = caller.call(WORK), caller.call(WORK)
    over = caller.call(WORK)
    (error,) = caller.messages()

    assert (error.request, error.error, error.kwargs) == (over, "deltamesh.error.too_many_calls", {"limit": 2, "retry": True})

    caller.cancel(first, "skip")
    caller.received()
    over = caller.call(WORK)
    assert caller.received() == [("ERROR", over, "deltamesh.error.too_many_calls")]

    other.call(WORK)
    one.answer(1)
    caller.call(WORK)
    assert caller.received() == []
    realm.set(limits=Limits(max_calls=3))
    caller.call(WORK)
    assert caller.received() == []


def test_the_sessions_of_the_router_itself_have_no_bound(realm: RecordedRealm) -> None:
    realm.set(limits=Limits(max_calls=1))
    one, trusted = worker(realm, None), realm.join(role="trusted")
    for _ in range(3):
        trusted.call(WORK)

    assert len(numbers(one)) == 3
    assert trusted.received() == []


def test_a_request_number_that_is_in_use_breaks_the_protocol(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    request = caller.call(WORK)
    caller._requests = iter([request, request])

    with pytest.raises(ProtocolError):
        caller.call(WORK)
    one.answer(*numbers(one))
    caller.call(WORK)
    assert len(numbers(one)) == 1


def test_an_answer_for_the_call_of_another_breaks_the_protocol(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, two = worker(realm), worker(realm)
    request = caller.call(WORK)
    (number,) = numbers(one)

    with pytest.raises(ProtocolError):
        two.answer(number)
    with pytest.raises(ProtocolError):
        two.fail(number)
    two.answer(number + 1)
    assert caller.received() == []
    one.answer(number)
    assert caller.received() == [("RESULT", request, None)]


@pytest.mark.parametrize("error", [PayloadExceededError("large"), SerializationError("strange")])
def test_a_call_that_cannot_be_sent_is_refused_and_its_slot_is_free(realm: RecordedRealm, caller: RecordedClient, error: Exception) -> None:
    one = worker(realm)
    running, waits = caller.call(WORK), caller.call(WORK, "waits")
    one.transport.refuse = lambda message: error if message.args == ["waits"] else None
    one.answer(*numbers(one))
    last = caller.call(WORK)

    assert caller.received() == [("RESULT", running, None), ("ERROR", waits, INVALID)]
    one.answer(*numbers(one))
    assert caller.received() == [("RESULT", last, None)]
    assert realm.is_idle()


@pytest.mark.parametrize("progress", [None, True])
def test_an_answer_that_cannot_be_sent_is_an_error(realm: RecordedRealm, caller: RecordedClient, progress: bool | None) -> None:
    one = worker(realm)
    request = caller.call(WORK)
    (number,) = numbers(one)
    caller.transport.refuse = lambda message: PayloadExceededError("large") if isinstance(message, wamp.Result) else None
    one.answer(number, "large", progress=progress)

    assert caller.received() == [("ERROR", request, INVALID)]
    if progress:
        assert one.received() == [("INTERRUPT", number, "killnowait")]
        one.answer(number)
    assert realm.is_idle()


def test_calls_on_a_lost_connection_end_when_the_session_leaves(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, tries=2))
    one, two = worker(realm), worker(realm)
    one._transport = Closed()
    request = caller.call(WORK)
    one.leave()
    two.answer(*numbers(two))

    assert caller.received() == [("RESULT", request, None)]
    assert realm.is_idle()


# -- settings


def test_rules_may_change_while_calls_wait(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    caller.call(WORK)
    waits = caller.call(WORK)
    realm.pass_time(5)
    realm.set(CallRule(uri=WORK, max_wait=6.0, max_waiting=1, tries=2))
    refused = caller.call(WORK)
    realm.pass_time(1)

    assert caller.received() == [
        ("ERROR", refused, "deltamesh.error.queue_full"),
        ("ERROR", waits, "deltamesh.error.waited_too_long"),
    ]
    two = worker(realm)
    one.leave()
    assert len(numbers(two)) == 1


def test_counts_and_durations_are_kept_for_each_procedure(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, max_waiting=1))
    one = worker(realm)
    caller.call(WORK)
    caller.call(WORK)
    caller.call(WORK)
    realm.pass_time(0.2)
    one.answer(1)
    realm.pass_time(0.7)
    one.fail(2, "com.example.failed")
    one.leave()
    assert_counts(realm)


def test_a_second_try_is_another_run_but_not_another_wait(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, tries=2))
    one, two = worker(realm), worker(realm)
    caller.call(WORK)
    caller.call(WORK)
    one.leave()
    for number in (2, 3):
        two.answer(number)
    counts = realm.dealer.ledger.rows[WORK, "exact"]

    assert (counts.calls, counts.wait.count, counts.run.count) == (2, 2, 2)


def assert_counts(realm: RecordedRealm) -> None:
    counts = realm.dealer.ledger.rows[WORK, "exact"]

    assert counts.calls == 3
    assert counts.errors.counts == {"deltamesh.error.queue_full": 1, "com.example.failed": 1}
    assert (counts.wait.count, counts.run.count) == (2, 2)
    assert counts.wait.sum == pytest.approx(0.2)
    assert counts.run.sum == pytest.approx(0.9)
