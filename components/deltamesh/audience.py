"""Who is subscribed to the instances of a follower, learnt from the router's subscription meta events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deltamesh.instances import Instance, Instances


class Audience:
    """
    Keeps `subscribers` and `unused_since` of each instance.

    `greet(instance, session)` is called when a session has subscribed. Source: WAMP, section "Subscription Meta API".
    """

    def __init__(self, instances: Instances, greet: Callable[[Instance, int], None], now: Callable[[], float]) -> None:
        self._instances = instances
        self._greet = greet
        self._now = now
        self._topics: dict[int, str] = {}  # by subscription: topics of ours

    async def follow(self, session: Any) -> None:
        """Listen to the meta events of the router that `session` is connected to."""
        await session.subscribe(self._created, "wamp.subscription.on_create")
        await session.subscribe(self._subscribed, "wamp.subscription.on_subscribe")
        await session.subscribe(self._unsubscribed, "wamp.subscription.on_unsubscribe")
        await session.subscribe(self._deleted, "wamp.subscription.on_delete")

    def lost(self) -> None:
        """Forget everybody: the router that knew them is out of reach, and clients come back by themselves."""
        self._topics.clear()
        for instance in self._instances.all():
            instance.subscribers.clear()
            self._left(instance)

    def _created(self, _session: int, subscription: dict[str, Any]) -> None:
        if subscription.get("match", "exact") == "exact" and self._instances.at_topic(subscription["uri"]) is not None:
            self._topics[subscription["id"]] = subscription["uri"]

    def _subscribed(self, session: int, subscription: int) -> None:
        instance = self._instance(subscription)
        if instance is not None:
            instance.subscribers.add(session)
            instance.unused_since = None
            self._greet(instance, session)

    def _unsubscribed(self, session: int, subscription: int) -> None:
        instance = self._instance(subscription)
        if instance is not None:
            instance.subscribers.discard(session)
            self._left(instance)

    def _deleted(self, _session: int, subscription: int) -> None:
        self._topics.pop(subscription, None)

    def _instance(self, subscription: int) -> Instance | None:
        topic = self._topics.get(subscription)
        return None if topic is None else self._instances.at_topic(topic)

    def _left(self, instance: Instance) -> None:
        if not instance.subscribers and instance.unused_since is None:
            instance.unused_since = self._now()
