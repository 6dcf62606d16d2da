"""The messages that pass a call on to a callee, and an answer back to the caller."""

from __future__ import annotations

from typing import Any

from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.message import Call, Error, Interrupt, Invocation, Result, Yield

from deltamesh_router.calls.routedcall import RoutedCall
from deltamesh_router.uris import DISCLOSED
from deltamesh_router.wire import plain


def invocation(routed: RoutedCall, timeout: int | None) -> Invocation:
    """Return the INVOCATION for a call that has its number; `timeout` is what is left of its timeout [ms]."""
    call, registration, session = routed.message, routed.queue.registration, routed.caller.session
    uri = call.procedure
    procedure = None if registration.match == "exact" else uri
    forward_for = call.forward_for
    caller = caller_authid = caller_authrole = None
    if not routed.authorization.get("disclose") and not uri.startswith(DISCLOSED):
        forward_for = None
    elif forward_for:
        first = forward_for[0]
        caller, caller_authid, caller_authrole = first["session"], first["authid"], first["authrole"]
        forward_for = further(forward_for, session)
    else:
        caller, caller_authid, caller_authrole = session._session_id, session._authid, session._authrole
    message: Invocation
    if forward_for or call.transaction_hash is not None:
        message = Invocation(
            routed.id,
            registration.id,
            timeout=timeout,
            receive_progress=call.receive_progress,
            caller=caller,
            caller_authid=caller_authid,
            caller_authrole=caller_authrole,
            procedure=procedure,
            transaction_hash=call.transaction_hash,
            forward_for=forward_for,
            **content(call),
        )
    else:
        progress = call.receive_progress
        message = plain.invocation(call, routed.id, registration.id, timeout, progress, caller, caller_authid, caller_authrole, procedure)
    message._router_internal = (session._session_id, session._authid, session._authrole)  # links between routers read it
    return message


def result(routed: RoutedCall, yielded: Yield) -> Result:
    """Return the RESULT for what the callee of a call has yielded."""
    session = routed.callee.session.session  # type: ignore[union-attr]  # somebody has yielded
    request = routed.request
    forward_for = yielded.forward_for
    if not forward_for:
        made: Result = plain.result(yielded, request, yielded.progress, session._session_id, session._authid, session._authrole)
        return made
    return Result(request, progress=yielded.progress, **callee_of(session, forward_for), **content(yielded))


def error(routed: RoutedCall, failed: Error) -> Error:
    """Return the ERROR for the caller, for that of the callee of a call."""
    return Error(Call.MESSAGE_TYPE, routed.request, failed.error, **content(failed))


def interrupt(routed: RoutedCall, mode: str, reason: str | None, forward_for: list[dict[str, Any]] | None) -> Interrupt:
    """Return what tells the callee of a call to stop working on it."""
    return Interrupt(routed.id, mode, reason, forward_for)


def refused(call: Call, uri: str, text: str) -> Error:
    """Return an ERROR of Crossbar.io's own for a call, as it says it."""
    return Error(Call.MESSAGE_TYPE, call.request, uri, [text])


def unsendable(routed: RoutedCall, what: str, error: Exception) -> Error:
    """Return the ERROR for a call whose content, or whose answer's, is not what may be, or cannot be sent to whom it is for."""
    text = f"{what} procedure '{routed.message.procedure}' with invalid application payload: {error}"
    return refused(routed.message, ApplicationError.INVALID_ARGUMENT, text)


def content(message: Any) -> dict[str, Any]:
    """Return what a message carries, readable or opaque, as the arguments for the next message."""
    if message.payload:
        return {name: getattr(message, name) for name in ("payload", "enc_algo", "enc_key", "enc_serializer")}
    return {"args": message.args, "kwargs": message.kwargs}


def callee_of(session: Any, forward_for: list[dict[str, Any]]) -> dict[str, Any]:
    """Return who has answered, as the arguments for a RESULT that came through other routers, and in the end through `session`."""
    first = forward_for[0]
    return {
        "callee": first["session"],
        "callee_authid": first["authid"],
        "callee_authrole": first["authrole"],
        "forward_for": further(forward_for, session),
    }


def further(forward_for: list[dict[str, Any]] | None, session: Any) -> list[dict[str, Any]] | None:
    """Return the way of a message, if it has come through other routers, with the session at its end through which it came here."""
    if not forward_for:
        return None
    return [*forward_for, {"session": session._session_id, "authid": session._authid, "authrole": session._authrole}]
