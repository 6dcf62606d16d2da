"""What comes in and goes out in our formats is what Autobahn would have read and written; the oracle is Autobahn itself."""

from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import cbor2
import pytest
from autobahn.wamp import message as wamp
from autobahn.wamp.exception import SerializationError
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, Serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from deltamesh_router.wire import plain
from deltamesh_router.wire.formats import CBOR, JSON, Format, count_received, count_sent, format_of

SERIALIZERS: dict[Format, Serializer] = {CBOR: CBORSerializer(), JSON: JsonSerializer()}
DUMPS = {CBOR: cbor2.dumps, JSON: lambda value: json.dumps(value).encode()}
NAMES = {CBOR: "CBOR", JSON: "JSON"}
formats = pytest.mark.parametrize("form", [CBOR, JSON], ids=list(NAMES.values()))


def values(*, binary: bool) -> st.SearchStrategy[Any]:
    """Arguments; in CBOR also some that JSON has not."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("\0AAE=")
    if binary:
        leaves |= st.binary(max_size=5) | st.just(Decimal("1.50"))

    def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)

    return st.recursive(leaves, nested, max_leaves=6)


ODD = [None, True, -1, 1.0, 2**53 + 1, "1", [], {}, {"acknowledge": True}, {"progress": True}, {"acknowledge": 1}, b"\1", "a..b"]
OPTIONS = [{}, {}, {"acknowledge": True}, {"acknowledge": False}, {"progress": True}, {"progress": False}, {"timeout": 5}]
URIS = ["com.example.echo", "a", "é.x", "a..b", "", "a b", "\0AAE=", "a.b\n", "x" * 300]
OTHERS = [[6, {}, "wamp.close.normal"], [8, 68, 1, {}, "com.example.x", [1]], [34, 1, 2], [48], [], [48.0, 1, {}, "a"], ["48"], 7]


def messages(*, binary: bool) -> st.SearchStrategy[Any]:
    """Messages that are right, nearly right, or wrong."""
    value = values(binary=binary)
    odd = st.sampled_from(ODD)
    args = st.lists(value, max_size=3) | st.just([])
    kwargs = st.dictionaries(st.text(max_size=3), value, max_size=2) | st.just({})
    tail = st.tuples() | st.tuples(args) | st.tuples(args, kwargs) | st.tuples(args, kwargs, odd) | st.tuples(odd) | st.tuples(args, odd)
    request, options, uri = st.integers(0, 2**53) | odd, st.sampled_from(OPTIONS) | odd, st.sampled_from(URIS) | odd
    with_uri = st.tuples(st.sampled_from([48, 16]), request, options, uri, tail)
    without = st.tuples(st.just(70), request, options, tail)
    return (with_uri | without).map(lambda parts: [*parts[:-1], *parts[-1]]) | st.sampled_from(OTHERS)


def check_read(form: Format, payload: bytes) -> None:
    message = form.read(payload)
    if message is not None:
        (expected,) = SERIALIZERS[form].unserialize(payload)
        assert isinstance(message, type(expected))
        assert repr(message.marshal()) == repr(expected.marshal())
        assert repr((message.args, message.kwargs)) == repr((expected.args, expected.kwargs))
        assert (message.correlation_id, message.forward_for, message.payload) == (None, None, None)


@formats
@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_what_is_read_is_what_autobahn_reads(form: Format, data: st.DataObject) -> None:
    try:
        payload = DUMPS[form](data.draw(messages(binary=form is CBOR)))
    except TypeError:
        payload = b"[48,1,{},{}]"  # values that JSON has not
    check_read(form, payload)
    mutation = data.draw(st.sampled_from(["none", "cut", "longer", "flipped"]))
    place = data.draw(st.integers(0, max(0, len(payload) - 1)))
    if mutation == "cut":
        check_read(form, payload[:place])
    elif mutation == "longer":
        check_read(form, payload + data.draw(st.binary(min_size=1, max_size=3)))
    elif mutation == "flipped" and payload:
        check_read(form, payload[:place] + bytes([data.draw(st.integers(0, 255))]) + payload[place + 1 :])


@formats
@pytest.mark.parametrize(
    "message",
    [
        [48, 1, {}, "com.example.echo"],
        [48, 2**53, {}, "com.example.echo", [1, "é", None, 1.5, {"a": [True]}]],
        [48, 0, {}, "com.example.echo", [], {"name": 1}],
        [48, 7, {}, "com.example.echo", [1], {}],
        [48, 7, {}, "com.example.echo", []],
        [16, 300, {}, "com.example.topic", ["x" * 70_000]],
        [16, 70_000, {"acknowledge": True}, "com.example.topic", [1], {"a": 2}],
        [70, 5_000_000_000, {}, [1]],
        [70, 23, {"progress": True}, ["part"]],
        [70, 24, {}],
    ],
)
def test_the_plain_form_is_read_here(form: Format, message: list[Any]) -> None:
    payload = DUMPS[form](message)
    found = form.read(payload)
    (expected,) = SERIALIZERS[form].unserialize(payload)

    assert type(found) in (plain.Call, plain.Publish, plain.Yield)
    assert found.marshal() == expected.marshal()
    assert (found.args, found.kwargs) == (expected.args, expected.kwargs)


@formats
@pytest.mark.parametrize(
    "message",
    [
        *([48, request, {}, "a.b"] for request in (-1, 2**53 + 1, True, 1.0, "1", None)),
        *([48, 1, options, "a.b"] for options in ({"timeout": 5}, {"acknowledge": True}, {"progress": True}, [], None)),
        *([16, 1, options, "a.b"] for options in ({"acknowledge": 1}, {"acknowledge": None}, {"acknowledge": True, "retain": True})),
        *([70, 1, options] for options in ({"progress": 1}, {"progress": None}, {"acknowledge": True})),
        *([48, 1, {}, uri] for uri in ("", "a..b", "a b", "\0AAE=", 5, None)),
        *([48, 1, {}, "a.b", args] for args in (None, "text", {}, 1)),
        *([48, 1, {}, "a.b", [1], kwargs] for kwargs in (None, "text", [], 1)),
        *([70, 1, {}, *rest] for rest in ([None], ["text"], [[1], []], [[1], {}, 1])),
        [48, 1, {}, "a.b", [1], {}, 1],
        [48, 1, {}],
        [70, 1],
        [48.0, 1, {}, "a.b"],
        [50, 1, {}],
        {"48": 1},
    ],
    ids=repr,
)
def test_what_is_not_of_the_plain_form_is_for_autobahn_to_judge(form: Format, message: Any) -> None:
    assert form.read(DUMPS[form](message)) is None


def test_depth_is_bounded_and_brackets_in_texts_are_none() -> None:
    def call(arguments: str) -> Any:
        return JSON.read(f'[48,1,{{}},"a.b",{arguments}]'.encode())

    assert call("[" * 255 + "]" * 255).args == json.loads("[" * 255 + "]" * 255)
    assert call("[" * 256 + "]" * 256) is None
    assert call("[" + "[]," * 300 + "[]]").args == [[]] * 301
    text = '[{"\\' * 200
    assert call(json.dumps([text, "x"])).args == [text, "x"]
    assert CBOR.read(cbor2.dumps([48, 1, {}, "a.b", [text]])).args == [text]


@pytest.mark.parametrize("text", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xc3"])
def test_what_is_no_utf_8_is_for_autobahn_to_judge(text: bytes) -> None:
    assert JSON.read(b'[48,1,{},"a.b",["%b"]]' % text) is None
    assert JSON.read(b'[70,1,{},["%b"]]' % text) is None


def test_names_that_are_no_text_are_for_autobahn_to_judge() -> None:
    assert CBOR.read(cbor2.dumps([48, 1, {}, "a.b", [1], {1: 2}])) is None
    assert CBOR.read(cbor2.dumps([48, 1, {1: 2}, "a.b", [1]])) is None


@formats
def test_arguments_stay_as_they_came(form: Format) -> None:
    """Down to the byte; and as long as nobody asks for what JSON stands for, nobody reads it."""
    arguments = {CBOR: cbor2.dumps([1.0, {"a": 1}]), JSON: b'[ 1.0 , {"a" : 1e0}]'}[form]
    call = form.read({CBOR: b"\x85\x18\x30\x09\xa0\x63a.b%b", JSON: b'[48,9,{}, "a.b", %b]'}[form] % arguments)
    yielded = form.read({CBOR: b"\x84\x18\x46\x09\xa0%b", JSON: b"[70, 9, {} ,%b]"}[form] % arguments)
    sent = [form.write(plain.invocation(call, 9, 3, *[None] * 6)), form.write(plain.result(yielded, 9, *[None] * 4))]

    assert [payload.count(arguments) for payload in sent if payload is not None] == [1, 1]
    assert [SERIALIZERS[form]._serializer.unserialize(payload) for payload in sent] == [
        [[68, 9, 3, {}, [1.0, {"a": 1}]]],
        [[50, 9, {}, [1.0, {"a": 1}]]],
    ]
    assert (call._args is plain.UNREAD) == (form is JSON)
    assert call.args == yielded.args == [1.0, {"a": 1}]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.data(), st.sampled_from([CBOR, JSON]), st.sampled_from([CBOR, JSON]))
def test_what_is_written_is_what_autobahn_writes(data: st.DataObject, origin: Format, target: Format) -> None:
    args = data.draw(st.lists(values(binary=origin is CBOR), max_size=3))
    kwargs = data.draw(st.none() | st.dictionaries(st.text(max_size=3), values(binary=origin is CBOR), max_size=2))
    fields = [args] if kwargs is None else [args, kwargs]
    encoded = SERIALIZERS[origin]._serializer
    try:
        call, yielded = [origin.read(encoded.serialize([*head, *fields])) for head in ([48, 1, {}, "a.b"], [70, 1, {}])]
    except UnicodeEncodeError:
        return
    who = data.draw(st.sampled_from([(None, None, None), (1, "me", "role"), (2**50, None, "é")]))
    uri = data.draw(st.sampled_from([None, "a.b"]))
    made = [plain.invocation(call, 70_000, 3, None, True, *who, uri), plain.result(yielded, 9, True, *who)]
    caller = dict(zip(("caller", "caller_authid", "caller_authrole"), who, strict=True))
    callee = dict(zip(("callee", "callee_authid", "callee_authrole"), who, strict=True))
    expected = [
        wamp.Invocation(70_000, 3, args=call.args, kwargs=call.kwargs, receive_progress=True, procedure=uri, **caller),
        wamp.Result(9, args=yielded.args, kwargs=yielded.kwargs, progress=True, **callee),
    ]
    form = SERIALIZERS[target]._serializer

    for mine, theirs in zip(made, expected, strict=True):
        payload = target.write(mine)
        assert payload == form.serialize(theirs.marshal())
        assert repr(mine.marshal()) == repr(theirs.marshal())


@formats
def test_an_event_tells_what_its_details_say(form: Format) -> None:
    publish = form.read(DUMPS[form]([16, 1, {}, "a.b", [1, "x"], {"n": None}]))
    event = plain.event(publish, 5, 6, None, None, None, None)
    fields = SERIALIZERS[form]._serializer

    assert fields.unserialize(form.event(event, {})) == [[36, 5, 6, {}, [1, "x"], {"n": None}]]
    assert fields.unserialize(form.event(event, {"topic": "a.b"})) == [[36, 5, 6, {"topic": "a.b"}, [1, "x"], {"n": None}]]
    assert event.args == [1, "x"]


@pytest.mark.parametrize(("form", "value"), [(JSON, object()), (JSON, "\ud800"), (JSON, {1, 2}), (CBOR, object())])
def test_what_has_no_form_is_an_error(form: Format, value: Any) -> None:
    message = plain.result(wamp.Yield(1, args=[value]), 1, None, None, None, None)

    with pytest.raises(SerializationError, match="no form in"):
        form.write(message)


@formats
def test_what_is_not_plain_is_left_to_autobahn(form: Format) -> None:
    opaque = plain.result(wamp.Yield(1, payload=b"x", enc_algo="cryptobox"), 1, None, None, None, None)
    forwarded = plain.result(wamp.Yield(1, args=[1]), 1, None, None, None, None)
    forwarded.forward_for = [{"session": 1, "authid": "x", "authrole": "y"}]

    assert [form.write(message) for message in (opaque, forwarded, wamp.Result(1), wamp.Published(1, 2))] == [None] * 4
    assert (opaque.payload, opaque.enc_algo) == (b"x", "cryptobox")


def test_nothing_may_follow_a_message_in_cbor() -> None:
    """What follows would go on to the receiver, with the arguments."""
    payload = cbor2.dumps([48, 1, {}, "a.b", [1]])

    assert CBOR.read(payload).verbatim == cbor2.dumps([1])
    assert CBOR.read(payload + b"\0") is None


def test_arguments_in_an_unusual_encoding_are_encoded_again() -> None:
    """Of an array of indefinite length, or numbers in more bytes than they need, it is not known where the arguments begin."""
    unusual = [b"\x9f\x18\x30\x01\xa0\x63a.b\x81\x01\xff", b"\x85\x18\x30\x18\x01\xa0\x63a.b\x81\x01"]
    found = [CBOR.read(payload) for payload in unusual]

    assert [(message.args, message.verbatim) for message in found] == [([1], None)] * 2


def test_uris_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "MAX_URIS", 10)
    for number in range(25):
        assert plain.uri_bytes(f"a.b{number}") == b"a.b%d" % number
    assert plain.uri_bytes("a" * 1000) == b"a" * 1000
    assert plain.uri_bytes("a..b") is None

    assert 1 <= len(plain._uris) <= 10
    assert max(map(len, plain._uris)) < 1000


def test_a_kind_of_message_that_has_changed_is_noticed() -> None:
    with pytest.raises(AttributeError, match="has no no_such_thing"):
        plain._maker(plain.Call, None, "request", "no_such_thing")


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513])
def test_statistics_count_as_autobahn_does(size: int) -> None:
    """Messages of 512 bytes count as one, and larger ones as so many as begin."""
    ours, theirs = SimpleNamespace(), JsonSerializer()
    for name in ("bytes", "messages", "rated_messages"):
        setattr(ours, f"_serialized_{name}", 0)
        setattr(ours, f"_unserialized_{name}", 0)
    ours.RATED_MESSAGE_SIZE = theirs.RATED_MESSAGE_SIZE
    count_sent(ours, size)
    count_received(ours, size)
    theirs.serialize(SimpleNamespace(serialize=lambda _: bytes(size)))

    assert ours._serialized_rated_messages == ours._unserialized_rated_messages == theirs._serialized_rated_messages
    assert (ours._serialized_bytes, ours._serialized_messages) == (theirs._serialized_bytes, theirs._serialized_messages)


def test_only_what_is_like_ours_is_read_here() -> None:
    assert format_of(CBORSerializer()) is CBOR
    assert format_of(JsonSerializer()) is JSON
    assert [format_of(serializer) for serializer in (CBORSerializer(batched=True), JsonSerializer(batched=True))] == [None, None]
    assert format_of(JsonSerializer(use_binary_hex_encoding=True)) is None
