"""
The errors of Deltamesh, one tree. Each has a URI and says whether the same call can succeed later.

DeltameshError
├── ApplicationError         raised by an application's own code, under its own URI
├── UnknownName              unknown_resource, unknown_input, unknown_collection
├── InvalidParameters        parameters or arguments that do not fit the annotations
├── InvalidTransaction       changes that are not of the documented shape, or not JSON
├── InvalidPosition          not [epoch, revision]
├── InvalidIdempotencyKey    not a string of 1 to 128 characters
├── MalformedMessage         an event or answer that is not of the documented shape
├── Rejected                 a mapper raised and the service rolls such transactions back
├── ComputationFailed        the application's resource or action function raised
├── TooLarge                 a limit on a size or count
├── NotCaughtUp              (retry) at_least was not reached in time
├── TooManyInstances         (retry)
├── Fenced                   (retry) another leader has taken over
├── JournalFull              (retry) there is no space to keep a write
├── JournalUnavailable       (retry) where writes are kept is out of reach
├── JournalDamaged           what is kept is not what was written
├── AnotherJournal           (retry) the journal is not the one that the leader had
├── GraphBroken              a fault in the engine itself: start again from the inputs
├── ConfigurationError       a definition or setting is wrong: what, where, and what to do
└── RemoteError              the peer answered an error that is none of the above
    └── NotTaken             (retry) the router gave the call to nobody: calling again does nothing twice

Constructors take facts; the message is made here. `to_wire` and `from_wire` are the only translation.
"""

from __future__ import annotations

from typing import Any, ClassVar

PREFIX = "deltamesh.error."


RESERVED_FACTS = frozenset({"callee", "callee_authid", "callee_authrole", "enc_algo", "error", "forward_for", "retry", "self"})
"""Names that no fact can have: Autobahn's clients lose them, or their session, because they are parameters of its own error class."""


class DeltameshError(Exception):
    """The root. `facts` are JSON values that the message is made of; their names are none of `RESERVED_FACTS`."""

    uri: ClassVar[str] = PREFIX + "error"
    retry: bool = False
    """Whether the same call can succeed later."""

    def __init__(self, message: str, /, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts = facts

    def to_wire(self) -> tuple[str, list[Any], dict[str, Any]]:
        """Return the error URI, arguments and keyword arguments of a WAMP ERROR."""
        return self.uri, [self.message], {**self.facts, "retry": self.retry}


class ApplicationError(DeltameshError):
    """An error that an application declares: `raise app.error("no_such_post", post_id=7)`."""

    def __init__(self, uri: str, message: str, /, *, retry: bool = False, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.uri = uri  # type: ignore[misc]
        self.retry = retry


class UnknownName(DeltameshError):
    """The service has no resource, input or collection of this name."""

    def __init__(self, kind: str, name: object, known: list[str]) -> None:
        super().__init__(f"no {kind} is called {name!r:.80}; there are: {', '.join(sorted(known)) or 'none'}", name=str(name)[:80])
        self.uri = f"{PREFIX}unknown_{kind}"  # type: ignore[misc]


class InvalidParameters(DeltameshError):
    """Parameters or arguments do not fit the annotations of the function that takes them."""

    uri = PREFIX + "invalid_parameters"

    def __init__(self, function: str, reason: str) -> None:
        super().__init__(f"{function}: {reason}", function=function, reason=reason)


class InvalidTransaction(DeltameshError):
    """Changes that are not `[[input, [[key, [value, …]], …]], …]`, or that are not JSON."""

    uri = PREFIX + "invalid_transaction"

    def __init__(self, reason: str, *, place: str = "") -> None:
        super().__init__(f"{place}: {reason}" if place else reason, place=place, reason=reason)


class InvalidPosition(DeltameshError):
    """A position that is not `[epoch, revision]`."""

    uri = PREFIX + "invalid_position"

    def __init__(self, given: object) -> None:
        super().__init__(f"a position is [epoch, revision], a string and an integer >= 0, not {given!r:.80}")


class InvalidIdempotencyKey(DeltameshError):
    """An idempotency key that is not a string of 1 to 128 characters."""

    uri = PREFIX + "invalid_idempotency_key"

    def __init__(self) -> None:
        super().__init__("an idempotency key is a string of 1 to 128 characters")


class MalformedMessage(DeltameshError):
    """A peer sent an event or answer that is not of the documented shape."""

    uri = PREFIX + "malformed_message"

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what}: {reason}", what=what, reason=reason)


class Rejected(DeltameshError):
    """A mapper raised and the service was declared with `on_error="reject"`: nothing of the transaction happened."""

    uri = PREFIX + "rejected"

    def __init__(self, node: str, key: Any, error: str) -> None:
        super().__init__(f"the transaction was rolled back: {node} failed for key {key!r:.80}: {error}", node=node, key=key, reason=error)


class ComputationFailed(DeltameshError):
    """The application's own resource or action function raised something that is not one of its declared errors."""

    uri = PREFIX + "computation_failed"

    def __init__(self, function: str, error: str) -> None:
        super().__init__(f"{function} raised {error}", function=function, reason=error)


class TooLarge(DeltameshError):
    """A size or count is over its limit."""

    uri = PREFIX + "too_large"

    def __init__(self, what: str, size: int, limit: int, remedy: str = "") -> None:
        super().__init__(f"{what}: {size} is over the limit of {limit}{'; ' + remedy if remedy else ''}", what=what, size=size, limit=limit)


class NotCaughtUp(DeltameshError):
    """The follower did not reach the position that the caller asked for in time."""

    uri = PREFIX + "not_caught_up"
    retry = True

    def __init__(self, wanted: list[Any], reached: list[Any] | None) -> None:
        super().__init__(f"position {wanted} was not reached in time, this follower is at {reached}", wanted=wanted, reached=reached)


class TooManyInstances(DeltameshError):
    """The follower holds as many instances as it may, or as many as it may for the session of the caller."""

    uri = PREFIX + "too_many_instances"
    retry = True

    def __init__(self, limit: int, *, is_of_session: bool = False) -> None:
        of_session = f"this follower holds {limit} instances that this session has asked for first, the most that it may: close some"
        super().__init__(
            of_session if is_of_session else f"this follower holds its maximum of {limit} instances: start another one", limit=limit
        )


class Fenced(DeltameshError):
    """Another leader has taken the journal: this one can commit nothing more. Nothing of the write is kept."""

    uri = PREFIX + "fenced"
    retry = True

    def __init__(self) -> None:
        super().__init__("another leader has taken over: call again, it answers")


class JournalFull(DeltameshError):
    """There is no space to keep the write. Nothing of it is kept, and what was written before can be read."""

    uri = PREFIX + "journal_full"
    retry = True

    def __init__(self, reason: str) -> None:
        super().__init__(f"there is no space to keep writes, so none are taken: {reason:.200}", reason=reason[:200])


class JournalUnavailable(DeltameshError):
    """The place where writes are kept is out of reach. With its idempotency key a write is done once, whatever became of this one."""

    uri = PREFIX + "journal_unavailable"
    retry = True

    def __init__(self, reason: str) -> None:
        super().__init__(f"the journal is out of reach: {reason:.200}", reason=reason[:200])


class JournalDamaged(DeltameshError):
    """What a journal holds is not what was written. The message names the first row or revision; a backup has to be imported."""

    uri = PREFIX + "journal_damaged"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"the journal is damaged at {where:.120}: {reason:.120}", where=where[:120], reason=reason[:120])


