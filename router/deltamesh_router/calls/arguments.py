"""Arguments of the router's own procedures."""

from __future__ import annotations

from typing import Any

from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.message import Call

from deltamesh_router.calls.refusal import Refusal
from deltamesh_router.wire.plain import MAX_ID


def session_number(call: Call, hint: str) -> int:
    """
    Return the only argument of a call, which is the number of a session; `hint` tells of which one, if there is something else.

    Raises:
        Refusal: there is another argument, or it is no such number.
    """
    args: list[Any] = list(call.args or ())
    if len(args) != 1 or type(args[0]) is not int or not 0 < args[0] <= MAX_ID or call.kwargs:
        raise Refusal(ApplicationError.INVALID_ARGUMENT, f"{call.procedure} takes one argument: the number of a session, {hint}", False)
    number: int = args[0]
    return number


def duration(call: Call, least: float, most: float, hint: str) -> float:
    """
    Return the only argument of a call, which is a duration of `least` to `most` [s]; `hint` tells what it is for.

    Raises:
        Refusal: there is another argument, or it is no such duration.
    """
    args: list[Any] = list(call.args or ())
    if len(args) != 1 or type(args[0]) not in (int, float) or not least <= args[0] <= most or call.kwargs:
        text = f"{call.procedure} takes one argument: the seconds {hint}, {least:g} to {most:g}"
        raise Refusal(ApplicationError.INVALID_ARGUMENT, text, False)
    return float(args[0])
