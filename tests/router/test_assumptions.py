"""What deltamesh_router takes for granted about the releases of Crossbar.io, Autobahn and Twisted that it is pinned to."""

from __future__ import annotations

import importlib
import inspect
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from autobahn.wamp.message import Event, Message, Publish
from autobahn.websocket.protocol import WebSocketProtocol, WebSocketServerProtocol
from crossbar import personality as stock_personality
from crossbar.node import main as stock_main
from crossbar.node.node import Node
from crossbar.node.worker import RouterWorkerProcess
from crossbar.router import router as stock_router
from crossbar.router.broker import Broker
from crossbar.router.dealer import Dealer
from crossbar.router.observation import UriObservationMap
from crossbar.router.protocol import WampWebSocketServerProtocol
from crossbar.router.role import RouterRoleStaticAuth
from crossbar.worker.router import RouterController
from twisted.internet.task import Clock

from deltamesh_router import debugtext
from deltamesh_router import router as ours
from deltamesh_router.personality import Personality, WorkerProcess
from deltamesh_router.router import Router, RouterFactory
from deltamesh_router.wire import messages
from deltamesh_router.worker import RouterWorker
from tests.running_router import ROOT


def parameters(function: Any) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


@pytest.mark.parametrize("package", ["crossbar", "autobahn"])
def test_the_release_is_the_one_that_is_pinned(package: str) -> None:
    pins = [line.strip() for line in (ROOT / "setup.cfg").read_text().splitlines()]

    assert [pin for pin in pins if pin.startswith(package) and pin.endswith(f"=={version(package)}")]


def test_our_classes_are_plugged_in_where_crossbar_looks_for_them() -> None:
    stock = stock_personality.default_native_workers()["router"]
    assert (stock["class"], stock["worker_class"]) == (RouterWorkerProcess, RouterController)
    assert RouterController.router_factory_class is stock_router.RouterFactory
    assert stock_router.RouterFactory.router is stock_router.Router
    assert (stock_router.Router.broker, stock_router.Router.dealer) == (Broker, Dealer)

    worker = Personality.native_workers["router"]
    assert (worker["class"], worker["worker_class"]) == (WorkerProcess, RouterWorker)
    assert RouterWorker.router_factory_class is RouterFactory
    assert RouterFactory.router is Router
    assert stock_personality.Personality.native_workers["router"]["worker_class"] is RouterController


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (stock_router.Router.authorize, ["session", "uri", "action", "options"]),
        (stock_router.Router.send, ["session", "msg"]),
        (RouterController.onJoin, ["details", "publish_ready"]),
        (RouterController.start_router_transport, ["transport_id", "config", "create_paths", "details"]),
        (RouterController.shutdown, ["details"]),
        (RouterWorkerProcess._dump_remaining_log, ["result"]),
        (Node.__init__, ["personality", "cbdir", "reactor", "native_workers", "options"]),
        (Node.load_config, ["configfile", "default"]),
        (Node.load_keys, ["cbdir", "privfile", "pubfile"]),
        (Node.start, ["node_id"]),
        (stock_main._check_is_running, ["cbdir"]),
        (stock_main._start_logging, ["options", "reactor"]),
        (stock_personality.Personality.check_config_file, ["personality", "configfile"]),
        (Event.serialize, ["serializer"]),
        (Broker.processPublish, ["session", "publish"]),
        (Broker._filter_publish_receivers, ["receivers", "publish"]),
        (UriObservationMap.match_observations, ["uri"]),
    ],
)
def test_what_we_override_or_call_takes_the_same_parameters(function: Any, expected: list[str]) -> None:
    assert parameters(function) == expected


@pytest.mark.parametrize(
    ("module", "name"),
    [(module, name) for all_of in (debugtext.REPLACEMENTS, messages.REPLACEMENTS) for module, names in all_of.items() for name in names],
)
def test_what_is_replaced_is_where_it_was(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name)


def test_subscriptions_are_kept_where_the_short_way_of_an_event_looks_for_them() -> None:
    """Whoever subscribes to a pattern has to be noticed, and whoever does not any more as well."""
    known = UriObservationMap()
    assert not known._observations_prefix
    assert not known._observations_wildcard._root
    for match, found in (
        ("prefix", lambda: bool(known._observations_prefix)),
        ("wildcard", lambda: bool(known._observations_wildcard._root)),
    ):
        subscription, _, _ = known.add_observer("somebody", "com..x", match)
        assert found()
        known.drop_observer("somebody", subscription)
        known.delete_observation(subscription)
        assert not found()
    subscription, _, _ = known.add_observer("somebody", "com.example.x")
    assert known._observations_exact == {"com.example.x": subscription}
    assert subscription.observers == {"somebody"}
    assert {"_retain", "_exclude_me", "_kwargs", "_from_fbs"} <= {*Publish.__slots__, *Message.__slots__}


def test_a_websocket_has_the_settings_that_decide_how_it_frames() -> None:
    settings = {"maskServerFrames", "autoFragmentSize", "maxMessagePayloadSize", "logFrames", "logOctets"}
    connection = WampWebSocketServerProtocol()

    assert settings <= {*WebSocketServerProtocol.CONFIG_ATTRS_COMMON, *WebSocketServerProtocol.CONFIG_ATTRS_SERVER}
    assert "self.send_queue" in inspect.getsource(WebSocketProtocol._connectionMade)
    assert "self.trackedTimings" in inspect.getsource(WebSocketProtocol._connectionMade)
    assert connection._session is None


@pytest.fixture
def realm() -> Router:
    """A router without connections, with one role that may subscribe to what begins with `known.`."""
    router = Router(SimpleNamespace(_reactor=Clock()), SimpleNamespace(config={"name": "realm1"}, session=None))
    permission = {"uri": "known.", "match": "prefix", "allow": {"subscribe": True}, "cache": True}
    router.add_role(RouterRoleStaticAuth(router, "reader", [permission]))
    return router


def allowed(router: Router, uri: str, **options: Any) -> bool:
    session = SimpleNamespace(_realm="realm1", _authrole="reader", _session_id=1, _authid="x")
    return bool(router.authorize(session, uri, "subscribe", options).result["allow"])


def test_answers_of_the_authorizer_are_kept_up_to_a_limit(realm: Router, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ours, "MAX_CACHED_AUTHORIZATIONS", 10)
    for number in range(25):
        for _ in range(2):
            assert allowed(realm, f"known.{number}")
        assert 1 <= len(realm._authorization_cache) <= 10


def test_an_answer_that_is_kept_for_a_topic_is_none_for_a_pattern(realm: Router) -> None:
    assert allowed(realm, "known.topic")
    assert not allowed(realm, "known.topic", match="prefix")
    assert not allowed(realm, "known.topic", match="wildcard")
    assert allowed(realm, "known.topic")


def test_a_role_that_was_dropped_may_nothing_any_more(realm: Router) -> None:
    assert allowed(realm, "known.topic")
    realm.drop_role(realm._roles["reader"])
    assert not allowed(realm, "known.topic")
