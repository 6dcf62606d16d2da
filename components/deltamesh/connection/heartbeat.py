"""
A component's sign of life: it calls `mesh.heartbeat` of our router each second, and looks whether anything comes back.

So a component that is stopped, hangs or is cut off loses its session within seconds (the router's side of it), and one whose router is
stopped or cut off connects anew (this side). RawSocket has nothing for either, and the pings of WebSocket come much more seldom.

Whatever the router sends counts, not only answers: they may stand behind much else on a slow line. Silence is counted in beats, not in
time: a component that was stopped itself reads what has come meanwhile before it thinks that there is nothing.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from deltamesh.connection.session import Session
from deltamesh.connection.wamp import TransportLost, WampError

PROCEDURE: Final = "mesh.heartbeat"

INTERVAL: Final = 1.0
"""Pause between two beats [s]."""

TOLERANCE: Final = 4.0
"""How long either side may be silent, unless told [s]: so much longer than the interval that a busy one is not taken for dead."""

BOUNDS: Final = (1.0, 3600.0)
"""What a router takes as tolerance [s]."""

_UNKNOWN: Final = ("wamp.error.no_such_procedure", "wamp.error.not_authorized")
"""What a router answers that does not want to know: plain Crossbar.io, or one whose roles leave it out."""


class Heartbeat:
    """
    The heartbeat of one session, from when it has joined until `stop`.

    Args:
        session: it has joined just now.
        tolerance: how long either side may be silent, within `BOUNDS` [s].
        reactor: the clock.
    """

    log = Logger()

    def __init__(self, session: Session, tolerance: float, reactor: Any) -> None:
        self._session = session
        self._tolerance = tolerance
        self._num_received = session.num_received
        self._num_silent = 0  # beats without anything
        self._num_unanswered = 0
        self._beating = LoopingCall(self._beat)
        self._beating.clock = reactor

    def start(self) -> None:
        """Promise the router to be heard, and be."""
        self._beating.start(INTERVAL)

    def stop(self) -> None:
        """The session is over. Does nothing the second time."""
        if self._beating.running:
            self._beating.stop()

    def _beat(self) -> None:
        received = self._session.num_received
        if received != self._num_received or not self._num_unanswered:
            self._num_received = received
            self._num_silent = 0
        else:
            self._num_silent += 1
            if (self._num_silent + 1) * INTERVAL >= self._tolerance:  # the last sign of life may be as old as that
                self._give_up()
                return
        if self._session.is_attached():
            self._num_unanswered += 1  # perhaps many, as the answers may stand in a long line; the router wants to hear us all the same
            self._session.call(PROCEDURE, self._tolerance).addCallbacks(self._answered, self._refused)

    def _answered(self, _: object) -> None:
        self._num_unanswered -= 1

    def _refused(self, failure: Any) -> None:
        """The call has failed, which is a sign of life as well; or the session is over."""
        failure.trap(WampError, TransportLost)
        self._num_unanswered -= 1
        if isinstance(failure.value, WampError) and failure.value.error in _UNKNOWN:
            self.stop()

    def _give_up(self) -> None:
        self.stop()
        self.log.warn("nothing has come from the router for {silence:g} s: connecting anew", silence=self._tolerance)
        self._session.abort()
