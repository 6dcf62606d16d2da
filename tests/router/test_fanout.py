"""An event is encoded once, and each connection gets it in the way that suits it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import cbor2
import msgspec
import pytest
from autobahn.wamp.exception import SerializationError
from autobahn.wamp.message import Event
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer
from autobahn.websocket.protocol import WebSocketProtocol

from deltamesh_router.events import fanout
from deltamesh_router.events.fanout import Fanout, Outgoing
from deltamesh_router.wire.formats import CBOR, JSON, format_of
from deltamesh_router.wire.rawsocket import WampRawSocketServerProtocol
from deltamesh_router.wire.websocket import WampWebSocketServerProtocol

PUBLISHER = SimpleNamespace(_session_id=1, _authid="somebody", _authrole="component")


class Session:
    """A session of a router, on a connection."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._session_id: int | None = 7


class Wire:
    """A network transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


class Realm:
    """What a fan-out knows of its router. Keeps the messages that are left to Autobahn; `refuse` may raise."""

    def __init__(self) -> None:
        self.outbound = SimpleNamespace(lagging={})
        self.sent: list[tuple[Any, Event]] = []
        self.refuse: Callable[[], None] = lambda: None

    def send(self, session: Any, message: Event) -> None:
        self.refuse()
        self.sent.append((session, message))


@pytest.fixture
def realm() -> Realm:
    return Realm()


def websocket(**special: Any) -> Session:
    """Return a session on a WebSocket with JSON."""
    made = WampWebSocketServerProtocol()
    made.state = WebSocketProtocol.STATE_OPEN
    made.send_queue = []
    return _session(made, JSON, JsonSerializer(), special)


def rawsocket(**special: Any) -> Session:
    """Return a session on a RawSocket with CBOR."""
    made = WampRawSocketServerProtocol()
    made._max_len_send = 1 << 24
    return _session(made, CBOR, CBORSerializer(), special)


def _session(made: Any, form: Any, serializer: Any, special: dict[str, Any]) -> Session:
    made._session = object()
    made.transport = Wire()
    made._format = form
    made._serializer = serializer
    vars(made).update(special)
    return Session(made)


def event(*args: Any, details: dict[str, Any] | None = None) -> Outgoing:
    made = Outgoing("com.example.topic", list(args))
    made.address(1, 2, details or {})
    return made


def written(session: Session) -> bytes:
    data: bytes = session._transport.transport.written
    return data


def test_an_event_is_encoded_once_for_each_format(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[Any] = []
    for form in (CBOR, JSON):
        encode = form.event
        monkeypatch.setattr(form, "event", lambda event, details, form=form, encode=encode: encoded.append(form) or encode(event, details))
    sessions = [websocket(), rawsocket(), websocket(), rawsocket()]
    fan_out = Fanout(realm)
    fan_out.send(event("x", 7, details={"topic": "com.example.topic"}), sessions, PUBLISHER)

    assert encoded == [JSON, CBOR]
    assert realm.sent == []
    assert fan_out.num_sent == 4
    assert written(sessions[0]) == written(sessions[2])
    assert written(sessions[1]) == written(sessions[3])
    message = [36, 1, 2, {"topic": "com.example.topic"}, ["x", 7]]
    assert msgspec.json.decode(written(sessions[0])[2:]) == message
    assert cbor2.loads(written(sessions[1])[4:]) == message
    assert [session._transport._serializer._serialized_messages for session in sessions] == [1] * 4


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (None, None),
        ([], {}),
        ([0, -1, 23, 24, 1 << 53, 1 << 64, 1 << 70, True, None, ""], None),
        (['é"\\/\0\x1f\x7f\u2028\U0001f600', "x" * 300], None),
        ([1.5, 1e22, -0.0, 1e-7], None),
        ([b"bytes", [1, {"a": []}]], None),
        ([], {"a": 1, "ü": [None]}),
        (["x"], {"a": {"b": 1.5}}),
    ],
)
@pytest.mark.parametrize("serializer", [CBORSerializer(), JsonSerializer()])
def test_an_event_is_what_autobahn_would_have_sent(realm: Realm, serializer: Any, args: Any, kwargs: Any) -> None:
    details = {"publisher": 1, "publisher_authid": "ä", "publisher_authrole": "component", "topic": "com.example.topic"}
    session = rawsocket(_serializer=serializer, _format=format_of(serializer))
    for told in ({}, details):
        outgoing = Outgoing("com.example.topic", args, kwargs)
        outgoing.address(1 << 52, 3, told)
        Fanout(realm).send(outgoing, [session], PUBLISHER)
        data, _ = serializer.serialize(Event(1 << 52, 3, args=args, kwargs=kwargs, **told))

        assert written(session) == len(data).to_bytes(4, "big") + data
        session._transport.transport.written = b""


@pytest.mark.parametrize(
    "unusual",
    [
        websocket(state=WebSocketProtocol.STATE_CLOSING),
        websocket(send_queue=[b"waiting"]),
        websocket(_session=None),
        websocket(_format=None),
        websocket(max_sent=10),
        rawsocket(_session=None),
        rawsocket(_format=None),
        rawsocket(_max_len_send=10),
        Session(object()),
    ],
)
def test_what_is_unusual_is_left_to_autobahn(realm: Realm, unusual: Any) -> None:
    usual = rawsocket()
    fan_out = Fanout(realm)
    fan_out.send(event("x" * 10, details={"publisher": 1}), [unusual, usual, unusual], PUBLISHER)

    (first, message), (second, same) = realm.sent
    assert first is second is unusual
    assert message is same
    assert (message.subscription, message.publication, message.publisher, message.args) == (1, 2, 1, ["x" * 10])
    assert message._router_internal == (1, "somebody", "component")
    assert written(usual)
    assert fan_out.num_sent == 1


def test_who_has_gone_gets_nothing(realm: Realm) -> None:
    gone, lost = rawsocket(), rawsocket()
    gone._session_id = None
    wire = lost._transport.transport
    lost._transport = None
    Fanout(realm).send(event("x"), [gone, lost], PUBLISHER)

    assert (written(gone), wire.written, realm.sent) == (b"", b"", [])


def test_a_slow_reader_is_asked_for_before_each_event(realm: Realm) -> None:
    slow, other = rawsocket(), rawsocket()
    answers = [True, False]
    realm.outbound.lagging[slow] = SimpleNamespace(admits=lambda: answers.pop(0))
    fan_out = Fanout(realm)
    for _ in range(2):
        fan_out.send(event("x"), [slow, other], PUBLISHER)

    assert len(written(other)) == 2 * len(written(slow)) > 0


def test_an_event_without_a_form_in_one_format_reaches_those_with_another(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(fanout.Fanout, "log", SimpleNamespace(warn=lambda text, **facts: lines.append(text.format(**facts))))
    sessions = [websocket(), websocket(), rawsocket()]
    Fanout(realm).send(event({1, 2}), sessions, PUBLISHER)

    assert [len(written(session)) > 0 for session in sessions] == [False, False, True]
    assert realm.sent == []
    assert len(lines) == 1


def test_values_that_cannot_be_read_pass_as_they_are_and_reach_nobody_else(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(fanout.Fanout, "log", SimpleNamespace(warn=lambda text, **facts: lines.append(text.format(**facts))))
    publish = JSON.read(b'[16,1,{},"com.example.topic",["\\u0000not base64"]]')
    outgoing = Outgoing(publish.topic, publish=publish)
    outgoing.address(1, 2, {})
    sessions = [rawsocket(), rawsocket(_format=None), websocket()]
    Fanout(realm).send(outgoing, sessions, PUBLISHER)

    assert [len(written(session)) > 0 for session in sessions] == [False, False, True]
    assert realm.sent == []
    assert len(lines) == 2


def test_one_receiver_that_autobahn_refuses_does_not_keep_an_event_from_the_next(realm: Realm, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise SerializationError("no form")

    lines: list[str] = []
    monkeypatch.setattr(fanout.Fanout, "log", SimpleNamespace(warn=lambda text, **facts: lines.append(text.format(**facts))))
    realm.refuse = refuse
    sessions = [websocket(_format=None), rawsocket()]
    Fanout(realm).send(event("x"), sessions, PUBLISHER)

    assert written(sessions[1])
    assert lines == ["an event was not sent to session 7: no form"]
