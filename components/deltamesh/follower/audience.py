"""Who is subscribed to the instances of a follower, learnt from the router's meta events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deltamesh.follower.instances import Instance, Instances


class Audience:
    """
    Keeps `subscribers` and `unused_since` of each instance, and forgets that it was `handed_over` when all have left.

    `greet(instance, session)` is called when a session has subscribed. Source: WAMP, sections "Subscription Meta API" and
    "Session Meta API". Crossbar.io differs in two ways: `on_subscribe` and `on_unsubscribe` do not say which session it was (None) if that
    is lost already, and `on_delete` may name subscriptions that still exist. So a lost session is learnt from `wamp.session.on_leave`,
    and `on_delete` is not used.
    """

    def __init__(self, instances: Instances, greet: Callable[[Instance, int], None], now: Callable[[], float]) -> None:
        self._instances = instances
        self._greet = greet
        self._now = now
        self._by_subscription: dict[int, Instance] = {}
        self._by_session: dict[int, set[Instance]] = {}

    async def follow(self, session: Any) -> None:
        """Listen to the meta events of the router that `session` is connected to."""
        await session.subscribe(self._created, "wamp.subscription.on_create")
        await session.subscribe(self._subscribed, "wamp.subscription.on_subscribe")
        await session.subscribe(self._unsubscribed, "wamp.subscription.on_unsubscribe")
        await session.subscribe(self._session_left, "wamp.session.on_leave")

    def lost(self) -> None:
        """Forget everybody: the session that told of them is over, and clients come back by themselves, on new topics."""
        self._by_subscription.clear()
        self._by_session.clear()
        self._instances.move()
        for instance in self._instances.all():
            self._left(instance)

    def freed(self, instance: Instance) -> None:
        """Forget the subscription to an instance that is no more."""
        if instance.subscription is not None:
            self._by_subscription.pop(instance.subscription, None)

    def _created(self, _session: int, subscription: dict[str, Any]) -> None:
        if subscription.get("match", "exact") != "exact":
            return
        instance = self._instances.at_topic(subscription["uri"])
        if instance is not None:
            self.freed(instance)
            instance.subscription = subscription["id"]
            self._by_subscription[subscription["id"]] = instance

    def _subscribed(self, session: int | None, subscription: int) -> None:
        instance = self._by_subscription.get(subscription)
        if instance is not None and session is not None:
            instance.subscribers.add(session)
            instance.unused_since = None
            self._by_session.setdefault(session, set()).add(instance)
            self._greet(instance, session)

    def _unsubscribed(self, session: int | None, subscription: int) -> None:
        instance = self._by_subscription.get(subscription)
        if instance is None or session not in instance.subscribers:
            return
        instance.subscribers.remove(session)
        self._left(instance)
        theirs = self._by_session[session]
        theirs.discard(instance)
        if not theirs:
            del self._by_session[session]

    def _session_left(self, session: int, *_: Any) -> None:
        for instance in self._by_session.pop(session, ()):
            instance.subscribers.discard(session)
            self._left(instance)

    def _left(self, instance: Instance) -> None:
        if not instance.subscribers and instance.unused_since is None:
            instance.unused_since = self._now()
            instance.handed_over = float("-inf")  # who has left knows how to: should they come back, they can be moved again
