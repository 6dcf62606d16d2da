"""
Messages of the plain form: CALL, YIELD and PUBLISH without unusual options, and what the router makes of them.

Autobahn's constructors check the type of every attribute, though nearly all are None and the others come from a parser that has checked
them, or from the router itself; and its serializers encode arguments again that came in the same encoding. Together that is
most of what a routed call costs outside of the dealer. The messages here are Autobahn's, with two differences:

- what makes them checks nothing: `call`, `publish` and `yield_` are for the formats, which have checked; `invocation`, `result`
  and `event` take over the arguments of a message that has come;
- they keep their arguments *verbatim*, as they came, for receivers of the same format. Python's values of them are made when somebody asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from autobahn.wamp import message as wamp

MAX_ID: Final = 1 << 53
"""The highest request number."""

MAX_URIS: Final = 10_000
MAX_URI: Final = 200
"""URIs that are known to be valid are remembered: so many, each of so many characters at most. They are chosen by strangers."""

MAX_DETAILS: Final = 4096
"""Details of messages, as they are encoded, that a format remembers. There are one or two for each session."""

UNREAD: Final = object()
"""Stands for arguments that nobody has asked for yet."""

_URI: Final[re.Pattern[str]] = wamp._URI_PAT_LOOSE_NON_EMPTY


class Verbatim:
    """Of a message: arguments as they came."""

    __slots__ = ()

    _args: Any
    _kwargs: Any
    format: Any
    verbatim: bytes | None

    @property
    def args(self) -> Any:
        """Positional arguments: a list, or None."""
        if self._args is UNREAD:
            self._read()
        return self._args

    @property
    def kwargs(self) -> Any:
        """Arguments by name: a dictionary, or None."""
        if self._kwargs is UNREAD:
            self._read()
        return self._kwargs

    def _read(self) -> None:
        args, kwargs = self.format.arguments(self.verbatim)
        if self._args is UNREAD:
            self._args = args
        if self._kwargs is UNREAD:
            self._kwargs = kwargs


class Call(Verbatim, wamp.Call):
    """A CALL. `verbatim` is the encoded arguments in `format`, or None."""

    __slots__ = ("format", "verbatim")


class Publish(Verbatim, wamp.Publish):
    """A PUBLISH. `verbatim` is the encoded arguments in `format`, or None."""

    __slots__ = ("format", "verbatim")


class Yield(Verbatim, wamp.Yield):
    """A YIELD. `verbatim` is the encoded arguments in `format`, or None."""

    __slots__ = ("format", "verbatim")


class Invocation(Verbatim, wamp.Invocation):
    """An INVOCATION. `verbatim` is the encoded arguments in `format`, or None."""

    __slots__ = ("format", "verbatim")


class Result(Verbatim, wamp.Result):
    """A RESULT. `verbatim` is the encoded arguments in `format`, or None."""

    __slots__ = ("format", "verbatim")


class Event(Verbatim, wamp.Event):
    """An EVENT. `verbatim` is the encoded arguments in `format`, or None."""

    __slots__ = ("format", "verbatim")


_CARRIED: Final = ("_args", "_kwargs", "_payload", "_enc_algo", "_enc_key", "_enc_serializer", "format", "verbatim")
"""What a message carries from one client to another."""


def _maker(kind: Any, source: type[Any] | None, *given: str) -> Callable[..., Any]:
    """
    Return a function that makes a message of `kind` from the values of the attributes `given`; the others are None.

    If there is a `source`, the first argument is a message of that class, Autobahn's or ours, whose arguments it takes over.

    Raises:
        AttributeError: messages of that kind have no such attribute, so Autobahn is not the release that this was made for.
    """
    _, autobahns = kind.__bases__
    slots = [*wamp.Message.__slots__, *autobahns.__slots__, *kind.__slots__]
    values = {**dict.fromkeys(slots, "None"), "_serialized": "{}"}
    for name in given:
        slot = name if name in slots else f"_{name}"
        if slot not in slots:
            raise AttributeError(f"{autobahns} has no {name}")
        values[slot] = name
    lines = [f"def make({', '.join(['source', *given] if source else given)}):", " message = new(kind)"]
    if source:
        lines += [" if type(source) is source_kind:"]
        lines += [f"  message.{slot} = source.{slot}" for slot in _CARRIED]
        lines += [" else:", "  message.format = message.verbatim = None"]
        lines += [f"  message.{slot} = source.{slot[1:]}" for slot in _CARRIED if slot[0] == "_"]
    lines += [f" message.{slot} = {value}" for slot, value in values.items() if not source or slot not in _CARRIED]
    names: dict[str, Any] = {"new": kind.__new__, "kind": kind, "source_kind": source}
    # as dataclasses have it: one function of straight assignments for each kind of message
    exec("\n".join([*lines, " return message"]), names)  # noqa: S102
    made: Callable[..., Any] = names["make"]
    return made


call: Final = _maker(Call, None, "request", "procedure", "args", "kwargs", "format", "verbatim")
"""(request, procedure, args, kwargs, format, verbatim) -> a CALL."""

publish: Final = _maker(Publish, None, "request", "topic", "acknowledge", "args", "kwargs", "format", "verbatim")
"""(request, topic, acknowledge, args, kwargs, format, verbatim) -> a PUBLISH."""

yield_: Final = _maker(Yield, None, "request", "progress", "args", "kwargs", "format", "verbatim")
"""(request, progress, args, kwargs, format, verbatim) -> a YIELD."""

INVOCATION_DETAILS: Final = ("timeout", "receive_progress", "caller", "caller_authid", "caller_authrole", "procedure")
invocation: Final = _maker(Invocation, Call, "request", "registration", *INVOCATION_DETAILS)
"""(a CALL, request, registration, timeout, receive_progress, caller, caller_authid, caller_authrole, procedure) -> the INVOCATION of it."""

RESULT_DETAILS: Final = ("progress", "callee", "callee_authid", "callee_authrole")
result: Final = _maker(Result, Yield, "request", *RESULT_DETAILS)
"""(a YIELD, request, progress, callee, callee_authid, callee_authrole) -> the RESULT of it."""

event: Final = _maker(Event, Publish, "subscription", "publication", "publisher", "publisher_authid", "publisher_authrole", "topic")
"""(a PUBLISH, subscription, publication, publisher, publisher_authid, publisher_authrole, topic) -> the EVENT of it."""


def invocation_details(*values: Any) -> dict[str, Any]:
    """Return the details of an INVOCATION, from the values in the order of `INVOCATION_DETAILS`; None: left out."""
    return {name: value for name, value in zip(INVOCATION_DETAILS, values, strict=True) if value is not None}


def result_details(*values: Any) -> dict[str, Any]:
    """Return the details of a RESULT, from the values in the order of `RESULT_DETAILS`; None: left out."""
    return {name: value for name, value in zip(RESULT_DETAILS, values, strict=True) if value is not None}


class DetailsEncoder:
    """
    Encodes the details of INVOCATIONs and RESULTs in one format, and remembers what it has encoded.

    Args:
        encode: makes the bytes of a dictionary.
    """

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        self._invocation: Callable[..., bytes] = lambda *values: encode(invocation_details(*values))
        self._known_invocation = lru_cache(maxsize=MAX_DETAILS)(self._invocation)
        self._known_result = lru_cache(maxsize=MAX_DETAILS)(lambda *values: encode(result_details(*values)))

    def of_invocation(self, message: Invocation) -> bytes:
        """Return the bytes of the details of an INVOCATION. With a procedure, which strangers choose, they are not remembered."""
        encode = self._known_invocation if message._procedure is None else self._invocation
        return encode(
            *(message._timeout, message._receive_progress),
            *(message._caller, message._caller_authid, message._caller_authrole),
            message._procedure,
        )

    def of_result(self, message: Result) -> bytes:
        """Return the bytes of the details of a RESULT."""
        return self._known_result(message._progress, message._callee, message._callee_authid, message._callee_authrole)


def is_passed_on(message: Any) -> bool:
    """Whether a message is an INVOCATION or a RESULT of the plain form."""
    kind = type(message)
    return (kind is Invocation or kind is Result) and message._payload is None and message._forward_for is None


_uris: Final[dict[str, bytes]] = {}


def uri_bytes(uri: str) -> bytes | None:
    """Return the UTF-8 of a valid URI, None of what is none. Validity is Autobahn's, of a URI without empty parts."""
    known = _uris.get(uri)
    if known is None:
        # a NUL begins what stands for a binary value in JSON
        if not _URI.match(uri) or uri[0] == "\0":
            return None
        known = uri.encode()
        if len(uri) <= MAX_URI:
            if len(_uris) >= MAX_URIS:
                _uris.clear()
            _uris[uri] = known
    return known
