"""A call, as the dealer knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autobahn.wamp.message import Call

from deltamesh_router.queue.callee import QueuedCall

if TYPE_CHECKING:
    from deltamesh_router.calls.peer import Peer


class RoutedCall(QueuedCall):
    """A call from when it came until its caller is answered and its slot is free."""

    __slots__ = ("authorization", "caller", "id", "is_killed", "message", "queue", "request", "task", "timer")

    def __init__(self, caller: Peer, message: Call, request: int) -> None:
        super().__init__()
        self.caller = caller
        self.message = message
        self.request = request
        """Its number; its caller's calls are told apart by it."""
        self.authorization: dict[str, Any] = {}
        """What the authorizer says; empty as long as it thinks."""
        self.queue: Any = None
        """The `ProcedureQueue` that it is in. None: it is being authorized, or it is for the router itself."""
        self.id = 0
        """The number of its invocation; 0 if it is at no callee."""
        self.is_killed = False
        """Its caller has cancelled it, and waits for the callee to say that it has stopped."""
        self.timer: Any = None
        """Ends it when its timeout is over."""
        self.task: Any = None
        """The Deferred of the procedure of the router that works on it."""