class AnotherJournal(DeltameshError):
    """The journal is not the one that the leader had, or an older copy: to lead with it would lose writes. Nothing of the write is kept."""

    uri = PREFIX + "another_journal"
    retry = True

    def __init__(self, own: list[Any] | None, known: list[Any]) -> None:
        super().__init__(
            f"the journal here ends at {own}, and the leader was at {known}: it is not the leader's, or an older copy;"
            " start with the --journal of the leader",
            own=own,
            known=known,
        )


class GraphBroken(DeltameshError):
    """A revision could not be completed because of a fault in the engine itself; the graph answers nothing any more."""

    uri = PREFIX + "graph_broken"

    def __init__(self, error: str) -> None:
        super().__init__(f"the graph is broken, start again from its inputs: {error}", reason=error)


class ConfigurationError(DeltameshError):
    """A definition or a setting is wrong. The message says what, where, and what to do."""

    uri = PREFIX + "configuration"


class RemoteError(DeltameshError):
    """The peer or the router answered an error that is not one of ours; the original URI is kept."""

    def __init__(self, uri: str, message: str, /, *, retry: bool = False, **facts: Any) -> None:
        super().__init__(f"{uri}: {message}" if message else uri, **facts)
        self.uri = uri  # type: ignore[misc]
        self.retry = retry


class NotTaken(RemoteError):
    """
    The router has refused the call: no callee has it, so to call again does nothing twice.

    It may have been with a callee that died, if the router's settings say that calls of this procedure may be done twice.
    """


NOT_TAKEN_URIS = frozenset(
    {
        PREFIX + "queue_full",
        PREFIX + "waited_too_long",
        PREFIX + "no_callee",
        PREFIX + "too_many_calls",
        "wamp.error.no_such_procedure",
        "crossbar.error.max_concurrency_reached",
    }
)
"""The errors that are a `NotTaken`."""

RETRY_URIS = NOT_TAKEN_URIS | frozenset(
    {
        "wamp.error.canceled",  # the callee died with the call
        "wamp.error.no_available_callee",
        "wamp.error.timeout",
        "wamp.error.unavailable",
    }
)
"""Errors of the router after which the same call can succeed."""


def from_wire(uri: str, args: list[Any], kwargs: dict[str, Any]) -> DeltameshError:
    """Return the error that a WAMP ERROR carries; `retry` is the peer's word, or ours for the router's own errors."""
    facts = dict(kwargs)
    retry = bool(facts.pop("retry", uri in RETRY_URIS))
    try:
        message = str(args[0]) if args else ""
    except ValueError:  # an integer of more digits than Python writes
        message = "an error that cannot be shown"
    kind = NotTaken if uri in NOT_TAKEN_URIS else RemoteError
    error = kind(uri, message, retry=retry)
    error.facts = facts
    if uri.startswith(PREFIX):  # the message of our own tree needs no URI in front
        error.message = message
        error.args = (message,)
    return error
