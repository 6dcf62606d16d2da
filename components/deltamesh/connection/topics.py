"""The topics of one session: each is subscribed once, however many listen to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deltamesh.connection.wamp import TransportLost, WampError
from deltamesh.errors import DeltameshError, RemoteError, from_wire

Handler = Callable[..., None]
"""Called with the arguments of an event."""


@dataclass(slots=True, eq=False)
class _Topic:
    handlers: list[Handler] = field(default_factory=list)
    subscription: Any = None
    """The one at the router; None while it is under way."""

    def event(self, *arguments: Any) -> None:
        for handler in list(self.handlers):
            handler(*arguments)


class Topics:
    """What `session` is subscribed to. A router tells a follower of the first subscription of a session only, so there is one."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self._topics: dict[str, _Topic] = {}

    def has(self, uri: str) -> bool:
        """Whether events of `uri` arrive already."""
        topic = self._topics.get(uri)
        return topic is not None and topic.subscription is not None

    async def add(self, uri: str, handler: Handler) -> None:
        """
        Call `handler` for each event of `uri` from now on.

        Raises:
            DeltameshError: the router refuses, or the session is lost; only the first one that adds a handler is told.
        """
        topic = self._topics.get(uri)
        if topic is not None:
            topic.handlers.append(handler)
            return
        topic = self._topics[uri] = _Topic([handler])
        try:
            topic.subscription = await self._session.subscribe(topic.event, uri)
        except (WampError, TransportLost) as error:
            self._forget(uri, topic)
            raise answered(error) from error
        if not topic.handlers:
            self._unsubscribe(topic)

    def remove(self, uri: str, handler: Handler) -> None:
        """Call `handler` no more; the last one ends the subscription. Nothing happens if it is not there."""
        topic = self._topics.get(uri)
        if topic is None or handler not in topic.handlers:
            return
        topic.handlers.remove(handler)
        if not topic.handlers:
            self._forget(uri, topic)
            self._unsubscribe(topic)

    def _forget(self, uri: str, topic: _Topic) -> None:
        if self._topics.get(uri) is topic:
            del self._topics[uri]

    def _unsubscribe(self, topic: _Topic) -> None:
        if topic.subscription is not None and topic.subscription.active and self._session.is_attached():
            topic.subscription.unsubscribe().addErrback(self._not_unsubscribed)

    def _not_unsubscribed(self, failure: Any) -> None:
        failure.trap(TransportLost)  # and the subscription went with it


def answered(error: WampError | TransportLost) -> DeltameshError:
    """Return what a request of ours came to, as an error of ours."""
    if isinstance(error, WampError):
        return from_wire(error.error, list(error.args), dict(error.kwargs))
    return RemoteError("wamp.error.unavailable", "the connection was lost", retry=True)
