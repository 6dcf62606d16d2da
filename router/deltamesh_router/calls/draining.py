"""`mesh.drain`: take a session out of service without losing a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autobahn.wamp.message import Call
from twisted.internet.defer import Deferred

from deltamesh_router.calls import refusal
from deltamesh_router.calls.arguments import session_number

if TYPE_CHECKING:
    from deltamesh_router.calls.peer import Peer
    from deltamesh_router.calls.registrar import Registrar


class Drain:
    """One who waits until a session works on nothing any more."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._result = {"session": peer.session._session_id, "calls": peer.num_invocations}
        self.finished: Deferred[dict[str, Any]] = Deferred(lambda _: peer.drains.remove(self))
        peer.drains.append(self)

    def look(self) -> None:
        """The session has answered something, perhaps the last."""
        if not self._peer.num_invocations:
            self._peer.drains.remove(self)
            self.finished.callback(self._result)

    def fail(self) -> None:
        """The session has gone."""
        self.finished.errback(refusal.no_such_session(self._result["session"]))


def drain(registrar: Registrar, call: Call) -> Deferred[dict[str, Any]]:
    """
    Give a session no more calls, in no queue, also of what it registers later; it stays registered, and finishes what it has.

    The argument of the call is the number of the session. To drain a session twice does no harm.

    Returns:
        When it works on nothing any more: `{"session": its number, "calls": how many it worked on when it was asked for}`.

    Raises:
        Refusal: there is no such session, or it has left before it had finished.
    """
    number = session_number(call, "as `wamp.session.list` tells it")
    peer = registrar.peer(number)
    if peer is None:
        raise refusal.no_such_session(number)
    registrar.drain(peer)
    waiting = Drain(peer)
    waiting.look()
    return waiting.finished
