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
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from deltamesh_router.replacement import replace

MAX_DEPTH: Final = 256
"""Levels of nesting of a message. More than any value may have (64), and less than any serializer here gives up at (CBOR: 400)."""

RECURSION_LIMIT: Final = 1000
"""Python's own."""

_STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_BRACKET: Final = re.compile(r"[\[\]{}]")

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
        check_depth(text)
    value = json.loads(text)
    return with_binaries(value) if "\\u0000" in text else value


def check_depth(text: str) -> None:
    """
    Count the levels of a JSON text before a scanner goes down into them.

    Raises:
        ValueError: there are more than `MAX_DEPTH`.
    """
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
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


def one_line() -> str:
    """Return the error that is being handled, and where it was raised, in one short line."""
    kind, error, trace = sys.exc_info()
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" ({Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno})"
    return f"refused a message: {kind.__name__ if kind else ''}: {' '.join(str(error).split())}"[:MAX_LINE] + place


REPLACEMENTS: Final[dict[str, dict[str, Any]]] = {
    "autobahn.wamp.serializer": {"_loads": read_json},
    "autobahn.wamp.websocket": {"traceback": SimpleNamespace(format_exc=one_line)},
}
"""Module name -> name in it -> what takes its place."""


def guard_messages() -> None:
    """Put the replacements in place, in this process, for good."""
    replace(REPLACEMENTS)
    # A package that Crossbar.io depends on raises this to 100,000: recursion would then end the process instead of in an error.
    sys.setrecursionlimit(RECURSION_LIMIT)
