"""What has to do with the router itself: its own procedures, sessions inside it, and authorizers that think."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from autobahn.twisted.wamp import ApplicationSession
from autobahn.wamp.message import Register
from autobahn.wamp.types import ComponentConfig, RegisterOptions
from crossbar.router.role import RouterRole
from crossbar.router.session import RouterSessionFactory
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, globalLogPublisher

from deltamesh_router.calls.refusal import Refusal
from deltamesh_router.settings.settings import CallRule, Limits
from tests.router.recorded_realm import WORK, RecordedClient, RecordedRealm

# -- procedures of the router


def test_a_procedure_of_the_router_is_answered_at_once_or_later(realm: RecordedRealm, caller: RecordedClient) -> None:
    later: Deferred[Any] = Deferred()
    realm.dealer.procedures["mesh.now"] = lambda session, call: [session._session_id, *call.args]
    realm.dealer.procedures["mesh.later"] = lambda session, call: later
    now, then = caller.call("mesh.now", 1, 2), caller.call("mesh.later")

    assert caller.received() == [("RESULT", now, [[caller._session_id, 1, 2]])]
    later.callback({"done": True})
    assert caller.received() == [("RESULT", then, [{"done": True}])]
    assert realm.is_idle()


def test_a_procedure_of_the_router_needs_a_permission(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.router.add_role(RouterRole(realm.router, "other", allow_by_default=False))
    stranger = realm.join(role="other")
    request = stranger.call("mesh.drain", caller._session_id)

    assert stranger.received() == [("ERROR", request, "wamp.error.not_authorized")]


def test_a_pattern_takes_no_call_of_a_procedure_of_the_router(realm: RecordedRealm, caller: RecordedClient) -> None:
    everything = realm.join()
    everything.register("", match="prefix")
    request = caller.call("mesh.drain", 7)

    assert everything.received() == []
    assert caller.received() == [("ERROR", request, "wamp.error.no_such_session")]


def test_what_the_router_refuses_says_what_and_whether_to_try_again(realm: RecordedRealm, caller: RecordedClient) -> None:
    def refuse(session: Any, call: Any) -> None:
        raise Refusal("deltamesh.error.busy", "too much to do", True, limit=7)

    realm.dealer.procedures["mesh.refuse"] = refuse
    request = caller.call("mesh.refuse")
    (error,) = caller.messages()

    assert (error.request, error.error, error.args) == (request, "deltamesh.error.busy", ["too much to do"])
    assert error.kwargs == {"limit": 7, "retry": True}


def test_a_fault_in_the_router_is_logged_and_the_caller_answered(realm: RecordedRealm, caller: RecordedClient) -> None:
    logged: list[Any] = []
    publisher: Any = globalLogPublisher
    realm.dealer.procedures["mesh.broken"] = lambda session, call: 1 / 0
    publisher.addObserver(logged.append)
    try:
        request = caller.call("mesh.broken")
        realm.dealer.procedures["mesh.later"] = lambda session, call: Deferred()
        caller.cancel(caller.call("mesh.later"))
    finally:
        publisher.removeObserver(logged.append)

    assert caller.received()[0] == ("ERROR", request, "wamp.error.runtime_error")
    assert [event["log_failure"].type for event in logged if event["log_level"] is LogLevel.critical] == [ZeroDivisionError]
    assert realm.is_idle()


# -- sessions inside the router


class Inside(ApplicationSession):  # type: ignore[misc]  # Autobahn is not annotated
    """A session inside the router, which answers while it is asked."""

    def __init__(self, concurrency: int | None) -> None:
        super().__init__(ComponentConfig("realm1"))
        self._concurrency = concurrency
        self.done: list[Any] = []
        self.pending: list[Deferred[Any]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    def onJoin(self, details: Any) -> None:
        options = RegisterOptions(invoke="roundrobin", concurrency=self._concurrency)
        self.register(self.work, WORK, options=options)
        self.register(self.think, "com.example.think", options=options)

    def work(self, argument: Any) -> Any:
        self.done.append(argument)
        self.meanwhile()
        return argument

    def think(self) -> Deferred[Any]:
        self.pending.append(Deferred())
        return self.pending[-1]


def inside(realm: RecordedRealm, concurrency: int | None = 1) -> Inside:
    session = Inside(concurrency)
    RouterSessionFactory(realm.router._factory).add(session, realm.router, authid="inside", authrole="trusted")
    return session


def test_a_session_inside_the_router_works_through_what_waits(realm: RecordedRealm, caller: RecordedClient) -> None:
    outside = realm.join()
    outside.register(WORK, 1)
    for argument in range(100):
        caller.call(WORK, argument)
    session = inside(realm)

    assert session.done == list(range(1, 100))
    assert [args for _, _, args in caller.received()] == [[argument] for argument in range(1, 100)]
    outside.answer(1)
    assert realm.is_idle()


@pytest.mark.parametrize("event", ["cancel", "leave"])
def test_what_changes_while_calls_are_given_out_is_minded(realm: RecordedRealm, caller: RecordedClient, event: str) -> None:
    realm.set(CallRule(uri=WORK, tries=2))
    outside = realm.join()
    number = outside.register(WORK, 1)
    requests = [caller.call(WORK, argument) for argument in range(3)]
    session = Inside(2)

    def change() -> None:
        session.meanwhile = lambda: None
        if event == "cancel":
            caller.cancel(requests[2])
        else:
            realm.router.detach(session)

    session.meanwhile = change
    RouterSessionFactory(realm.router._factory).add(session, realm.router, authid="inside", authrole="trusted")

    assert session.done == [1]
    assert outside.received() == [("INVOCATION", 1, [0])]
    outside.answer(1)
    if event == "cancel":
        expected = [("ERROR", requests[2], "wamp.error.canceled"), ("RESULT", requests[1], [1]), ("RESULT", requests[0], None)]
    else:  # the answer came from nobody, so both are tried again
        outside.answer(3)
        outside.answer(4)
        expected = [("RESULT", request, None) for request in requests]
    assert caller.received() == expected
    outside.unregister(number)
    assert realm.is_idle()


def test_a_session_inside_the_router_may_call_itself(realm: RecordedRealm) -> None:
    session = inside(realm)
    answers: list[Any] = []
    for _ in range(2):
        session.call("com.example.think").addBoth(answers.append)
    session.pending[0].callback("first")
    session.pending[1].callback("second")

    assert answers == ["first", "second"]
    assert realm.is_idle()


def test_a_session_inside_the_router_is_not_interrupted(realm: RecordedRealm, caller: RecordedClient) -> None:
    session = inside(realm)
    first = caller.call("com.example.think", timeout=100)
    second = caller.call("com.example.think")
    realm.pass_time(0.1)
    caller.cancel(second)
    session.pending[0].callback(None)

    assert caller.received() == [("ERROR", first, "wamp.error.timeout"), ("ERROR", second, "wamp.error.canceled")]
    assert realm.is_idle()


# -- authorizers that think


class Thinking(RouterRole):  # type: ignore[misc]  # Crossbar.io is not annotated
    """A role whose authorizer answers when the test says so."""

    def __init__(self, realm: RecordedRealm) -> None:
        super().__init__(realm.router, "thinking")
        self.asked: list[Deferred[Any]] = []
        realm.router.add_role(self)

    def authorize(self, session: Any, uri: str, action: str, options: Any) -> Deferred[Any]:
        self.asked.append(Deferred())
        return self.asked[-1]


@pytest.fixture
def thinking(realm: RecordedRealm) -> Thinking:
    return Thinking(realm)


def test_a_call_waits_for_the_authorizer(realm: RecordedRealm, thinking: Thinking) -> None:
    worker, client = realm.join(), realm.join(role="thinking")
    worker.register(WORK)
    allowed, denied = client.call(WORK), client.call(WORK)
    assert worker.received() == []
    thinking.asked[0].callback({"allow": True, "disclose": True, "cache": True})
    thinking.asked[1].callback(False)
    (invocation,) = worker.messages()
    worker.answer(invocation.request)

    assert invocation.caller == client._session_id
    assert client.received() == [("ERROR", denied, "wamp.error.not_authorized"), ("RESULT", allowed, None)]

    client.call(WORK)
    assert len(worker.received()) == 1
    assert len(thinking.asked) == 2


def test_calls_go_on_in_their_order_whatever_the_authorizer_answers_first(realm: RecordedRealm, thinking: Thinking) -> None:
    worker, client = realm.join(), realm.join(role="thinking")
    worker.register(WORK)
    requests = [client.call(WORK, number) for number in range(6)]
    for number in (5, 1, 3):
        thinking.asked[number].callback({"allow": number != 3, "cache": number == 1})
    client.call(WORK, "known")
    client.cancel(requests[5])
    assert worker.received() == []

    thinking.asked[0].callback(True)
    assert [args for _, _, args in worker.received()] == [[0], [1]]

    client.cancel(requests[2])
    assert [args for _, _, args in worker.received()] == []
    assert client.received() == [
        ("ERROR", requests[5], "wamp.error.canceled"),
        ("ERROR", requests[2], "wamp.error.canceled"),
        ("ERROR", requests[3], "wamp.error.not_authorized"),
    ]

    thinking.asked[4].callback(True)
    assert [args for _, _, args in worker.received()] == [[4], ["known"]]
    thinking.asked[2].callback(True)
    for number in (1, 2, 3, 4):
        worker.answer(number)
    assert realm.is_idle()


def test_calls_that_wait_for_the_authorizer_count(realm: RecordedRealm, thinking: Thinking) -> None:
    realm.set(limits=Limits(max_calls=1))
    client = realm.join(role="thinking")
    client.cancel(client.call(WORK))
    client.received()
    over = client.call(WORK)

    assert client.received() == [("ERROR", over, "deltamesh.error.too_many_calls")]
    thinking.asked[0].callback(True)
    assert client.received() == []
    client.call(WORK)
    assert len(thinking.asked) == 2


@pytest.mark.parametrize("end", ["cancelled", "timed out", "left"])
def test_a_call_can_end_before_the_authorizer_has_answered(realm: RecordedRealm, thinking: Thinking, end: str) -> None:
    worker, client = realm.join(), realm.join(role="thinking")
    worker.register(WORK)
    request = client.call(WORK, timeout=100)
    match end:
        case "cancelled":
            client.cancel(request)
            assert client.received() == [("ERROR", request, "wamp.error.canceled")]
        case "timed out":
            realm.pass_time(0.1)
            assert client.received() == [("ERROR", request, "wamp.error.timeout")]
        case "left":
            client.leave()
    thinking.asked[0].callback(True)

    assert worker.received() == client.received() == []
    assert realm.is_idle()


def test_calls_of_a_session_that_leaves_do_not_go_on(realm: RecordedRealm, thinking: Thinking) -> None:
    worker, client = realm.join(), realm.join(role="thinking")
    worker.register(WORK)
    client.call(WORK)
    client.call(WORK)
    thinking.asked[1].callback(True)
    client.leave()
    thinking.asked[0].callback(True)

    assert worker.received() == []
    assert realm.is_idle()


def test_an_authorizer_that_says_nothing_denies(realm: RecordedRealm, thinking: Thinking) -> None:
    client = realm.join(role="thinking")
    requests = [client.call(WORK), client.call(WORK)]
    thinking.asked[0].callback({})
    thinking.asked[1].callback(False)

    assert client.received() == [("ERROR", request, "wamp.error.not_authorized") for request in requests]
    assert realm.is_idle()


def test_an_authorizer_that_fails_is_an_error(realm: RecordedRealm, thinking: Thinking) -> None:
    client = realm.join(role="thinking")
    request = client.call(WORK)
    realm.dealer.processRegister(client, register := Register(99, WORK, invoke="roundrobin"))
    for asked in thinking.asked:
        asked.errback(ValueError("out of order"))

    error = "wamp.error.authorization_failed"
    assert client.received() == [("ERROR", request, error), ("ERROR", register.request, error)]
    assert realm.is_idle()


def test_who_has_left_is_not_registered(realm: RecordedRealm, caller: RecordedClient, thinking: Thinking) -> None:
    client = realm.join(role="thinking")
    realm.dealer.processRegister(client, Register(99, WORK, invoke="roundrobin"))
    client.leave()
    thinking.asked[0].callback(True)

    caller.call(WORK)
    assert [error for _, _, error in caller.received()] == ["wamp.error.no_such_procedure"]


def test_a_permission_that_is_known_is_not_asked_for_again(
    realm: RecordedRealm, caller: RecordedClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = realm.join()
    worker.register(WORK)
    caller.call(WORK)
    monkeypatch.setattr(realm.router, "authorize", None)
    caller.call(WORK)

    assert len(worker.received()) == 2


def test_a_role_that_is_dropped_may_do_nothing_any_more(realm: RecordedRealm, caller: RecordedClient) -> None:
    worker = realm.join(role="other")
    worker.register(WORK)
    caller.call(WORK)
    realm.router.drop_role(realm.router._roles["component"])
    request = caller.call(WORK)

    assert len(worker.received()) == 1
    assert caller.received() == [("ERROR", request, "wamp.error.not_authorized")]


# -- the realm


def test_a_realm_that_stops_leaves_nothing(realm: RecordedRealm, caller: RecordedClient) -> None:
    worker = realm.join()
    worker.register(WORK, 1)
    for _ in range(3):
        caller.call(WORK, timeout=1000)
    session = inside(realm)
    session.call(WORK, 1).addErrback(lambda _: None)
    realm.router.detach()

    assert not any([realm.dealer._peers, realm.dealer.queues, realm.dealer._session_to_registrations])
    assert realm.is_idle()
    assert realm.clock.getDelayedCalls() == []


def test_a_client_is_told_that_calls_can_time_out(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.router.detach(caller)

    assert realm.router.attach(caller)["dealer"].call_timeout is True  # goes into WELCOME


# -- announcements


def test_a_queue_tells_once_that_it_is_full_and_once_that_it_has_drained(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, max_waiting=2))
    told: list[Any] = []

    class Service:
        def is_attached(self) -> bool:
            return True

        def publish(self, topic: str, *args: Any, **_: Any) -> None:
            if topic.startswith("mesh."):
                told.append((topic, *args))

    realm.realm.session = Service()
    worker = realm.join()
    worker.register(WORK, 1)
    for _ in range(5):
        caller.call(WORK)
    realm.pass_time(0)
    for number in (1, 2, 3):
        worker.answer(number)
    realm.pass_time(0)

    assert told == [
        ("mesh.queue.on_full", WORK, {"match": "exact", "waiting": 2, "max_waiting": 2}),
        ("mesh.queue.on_drained", WORK, {"match": "exact", "waiting": 0, "max_waiting": 2}),
    ]


# -- the inventory of types


def test_what_is_not_of_the_type_is_refused(realm: RecordedRealm, caller: RecordedClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def validate(kind: str, uri: str, args: Any, kwargs: Any, validate: Any = None) -> None:
        asked.append(kind)
        if args == ["wrong"]:
            raise ValueError("not of the type")

    monkeypatch.setattr(realm.router, "_inventory", object())
    monkeypatch.setattr(realm.router, "validate", validate)
    worker = realm.join()
    worker.register(WORK, 1)
    requests = [caller.call(WORK, argument) for argument in ("wrong", 1, 2, 3, 4)]
    worker.answer(1, "wrong")
    worker.fail(2, "com.example.failed", "wrong")
    worker.answer(3, "wrong", progress=True)
    worker.answer(3)
    worker.answer(4, "right")

    invalid = "wamp.error.invalid_argument"
    expected = [*[("ERROR", request, invalid) for request in requests[:4]], ("RESULT", requests[4], ["right"])]
    assert caller.received() == expected
    assert set(asked) == {"call", "call_result", "call_error"}
    assert realm.is_idle()
