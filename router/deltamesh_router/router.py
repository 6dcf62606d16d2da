"""One realm's router: authorization with two more rules, and the fast way out for events."""

from __future__ import annotations

from typing import Any, Final

from autobahn.exception import Disconnected
from autobahn.wamp.exception import ProtocolError, TransportLost
from autobahn.wamp.message import Subscribe
from crossbar.router import router as stock
from twisted.internet.defer import Deferred, succeed

from deltamesh_router.calls.dealer import Dealer
from deltamesh_router.events import publishing
from deltamesh_router.events.broker import Broker
from deltamesh_router.insight import figures
from deltamesh_router.sessions import heartbeat, pacing
from deltamesh_router.sessions.admission import Admission
from deltamesh_router.sessions.heartbeat import Heartbeats
from deltamesh_router.sessions.outbound import Outbound
from deltamesh_router.settings.settings import LiveSettings
from deltamesh_router.wire import plain

MAX_CACHED_AUTHORIZATIONS: Final = 20_000
"""Answers of the authorizer that are kept for a realm. Their key contains a URI, and URIs are chosen by strangers."""

LINKS: Final = frozenset({"rlink", "trusted"})
"""
Roles of sessions that may say for whom they speak (`forward_for`): links between routers, as Crossbar.io calls them, and the router's own.
From anybody else it would be a way to be called an administrator.
"""

_RECEIVED: Final = {plain.Call: "call", plain.Yield: "yield", plain.Publish: "publish"}
_SENT: Final = {plain.Invocation: "invocation", plain.Result: "result"}
"""The kinds of messages that most are of, and their names in the statistics of a realm."""


class Router(stock.Router):
    """
    Crossbar.io's router of a realm, with our dealer and broker. It differs in four things more:

    - who is no link between routers speaks for itself alone (`process`),
    - a subscription or registration of a pattern needs the permission for every URI (`authorize`),
    - the cache of authorizations is bounded,
    - nothing is sent to a session for which too much waits (`send`, `sessions.outbound`), nor to one whose connection is being closed.
    """

    dealer = Dealer
    broker = Broker

    def __init__(self, factory: Any, *args: Any, **kwargs: Any) -> None:
        worker = getattr(factory, "_worker", None)
        self.settings: LiveSettings = getattr(worker, "settings", None) or LiveSettings()
        self.outbound: Outbound = getattr(worker, "outbound", None) or Outbound(self.settings, factory._reactor)
        self.admission: Admission = getattr(worker, "admission", None) or Admission(self.settings, self.outbound, factory._reactor)
        self.heartbeats: Heartbeats = getattr(worker, "heartbeats", None) or Heartbeats(factory._reactor)
        self._lagging = self.outbound.lagging
        super().__init__(factory, *args, **kwargs)
        self._dealer.procedures[publishing.PROCEDURE] = publishing.publish_many(self._broker)
        self._dealer.procedures[figures.PROCEDURE] = figures.metrics(self)
        self._dealer.procedures[pacing.PROCEDURE] = pacing.caught_up(self)
        self._dealer.procedures[heartbeat.PROCEDURE] = heartbeat.heartbeat(self)

    def attach(self, session: Any) -> Any:
        """Let `session` take part."""
        features = super().attach(session)
        self.admission.joined(session)
        return features

    def _detach(self, session: Any) -> Any:
        detached = super()._detach(session)
        self.admission.not_joined(session)
        self.heartbeats.forget(session)
        return detached

    def authorize(self, session: Any, uri: str, action: str, options: dict[str, Any]) -> Deferred[dict[str, Any]]:
        """
        Decide whether `session` may do `action` on `uri`.

        A subscription or registration with `match` "prefix" or "wildcard" is decided as one of the URI "", which is what a role has
        that may do it with everything. A permission for a prefix is one for each topic whose name is known, and never one to listen to
        all that begin like it: the names of live topics are what protects them. Nor is it one to answer for all procedures
        that begin like it, among them such as a longer line forbids.
        """
        if action in ("subscribe", "register") and options.get("match", Subscribe.MATCH_EXACT) != Subscribe.MATCH_EXACT:
            uri = ""
        cache = self._authorization_cache
        known = cache.get((session._realm, session._authrole, uri, action))
        if known is not None and session._authrole in self._roles:
            return succeed(known)
        if len(cache) >= MAX_CACHED_AUTHORIZATIONS:
            cache.clear()
        answer: Deferred[dict[str, Any]] = super().authorize(session, uri, action, options)
        return answer

    def process(self, session: Any, msg: Any) -> None:
        """
        Do what a message from the client of `session` asks for.

        Raises:
            ProtocolError: it may not be sent, or not now.
        """
        if getattr(msg, "forward_for", None) and session._authrole not in LINKS:
            msg.forward_for = None
        name = _RECEIVED.get(type(msg))
        if name is None or self._trace_traffic:
            super().process(session, msg)
            return
        try:
            if name == "call":
                self._dealer.processCall(session, msg)
            elif name == "yield":
                self._dealer.processYield(session, msg)
            else:
                self._broker.processPublish(session, msg)
        except ProtocolError:
            raise
        except Exception:  # noqa: BLE001  # a fault of ours in one message ends nothing else
            self.log.failure("INTERNAL ERROR in router incoming message processing")
        received = self._message_stats["received"]
        received[name] = received.get(name, 0) + 1

    def send(self, session: Any, msg: Any) -> None:
        """Send `msg` to the client of `session`; nothing happens if it is a slow reader, or its connection is about to end."""
        if self._lagging and session in self._lagging and not self._lagging[session].admits():
            return
        name = _SENT.get(type(msg))
        transport = session._transport
        try:
            if name is None or not transport or self._trace_traffic or self._is_traced:
                super().send(session, msg)
            else:
                transport.send(msg)
                sent = self._message_stats["sent"]
                sent[name] = sent.get(name, 0) + 1
        except (Disconnected, TransportLost):
            self.log.debug("skip sending: the connection of session {session} is being closed", session=session._session_id)


class RouterFactory(stock.RouterFactory):
    """Makes a `Router` for each realm."""

    router = Router
