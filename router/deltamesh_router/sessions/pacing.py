"""
`mesh.caught_up`: who sends somebody much, in parts, waits until it is read, and so never has more of it wait than may.

A callee that answers with progressive results calls it with the number of the session that called, after each part or some of them. WAMP
itself has nothing for that: the callee would send as fast as it can, and a caller on a slow line would be closed as a slow reader.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from autobahn.wamp.message import Call
from twisted.internet.defer import Deferred

from deltamesh_router.calls.arguments import session_number

PROCEDURE: Final = "mesh.caught_up"


def caught_up(router: Any) -> Callable[[Any, Call], bool | Deferred[bool]]:
    """
    Return the procedure for the realm of `router`.

    The argument of a call is the number of a session.

    Returns:
        True, as soon as at most 64 KiB wait for it or its connection has taken everything; what the operating system has taken does not
        count. False if there is no such session, or it ends before.

    Raises:
        Refusal: the argument is no number of a session.
    """

    def procedure(session: Any, call: Call) -> bool | Deferred[bool]:
        reader = router._session_id_to_session.get(session_number(call, "for example of the caller of a call"))
        if reader is None:
            return False
        lagging = router.outbound.lagging.get(reader)
        return lagging is None or lagging.caught_up()

    return procedure
