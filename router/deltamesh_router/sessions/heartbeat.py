"""
`mesh.heartbeat`: a session that has promised to be heard loses its connection when nothing comes from it any more.

A process that is stopped or hangs, and a machine that is cut off, keep their connections. Without this, calls wait for them, their
testaments are never published, and nobody takes their place. A GOODBYE would not help: who does not read does not answer it.

Silence is counted in looks, not in time: when the router itself was stopped, everybody has been silent for just one look more, and what
they sent meanwhile is read before the next one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from autobahn.wamp.message import Call
from txaio import make_logger

from deltamesh_router.calls.arguments import duration
from deltamesh_router.sessions.admission import Arrival, arrival_of

PROCEDURE: Final = "mesh.heartbeat"

LOOK: Final = 0.5
"""Time between two looks at all who have promised [s]: who has fallen silent is found so much too late at most."""

MIN_TOLERANCE: Final = 1.0
"""The shortest silence that can be too long [s]; with less, whoever is busy would be taken for dead."""

MAX_TOLERANCE: Final = 3600.0
"""The longest [s]."""


class Pulse:
    """
    What is known of one session that has promised.

    Args:
        arrival: its connection.
    """

    __slots__ = ("_num_received", "arrival", "num_silent", "tolerance")

    def __init__(self, arrival: Arrival, tolerance: float) -> None:
        self.arrival = arrival
        self.tolerance = tolerance
        """How long it may be silent [s]."""
        self.num_silent = 0
        """Looks since it was heard."""
        self._num_received = arrival.num_received

    def is_lost(self) -> bool:
        """Look once: whether it has been silent for longer than it may."""
        received = self.arrival.num_received
        if received != self._num_received:
            self._num_received = received
            self.num_silent = 0
            return False
        self.num_silent += 1
        return self.num_silent >= math.ceil(self.tolerance / LOOK)


class Heartbeats:
    """
    The sessions of this process that have promised to be heard. They have one timer, which runs as long as there are any.

    Args:
        clock: the reactor.
    """

    log = make_logger()

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._pulses: dict[Any, Pulse] = {}  # by session
        self._is_looking = False
        self.num_closed: Counter[str] = Counter()
        """Realm -> sessions that were closed since nothing came from them."""

    def expect(self, session: Any, tolerance: float) -> None:
        """From now on, close `session` when nothing comes from it for `tolerance` [s]; one inside the router cannot fall silent alone."""
        pulse = self._pulses.get(session)
        if pulse is not None:
            pulse.tolerance = tolerance
        elif (arrival := arrival_of(session)) is not None:
            self._pulses[session] = Pulse(arrival, tolerance)
            if not self._is_looking:
                self._is_looking = True
                self._clock.callLater(LOOK, self._look)

    def forget(self, session: Any) -> None:
        """`session` has left its realm."""
        self._pulses.pop(session, None)

    def _look(self) -> None:
        """Close who has been silent too long. Cost: linear in the sessions, 0.6 ms for 10,000."""
        for session in [session for session, pulse in self._pulses.items() if pulse.is_lost()]:
            self._close(session, self._pulses.pop(session))
        self._is_looking = bool(self._pulses)
        if self._is_looking:
            self._clock.callLater(LOOK, self._look)

    def _close(self, session: Any, pulse: Pulse) -> None:
        self.log.warn(
            "closed session {session} of role {role}: nothing has come from it for {tolerance:g} s, though it promised a heartbeat",
            session=session._session_id,
            role=session._authrole,
            tolerance=pulse.tolerance,
        )
        self.num_closed[session._realm] += 1
        pulse.arrival.transport.abortConnection()


def heartbeat(router: Any) -> Callable[[Any, Call], bool]:
    """
    Return the procedure for the realm of `router`.

    The argument of a call is how long the session may be silent from now on, `MIN_TOLERANCE` to `MAX_TOLERANCE` [s]; a later call may
    change it. Whatever comes from the session counts, not only calls of this.

    Returns:
        True: the router lives.

    Raises:
        Refusal: the argument is no such duration.
    """

    def procedure(session: Any, call: Call) -> bool:
        router.heartbeats.expect(session, duration(call, MIN_TOLERANCE, MAX_TOLERANCE, "for which this session may be silent"))
        return True

    return procedure
