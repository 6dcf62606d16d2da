"""What authorizers say about publications, and the order that holds while they are asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Final

from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from txaio import make_logger

MAX_WAITING: Final = 10_000
"""Publications of one session that wait for an authorizer, or behind one that does; one more is refused."""

Permission = dict[str, Any]
"""What an authorizer answers: `allow`, and perhaps `disclose`, `cache` and `validate`."""


class NotPublished(Exception):
    """
    An event is refused.

    Args:
        error: the URI that a PUBLISH is answered with.
        message: what was wrong.
    """

    def __init__(self, error: str, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


Decision = Permission | NotPublished
"""What is to become of a publication."""


class _Waiting:
    """A publication that cannot go on yet."""

    __slots__ = ("decision", "go_on")

    def __init__(self, go_on: Callable[[Decision], None]) -> None:
        self.decision: Decision | None = None
        self.go_on = go_on


class Decisions:
    """
    Publications of which an authorizer is being asked, and those of the same sessions that came after them.

    Authorizers are asked at once about each. Their answers may come in any order, and take effect in that of the publications.
    """

    log = make_logger()

    def __init__(self) -> None:
        self._waiting: dict[Any, deque[_Waiting]] = {}  # session -> the oldest first

    @property
    def are_awaited(self) -> bool:
        """Whether any publication waits at all."""
        return bool(self._waiting)

    def take(self, session: Any, permission: Permission | Deferred[Permission], go_on: Callable[[Decision], None]) -> None:
        """Call `go_on` with the decision when it is known, and everything is done that `session` published before."""
        queue = self._waiting.get(session)
        if queue is None:
            if not isinstance(permission, Deferred):
                go_on(permission)
                return
            queue = self._waiting[session] = deque()
        waiting = _Waiting(go_on)
        if len(queue) < MAX_WAITING:
            queue.append(waiting)
        else:
            go_on(NotPublished(ApplicationError.AUTHORIZATION_FAILED, f"{MAX_WAITING} publications of this session wait for an authorizer"))
        if isinstance(permission, Deferred):
            permission.addErrback(self._failed).addCallback(self._decided, session, waiting)
        else:
            waiting.decision = permission

    def _failed(self, failure: Failure) -> NotPublished:
        self.log.failure("an authorizer failed", failure=failure)
        return NotPublished(ApplicationError.AUTHORIZATION_FAILED, f"failed to authorize the publication: {failure.value}")

    def _decided(self, decision: Decision, session: Any, waiting: _Waiting) -> None:
        waiting.decision = decision
        queue = self._waiting.get(session)
        while queue and (next_decision := queue[0].decision) is not None:
            queue.popleft().go_on(next_decision)
        if not queue:
            self._waiting.pop(session, None)
