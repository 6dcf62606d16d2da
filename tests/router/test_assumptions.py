"""What deltamesh_router takes for granted about the releases of Crossbar.io, Autobahn and Twisted that it is pinned to."""

from __future__ import annotations

import importlib
import inspect
import socket
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest
from autobahn.wamp.message import Event
from autobahn.websocket.protocol import WebSocketProtocol, WebSocketServerProtocol
from crossbar import personality as stock_personality
from crossbar.node import main as stock_main
from crossbar.node.node import Node
from crossbar.node.worker import RouterWorkerProcess
from crossbar.router import router as stock_router
from crossbar.router.broker import Broker
from crossbar.router.dealer import Dealer
from crossbar.router.protocol import WampRawSocketServerProtocol, WampWebSocketServerProtocol
from crossbar.router.role import RouterRoleStaticAuth
from crossbar.worker.router import RouterController
from twisted.internet import tcp
from twisted.internet.task import Clock

from deltamesh_router import debugtext, fanout, messages
from deltamesh_router import router as ours
from deltamesh_router.fanout import EventFrames, send_now
from deltamesh_router.personality import Personality, WorkerProcess
from deltamesh_router.router import Router, RouterFactory
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


def test_a_websocket_has_the_settings_that_decide_how_it_frames() -> None:
    settings = {"maskServerFrames", "autoFragmentSize", "maxMessagePayloadSize", "logFrames", "logOctets"}
    connection = WampWebSocketServerProtocol()

    assert settings <= {*WebSocketServerProtocol.CONFIG_ATTRS_COMMON, *WebSocketServerProtocol.CONFIG_ATTRS_SERVER}
    assert "self.send_queue" in inspect.getsource(WebSocketProtocol._connectionMade)
    assert "self.trackedTimings" in inspect.getsource(WebSocketProtocol._connectionMade)
    assert connection._session is None


class Wire:
    """A network transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


class Form:
    """An object serializer that counts; real ones are shared by the connections of one listening transport."""

    BINARY = True
    NAME = "counted"

    def __init__(self) -> None:
        self.calls = 0

    def serialize(self, message: list[Any]) -> bytes:
        self.calls += 1
        return b"%d" % len(message)


def connection(kind: type, form: Form) -> Any:
    made = kind()
    made._session = object()
    made.transport = Wire()
    made._serializer = SimpleNamespace(
        _serializer=form, RATED_MESSAGE_SIZE=512, _serialized_bytes=0, _serialized_messages=0, _serialized_rated_messages=0
    )
    made._max_len_send = 1 << 24
    made.state = WebSocketProtocol.STATE_OPEN
    made.send_queue = []
    made._perMessageCompress = made.trackedTimings = None
    made.maskServerFrames = made.logFrames = made.logOctets = False
    made.autoFragmentSize = made.maxMessagePayloadSize = 0
    return SimpleNamespace(_transport=made)


@pytest.mark.parametrize(
    ("kind", "frame"), [(WampWebSocketServerProtocol, b"\x82\x015"), (WampRawSocketServerProtocol, b"\0\0\0\x015")]
)
def test_an_event_is_serialized_and_framed_once_for_all(kind: type, frame: bytes) -> None:
    form, frames, event = Form(), EventFrames(), Event(1, 2, args=["x"])
    sessions = [connection(kind, form) for _ in range(3)]

    assert [frames.send(session, event) for session in sessions] == [True] * 3
    assert {session._transport.transport.written for session in sessions} == {frame}
    assert [session._transport._serializer._serialized_messages for session in sessions] == [1] * 3
    assert form.calls == 1
    assert frames.send(sessions[0], Event(1, 3, args=["x"]))
    assert form.calls == 2


@pytest.mark.parametrize(
    "special",
    [
        {"state": WebSocketProtocol.STATE_CLOSING},
        {"_session": None},
        {"_perMessageCompress": object()},
        {"send_queue": [b"waiting"]},
        {"maxMessagePayloadSize": 1, "_serializer": None},
    ],
)
def test_an_unusual_connection_is_left_to_the_ordinary_way(special: dict[str, Any]) -> None:
    session = connection(WampWebSocketServerProtocol, Form())
    if special.pop("_serializer", session) is None:
        session._transport._serializer._serializer.serialize = lambda message: b"two"
    vars(session._transport).update(special)

    assert not EventFrames().send(session, Event(1, 2))
    assert session._transport.transport.written == b""


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


class Reactor:
    """Remembers who wants to write."""

    def __init__(self) -> None:
        self.writers: set[Any] = set()
        self.addWriter = self.writers.add
        self.removeWriter = self.writers.discard
        self.addReader = self.removeReader = lambda _: None


def test_a_frame_is_sent_at_once_and_in_order() -> None:
    """What the socket does not take waits, and then everything waits behind it."""
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        reactor = Reactor()
        connection = tcp.Server(here, SimpleNamespace(), ("127.0.0.1", 0), SimpleNamespace(_realPortNumber=0), 0, reactor)
        connection.connected = 1
        large = bytes(range(256)) * (1 << 14)

        send_now(connection, b"first")
        assert (there.recv(100), reactor.writers) == (b"first", set())
        send_now(connection, large)
        send_now(connection, b"last")
        assert reactor.writers == {connection}

        received = b""
        while len(received) < len(large) + 4:
            if reactor.writers:
                connection.doWrite()
            received += there.recv(1 << 20)
        assert received == large + b"last"
        assert reactor.writers == set()


def test_only_the_first_event_of_a_turn_is_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that follow are collected, so that one system call takes them all."""
    at_once: list[bytes] = []
    clock = Clock()
    monkeypatch.setattr(fanout, "send_now", lambda _, frame: at_once.append(frame))
    monkeypatch.setattr(fanout, "reactor", clock)
    frames, session = EventFrames(), connection(WampRawSocketServerProtocol, Form())

    for publication in range(3):
        frames.send(session, Event(1, publication))
    clock.advance(0)
    frames.send(session, Event(1, 3))

    assert len(at_once) == 2
    assert len(session._transport.transport.written) == 2 * len(at_once[0])
