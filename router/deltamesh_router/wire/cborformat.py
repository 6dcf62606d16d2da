"""Messages of the plain form in CBOR (RFC 8949), read and written as Autobahn does. Arguments that came in CBOR are not encoded again."""

from __future__ import annotations

import secrets
import struct
from typing import Any, Final

import cbor2
from autobahn.wamp import message as wamp
from autobahn.wamp.exception import SerializationError

from deltamesh_router.wire.plain import (
    MAX_ID,
    DetailsEncoder,
    Event,
    Result,
    call,
    is_passed_on,
    publish,
    uri_bytes,
    yield_,
)

_END_VALUE: Final = secrets.randbits(62)
_END: Final = cbor2.dumps(_END_VALUE)
"""Follows a message when it is decoded. cbor2 does not tell whether it has come to the end; so what is found after the message does."""

_NO_OPTIONS: Final = cbor2.dumps({})
_ACKNOWLEDGE: Final = cbor2.dumps({"acknowledge": True})
_PROGRESS: Final = cbor2.dumps({"progress": True})
_ARRAYS: Final = [bytes([0x80 | length]) for length in range(24)]


CALL: Final = wamp.Call.MESSAGE_TYPE
PUBLISH: Final = wamp.Publish.MESSAGE_TYPE
YIELD: Final = wamp.Yield.MESSAGE_TYPE
_WITH_URI: Final = frozenset({CALL, PUBLISH})

TEXT: Final = 0x60
"""Of a text of so many bytes: the first bits of its head (RFC 8949, 3.1)."""


def number(value: int, kind: int = 0) -> bytes:
    """Return an unsigned integer, or the head of an item of another `kind` with this length."""
    if value < 24:
        return bytes((kind | value,))
    if value < 0x100:
        return bytes((kind | 24, value))
    if value < 0x10000:
        return struct.pack("!BH", kind | 25, value)
    if value < 0x100000000:
        return struct.pack("!BI", kind | 26, value)
    return struct.pack("!BQ", kind | 27, value)


_INVOCATION: Final = number(wamp.Invocation.MESSAGE_TYPE)
_RESULT: Final = number(wamp.Result.MESSAGE_TYPE)
_EVENT: Final = number(wamp.Event.MESSAGE_TYPE)


class CborFormat:
    """CBOR, one message at a time."""

    is_binary = True

    def read(self, payload: bytes) -> Any:
        """Return the message in `payload`, or None: it is not of the plain form, or none at all, and Autobahn knows what to do."""
        try:
            fields, end = cbor2.loads(b"\x82" + payload + _END)
        except Exception:  # noqa: BLE001  # Autobahn meets the same error, and tells the sender
            return None
        if end != _END_VALUE or type(fields) is not list or not 3 <= len(fields) <= 6:
            return None
        kind, request, options = fields[:3]
        if type(kind) is not int or type(request) is not int or not 0 <= request <= MAX_ID or type(options) is not dict:
            return None
        if not options:
            head = _NO_OPTIONS
        elif len(options) == 1 and kind == PUBLISH and options.get("acknowledge") is True:
            head = _ACKNOWLEDGE
        elif len(options) == 1 and kind == YIELD and options.get("progress") is True:
            head = _PROGRESS
        else:
            return None
        head = number(kind) + number(request) + head
        if kind == YIELD:
            rest = fields[3:]
        elif kind in _WITH_URI and len(fields) > 3:
            uri = fields[3]
            text = uri_bytes(uri) if type(uri) is str else None
            if text is None:
                return None
            head += number(len(text), TEXT) + text
            rest = fields[4:]
        else:
            return None
        args = kwargs = verbatim = None
        if rest:
            args = rest[0]
            if type(args) is not list or len(rest) > 2:
                return None
            if len(rest) == 2:
                kwargs = rest[1]
                if type(kwargs) is not dict or not all([type(name) is str for name in kwargs]):
                    return None
            # what is empty is left out when it is sent, and what is encoded in unusual ways is encoded again
            start = 1 + len(head)
            if (kwargs or (args and kwargs is None)) and payload[0] == 0x80 | len(fields) and payload[1:start] == head:
                verbatim = payload[start:]
        if kind == CALL:
            return call(request, uri, args, kwargs, self, verbatim)
        if kind == YIELD:
            return yield_(request, True if options else None, args, kwargs, self, verbatim)
        return publish(request, uri, True if options else None, args, kwargs, self, verbatim)

    def write(self, message: Any) -> bytes | None:
        """
        Return the bytes of an INVOCATION or a RESULT, or None: it is not of the plain form, and Autobahn knows what to do.

        Raises:
            SerializationError: its arguments have no form in CBOR.
        """
        if not is_passed_on(message):
            return None
        count, arguments = self.arguments_of(message)
        if type(message) is Result:
            details = _details.of_result(message)
            return b"".join((_ARRAYS[3 + count], _RESULT, number(message._request), details, arguments))
        details = _details.of_invocation(message)
        return b"".join((_ARRAYS[4 + count], _INVOCATION, number(message._request), number(message._registration), details, arguments))

    def event(self, message: Event, details: dict[str, Any]) -> bytes:
        """
        Return the bytes of an EVENT with these details.

        Raises:
            SerializationError: its arguments have no form in CBOR.
        """
        count, arguments = self.arguments_of(message)
        ids = number(message._subscription) + number(message._publication)
        return b"".join((_ARRAYS[4 + count], _EVENT, ids, _encoded(details) if details else _NO_OPTIONS, arguments))

    def arguments_of(self, message: Any) -> tuple[int, bytes]:
        """
        Return how many fields the arguments of a message are (0, 1: by position, 2: also by name), and their bytes.

        Raises:
            SerializationError: they have no form in CBOR.
        """
        if message.format is self and message.verbatim is not None:
            return 2 if message._kwargs else 1, message.verbatim
        args, kwargs = message.args, message.kwargs
        if kwargs:
            return 2, _encoded(args) + _encoded(kwargs)
        return (1, _encoded(args)) if args else (0, b"")


def _encoded(value: Any) -> bytes:
    try:
        return cbor2.dumps(value)
    except Exception as error:  # values of one format can be none of another, and each says so in its own way
        raise SerializationError(f"no form in CBOR: {error}") from error


_details: Final = DetailsEncoder(_encoded)
