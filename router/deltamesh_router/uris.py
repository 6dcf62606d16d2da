"""What the router knows of URIs: which are valid, which belong to the routers, and which always tell who is behind a message."""

from __future__ import annotations

from typing import Any, Final

from autobahn.wamp import message as wamp
from autobahn.wamp.message import Register

OWN: Final = "mesh."
"""What the procedures of the router itself begin with."""

DISCLOSED: Final = ("wamp.", "crossbar.")
"""Procedures with these beginnings are always told who calls, and events of topics with them who has published."""

PATTERNS: Final = {
    (True, Register.MATCH_EXACT): wamp._URI_PAT_STRICT_NON_EMPTY,
    (True, Register.MATCH_PREFIX): wamp._URI_PAT_STRICT_LAST_EMPTY,
    (True, Register.MATCH_WILDCARD): wamp._URI_PAT_STRICT_EMPTY,
    (False, Register.MATCH_EXACT): wamp._URI_PAT_LOOSE_NON_EMPTY,
    (False, Register.MATCH_PREFIX): wamp._URI_PAT_LOOSE_LAST_EMPTY,
    (False, Register.MATCH_WILDCARD): wamp._URI_PAT_LOOSE_EMPTY,
}
"""(strict, match) -> what a URI has to look like."""


def is_restricted(uri: str, session: Any) -> bool:
    """Whether `uri` is WAMP's own, and `session` none of the router's: it may neither register nor publish that."""
    return uri.startswith("wamp.") and session._authrole not in (None, "trusted")
