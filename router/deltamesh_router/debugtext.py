"""
Saves the cost of debug text that nobody reads.

Crossbar.io and Autobahn colour and lay out the arguments of every debug line before the logger throws the line away:
`self.log.debug("... {uri}", uri=hlid(uri))`. That is about half of what a routed call costs. Here the functions that
lay out are replaced, in the modules on the path of a message, by one that returns its argument as it is.
Lines that are printed lose colour, never content.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from deltamesh_router.replacement import replace


def as_it_is(value: Any, *_: object, **__: object) -> Any:
    """Return `value`; the logger makes text of it, if it prints the line at all."""
    return value


REPLACEMENTS: Final[dict[str, dict[str, Callable[..., Any]]]] = {
    "crossbar.router.router": {"hlid": as_it_is, "hltype": as_it_is, "hlval": as_it_is, "pformat": as_it_is},
    "crossbar.router.role": {"hltype": as_it_is, "hlval": as_it_is, "pformat": as_it_is},
    "crossbar.router.broker": {"hlflag": as_it_is, "hlid": as_it_is, "hltype": as_it_is},
    "crossbar.router.dealer": {"hlflag": as_it_is, "hlid": as_it_is, "hltype": as_it_is},
    "crossbar.router.session": {"hl": as_it_is, "hlid": as_it_is, "hltype": as_it_is, "hlval": as_it_is, "pformat": as_it_is},
    "crossbar.router.protocol": {"hltype": as_it_is},
    "autobahn.wamp.websocket": {"hlval": as_it_is},
    "autobahn.twisted.websocket": {"hltype": as_it_is, "hlval": as_it_is},
    # pformat is also what a `__repr__` returns there, so it has to stay text
    "autobahn.websocket.protocol": {"hltype": as_it_is, "hlval": as_it_is, "pformat": repr},
}
"""Module name -> name in it -> what takes its place."""


def drop_debug_text() -> None:
    """Put the replacements in place, in this process, for good. Not for a process that logs at level debug or trace."""
    replace(REPLACEMENTS)
