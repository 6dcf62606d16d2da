"""What the router answers to a call that it does not pass on, or whose callee does not answer it: an error with URI, message and facts."""

from __future__ import annotations

from typing import Any, Final

from autobahn.wamp.message import Call, Error

from deltamesh_router.queue.moves import NoCallee, QueueFull, Refused, WaitedTooLong

PREFIX: Final = "deltamesh.error."
CANCELED: Final = "wamp.error.canceled"
TIMEOUT: Final = "wamp.error.timeout"
NO_SUCH_SESSION: Final = "wamp.error.no_such_session"

MAX_URI: Final = 200
"""Characters of a procedure's URI that an error repeats."""


class Refusal(Exception):
    """
    An error of the router, in the shape of all errors of a Deltamesh: `[message]`, and as keywords the facts and `retry`.

    Args:
        uri: the URI of the error.
        message: what was wrong, where, and what to do.
        retry: whether the same call can succeed later.
        facts: JSON values that the message is made of.
    """

    def __init__(self, uri: str, message: str, retry: bool, **facts: Any) -> None:
        super().__init__(message)
        self.uri = uri
        self.message = message
        self.retry = retry
        self.facts = facts

    def to_error(self, request: int, request_type: int = Call.MESSAGE_TYPE) -> Error:
        """Return the WAMP ERROR that answers the request of this number and type."""
        return Error(request_type, request, self.uri, args=[self.message], kwargs={**self.facts, "retry": self.retry})


def of_call(uri: str, procedure: str, retry: bool, what: str, **facts: Any) -> Refusal:
    """Return an error with the URI `uri` about a call of a procedure; `what` goes on where its name ends."""
    procedure = procedure[:MAX_URI]
    return Refusal(uri, f"{procedure}: {what}", retry, procedure=procedure, **facts)


def of_queue(refused: Refused, uri: str) -> Refusal:
    """Return what the caller of a procedure, registered as `uri`, is told when its queue refused the call."""
    if isinstance(refused, QueueFull):
        what = f"{refused.waiting} calls are waiting already, which is as many as may: call again later, or start more callees"
        return of_call(PREFIX + "queue_full", uri, True, what, waiting=refused.waiting)
    if isinstance(refused, WaitedTooLong):
        waited = round(refused.waited, 3)
        what = f"no callee was free for {waited:g} s, and a call may not wait longer: call again later, or start more callees"
        return of_call(PREFIX + "waited_too_long", uri, True, what, waited=waited)
    if isinstance(refused, NoCallee):
        return of_call(
            PREFIX + "no_callee", uri, True, "no callee is left that takes calls: call again when one has come back, or start one"
        )
    raise TypeError(f"a call queue refused with {refused!r}, which has no URI")


def too_many_calls(limit: int) -> Refusal:
    """The session has as many calls waiting or being worked on as it may."""
    message = f"this session has {limit} calls that are not answered, which is as many as it may: wait for answers before calling again"
    return Refusal(PREFIX + "too_many_calls", message, True, limit=limit)


def reserved(uri: str) -> Refusal:
    """Procedures of the router itself cannot be registered."""
    return of_call(PREFIX + "reserved", uri, False, "procedures that begin with mesh. are the router's own: choose another name")


def callee_gone(uri: str) -> Refusal:
    """The callee left with the call, and the call has no try left."""
    what = "the callee left before it had answered, perhaps after it had done the work: call again if it may be done twice"
    return of_call(CANCELED, uri, True, what)


def canceled(uri: str) -> Refusal:
    """The caller cancelled the call."""
    return of_call(CANCELED, uri, False, "the call was cancelled by its caller")


def timed_out(uri: str, milliseconds: int, *, is_waiting: bool) -> Refusal:
    """The timeout of the call is over."""
    where = "while it waited for a callee" if is_waiting else "while a callee worked on it"
    return of_call(TIMEOUT, uri, True, f"the timeout of {milliseconds} ms was over {where}", timeout=milliseconds)


def no_such_session(session: int) -> Refusal:
    """A session that is not, or no longer, joined to this realm."""
    return Refusal(NO_SUCH_SESSION, f"no session {session} is joined to this realm", False, session=session)


def internal_fault(uri: str) -> Refusal:
    """A procedure of the router itself raised what it should not."""
    return of_call("wamp.error.runtime_error", uri, False, "a fault in the router, which has logged it")


def not_authorized(session: Any, action: str, uri: str) -> str:
    """Return the text of Crossbar.io's error for what a session may not do."""
    who = f'session (session_id={session._session_id}, authid="{session._authid}", authrole="{session._authrole}")'
    return f'{who} is not authorized to {action} procedure "{uri}" on realm "{session._realm}"'
