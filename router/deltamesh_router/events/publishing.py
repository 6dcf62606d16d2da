"""
`mesh.publish_many`: one call carries many events, for as many topics.

    [[topic, args?, kwargs?, options?], …]  ->  {"published": n, "num_refused": n, "refused": [[index, error, message], …]}

Each is authorized, refused and delivered as a PUBLISH of the caller. They are sent in their order, and before anything that the same
session publishes later. Some may be refused: the others are published all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from autobahn.wamp.exception import ApplicationError, InvalidUriError, ProtocolError
from autobahn.wamp.message import Call, Publish
from twisted.internet.defer import Deferred

from deltamesh_router.calls.refusal import PREFIX, Refusal
from deltamesh_router.events.broker import Broker, is_unusual, new_id
from deltamesh_router.events.decision import Decision, NotPublished, Permission
from deltamesh_router.events.fanout import Outgoing

PROCEDURE: Final = "mesh.publish_many"

MAX_EVENTS: Final = 10_000
"""
Events of one call. How large they may be together is the limit on a message; what is for one reader should be less than may wait for it
(`max_pending`), since it is sent to it in one go.
"""

MAX_TOLD: Final = 100
"""Refused events that the caller is told of one by one; of the others it is told only how many they are."""

MAX_MESSAGE: Final = 300
"""Characters of what is said of a refused event; a part of it can be what the caller sent."""

OPTIONS: Final = frozenset(
    {
        *("eligible", "eligible_authid", "eligible_authrole"),
        *("exclude", "exclude_authid", "exclude_authrole", "exclude_me"),
        *("retain", "transaction_hash"),
    }
)
"""Options of a PUBLISH that an event may have."""

_SHAPE: Final = "an event is [topic, args?, kwargs?, options?]: a string, an array, an object and an object"


def publish_many(broker: Broker) -> Callable[[Any, Call], Any]:
    """
    Return the procedure that publishes through `broker`: given the session of the caller and the CALL, it returns the result.

    It is a Deferred if an authorizer takes its time. A `Refusal` is raised, and nothing published, if the call does not have one array of
    events, or too many of them.
    """

    def procedure(session: Any, call: Call) -> dict[str, Any] | Deferred[dict[str, Any]]:
        args = call.args
        if not args or len(args) != 1 or call.kwargs or type(args[0]) is not list:
            message = f"{PROCEDURE}: call it with one positional argument, the array of events; {_SHAPE}"
            raise Refusal(PREFIX + "invalid_parameters", message, False, function=PROCEDURE)
        events = args[0]
        if len(events) > MAX_EVENTS:
            message = f"{PROCEDURE}: {len(events)} events are over the limit of {MAX_EVENTS}; split them"
            raise Refusal(PREFIX + "too_large", message, False, what=PROCEDURE, size=len(events), limit=MAX_EVENTS)
        return _Batch(broker, session).publish(events)

    return procedure


class _Batch:
    """The events of one call."""

    def __init__(self, broker: Broker, session: Any) -> None:
        self._broker = broker
        self._session = session
        self._num_published = self._num_refused = self._num_waiting = 0
        self._refused: list[list[Any]] = []
        self._answer: Deferred[dict[str, Any]] | None = None

    def publish(self, events: list[Any]) -> dict[str, Any] | Deferred[dict[str, Any]]:
        """Publish them in their order; return the result, or a Deferred of it."""
        broker, session = self._broker, self._session
        broker.num_published += len(events)
        for index, given in enumerate(events):
            try:
                event = _read(given)
                if event.publish is None and broker.publish_quickly(session, event):
                    self._num_published += 1
                    continue
                broker.subscriptions(session, event.topic)  # which refuses what is no topic, before an authorizer is asked
                permission = broker.permission(session, event)
                if broker.decisions.are_awaited or isinstance(permission, Deferred):
                    self._num_waiting += 1
                    broker.decisions.take(session, permission, partial(self._decided, index, event))
                else:
                    self._accept(event, permission)
            except NotPublished as error:
                self._refuse(index, error)
        if self._num_waiting:
            self._answer = Deferred()
            return self._answer
        return self._result()

    def _decided(self, index: int, event: Outgoing, decision: Decision) -> None:
        """An authorizer has been asked."""
        try:
            if isinstance(decision, NotPublished):
                raise decision
            self._accept(event, decision)
        except NotPublished as error:
            self._refuse(index, error)
        self._num_waiting -= 1
        if not self._num_waiting and self._answer is not None:
            self._answer.callback(self._result())

    def _accept(self, event: Outgoing, permission: Permission) -> None:
        broker = self._broker
        broker.check(event, permission)
        if broker.is_watched or (event.publish is not None and is_unusual(event.publish)):
            broker.publish_ordinarily(self._session, event.publish or Publish(0, event.topic, args=event.args, kwargs=event.kwargs))
        else:
            broker.deliver(self._session, event, permission, new_id())
        self._num_published += 1

    def _refuse(self, index: int, error: NotPublished) -> None:
        self._num_refused += 1
        if len(self._refused) < MAX_TOLD:
            self._refused.append([index, error.error, error.message[:MAX_MESSAGE]])

    def _result(self) -> dict[str, Any]:
        return {"published": self._num_published, "num_refused": self._num_refused, "refused": self._refused}


def _read(event: Any) -> Outgoing:
    """
    Return an event of the caller; what it has of options is in a PUBLISH of Autobahn.

    Raises:
        NotPublished: it is not of the documented shape.
    """
    if type(event) is not list or not 1 <= len(event) <= 4:
        raise _misshapen()
    topic = event[0]
    args = event[1] if len(event) > 1 else None
    if type(topic) is not str or (args is not None and type(args) is not list):
        raise _misshapen()
    if len(event) < 3:
        return Outgoing(topic, args)
    kwargs = event[2]
    if kwargs is not None and (type(kwargs) is not dict or not all([type(name) is str for name in kwargs])):
        raise _misshapen()
    if len(event) == 3 or event[3] is None or event[3] == {}:
        return Outgoing(topic, args or [], kwargs)
    return Outgoing(topic, publish=_with_options(topic, args, kwargs, event[3]))


def _with_options(topic: str, args: Any, kwargs: Any, options: Any) -> Publish:
    if type(options) is not dict or not options.keys() <= OPTIONS:
        raise NotPublished(ApplicationError.INVALID_ARGUMENT, f"the options of an event are an object with {', '.join(sorted(OPTIONS))}")
    try:
        return Publish.parse([Publish.MESSAGE_TYPE, 0, options, topic, args or [], kwargs or {}])
    except InvalidUriError as error:
        raise NotPublished(ApplicationError.INVALID_URI, str(error)) from error
    except ProtocolError as error:
        raise NotPublished(ApplicationError.INVALID_ARGUMENT, str(error)) from error


def _misshapen() -> NotPublished:
    return NotPublished(ApplicationError.INVALID_ARGUMENT, _SHAPE)
