"""
Reads what strangers send.

Autobahn reads JSON with Python's slow scanner, for the sake of binary values in strings, and prints a traceback for each message that
it refuses. A frame of 100,000 opening brackets so takes minutes, and the router does nothing else meanwhile. Here JSON is read by
the fast scanner, nesting is bounded, and what is refused is said in one line.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from deltamesh_router.replacement import replace

MAX_DEPTH: Final = 256
"""Levels of nesting of a message. More than any value may have (64), and less than any serializer here gives up at (CBOR: 400)."""

RECURSION_LIMIT: Final = 1000
"""Python's own."""

_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""A string, to its end or that of the text: whatever is sent, each byte is looked at once."""

_STEPS: Final = bytes.maketrans(b"[{]}", b"\1\1\xff\xff")
"""One level down, or up: 1, or -1 as a signed byte."""

_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))

MAX_LINE: Final = 200
"""Characters of what is logged of an error; a part of it can be what a stranger sent."""


def read_json(text: str, **options: bool) -> Any:
    """
    Return what the JSON `text` stands for; strings that begin with a NUL are base64 of binary values (WAMP, "Binary support in JSON").

    Raises:
        ValueError: it is not JSON, or nested deeper than `MAX_DEPTH`.
    """
    if any(options.values()):
        raise ValueError(f"this router does not offer {', '.join([name for name, value in options.items() if value])}")
    if text.count("[") + text.count("{") > MAX_DEPTH:
        check_depth(text.encode())
    value = json.loads(text)
    return with_binaries(value) if "\\u0000" in text else value


def write_json(value: Any, use_binary_hex_encoding: bool = False) -> str:
    """
    Return the JSON text of `value`, the reverse of `read_json`.

    Raises:
        TypeError: it has no form in JSON.
        ValueError: this router does not write binary values in hexadecimal digits.
    """
    if use_binary_hex_encoding:
        raise ValueError("this router does not offer use_binary_hex_encoding")
    return encode_json(value)


def check_depth(text: bytes) -> None:
    """
    Count the levels of a JSON text before a scanner goes down into them.

    Raises:
        ValueError: there are more than `MAX_DEPTH`.
    """
    steps = _STRING.sub(b"", text).translate(_STEPS, _NO_BRACKETS)
    if max(accumulate(memoryview(steps).cast("b")), default=0) > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")


def with_binaries(value: Any) -> Any:
    """Return `value` with the strings that stand for binary values as these. Its depth is bounded."""
    if isinstance(value, str):
        return base64.b64decode(value[1:]) if value[:1] == "\0" else value
    if isinstance(value, list):
        return [with_binaries(item) for item in value]
    if isinstance(value, dict):
        return {name: with_binaries(item) for name, item in value.items()}
    return value


def _unusual(value: Any) -> str:
    if isinstance(value, bytes):
        return "\0" + base64.b64encode(value).decode()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no type of JSON")


encode_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_unusual).encode
"""value -> JSON text, as Autobahn makes it, which makes an encoder for each."""


def one_line() -> str:
    """Return the error that is being handled, and where it was raised, in one short line."""
    kind, error, trace = sys.exc_info()
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
    return f"refused a message: {kind.__name__ if kind else ''}: {' '.join(str(error).split())}"[:MAX_LINE] + place


REPLACEMENTS: Final[dict[str, dict[str, Any]]] = {
    "autobahn.wamp.serializer": {"_loads": read_json, "_dumps": write_json},
    "autobahn.wamp.websocket": {"traceback": SimpleNamespace(format_exc=one_line)},
}
"""Module name -> name in it -> what takes its place."""


def guard_messages() -> None:
    """Put the replacements in place, in this process, for good."""
    replace(REPLACEMENTS)
    # A package that Crossbar.io depends on raises this to 100,000: recursion would then end the process instead of in an error.
    sys.setrecursionlimit(RECURSION_LIMIT)
