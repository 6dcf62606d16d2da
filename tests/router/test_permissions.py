"""What the roles of the repository's own node configuration may do, on a running router."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running_router import RunningRouter
from tests.wire_connection import (
    CALL,
    EVENT,
    INVOCATION,
    REGISTER,
    REGISTERED,
    RESULT,
    UNREGISTER,
    UNREGISTERED,
    YIELD,
    WireConnection,
    error_of,
)

pytestmark = pytest.mark.mesh

SERVICES = ["com.example.departures", "com.example.hackernews", "com.example.parameters"]
DENIED = "wamp.error.not_authorized"
NOBODY_THERE = "wamp.error.no_such_procedure"
MIB = 1 << 20


@pytest.fixture(scope="module")
def browser(router: RunningRouter) -> Iterator[WireConnection]:
    with WireConnection(router.ws_url) as connection:
        yield connection


@pytest.fixture
def component(router: RunningRouter) -> Iterator[WireConnection]:
    with WireConnection(router.unix_path) as connection:
        yield connection


def test_a_websocket_gets_the_role_of_browsers_and_no_compression(browser: WireConnection) -> None:
    assert browser.welcome["authrole"] == "browser"
    assert "permessage-deflate" not in browser.answer


def test_the_unix_socket_gives_the_role_of_components(component: WireConnection) -> None:
    assert component.welcome["authrole"] == "component"


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("procedure", ["open", "read", "some_action"])
def test_a_browser_may_call_what_a_service_offers_to_clients(browser: WireConnection, service: str, procedure: str) -> None:
    assert error_of(browser.call(f"{service}.{procedure}")) == NOBODY_THERE


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("procedure", ["write", "shared", "shared.snapshot", "leader", "leader.x", "live.x", "follower.x"])
def test_a_browser_may_not_call_the_inner_procedures(browser: WireConnection, service: str, procedure: str) -> None:
    assert error_of(browser.call(f"{service}.{procedure}")) == DENIED


@pytest.mark.parametrize(
    "procedure",
    [
        "com.example.other.open",
        "com.example.hackernewsletter.open",
        "wamp.session.count",
        "wamp.session.kill",
        "wamp.session.add_testament",
        "wamp.subscription.list",
        "wamp.registration.list",
        "crossbar.get_status",
    ],
)
def test_a_browser_may_call_nothing_else(browser: WireConnection, procedure: str) -> None:
    assert error_of(browser.call(procedure)) == DENIED


@pytest.mark.parametrize("service", SERVICES)
def test_a_browser_may_neither_register_nor_publish(browser: WireConnection, service: str) -> None:
    assert error_of(browser.register(f"{service}.open")) == DENIED
    assert error_of(browser.publish(f"{service}.live.f1.x", 1)) == DENIED
    assert error_of(browser.publish(f"{service}.shared", 1)) == DENIED


def test_a_browser_that_lends_itself_puts_no_other_worker_out(browser: WireConnection, component: WireConnection) -> None:
    task = "com.example.salesman.anneal"
    assert error_of(component.register(task, invoke="roundrobin")) is None
    refused = browser.register(task, force_reregister=True)

    assert error_of(refused) == DENIED
    assert refused[5][0].endswith("force_reregister needs the permission to register everything")
    assert error_of(browser.register(task, invoke="roundrobin")) is None
    component.begin(REGISTER, {"force_reregister": True}, task)
    assert browser.receive()[:2] == [UNREGISTERED, 0]
    assert [component.receive()[0] for _ in range(2)] == [UNREGISTERED, REGISTERED]


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("topic", ["live.f1.x", "follower.f1.on_gone"])
def test_a_browser_may_subscribe_to_a_live_topic_that_it_knows(browser: WireConnection, service: str, topic: str) -> None:
    assert error_of(browser.subscribe(f"{service}.{topic}")) is None


@pytest.mark.parametrize("topic", ["com.example.hackernews.shared", "com.example.hackernews.leader.on_gone", "wamp.subscription.on_create"])
def test_a_browser_may_not_subscribe_to_anything_else(browser: WireConnection, topic: str) -> None:
    assert error_of(browser.subscribe(topic)) == DENIED


@pytest.mark.parametrize(
    ("match", "topic"),
    [
        ("prefix", "com.example.hackernews.live."),
        ("prefix", "com.example.hackernews.live.f1"),
        ("prefix", "com.example.hackernews.live.f1.x"),
        ("prefix", "com.example.hackernews.follower."),
        ("prefix", ""),
        ("wildcard", "com.example.hackernews.live.."),
        ("wildcard", "com.example.hackernews.live.f1.x"),
        ("wildcard", "com.example..live.."),
    ],
)
def test_a_browser_may_not_listen_to_topics_that_it_does_not_know(browser: WireConnection, match: str, topic: str) -> None:
    assert error_of(browser.subscribe(topic, match)) == DENIED


def test_a_component_may_do_everything(component: WireConnection) -> None:
    answers = [
        component.subscribe("com.example.hackernews.live.", "prefix"),
        component.subscribe("com.example..shared", "wildcard"),
        component.subscribe("wamp.subscription.on_create"),
        component.subscribe("wamp.subscription.on_subscribe"),
        component.call("wamp.session.count"),
        component.call("wamp.session.add_testament", "com.example.hackernews.leader.on_gone", [], {}),
        component.register("com.example.permissions.test"),
    ]
    assert [error_of(answer) for answer in answers] == [None] * len(answers)


@pytest.mark.parametrize("address", ["ws_url", "unix_path"])
def test_a_callee_is_told_who_calls(router: RunningRouter, component: WireConnection, address: str) -> None:
    procedure = "com.example.hackernews.who_calls"
    assert error_of(component.register(procedure)) is None
    with WireConnection(getattr(router, address)) as caller:
        caller.send([CALL, 1, {}, procedure])
        kind, invocation, _, details = component.receive()[:4]

        assert kind == INVOCATION
        assert details["caller"] == caller.session
        assert details["caller_authrole"] == caller.welcome["authrole"]
        assert details["caller_authid"] == caller.welcome["authid"]
        component.send([YIELD, invocation, {}])
        caller.receive()


def test_a_browser_sends_small_messages_and_receives_large_ones(router: RunningRouter, component: WireConnection) -> None:
    procedure, topic = "com.example.hackernews.sizes", "com.example.hackernews.live.sizes"
    large = "x" * (3 * MIB)
    component.register(procedure)
    with WireConnection(router.ws_url) as browser:
        browser.subscribe(topic)
        browser.send([CALL, 1, {}, procedure, ["x" * (MIB - 100)]])
        _, invocation, *_, arguments = component.receive()
        component.send([YIELD, invocation, {}, [large]])
        assert browser.receive()[:1] == [RESULT]
        component.publish(topic, large)
        assert browser.receive()[4] == [large]

        assert len(arguments[0]) == MIB - 100
        browser.send([CALL, 2, {}, "com.example.hackernews.nobody", ["x" * MIB]])  # else it is answered
        with pytest.raises(EOFError, match=f"exceeds payload limit of {MIB} octets") as closed:
            browser.receive()
        assert str(closed.value).startswith(r"closed by the router: b'\x03\xf1received")  # 1009, as RFC 6455 says
    assert error_of(component.call("wamp.session.count")) is None


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1.evil.example", "null"])
def test_pages_of_other_sites_are_refused(router: RunningRouter, origin: str) -> None:
    with pytest.raises(ConnectionRefusedError, match="denied"):
        WireConnection(router.ws_url, origin=origin)


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8080", "http://localhost:8080"])
def test_pages_of_this_machine_are_accepted(router: RunningRouter, origin: str) -> None:
    WireConnection(router.ws_url, origin=origin).close()


ADMINISTRATOR = [{"session": 1, "authid": "administrator", "authrole": "administrator"}]


def test_nobody_speaks_for_somebody_else(browser: WireConnection, component: WireConnection) -> None:
    """Which only links between routers may, by `forward_for`; callees and subscribers decide by what they are told."""
    (_, _, registration) = component.register("com.example.hackernews.mine")
    request = browser.begin(CALL, {"forward_for": ADMINISTRATOR}, "com.example.hackernews.mine")
    kind, invocation, _, details, *_ = component.receive()
    component.send([YIELD, invocation, {"forward_for": ADMINISTRATOR}])
    answer = browser.receive()
    component.request(UNREGISTER, registration)
    component.subscribe("com.example.parameters.on_holding")
    browser.publish("com.example.parameters.on_holding", forward_for=ADMINISTRATOR)
    event = component.receive()

    assert (kind, details["caller"], details["caller_authrole"]) == (INVOCATION, browser.session, "browser")
    assert answer[:2] == [RESULT, request]
    assert answer[2].get("callee_authrole") != "administrator"
    assert (event[0], event[3]["publisher"], event[3].get("publisher_authrole")) == (EVENT, browser.session, "browser")
