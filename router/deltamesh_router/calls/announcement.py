"""What the router itself publishes; among that, when a call queue cannot take more and when it has caught up."""

from __future__ import annotations

from typing import Any, Final

from autobahn.wamp.types import PublishOptions

ON_FULL: Final = "mesh.queue.on_full"
"""A call was refused because as many waited as may; told once until the queue has drained."""

ON_DRAINED: Final = "mesh.queue.on_drained"
"""After that: nothing waits any more."""


def announce(router: Any, topic: str, registration: Any, waiting: int, max_waiting: int) -> None:
    """
    Publish `[uri, {match, waiting, max_waiting}]` to `topic`, in the next turn of the reactor: what is being done for a call is done first.

    Args:
        router: the `router.Router` of the realm; its own session publishes.
        topic: `ON_FULL` or `ON_DRAINED`.
        registration: whose queue it is.
        waiting: how many calls wait.
        max_waiting: how many may.
    """
    event = {"match": registration.match, "waiting": waiting, "max_waiting": max_waiting}
    publish_soon(router, topic, registration.uri, event)


def publish_soon(router: Any, topic: str, *args: Any, options: PublishOptions | None = None) -> None:
    """Publish in the next turn of the reactor, by the realm's own session, if there is one then."""
    router._factory._reactor.callLater(0, _publish, router._realm, topic, args, options)


def _publish(realm: Any, topic: str, args: tuple[Any, ...], options: PublishOptions | None) -> None:
    if realm.session is not None and realm.session.is_attached():
        realm.session.publish(topic, *args, options=options)
