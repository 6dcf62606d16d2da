"""
A follower: mirrors the shared graph, computes the instances that clients open, publishes their deltas.

Wiring only: what a view is stands in `instances`, how nothing is missed in `stream`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Final

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from deltamesh.application.service import Service
from deltamesh.application.transaction import Caller
from deltamesh.connection import Connection
from deltamesh.connection.deltas import Deltas
from deltamesh.connection.wamp import WampError
from deltamesh.errors import InvalidParameters, TooLarge
from deltamesh.follower.arrivals import PATIENCE, Arrivals
from deltamesh.follower.audience import Audience
from deltamesh.follower.instances import MAX_INSTANCES, Instance, Instances
from deltamesh.follower.mirroring import Mirroring
from deltamesh.follower.spreading import Spreading
from deltamesh.operation.status import Facts
from deltamesh.stream import Position, parts
from deltamesh.uris import check_name
from deltamesh.values import NotJSON

CONCURRENCY: Final = 256
"""Calls of one kind that the router may have under way at one follower."""

GRACE: Final = 10.0
"""How long an instance without subscribers is kept [s]: a client that comes back resumes instead of starting over."""

UNBOUNDED: Final = "component"
"""The role of our own processes, for which neither this holds nor the bound on instances of one session: one may ask for many."""

ANNOUNCE_INTERVAL: Final = 30.0
"""Pause after which the positions of all instances are published again [s]."""

PART_SIZE: Final = 256 * 1024
"""Characters of one part of a large result."""

MAX_ANSWERED: Final = 10_000
"""Sessions of one instance that were answered and have not subscribed yet; the others just find a gap if they missed something."""

LINGER: Final = 2.0
"""How long a follower that leaves goes on for clients that have not moved yet [s]."""

MAX_RESULT: Final = 3 << 20
"""Characters of entries in a result that does not come in parts: of up to 4 bytes each, they fit into one message."""


class Follower:
    """
    One follower of `service`, on `connection`.

    Args:
        name: unique in the mesh; a random one unless given.
        grace: see `GRACE`.
        patience: see `arrivals.PATIENCE`.
        limit: instances that it holds at most.
    """

    log = Logger()

    def __init__(
        self,
        service: Service,
        connection: Connection,
        *,
        name: str | None = None,
        grace: float = GRACE,
        patience: float = PATIENCE,
        limit: int = MAX_INSTANCES,
    ) -> None:
        self.service = service
        self.name = check_name("a follower", name or f"f{secrets.token_hex(4)}")
        self._connection = connection
        self._instances = Instances(service, lambda: service.uris.live(self.name, secrets.token_hex(16)), limit=limit)
        self._mirroring = Mirroring(service.uris, connection, self._instances, self._changed, self._begun)
        self._audience = Audience(self._instances, self._greet, self._now)
        self._deltas = Deltas(connection)
        self._registered: list[Any] = []
        self._arrivals = Arrivals(connection.reactor, patience, lambda: self.position)
        self._flushing: DelayedCall | None = None
        self._grace = grace
        self._num_calls = 0  # under way
        self._idle: Deferred[None] | None = None  # waits until none is
        self._is_leaving = False
        self._late: set[int] = set()  # sessions that were answered while leaving, and have not subscribed yet
        self._takes: Any = None  # the registration under which instances are handed over to this follower; None: they cannot be
        self._spreading = Spreading(service.uris, connection, self.name, self._instances, self._facts)
        self._tidying = LoopingCall(self._tidy)
        self._announcing = LoopingCall(self._announce)
        connection.on_join(self._set_up)
        connection.on_lost(self._lost)

    @property
    def position(self) -> Position | None:
        """Where the mirror is; None before there is any content."""
        return self._instances.position

    def readiness(self) -> list[str]:
        """Return why it is not to be used now, though it has a session; nothing: it serves, and misses nothing."""
        if self._is_leaving:
            return ["it is leaving"]
        return [] if self._registered and self._mirroring.is_live else ["it is catching up with its leader"]

    def readings(self) -> dict[str, float]:
        """Return its numbers, for `operation.health`. Cost: linear in the instances."""
        return {
            "component_revision": 0 if self.position is None else self.position.revision,
            "follower_instances": len(self._instances),
            "follower_subscriptions": self._spreading.load()[1],
            "follower_calls_in_flight": self._num_calls,
            "follower_lag_revisions": self._mirroring.lag,
            "follower_silence_seconds": self._mirroring.silence,
        }

    def start(self) -> None:
        """Begin to connect; serve as soon as the shared graph is there."""
        self._tidying.start(self._grace / 4, now=False)
        self._announcing.start(ANNOUNCE_INTERVAL, now=False)
        self._spreading.start()
        self._connection.start()

    async def stop(self) -> None:
        """
        Leave: take no new calls, finish those under way, tell the clients to move, go on for those who have not, but not for long.

        No call fails: what still arrives is answered, and who opens something is told to move as soon as it subscribes.
        """
        self._is_leaving = True
        self._spreading.stop()
        for loop in (self._tidying, self._announcing):
            if loop.running:
                loop.stop()
        registered, self._registered = self._registered, []
        await self._connection.withdraw(registered)
        if self._num_calls:
            self._idle = Deferred()
            await self._idle
        self._flush()
        self._connection.publish(self.service.uris.follower_gone(self.name))
        end = self._now() + LINGER
        while self._has_clients() and self._spreading.has_others and self._now() < end:
            await deferLater(self._connection.reactor, LINGER / 40, lambda: None)
        self._flush()
        await self._connection.stop()

    def _has_clients(self) -> bool:
        """Whether somebody would miss this follower."""
        is_connected = self._connection.session is not None
        return is_connected and (bool(self._late) or any(each.subscribers for each in self._instances.all()))

    def _facts(self) -> Facts:
        state = "leaving" if self._is_leaving else "serves" if self._registered else "catching up"
        here = self.position
        position = None if here is None else (here.epoch, here.revision)
        return Facts(state=state, position=position, takes=self._takes is not None and not self._is_leaving)

    # Joining

    async def _set_up(self, connection: Connection) -> None:
        if self._is_leaving:
            return
        uris = self.service.uris
        await connection.call("wamp.session.add_testament", uris.follower_gone(self.name), [], {})
        await self._audience.follow(connection.session)
        await self._mirroring.begin()
        for uri, procedure in ((uris.open, self._open), (uris.read, self._read)):
            self._registered.append(await connection.register(uri, self._counted(procedure), invoke="roundrobin", concurrency=CONCURRENCY))
        await self._offer(connection)
        self._spreading.reporter.now()
        self.log.info("{name} follows {service} at {position}", name=self.name, service=uris.prefix, position=self._wire_position())

    async def _offer(self, connection: Connection) -> None:
        """Let other followers hand instances over to this one."""
        uri = self.service.uris.open_at(self.name)
        try:
            self._takes = await connection.register(uri, self._counted(self._open), concurrency=CONCURRENCY)
        except WampError as error:
            self.log.info("{name} cannot be handed instances over: {error}", name=self.name, error=error)
        else:
            self._registered.append(self._takes)

    def _lost(self) -> None:
        self._registered.clear()
        self._takes = None
        self._late.clear()
        self._mirroring.lost()
        self._audience.lost()

    # Procedures

    def _counted(self, procedure: Callable[..., Awaitable[dict[str, Any]]]) -> Callable[..., Awaitable[dict[str, Any]]]:
        """Return `procedure`, known to `stop` while it runs."""

        @wraps(procedure)
        async def counted(*args: Any, **kwargs: Any) -> dict[str, Any]:
            self._num_calls += 1
            try:
                return await procedure(*args, **kwargs)
            finally:
                self._num_calls -= 1
                if self._idle is not None and not self._num_calls:
                    idle, self._idle = self._idle, None
                    self._connection.reactor.callLater(0, idle.callback, None)

        return counted

    async def _open(
        self, details: Any, /, resource: Any = None, params: Any = None, position: Any = None, at_least: Any = None
    ) -> dict[str, Any]:
        known = None if position is None else Position.from_wire(position)
        instance = await self._instance(details, resource, params, at_least, known)
        answer = self._instances.answer(instance, known)
        if self._is_leaving and details.caller is not None:
            self._late.add(details.caller)
        if details.caller is not None and len(instance.answered) < MAX_ANSWERED:
            instance.answered[details.caller] = answer.position
        wire = {
            **answer.to_wire(),
            "topic": instance.topic,
            "gone": self.service.uris.follower_gone(self.name),
            "follower": self.name,
        }
        return await self._in_parts(details, instance, wire)

    async def _read(self, details: Any, /, resource: Any = None, params: Any = None, at_least: Any = None, **key: Any) -> dict[str, Any]:
        if unknown := key.keys() - {"key"}:
            raise InvalidParameters(self.service.uris.read, f"there is no keyword {', '.join(sorted(unknown))}")
        instance = await self._instance(details, resource, params, at_least, None)
        answer = self._instances.answer(instance, None)
        wire = answer.to_wire()
        del wire["from"]
        if key:
            try:
                return {**wire, "entries": self._instances.one(instance, key["key"])}
            except NotJSON as error:
                raise InvalidParameters(self.service.uris.read, f"key: {error}") from error
        return await self._in_parts(details, instance, wire)

    async def _instance(self, details: Any, resource: Any, params: Any, at_least: Any, known: Position | None) -> Instance:
        caller = Caller(details.caller, details.caller_authid, details.caller_authrole)
        bounded = None if details.caller_authrole == UNBOUNDED else details.caller
        identity, describe = self.service.instantiate(resource, params, caller)
        self._mirroring.take_in()  # so that a caller finds what it has written, without saying so
        if at_least is not None:
            await self._arrivals.reached(Position.from_wire(at_least), bounded)
        here = self.position
        if known is not None and here is not None and known.epoch == here.epoch and known.revision > here.revision:
            await self._arrivals.reached(known, bounded)  # never show a client a past that it has left behind
        self._flush()
        return self._instances.open(identity, describe, self._now(), bounded)

    async def _in_parts(self, details: Any, instance: Instance, wire: dict[str, Any]) -> dict[str, Any]:
        text = wire["entries"]
        if len(text) <= PART_SIZE or (details.progress is None and len(text) <= MAX_RESULT):
            return wire
        if details.progress is None:
            raise TooLarge("result", len(text), MAX_RESULT, "call with receive_progress, or ask for less")
        if wire.get("from") is not None:  # the difference is larger than a part: the whole is as good
            wire["from"] = None
        return {**wire, "entries": await self._connection.in_parts(details, parts(instance.watch.entries(), PART_SIZE))}

    def _wire_position(self) -> list[Any] | None:
        return None if self.position is None else self.position.to_wire()

    def _now(self) -> float:
        return float(self._connection.reactor.seconds())

    # Publishing

    def _changed(self) -> None:
        """The mirror has moved: publish at the end of this turn, so that revisions that arrive together leave together."""
        if self._flushing is None:
            self._flushing = self._connection.reactor.callLater(0, self._flush)
        self._arrivals.moved()

    def _begun(self) -> None:
        """A new epoch: every client finds a gap, and asks."""
        self._changed()
        self._announce()

    def _flush(self) -> None:
        if self._flushing is not None:
            flushing, self._flushing = self._flushing, None
            if flushing.active():
                flushing.cancel()
        self._deltas.publish([(instance.topic, delta) for instance, delta in self._instances.flush() if instance.subscribers])

    def _greet(self, instance: Instance, session: int) -> None:
        """
        Send a session that has subscribed what it missed since it was answered, or where the instance is: then it finds the gap.

        What waits to be published is not in this: it comes to all subscribers, and so to this one, at the end of the turn.
        """
        position = instance.answered.pop(session, None)
        event = instance.publisher.announce() if position is None else instance.publisher.catch_up(position)
        self._connection.publish_delta(instance.topic, event, eligible=[session])
        if self._is_leaving:
            self._late.discard(session)
            self._connection.publish_to([session], self.service.uris.follower_gone(self.name))

    def _announce(self) -> None:
        self._deltas.publish([(each.topic, each.publisher.announce()) for each in self._instances.all() if each.subscribers])

    def _tidy(self) -> None:
        for instance in self._instances.free_unused(self._now() - self._grace):
            self._audience.freed(instance)
