"""Our WebSocket and RawSocket connections do what Crossbar.io's do, with whatever bytes in whatever pieces; the oracle is Crossbar.io's."""

from __future__ import annotations

import importlib
import json
import struct
from collections.abc import Iterable
from itertools import accumulate, pairwise
from types import SimpleNamespace
from typing import Any

import cbor2
import pytest
from autobahn.exception import PayloadExceededError
from autobahn.wamp import message as wamp
from autobahn.wamp.exception import ProtocolError, SerializationError, TransportLost
from crossbar.router import protocol as stock
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport

from deltamesh_router.wire import plain, rawsocket, websocket
from deltamesh_router.wire.formats import CBOR, JSON
from deltamesh_router.wire.websocket import unmasked

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: wamp.2.%b\r\n\r\n"
)


class Session:
    """Remembers what it is told."""

    _session_id = _authid = None
    _transport: Any = None

    def __init__(self) -> None:
        self.told: list[str] = []

    def onOpen(self, transport: Any) -> None:
        self.told.append("open")

    def onMessage(self, message: Any) -> None:
        self.told.append(f"{type(message).__name__} {message.marshal()!r}")
        if getattr(message, "args", None) == ["refuse"]:
            raise ProtocolError("refused")

    def onClose(self, was_clean: bool) -> None:
        self.told.append("close")


class Wire(StringTransport):
    """Keeps what is written; an abort is an end."""

    def unregisterProducer(self) -> None:
        self.producer = None

    def abortConnection(self) -> None:
        self.aborting = self.disconnecting = True


class Connection:
    """A connection of `factory`, after its handshake."""

    def __init__(self, factory: Any, hello: bytes) -> None:
        self.session = Session()
        factory._factory = lambda: self.session
        self.protocol = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 1))
        self.wire = Wire(peerAddress=IPv4Address("TCP", "127.0.0.1", 1), hostAddress=IPv4Address("TCP", "127.0.0.1", 2))
        self.protocol.makeConnection(self.wire)
        self.protocol.dataReceived(hello)
        assert self.session.told == ["open"]
        self.wire.clear()

    def feed(self, pieces: Iterable[bytes]) -> tuple[list[str], bytes, bool]:
        """Return what the session was told, what was answered, and whether the connection is to end."""
        for piece in pieces:
            if not self.wire.disconnecting:
                self.protocol.dataReceived(piece)
        return self.session.told, self.wire.value(), self.wire.disconnecting


def websockets(form: str, **options: Any) -> list[Connection]:
    """A connection of Crossbar.io's, and one of ours."""
    kinds = (stock.WampWebSocketServerFactory, websocket.WampWebSocketServerFactory)
    config = {"serializers": [form], "options": options}
    return [Connection(kind(Session, ".", config, None), UPGRADE % form.encode()) for kind in kinds]


def rawsockets(form: str) -> list[Connection]:
    """A connection of Crossbar.io's, and one of ours."""
    kinds = (stock.WampRawSocketServerFactory, rawsocket.WampRawSocketServerFactory)
    number = {"json": b"\x01", "cbor": b"\x03"}[form][0]
    return [Connection(kind(Session, {"serializers": [form]}), bytes([0x7F, 0xF0 | number, 0, 0])) for kind in kinds]


CONTENTS: list[Any] = [
    [48, 1, {}, "a.b", ["x"]],
    [48, 2, {}, "a.b", ["é" * 70]],
    [16, 3, {}, "a.b", [1], {"a": 2}],
    [70, 4, {}, ["y" * 300]],
    [70, 5, {}, ["refuse"]],
    [48, 6, {"timeout": 5}, "a.b"],
    [48, 7, {}, "a..b"],
    [34, 8, 9],
    [99],
    [],
]


def masked_frame(payload: bytes, first: int, mask: bytes | None = b"\1\2\3\4", *, long: bool = False) -> bytes:
    size = len(payload)
    bit = 0 if mask is None else 0x80
    if long or size > 0xFFFF:
        head = struct.pack("!BBQ", first, bit | 127, size)
    else:
        head = struct.pack("!BB", first, bit | size) if size <= 125 else struct.pack("!BBH", first, bit | 126, size)
    return head + (payload if mask is None else mask + unmasked(payload, mask))


