"""Who takes calls: registering, replacing, unregistering and draining, message by message."""

from __future__ import annotations

from typing import Any

import pytest
from autobahn.wamp.message import Register
from autobahn.wamp.role import RoleCalleeFeatures
from crossbar.router import NotAttached
from crossbar.router.role import RouterRoleStaticAuth

from deltamesh_router.settings.settings import CallRule
from tests.router.recorded_realm import CANCELED, WORK, RecordedClient, RecordedRealm


class Service:
    """The realm's own session, which publishes the meta events."""

    def __init__(self, realm: RecordedRealm) -> None:
        self._realm = realm
        self.published: list[tuple[Any, ...]] = []
        realm.realm.session = self

    def is_attached(self) -> bool:
        return True

    def publish(self, topic: str, *args: Any, options: Any = None) -> None:
        self.published.append((topic.removeprefix("wamp.registration."), *args, *filter(None, [options])))

    def events(self) -> list[tuple[Any, ...]]:
        """What was published since somebody last looked."""
        self._realm.clock.advance(0)
        published, self.published = self.published, []
        return published


# -- REGISTER


def test_calls_that_wait_follow_the_answer_to_the_registration(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, two = realm.join(), realm.join()
    number = one.register(WORK, 1)
    caller.call(WORK)
    caller.call(WORK)
    realm.dealer.processRegister(two, Register(77, WORK, invoke="roundrobin", concurrency=1))

    assert two.received() == [("REGISTERED", 77, number), ("INVOCATION", 2, None)]


@pytest.mark.parametrize(
    ("uri", "options", "error"),
    [
        ("com.example.single", {}, "wamp.error.procedure_already_exists"),
        ("com.example.shared", {"invoke": "random"}, "wamp.error.procedure_exists_with_different_invocation_policy"),
        ("com.denied.x", {}, "wamp.error.not_authorized"),
        ("com..x", {}, "wamp.error.invalid_uri"),
        ("wamp.session.list", {}, "wamp.error.invalid_uri"),
        ("mesh.drain", {}, "deltamesh.error.reserved"),
        ("mesh.", {"match": "prefix"}, "deltamesh.error.reserved"),
    ],
)
def test_what_cannot_be_registered_is_refused(realm: RecordedRealm, uri: str, options: dict[str, Any], error: str) -> None:
    one, two = realm.join(), realm.join()
    one.register("com.example.single", invoke="single")
    one.register("com.example.shared", invoke="roundrobin")

    answer = two.try_to_register(uri, **options)
    assert (answer[0], answer[2]) == ("ERROR", error)


def test_nobody_can_register_the_procedures_of_the_router(realm: RecordedRealm) -> None:
    trusted = realm.join(role="trusted")

    assert trusted.try_to_register("mesh.anything")[2] == "deltamesh.error.reserved"
    assert trusted.try_to_register("wamp.anything", invoke="single")[0] == "REGISTERED"


def test_who_may_not_register_does_not_learn_what_is_registered(realm: RecordedRealm) -> None:
    trusted, other = realm.join(role="trusted"), realm.join()
    trusted.register("com.denied.x", invoke="single")

    assert other.try_to_register("com.denied.x", invoke="single")[2] == "wamp.error.not_authorized"


def test_a_callee_that_registers_again_has_the_slots_that_it_said_last(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = realm.join()
    number = one.register(WORK, 1)
    for _ in range(3):
        caller.call(WORK)
    again = one.register(WORK, 3)

    assert again == number
    assert [number for _, number, _ in one.received()] == [1, 2, 3]

    one.unregister(number)
    request = caller.call(WORK)
    assert caller.received() == [("ERROR", request, "wamp.error.no_such_procedure")]


# -- force_reregister


def test_a_callee_may_take_the_place_of_all_others(realm: RecordedRealm, caller: RecordedClient) -> None:
    former = [realm.join() for _ in range(3)]
    (old,) = {each.register(WORK, 1) for each in former}
    requests = [caller.call(WORK, number) for number in range(5)]
    for each in former:
        each.received()
    new = realm.join()
    number = new.register(WORK, 1, force_reregister=True)

    assert number != old
    assert [each.received() for each in former] == [[("UNREGISTERED", 0, old)]] * 3
    assert new.received() == [("INVOCATION", 4, [3])]

    for index, each in enumerate(former):
        each.answer(index + 1)
    assert [each.received() for each in former] == [[], [], []]
    new.answer(4)
    new.answer(5)

    assert new.received() == [("INVOCATION", 5, [4])]
    assert [request for _, request, _ in caller.received()] == requests
    former[0].leave()
    assert realm.is_idle()


def test_a_callee_may_replace_itself_and_with_another_policy(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, other = realm.join(), realm.join()
    old = one.register(WORK, 1, invoke="single")
    caller.call(WORK)
    one.received()
    new = one.register(WORK, 2, invoke="first", force_reregister=True)
    other.register(WORK, 2, invoke="first")
    for _ in range(3):
        caller.call(WORK)

    assert new != old
    assert [len(each.received()) for each in (one, other)] == [1, 2]
    assert [registration.extra.invoke for registration, _ in realm.dealer.queues.values()] == ["first"]


def test_a_new_policy_holds_though_calls_of_the_old_one_run(realm: RecordedRealm, caller: RecordedClient) -> None:
    old, new, last = realm.join(), realm.join(), realm.join()
    old.register(WORK, 1, invoke="first")
    caller.call(WORK)
    new.register(WORK, 5, invoke="last", force_reregister=True)
    last.register(WORK, 5, invoke="last")
    for _ in range(3):
        caller.call(WORK)

    assert len(last.received()) == 3


def test_a_replaced_callee_that_dies_gives_its_calls_to_the_new_one(realm: RecordedRealm, caller: RecordedClient) -> None:
    realm.set(CallRule(uri=WORK, tries=2))
    one, new = realm.join(), realm.join()
    one.register(WORK, 1)
    request = caller.call(WORK)
    new.register(WORK, 1, force_reregister=True)
    one.leave()

    ((_, number, _),) = new.received()
    new.answer(number)
    assert caller.received() == [("RESULT", request, None)]
    assert realm.is_idle()


def test_sessions_that_replace_each_other_for_ever_leave_nothing_behind(realm: RecordedRealm) -> None:
    one, two = realm.join(), realm.join()
    for _ in range(5):
        one.register(WORK, force_reregister=True)
        two.register(WORK, force_reregister=True)

    assert [len(realm.dealer._session_to_registrations[each]) for each in (one, two)] == [0, 1]
    assert len(realm.dealer._registration_map._observation_id_to_observation) == 1


def test_who_may_register_not_everything_may_put_nobody_out(realm: RecordedRealm, caller: RecordedClient) -> None:
    permission = {"uri": WORK, "match": "exact", "allow": {"register": True}, "cache": True}
    realm.router.add_role(RouterRoleStaticAuth(realm.router, "browser", [permission]))
    worker, browser = realm.join(), realm.join(role="browser")
    worker.register(WORK, 1)
    for _ in range(2):  # the second answer of the authorizer is a kept one
        browser.dealer.processRegister(browser, Register(7, WORK, invoke="roundrobin", force_reregister=True))
        (answer,) = browser.messages()

        assert (answer.request, answer.error) == (7, "wamp.error.not_authorized")
        assert answer.args[0].endswith(": force_reregister needs the permission to register everything")
        caller.call(WORK)
        ((kind, number, _),) = worker.received()
        assert kind == "INVOCATION"
        worker.answer(number)
    browser.register(WORK)


def test_the_permission_for_everything_puts_nobody_out_where_a_longer_line_forbids_it(realm: RecordedRealm) -> None:
    realm.join(role="trusted").register("com.denied.x")

    assert realm.join().try_to_register("com.denied.x", force_reregister=True)[2] == "wamp.error.not_authorized"


# -- procedures for which a rule chooses


@pytest.mark.parametrize("choose", ["least_loaded", "affinity"])
@pytest.mark.parametrize("first", ["single", "first", "last", "random", "roundrobin"])
def test_where_a_rule_chooses_nobody_keeps_others_out(realm: RecordedRealm, caller: RecordedClient, choose: Any, first: str) -> None:
    realm.set(CallRule(uri=WORK, choose=choose))
    callees = [realm.join() for _ in range(3)]
    numbers = {each.register(WORK, 1, invoke=invoke) for each, invoke in zip(callees, (first, "roundrobin", "single"), strict=True)}
    for number in range(3):
        caller.call(WORK, number)

    assert len(numbers) == 1
    assert [[kind for kind, *_ in each.received()] for each in callees] == [["INVOCATION"]] * 3
    assert [registration.extra.invoke for registration, _ in realm.dealer.queues.values()] == ["roundrobin"]


def test_a_rule_that_comes_later_opens_a_registration_for_who_registers_next(realm: RecordedRealm, caller: RecordedClient) -> None:
    single, other, late = realm.join(), realm.join(), realm.join()
    single.register(WORK, 1, invoke="single")
    assert other.try_to_register(WORK)[2] == "wamp.error.procedure_already_exists"

    realm.set(CallRule(uri=WORK, choose="least_loaded"))
    other.register(WORK, 1)
    realm.set()  # the rule has gone: who is there stays, and is called in turn
    assert late.try_to_register(WORK, invoke="single")[2] == "wamp.error.procedure_exists_with_different_invocation_policy"
    late.register(WORK, 1)
    for number in range(3):
        caller.call(WORK, number)
    assert [[kind for kind, *_ in each.received()] for each in (single, other, late)] == [["INVOCATION"]] * 3


# -- UNREGISTER


def test_a_callee_that_unregisters_finishes_what_it_has(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, two = realm.join(), realm.join()
    number = one.register(WORK, 1)
    two.register(WORK, 1)
    requests = [caller.call(WORK, argument) for argument in range(3)]
    one.received()
    one.unregister(number)

    assert one.received()[0][:1] == ("UNREGISTERED",)

    one.answer(1)
    assert one.received() == []
    two.answer(2)
    two.answer(3)

    assert [args for _, _, args in two.received()] == [[1], [2]]
    assert [request for _, request, _ in caller.received()] == requests
    assert realm.is_idle()


def test_when_the_last_callee_unregisters_what_waits_is_refused(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = realm.join()
    number = one.register(WORK, 1)
    runs, waits = caller.call(WORK), caller.call(WORK)
    one.unregister(number)
    late = caller.call(WORK)

    assert caller.received() == [("ERROR", waits, "deltamesh.error.no_callee"), ("ERROR", late, "wamp.error.no_such_procedure")]

    one.answer(1)
    assert caller.received() == [("RESULT", runs, None)]
    assert realm.dealer.queues == {}
    assert realm.dealer.ledger._closed == {(WORK, "exact"): None}
    assert realm.is_idle()


def test_a_callee_that_comes_back_still_has_its_calls(realm: RecordedRealm, caller: RecordedClient) -> None:
    one = realm.join()
    number = one.register(WORK, 1, invoke="roundrobin")
    caller.call(WORK)
    one.unregister(number)
    one.received()
    one.register(WORK, 1, invoke="random")
    caller.call(WORK)

    assert one.received() == []
    one.answer(1)
    assert one.received() == [("INVOCATION", 2, None)]
    assert [queue.invoke for _, queue in realm.dealer.queues.values()] == ["random"]


def test_only_a_callee_can_unregister(realm: RecordedRealm) -> None:
    one, two = realm.join(), realm.join()
    number = one.register(WORK)
    two.unregister(number)
    one.unregister(number + 1)

    assert [client.received()[0][2] for client in (one, two)] == ["wamp.error.no_such_registration"] * 2


def test_somebody_else_can_unregister_a_callee(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, deaf = realm.join(), realm.join()
    one._session_roles["callee"] = RoleCalleeFeatures(registration_revocation=True)
    number = one.register(WORK)
    deaf.register(WORK)
    registration = realm.dealer._registration_map.get_observation_by_id(number)

    assert realm.dealer.removeCallee(registration, one, "com.example.bye") == (True, False)
    assert realm.dealer.removeCallee(registration, one) == (False, False)
    assert realm.dealer.removeCallee(registration, deaf) == (True, True)
    (told,) = one.messages()
    assert (told.request, told.registration, told.reason) == (0, number, "com.example.bye")
    assert deaf.received() == []
    assert realm.dealer.queues == {}


# -- meta events


def test_the_realm_is_told_who_comes_and_goes(realm: RecordedRealm) -> None:
    service = Service(realm)
    one, two = realm.join(), realm.join()
    number = one.register(WORK)
    created, came = service.events()

    assert created[:2] == ("on_create", one._session_id)
    assert {name: created[2][name] for name in ("id", "uri", "match", "invoke")} == {
        "id": number,
        "uri": WORK,
        "match": "exact",
        "invoke": "roundrobin",
    }
    assert came == ("on_register", one._session_id, number)

    two.register(WORK)
    two.register(WORK)
    assert service.events() == [("on_register", two._session_id, number)]

    one.unregister(number)
    assert service.events() == [("on_unregister", one._session_id, number)]

    last = two._session_id
    two.leave()
    two._session_id = None  # type: ignore[assignment]  # as a router's session does
    assert service.events() == [("on_unregister", last, number), ("on_delete", last, number)]


def test_the_realm_is_told_who_was_replaced(realm: RecordedRealm) -> None:
    service = Service(realm)
    one, two, new = realm.join(), realm.join(), realm.join()
    old = one.register(WORK)
    two.register(WORK)
    service.events()
    number = new.register(WORK, force_reregister=True)

    assert [event[:2] for event in service.events()] == [
        ("on_unregister", one._session_id),
        ("on_unregister", two._session_id),
        ("on_delete", two._session_id),
        ("on_create", new._session_id),
        ("on_register", new._session_id),
    ]
    assert number != old


def test_other_nodes_are_not_told_what_they_said(realm: RecordedRealm) -> None:
    service = Service(realm)
    one = realm.join()
    one.register(WORK, forward_for=[{"session": 1, "authid": "far", "authrole": "away"}])

    assert [event[-1].exclude_authid for event in service.events()] == [["far"], ["far"]]


def test_what_a_link_to_another_router_registers_is_told_there(realm: RecordedRealm) -> None:
    service = Service(realm)
    link = realm.join(role="rlink")
    number = link.register(WORK)
    link.unregister(number)

    assert service.events() == [("on_unregister", link._session_id, number)]


def test_the_realm_is_told_nothing_of_its_own_procedures(realm: RecordedRealm) -> None:
    service = Service(realm)
    realm.join(role="trusted").register("wamp.session.some", invoke="single")

    assert service.events() == []


# -- mesh.drain


def test_a_drained_session_gets_no_calls_and_finishes_what_it_has(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, two, operator = realm.join(), realm.join(), realm.join()
    for uri in (WORK, "com.example.other"):
        one.register(uri, 2)
    two.register(WORK, 1)
    runs, elsewhere = caller.call(WORK), caller.call("com.example.other")
    drained = operator.call("mesh.drain", one._session_id)
    for _ in range(3):
        caller.call(WORK)
    one.answer(1)

    assert operator.received() == []

    one.answer(2)
    assert operator.received() == [("RESULT", drained, [{"session": one._session_id, "calls": 2}])]
    assert [number for _, number, _ in one.received()] == [1, 2]
    assert [request for _, request, _ in caller.received()] == [runs, elsewhere]
    assert len(two.received()) == 1

    again = operator.call("mesh.drain", one._session_id)
    assert operator.received() == [("RESULT", again, [{"session": one._session_id, "calls": 0}])]


def test_calls_wait_while_the_only_callee_is_drained(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, operator = realm.join(), realm.join()
    one.register(WORK, 1)
    operator.call("mesh.drain", one._session_id)
    one.register("com.example.late", 1)
    one.received()
    requests = [caller.call(WORK), caller.call("com.example.late")]
    two = realm.join()
    two.register(WORK, 1)

    assert one.received() == []
    assert ("com.example.late", "exact") in realm.dealer.queues
    ((_, number, _),) = two.received()
    two.answer(number)
    assert caller.received()[0] == ("ERROR", requests[1], "deltamesh.error.no_callee")


def test_a_call_that_nobody_waits_for_has_to_be_finished_as_well(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, operator = realm.join(), realm.join()
    one.register(WORK, 1)
    caller.cancel(caller.call(WORK), "skip")
    operator.call("mesh.drain", one._session_id)

    assert operator.received() == []
    one.answer(1)
    assert len(operator.received()) == 1


def test_what_cannot_be_drained_is_an_error(realm: RecordedRealm, caller: RecordedClient) -> None:
    for args in ([7], [], [1, 2], ["x"], [True], [None], [0], [10**5000]):
        caller.call("mesh.drain", *args)

    assert [error for _, _, error in caller.received()] == ["wamp.error.no_such_session", *["wamp.error.invalid_argument"] * 7]
    assert realm.is_idle()


def test_a_session_that_leaves_while_it_is_drained_is_told(realm: RecordedRealm, caller: RecordedClient) -> None:
    one, operator = realm.join(), realm.join()
    one.register(WORK, 1)
    caller.call(WORK)
    drained = operator.call("mesh.drain", one._session_id)
    one.leave()

    assert operator.received() == [("ERROR", drained, "wamp.error.no_such_session")]
    assert realm.is_idle()


@pytest.mark.parametrize("end", ["cancelled", "timed out", "left"])
def test_who_drains_need_not_wait(realm: RecordedRealm, caller: RecordedClient, end: str) -> None:
    one, operator = realm.join(), realm.join()
    one.register(WORK, 1)
    caller.call(WORK)
    drained = operator.call("mesh.drain", one._session_id, timeout=100)
    match end:
        case "cancelled":
            operator.cancel(drained)
            assert operator.received() == [("ERROR", drained, CANCELED)]
        case "timed out":
            realm.pass_time(0.1)
            assert operator.received() == [("ERROR", drained, "wamp.error.timeout")]
        case "left":
            operator.leave()
    peer = realm.dealer.peer(one._session_id)
    assert peer is not None
    assert peer.drains == []
    one.received()
    one.answer(1)
    caller.call(WORK)

    assert one.received() == []
    assert operator.received() == []
    one.leave()
    assert realm.is_idle()


def test_a_session_is_attached_once_and_detached_once(realm: RecordedRealm) -> None:
    one = realm.join()

    with pytest.raises(Exception, match="already attached"):
        realm.dealer.attach(one)
    one.leave()
    with pytest.raises(NotAttached):
        realm.dealer.detach(one)
