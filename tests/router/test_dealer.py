"""Calls, message by message: who is sent what, and in which order."""

from __future__ import annotations

import pytest
from autobahn.wamp import message as wamp

from deltamesh_router.settings.settings import CallRule
from tests.router.recorded_realm import WORK, RecordedClient, RecordedRealm, numbers, worker

# -- one call


def test_a_call_goes_to_the_callee_and_its_answer_to_the_caller(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    request = caller.call(WORK, "x", kwargs={"y": 1})
    (invocation,) = one.messages()
    one.answer(invocation.request, "done", kwargs={"z": 2})
    (result,) = caller.messages()

    assert (invocation.args, invocation.kwargs, invocation.procedure) == (["x"], {"y": 1}, None)
    assert (result.request, result.args, result.kwargs, result.progress) == (request, ["done"], {"z": 2}, None)
    assert (result.callee, result.callee_authid, result.callee_authrole) == (one._session_id, one._authid, "component")
    assert realm.is_idle()


def test_an_error_of_the_callee_goes_to_the_caller_as_it_is(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    caller.call(WORK)
    (number,) = numbers(one)
    one.fail(number, "com.example.no_such_thing", "nothing there")
    (error,) = caller.messages()

    assert (error.request_type, error.error, error.args, error.kwargs) == (48, "com.example.no_such_thing", ["nothing there"], None)
    assert realm.is_idle()


def test_parts_of_an_answer_are_passed_on_and_keep_the_slot(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    first = caller.call(WORK, receive_progress=True)
    second = caller.call(WORK)
    (invocation,) = one.messages()
    one.answer(invocation.request, 1, progress=True)
    one.answer(invocation.request, 2, progress=True)

    assert invocation.receive_progress is True
    assert caller.received() == [("RESULT", first, [1], "progress"), ("RESULT", first, [2], "progress")]
    assert one.received() == []

    one.answer(invocation.request, 3)
    one.answer(*numbers(one), 4)

    assert caller.received() == [("RESULT", first, [3]), ("RESULT", second, [4])]
    assert realm.is_idle()


def test_an_opaque_payload_passes_as_it_is(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    opaque = {"payload": b"\x01opaque", "enc_algo": "cryptobox", "enc_key": "k", "enc_serializer": "cbor"}
    for answer in ("YIELD", "ERROR"):
        request = next(caller._requests)
        realm.dealer.processCall(caller, wamp.Call(request, WORK, **opaque))
        (invocation,) = one.messages()
        if answer == "YIELD":
            realm.dealer.processYield(one, wamp.Yield(invocation.request, **opaque))
        else:
            realm.dealer.processInvocationError(one, wamp.Error(68, invocation.request, "com.example.failed", **opaque))
        (reply,) = caller.messages()

        for message in (invocation, reply):
            assert {name: getattr(message, name) for name in opaque} == opaque
            assert message.args is message.kwargs is None
    assert realm.is_idle()


def test_a_callee_is_told_who_calls_only_if_the_permission_says_so(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = realm.join()
    for uri in ("com.example.hidden", "com.shown.x"):
        one.register(uri)
        caller.call(uri)
    hidden, shown = one.messages()
    inside = realm.join(role="trusted")
    inside.register("wamp.example.x", invoke="single")
    caller.call("wamp.example.x")
    (asked,) = inside.messages()

    assert asked.caller == caller._session_id
    assert hidden._router_internal == (caller._session_id, caller._authid, "component")
    assert (hidden.caller, hidden.caller_authid, hidden.caller_authrole) == (None, None, None)
    assert (shown.caller, shown.caller_authid, shown.caller_authrole) == (caller._session_id, caller._authid, "component")


def test_a_forwarded_call_and_its_answer_tell_their_way(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = realm.join()
    one.register("com.shown.x")
    origin = {"session": 7, "authid": "far", "authrole": "away"}
    caller.call("com.shown.x", forward_for=[origin])
    (invocation,) = one.messages()
    one.answer(invocation.request, forward_for=[origin])
    (result,) = caller.messages()

    assert (invocation.caller, invocation.caller_authid, invocation.caller_authrole) == (7, "far", "away")
    assert invocation.forward_for == [origin, {"session": caller._session_id, "authid": caller._authid, "authrole": "component"}]
    assert (result.callee, result.callee_authid, result.callee_authrole) == (7, "far", "away")
    assert result.forward_for == [origin, {"session": one._session_id, "authid": one._authid, "authrole": "component"}]


@pytest.mark.parametrize(("match", "pattern"), [("prefix", "com.example"), ("wildcard", "com..thing")])
def test_a_callee_of_a_pattern_is_told_the_procedure(realm: RecordedRealm, caller: RecordedClient, match: str, pattern: str) -> None:
    one = realm.join()
    one.register(pattern, match=match)
    caller.call("com.example.thing")
    (invocation,) = one.messages()

    assert invocation.procedure == "com.example.thing"


def test_what_was_asked_for_is_passed_on(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm)
    caller.call(WORK, timeout=500, transaction_hash="0x7", receive_progress=False)
    (invocation,) = one.messages()

    assert (invocation.timeout, invocation.transaction_hash, invocation.receive_progress) == (500, "0x7", False)


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("com.example.nobody", "wamp.error.no_such_procedure"),
        ("com.denied.x", "wamp.error.not_authorized"),
        ("com..x", "wamp.error.invalid_uri"),
    ],
)
def test_a_call_that_goes_nowhere_is_refused(realm: RecordedRealm, caller: RecordedClient, uri: str, error: str) -> None:
    request = caller.call(uri)

    assert caller.received() == [("ERROR", request, error)]
    assert realm.is_idle()


def test_calls_of_unregistered_procedures_are_counted(realm: RecordedRealm, caller: RecordedClient) -> None:
    caller.call("com.example.nobody")

    assert realm.dealer.num_unregistered_calls == 1


# -- waiting


def test_calls_wait_for_a_free_slot_and_go_in_order(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = worker(realm, 2)
    requests = [caller.call(WORK, number) for number in range(6)]

    assert [args for _, _, args in one.received()] == [[0], [1]]

    for number in (2, 1, 4, 3, 5, 6):
        one.answer(number, number)

    assert [args for _, _, args in one.received()] == [[2], [3], [4], [5]]
    assert sorted(request for _, request, _ in caller.received()) == requests
    assert realm.is_idle()


@pytest.mark.parametrize("how", ["yield", "error", "joined", "left", "late"])
def test_a_queue_drains_whenever_a_slot_comes(realm: RecordedRealm, caller: RecordedClient, how: str) -> None:
    realm.set(CallRule(uri=WORK, tries=2))
    one, two = worker(realm), worker(realm)
    running = [caller.call(WORK), caller.call(WORK)]
    caller.call(WORK, "waits")
    first, second = numbers(one)[0], two.received()[0][1]
    match how:
        case "yield":
            one.answer(first)
        case "error":
            one.fail(first)
        case "joined":
            one = worker(realm)
        case "left":
            two.answer(second)
            assert two.received() == [("INVOCATION", second + 1, ["waits"])]
            two.leave()
            one.answer(first)
        case "late":
            caller.cancel(running[0], "skip")
            assert one.received() == []
            one.answer(first)

    assert [args for _, _, args in one.received()] == [["waits"]]


@pytest.mark.parametrize(
    ("invoke", "expected"),
    [
        ("single", [[0, 1, 2], [], []]),
        ("first", [[0, 1], [2, 3], [4, 5]]),
        ("last", [[4, 5], [2, 3], [0, 1]]),
        ("roundrobin", [[0, 3], [1, 4], [2, 5]]),
    ],
)
def test_every_policy_honours_the_slots(realm: RecordedRealm, caller: RecordedClient, invoke: str, expected: list[list[int]]) -> None:
    number = 1 if invoke == "single" else 3
    workers = [worker(realm, 3 if invoke == "single" else 2, invoke) for _ in range(number)]
    for argument in range(8):
        caller.call(WORK, argument)

    assert [[args[0] for _, _, args in each.received()] for each in workers] == expected[:number]
    assert [queue.waiting for _, queue in realm.dealer.queues.values()] == [8 - sum(map(len, expected))]


def test_random_honours_the_slots(realm: RecordedRealm, caller: RecordedClient) -> None:
    workers = [worker(realm, 2, "random") for _ in range(3)]
    for argument in range(8):
        caller.call(WORK, argument)

    assert [len(numbers(each)) for each in workers] == [2, 2, 2]


def test_least_loaded_goes_where_least_is_done(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, choose="least_loaded"))
    slow, quick = worker(realm, 4), worker(realm, 4)
    for _ in range(6):
        caller.call(WORK)
        for number in numbers(quick):
            quick.answer(number)

    assert len(numbers(slow)) == 1


def test_calls_of_one_key_go_to_one_callee_in_order(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, choose="affinity", key=0, tries=2))
    one, two = worker(realm, 1), worker(realm, 1)
    for argument in ([1], ["b"], [1.0], ["b"], [1]):
        caller.call(WORK, *argument)

    assert (one.received(), two.received()) == ([("INVOCATION", 1, [1])], [("INVOCATION", 2, ["b"])])

    one.leave()
    two.answer(2)
    for number in (3, 4, 5, 6):
        two.answer(number)

    assert [args for _, _, args in two.received()] == [[1], ["b"], [1.0], [1]]
    assert realm.is_idle()