def frames(form: str) -> st.SearchStrategy[bytes]:
    """Mostly plain frames, between others, and such as no client may send."""
    dumps = (lambda value: json.dumps(value).encode()) if form == "json" else cbor2.dumps
    data = 0x81 if form == "json" else 0x82
    plain_ones = [masked_frame(dumps(content), data, mask) for content in CONTENTS for mask in (b"\0\0\0\0", b"\x9a\1\xff\0")]
    whole = dumps(CONTENTS[0])
    others = [
        masked_frame(whole[:5], data & 0x7F) + masked_frame(b"", 0x89) + masked_frame(whole[5:], 0x80),
        masked_frame(b"ping", 0x89),
        masked_frame(b"\3\xe8", 0x88),
        masked_frame(whole, data ^ 3),
        masked_frame(whole, data, None),
        masked_frame(whole, data | 0x40),
        masked_frame(whole, data, long=True),
        masked_frame(b'[48,1,{},"a.b",["\xff\xfe"]]', data),
        masked_frame(b"nonsense", data),
        masked_frame(b"", data),
        masked_frame(dumps([48, 1, {}, "a.b", ["z" * 70_000]]), data),
        masked_frame(whole, 0x8B),
        masked_frame(whole[:5], data & 0x7F),
        struct.pack("!BBHI", data, 0xFE, len(whole), 0) + whole,
    ]
    return st.sampled_from(plain_ones) | st.sampled_from(plain_ones) | st.sampled_from(others)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *[cut % (len(data) + 1) for cut in cuts]})
    return [data[begin:end] for begin, end in pairwise(places)]


@pytest.mark.parametrize("form", ["json", "cbor"])
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_a_websocket_does_with_any_frames_what_crossbars_does(form: str, data: st.DataObject) -> None:
    sent = data.draw(st.lists(frames(form), max_size=6))
    stream = b"".join(sent)
    ends = list(accumulate(map(len, sent)))
    cuts = data.draw(st.lists(st.integers(0, 100_000) | st.sampled_from(ends or [0]), max_size=8))
    theirs, ours = websockets(form, max_message_size=data.draw(st.sampled_from([0, 1 << 24, 200])))

    assert ours.feed(pieces(stream, cuts)) == theirs.feed(pieces(stream, cuts))


PLAIN = masked_frame(cbor2.dumps(CONTENTS[0]), 0x82, b"\0\0\0\0")


@pytest.mark.parametrize(
    "before",
    [
        masked_frame(cbor2.dumps([48, 1, {}, "a.b", [b"x" * 70_000 + PLAIN]]), 0x82, b"\0\0\0\0"),
        masked_frame(b"ping" + PLAIN, 0x89, b"\0\0\0\0"),
    ],
    ids=["message", "ping"],
)
def test_what_looks_like_a_frame_inside_another_one_is_none(before: bytes) -> None:
    cut = before.index(PLAIN)
    theirs, ours = websockets("cbor")
    sent = [before[:cut], before[cut:] + PLAIN]
    expected = theirs.feed(sent)

    assert ours.feed(sent) == expected
    assert expected[0][-1] == theirs.session.told[-1] == "Call [48, 1, {}, 'a.b', ['x']]"


@pytest.mark.parametrize(
    "sent",
    [
        [masked_frame(b"begun", 0x02), PLAIN],
        [masked_frame(cbor2.dumps([70, 5, {}, ["refuse"]]), 0x82) + PLAIN],
        [masked_frame(b"\3\xe8", 0x88) + PLAIN],
    ],
    ids=["inside a message", "after an error", "after the end"],
)
def test_a_plain_frame_at_a_wrong_time_is_no_message(sent: list[bytes]) -> None:
    theirs, ours = websockets("cbor")
    expected = theirs.feed(sent)

    assert ours.feed(sent) == expected
    assert expected[1][0] == 0x88  # the connection is closed
    assert not any(line.startswith("Call") for line in expected[0])


@pytest.mark.parametrize("form", ["json", "cbor"])
@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.data())
def test_a_rawsocket_does_with_any_messages_what_crossbars_does(form: str, data: st.DataObject) -> None:
    dumps = (lambda value: json.dumps(value).encode()) if form == "json" else cbor2.dumps
    payloads = [*[dumps(content) for content in CONTENTS], b"", b"nonsense", b"\xff\xfe"]
    stream = b"".join(struct.pack("!I", len(payload)) + payload for payload in data.draw(st.lists(st.sampled_from(payloads), max_size=6)))
    cuts = data.draw(st.lists(st.integers(0, 100_000), max_size=8))
    theirs, ours = rawsockets(form)

    assert ours.feed(pieces(stream, cuts)) == theirs.feed(pieces(stream, cuts))


