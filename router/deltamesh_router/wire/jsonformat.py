"""Messages of the plain form in JSON: read and written as Autobahn does, but for arguments that came in JSON: they stay as they are."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from autobahn.wamp.exception import SerializationError
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from deltamesh_router.wire.messages import MAX_DEPTH, check_depth, encode_json, read_json
from deltamesh_router.wire.plain import (
    MAX_ID,
    UNREAD,
    DetailsEncoder,
    Event,
    Result,
    call,
    is_passed_on,
    publish,
    uri_bytes,
    yield_,
)

Id = Annotated[int, Meta(ge=0, le=MAX_ID)]
NOTHING: Final = Raw(b"")

_ARRAY, _OBJECT = b"[{"

_PLAIN: Final = frozenset({str, int, bool, type(None)})
"""What msgspec writes exactly as Python's encoder does, in a tenth of the time. Floats it writes otherwise."""

MAX_EMPTY: Final = 10
"""Bytes of what may be an empty list or object, with spaces in it."""


class NoOptions(Struct, forbid_unknown_fields=True):
    """Options without any."""


class PublishOptions(Struct, forbid_unknown_fields=True):
    """Options that most publishers use, if any."""

    acknowledge: bool | UnsetType = UNSET


class YieldOptions(Struct, forbid_unknown_fields=True):
    """Options of results that come in parts."""

    progress: bool | UnsetType = UNSET


class CallForm(Struct, array_like=True, forbid_unknown_fields=True, tag=48):
    """[CALL, request, options, procedure, args?, kwargs?]"""

    request: Id
    options: NoOptions
    uri: str
    args: Raw = NOTHING
    kwargs: Raw = NOTHING


class PublishForm(Struct, array_like=True, forbid_unknown_fields=True, tag=16):
    """[PUBLISH, request, options, topic, args?, kwargs?]"""

    request: Id
    options: PublishOptions
    uri: str
    args: Raw = NOTHING
    kwargs: Raw = NOTHING


class YieldForm(Struct, array_like=True, forbid_unknown_fields=True, tag=70):
    """[YIELD, request, options, args?, kwargs?]"""

    request: Id
    options: YieldOptions
    args: Raw = NOTHING
    kwargs: Raw = NOTHING


_decode: Final = msgspec.json.Decoder(CallForm | PublishForm | YieldForm).decode


class JsonFormat:
    """JSON, one message at a time."""

    is_binary = False

    def read(self, payload: bytes) -> Any:
        """Return the message in `payload`, or None: it is not of the plain form, or none at all, and Autobahn knows what to do."""
        try:
            if not payload.isascii():
                payload.decode()  # of arguments, msgspec looks only at the grammar
            if payload.count(b"[") + payload.count(b"{") > MAX_DEPTH:
                check_depth(payload)
            form = _decode(payload)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            return None
        args, kwargs = bytes(form.args), bytes(form.kwargs)
        read_args: Any = None
        read_kwargs: Any = None
        verbatim = None
        if args:
            if args[0] != _ARRAY or (kwargs and kwargs[0] != _OBJECT):
                return None
            # what is empty is left out when it is sent
            read_args = [] if len(args) < MAX_EMPTY and not args[1:-1].strip() else UNREAD
            if kwargs:
                read_kwargs = {} if len(kwargs) < MAX_EMPTY and not kwargs[1:-1].strip() else UNREAD
            if read_kwargs is UNREAD:
                verbatim = b",%b,%b" % (args, kwargs)
            elif read_args is UNREAD:
                verbatim = b",%b" % args
        kind = type(form)
        if kind is YieldForm:
            progress = form.options.progress
            return yield_(form.request, None if progress is UNSET else progress, read_args, read_kwargs, self, verbatim)
        uri = form.uri
        if uri_bytes(uri) is None:
            return None
        if kind is CallForm:
            return call(form.request, uri, read_args, read_kwargs, self, verbatim)
        acknowledge = form.options.acknowledge
        return publish(form.request, uri, None if acknowledge is UNSET else acknowledge, read_args, read_kwargs, self, verbatim)

    def write(self, message: Any) -> bytes | None:
        """
        Return the bytes of an INVOCATION or a RESULT, or None: it is not of the plain form, and Autobahn knows what to do.

        Raises:
            SerializationError: its arguments have no form in JSON.
        """
        if not is_passed_on(message):
            return None
        if type(message) is Result:
            details = _details.of_result(message)
            return b"[50,%d,%b%b]" % (message._request, details, self.arguments_of(message))
        details = _details.of_invocation(message)
        return b"[68,%d,%d,%b%b]" % (message._request, message._registration, details, self.arguments_of(message))

    def event(self, message: Event, details: dict[str, Any]) -> bytes:
        """
        Return the bytes of an EVENT with these details.

        Raises:
            SerializationError: its arguments have no form in JSON.
        """
        told = _encoded(details) if details else b"{}"
        return b"[36,%d,%d,%b%b]" % (message._subscription, message._publication, told, self.arguments_of(message))

    def arguments_of(self, message: Any) -> bytes:
        """
        Return the arguments of a message as the fields that end it, each after a comma.

        Raises:
            SerializationError: they have no form in JSON.
        """
        if message.format is self and message.verbatim is not None:
            return message.verbatim  # type: ignore[no-any-return]
        args, kwargs = message.args, message.kwargs
        if kwargs:
            return b",%b,%b" % (_encoded(args), _encoded(kwargs))
        return b"," + _encoded(args) if args else b""

    def arguments(self, verbatim: bytes) -> tuple[Any, Any]:
        """
        Return what `arguments_of` was made of: a list, and a dictionary or None.

        Raises:
            SerializationError: they have the grammar of JSON, but contain a number or a binary value that nobody can read.
        """
        try:
            args, *kwargs = read_json(f"[{verbatim[1:].decode()}]")
        except (ValueError, RecursionError) as error:
            raise SerializationError(f"no JSON: {error}") from error
        return args, kwargs[0] if kwargs else None


def _encoded(value: Any) -> bytes:
    try:
        if type(value) is list and _PLAIN.issuperset(map(type, value)):
            return msgspec.json.encode(value)
        return encode_json(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise SerializationError(f"no form in JSON: {error}") from error


_details: Final = DetailsEncoder(_encoded)
