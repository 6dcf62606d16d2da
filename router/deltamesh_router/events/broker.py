"""
Events: the usual publication takes a short way to its receivers, and what a session publishes is sent in the order in which it came.

What is unusual is left to Crossbar.io's broker: a realm that is traced or keeps a history, retained events, opaque payloads,
publications that other routers forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import getrandbits
from typing import Any, Final

from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.message import Error, Publish, Published, Subscribe
from crossbar.router import broker as stock
from twisted.internet.defer import Deferred

from deltamesh_router.events.decision import Decision, Decisions, NotPublished, Permission
from deltamesh_router.events.fanout import Fanout, Outgoing
from deltamesh_router.uris import DISCLOSED, PATTERNS, is_restricted
from deltamesh_router.wire import plain

MAX_SHOWN: Final = 200
"""Characters of a topic that are shown in an error."""


class Broker(stock.Broker):
    """
    Crossbar.io's broker, which differs in three things:

    - an event goes to all its receivers in one go, whatever `event_dispatching_chunk_size` says, so two never overtake each other,
    - a publication waits as long as an authorizer is asked about an earlier one of the same session,
    - a receiver that cannot take an event does not keep it from the others.
    """

    def __init__(self, router: Any, reactor: Any, options: Any = None) -> None:
        super().__init__(router, reactor, options)
        self.num_published = 0
        """Publications that came in, whatever became of them."""
        self.decisions = Decisions()
        """What authorizers are being asked."""
        self._fanout = Fanout(router)
        self._topic_pattern = PATTERNS[self._option_uri_strict, Subscribe.MATCH_EXACT]

    @property
    def num_delivered(self) -> int:
        """Events that were sent, one for each receiver."""
        by_autobahn: int = self._router._message_stats["sent"].get("event", 0)
        return self._fanout.num_sent + by_autobahn

    def processPublish(self, session: Any, publish: Publish) -> None:
        """Take a PUBLISH from the client of `session`."""
        self.num_published += 1
        is_usual = type(publish) is plain.Publish and not publish._acknowledge
        event = Outgoing(publish.topic, publish=publish)
        if is_usual and self.publish_quickly(session, event):
            return
        if self.is_watched or is_unusual(publish):
            self.publish_ordinarily(session, publish)
            return
        try:
            if not self.subscriptions(session, publish.topic) and not publish.acknowledge:
                return
            permission = self.permission(session, event)
            if self.decisions.are_awaited or isinstance(permission, Deferred):
                self.decisions.take(session, permission, lambda decision: self._decided(session, event, decision))
            else:
                self._accept(session, event, permission)
        except NotPublished as error:
            self._refuse(session, publish, error)

    def _decided(self, session: Any, event: Outgoing, decision: Decision) -> None:
        """An authorizer has been asked."""
        try:
            if isinstance(decision, NotPublished):
                raise decision
            self._accept(session, event, decision)
        except NotPublished as error:
            self._refuse(session, event.publish, error)

    def _accept(self, session: Any, event: Outgoing, permission: Permission) -> None:
        publish = event.publish
        self.check(event, permission)
        publication = new_id()
        if publish.acknowledge:
            self._router.send(session, Published(publish.request, publication))
        self.deliver(session, event, permission, publication)

    def _refuse(self, session: Any, publish: Publish, refused: NotPublished) -> None:
        if publish.acknowledge:
            self._router.send(session, Error(Publish.MESSAGE_TYPE, publish.request, refused.error, [refused.message]))

    # The short way

    def publish_quickly(self, session: Any, event: Outgoing) -> bool:
        """
        Publish an event without options, if everything about it is as usual; otherwise do nothing and return False.

        As usual is: somebody has subscribed to exactly this topic, and nobody to a pattern; the authorizer's answer is known, is yes, and
        does not disclose the publisher; nobody watches.
        """
        router = self._router
        map_ = self._subscription_map
        topic = event.topic
        role = session._authrole
        subscription = map_._observations_exact.get(topic)
        permission = router._authorization_cache.get((session._realm, role, topic, "publish"))
        if (
            subscription is None
            or permission is None
            or not permission["allow"]
            or permission.get("disclose")
            or topic.startswith(DISCLOSED)
            or role not in router._roles
            or map_._observations_prefix
            or map_._observations_wildcard._root
            or self.decisions.are_awaited
            or self.is_watched
            or router._inventory is not None
        ):
            return False
        receivers = subscription.observers
        event.address(subscription.id, new_id(), {})
        self._fanout.send(event, receivers - {session} if session in receivers else list(receivers), session)
        return True

    # The steps of a publication

    @property
    def is_watched(self) -> bool:
        """Whether the realm is traced, or keeps a history: then everything is for Crossbar.io's broker."""
        return self._event_store is not None or self._router._is_traced or self._router._trace_traffic

    def publish_ordinarily(self, session: Any, publish: Publish) -> None:
        """Leave a publication to Crossbar.io's broker, which asks the authorizer itself."""
        super().processPublish(session, publish)

    def subscriptions(self, session: Any, topic: str) -> Sequence[Any]:
        """
        Return the subscriptions that events of `topic` belong to.

        Raises:
            NotPublished: it is no valid topic, or none for `session`.
        """
        if not self._topic_pattern.match(topic):
            raise NotPublished(ApplicationError.INVALID_URI, f"publish with invalid topic URI {topic[:MAX_SHOWN]!r}")
        if is_restricted(topic, session):
            raise NotPublished(ApplicationError.INVALID_URI, f"publish with restricted topic URI {topic[:MAX_SHOWN]!r}")
        matching: list[Any] = self._subscription_map.match_observations(topic)
        return matching

    def permission(self, session: Any, event: Outgoing) -> Permission | Deferred[Permission]:
        """Return what the authorizer says about an event, or a Deferred if that takes time, or has failed."""
        options = {} if event.publish is None else event.publish.marshal_options()
        asked: Deferred[Permission] = self._router.authorize(session, event.topic, "publish", options)
        if asked.called and isinstance(asked.result, dict):
            return asked.result
        return asked

    def check(self, event: Outgoing, permission: Permission) -> None:
        """
        Find out whether an event may be published.

        Raises:
            NotPublished: it may not.
        """
        topic = event.topic[:MAX_SHOWN]
        if not permission["allow"]:
            raise NotPublished(ApplicationError.NOT_AUTHORIZED, f"session not authorized to publish to topic {topic!r}")
        if self._router._inventory is not None:
            try:
                self._router.validate("event", event.topic, event.args, event.kwargs, validate=permission.get("validate"))
            except Exception as error:
                message = f"publish to topic URI {topic!r} with invalid application payload: {error}"
                raise NotPublished(ApplicationError.INVALID_ARGUMENT, message) from error

    def deliver(self, session: Any, event: Outgoing, permission: Permission, publication: int) -> None:
        """Send an event of `session` to those it is for."""
        topic, options = event.topic, event.publish
        details = {}
        if permission.get("disclose") or topic.startswith(DISCLOSED):
            told = {"publisher": session._session_id, "publisher_authid": session._authid, "publisher_authrole": session._authrole}
            details = {name: value for name, value in told.items() if value is not None}
        for subscription in self.subscriptions(session, topic):
            receivers = subscription.observers
            if options is not None:
                receivers = self._filter_publish_receivers(receivers, options)
            if options is None or options.exclude_me is not False:
                receivers = receivers - {session}
            if receivers:
                told = details if subscription.match == Subscribe.MATCH_EXACT else {**details, "topic": topic}
                event.address(subscription.id, publication, told)
                self._fanout.send(event, list(receivers), session)  # one within this process may subscribe at once


def is_unusual(publish: Publish) -> bool:
    """Whether a publication is for Crossbar.io's broker, because of what it says itself."""
    return bool(
        publish._from_fbs is not None
        or publish.retain
        or publish.payload is not None
        or publish.transaction_hash is not None
        or publish.forward_for is not None
    )


def new_id() -> int:
    """Return a number for a publication, from the range of WAMP's IDs in the scope of everything: 1 to 2^53."""
    return getrandbits(53) + 1