@pytest.mark.parametrize("pair", [websockets, rawsockets])
@pytest.mark.parametrize("form", ["json", "cbor"])
def test_plain_messages_are_read_by_us_in_pieces_too(pair: Any, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else everything above would hold, and nothing be gained."""
    _, ours = pair(form)
    monkeypatch.setattr(ours.protocol._serializer, "unserialize", lambda *_: pytest.fail("left to Autobahn"))
    payload = {"json": json.dumps(CONTENTS[3]).encode(), "cbor": cbor2.dumps(CONTENTS[3])}[form]
    data = masked_frame(payload, 0x81 if form == "json" else 0x82) if pair is websockets else struct.pack("!I", len(payload)) + payload
    for cut in (0, 1, 3, 7, 50):
        ours.feed([data[:cut], data[cut:] + data])

    assert len(ours.session.told) == 11
    assert {line[:6] for line in ours.session.told[1:]} == {"Yield "}
    assert ours.protocol._serializer._unserialized_messages == 10


def result(size: int) -> Any:
    return plain.result(wamp.Yield(1, args=["x" * size]), 1, None, 5, "me", "role")


@pytest.mark.parametrize("size", [0, 80, 200, 70_000])
@pytest.mark.parametrize("pair", [websockets, rawsockets])
@pytest.mark.parametrize("form", ["json", "cbor"])
def test_what_is_sent_is_what_crossbar_sends(pair: Any, form: str, size: int) -> None:
    theirs, ours = pair(form)
    for message in (result(size), wamp.Published(1, 2), result(size)):
        for each in (theirs, ours):
            each.protocol.send(message)
            message.uncache()

    assert ours.wire.value() == theirs.wire.value()
    counted = [
        (each._serialized_bytes, each._serialized_messages, each._serialized_rated_messages)
        for each in (ours.protocol._serializer, theirs.protocol._serializer)
    ]
    assert counted[0] == counted[1]


@pytest.mark.parametrize("form", ["json", "cbor"])
def test_a_message_that_is_too_large_is_refused_as_crossbar_does(form: str) -> None:
    theirs, ours = websockets(form, max_message_size=100)
    for each, size in ((theirs, 200), (ours, websocket.MAX_SENT)):
        with pytest.raises(PayloadExceededError):
            each.protocol.send(result(size))
        assert each.wire.value() == b""
    for each in rawsockets(form):
        each.protocol._max_len_send = 100
        with pytest.raises(PayloadExceededError):
            each.protocol.send(result(200))
        assert each.wire.value() == b""


@pytest.mark.parametrize("form", ["json", "cbor"])
@pytest.mark.parametrize("is_plain", [True, False])
def test_what_a_websocket_may_receive_bounds_not_what_it_is_sent(form: str, is_plain: bool) -> None:
    _, ours = websockets(form, max_message_size=100)
    if not is_plain:
        ours.protocol._format = None  # left to Autobahn
    ours.protocol.send(result(200))
    assert len(ours.wire.value()) > 200

    ours.wire.clear()
    _, closing, _ = ours.feed([masked_frame(b"x" * 101, 0x81 if form == "json" else 0x82)])
    assert closing[2:4] == struct.pack("!H", 1009)


@pytest.mark.parametrize("pair", [websockets, rawsockets])
def test_what_cannot_be_sent_is_an_error(pair: Any) -> None:
    _, ours = pair("json")
    with pytest.raises(SerializationError):
        ours.protocol.send(plain.result(wamp.Yield(1, args=[object()]), 1, None, None, None, None))
    ours.protocol._session = None
    with pytest.raises(TransportLost):
        ours.protocol.send(result(1))
    assert ours.wire.value() == b""


def test_statistics_that_somebody_wants_are_autobahns(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are published from within Autobahn's own way."""
    for pair in (websockets, rawsockets):
        _, ours = pair("json")
        told: list[dict[str, Any]] = []
        ours.protocol._serializer.set_stats_autoreset(1, 0, told.append)
        ours.protocol.send(result(5))
        payload = json.dumps(CONTENTS[0]).encode()
        ours.feed([masked_frame(payload, 0x81) if pair is websockets else struct.pack("!I", len(payload)) + payload])

        assert len(told) == 2
        assert len(ours.session.told) == 2


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 1000])
def test_masking_twice_is_nothing(size: int) -> None:
    payload = bytes(number % 251 for number in range(size))

    assert unmasked(payload, b"\0\0\0\0") == payload
    assert unmasked(payload, b"\1\2\3\4")[:5] == bytes(each ^ mask for each, mask in zip(payload, b"\1\2\3\4\1", strict=False))
    assert unmasked(unmasked(payload, b"\xff\2\3\4"), b"\xff\2\3\4") == payload


@pytest.mark.parametrize(
    "option", ["maskServerFrames", "logFrames", "logOctets", "autoFragmentSize", "trackedTimings", "_perMessageCompress"]
)
def test_a_connection_that_frames_in_other_ways_is_left_to_autobahn(option: str) -> None:
    _, ours = websockets("json")
    ours.protocol.factory._factory = Session
    vars(ours.protocol)[option] = SimpleNamespace()
    ours.protocol.onOpen()

    assert ours.protocol._format is None


REPLACED = [
    (module, name, ours)
    for all_of in (rawsocket.REPLACEMENTS, websocket.REPLACEMENTS)
    for module, names in all_of.items()
    for name, ours in names.items()
]


@pytest.mark.parametrize(("module", "name", "ours"), REPLACED)
def test_our_connections_take_the_place_of_crossbars(module: str, name: str, ours: Any) -> None:
    there = getattr(importlib.import_module(module), name)

    assert there in (ours, ours.__bases__[0])
    assert issubclass(ours.protocol, ours.__bases__[0].protocol)


def test_our_formats_are_in_use() -> None:
    assert [pair[1].protocol._format for pair in (websockets("json"), websockets("cbor"), rawsockets("json"), rawsockets("cbor"))] == [
        *(JSON, CBOR),
        *(JSON, CBOR),
    ]
