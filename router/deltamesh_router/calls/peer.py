"""A session, as the dealer knows it."""

from __future__ import annotations

import sys
from collections import deque
from typing import Any, Final

from crossbar.router.session import RouterApplicationSession

from deltamesh_router.calls.draining import Drain
from deltamesh_router.calls.routedcall import RoutedCall
from deltamesh_router.settings.settings import Settings

NO_LIMIT: Final = sys.maxsize


class Peer:
    """
    A session from when it joins the realm until it leaves: the calls that it made, and those that it works on.

    A session that leaves and joins again over the same connection is another peer, though it is the same object.
    """

    __slots__ = ("abandoned", "asked", "calls", "drains", "invocations", "is_draining", "max_calls", "num_calls", "session")

    def __init__(self, session: Any, settings: Settings) -> None:
        self.session = session
        self.calls: dict[int, RoutedCall] = {}
        """The calls that it made and waits for; by the number of the request."""
        self.asked: deque[RoutedCall] = deque()
        """Of these, the ones of which an authorizer is being asked, and those behind them; the oldest first."""
        self.num_calls = 0
        """All its calls, and those that it does not wait for any more but a callee still works on."""
        self.max_calls = 0
        """How large `num_calls` may be."""
        self.invocations: dict[int, RoutedCall] = {}
        """The calls that it works on and somebody waits for; by the number of the invocation."""
        self.abandoned: dict[int, RoutedCall] = {}
        """The calls that it works on though nobody waits for them any more."""
        self.is_draining = False
        """It gets no more calls."""
        self.drains: list[Drain] = []
        """Who waits until it works on nothing any more."""
        self.limit(settings)

    def limit(self, settings: Settings) -> None:
        """Bound its calls as the settings say. The router's own sessions have no bound."""
        role = self.session._authrole
        self.max_calls = NO_LIMIT if role is None or role == "trusted" else settings.limits_for(role).max_calls

    @property
    def num_invocations(self) -> int:
        """How many calls it works on."""
        return len(self.invocations) + len(self.abandoned)

    @property
    def takes_interrupts(self) -> bool:
        """Whether it can be told to stop working on a call."""
        features = (self.session._session_roles or {}).get("callee")
        # a session inside the router says that it can, but its transport cannot
        return bool(features and features.call_canceling) and not isinstance(self.session._transport, RouterApplicationSession)
