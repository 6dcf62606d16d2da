"""Keeps a follower's mirror of the shared graph current: one subscription, one procedure, the rules of `stream`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError, MalformedMessage, RemoteError
from deltamesh.follower.instances import Instances
from deltamesh.stream import Answer, Apply, Ask, Delta, Output, Replace, State, Subscriber, join
from deltamesh.uris import ServiceURIs

PAUSE: Final = 0.5
"""Pause before asking a leader again that did not answer, or not usefully [s]."""


BEHIND: Final = 3
"""Announcements in a row that are behind the mirror: one or two may have been overtaken by a snapshot."""


class Mirroring:
    """
    Drives a `Subscriber`. `changed()` is called when the mirror has moved, `begun()` when it is that of a new epoch.

    Deltas that arrive together are taken in as one: what they touch is computed once, and a follower that has fallen behind
    catches up.
    """

    log = Logger()

    def __init__(
        self, uris: ServiceURIs, connection: Connection, instances: Instances, changed: Callable[[], None], begun: Callable[[], None]
    ) -> None:
        self._uris = uris
        self._connection = connection
        self._instances = instances
        self._changed = changed
        self._begun = begun
        self._subscriber = Subscriber()
        self._arrived: list[Apply] = []
        self._taking_in: DelayedCall | None = None
        self._live: list[Deferred[None]] = []
        self._latest = 0  # number of the last ask
        self._heard = self._now()  # when something last came from the leader
        self._num_behind = 0

    @property
    def is_live(self) -> bool:
        """Whether nothing is missing, as far as is known."""
        return self._subscriber.state is State.LIVE

    @property
    def lag(self) -> int:
        """How many revisions have arrived that the mirror has not taken in."""
        arrived, here = self._subscriber.position, self._instances.position
        return arrived.revision - here.revision if arrived is not None and here is not None and arrived.epoch == here.epoch else 0

    @property
    def silence(self) -> float:
        """How long nothing has come from the leader, who speaks each second [s]."""
        return self._now() - self._heard

    def _now(self) -> float:
        return float(self._connection.reactor.seconds())

    async def begin(self) -> None:
        """Subscribe, ask, and return when the mirror is current."""
        await self._connection.session.subscribe(self._event, self._uris.shared)
        self._do(self._subscriber.connected(self._uris.shared))
        live: Deferred[None] = Deferred()
        self._live.append(live)
        await live

    def lost(self) -> None:
        """The session is gone; the mirror stays as it is."""
        self._subscriber.lost()
        waiting, self._live = self._live, []
        for each in waiting:
            each.errback(RemoteError("wamp.error.unavailable", "the connection was lost while waiting for the leader", retry=True))

    def _event(self, *arguments: Any) -> None:
        self._heard = self._now()
        try:
            delta = Delta.from_wire(*arguments)
        except MalformedMessage as error:
            self.log.error("{topic}: {error}", topic=self._uris.shared, error=error)
            self._do(self._subscriber.ask())
            return
        self._look_back(delta)
        self._do(self._subscriber.receive(self._uris.shared, delta))

    def _look_back(self, delta: Delta) -> None:
        """Say once that the leader is behind this mirror, whose rules take no notice of old revisions."""
        here = self._subscriber.position
        is_behind = here is not None and delta.epoch == here.epoch and delta.since == delta.to < here.revision
        self._num_behind = self._num_behind + 1 if is_behind else 0
        if self._num_behind == BEHIND and here is not None:
            wires = {"leader": delta.position.to_wire(), "here": here.to_wire()}
            self.log.error(
                "the leader is at {leader}, behind {here} here: its journal is an older copy, and what came after is lost", **wires
            )

    def _do(self, outputs: list[Output]) -> None:
        """Do what the state machine says."""
        for output in outputs:
            if isinstance(output, Ask):
                self._latest = output.number
                ensureDeferred(self._ask(output)).addErrback(self._crashed)
            elif isinstance(output, Apply):
                self._arrived.append(output)
                if self._taking_in is None:
                    self._taking_in = self._connection.reactor.callLater(0, self.take_in)
            else:
                self._arrived.clear()  # older than the whole content
                self._replace(output)
        if self._subscriber.state is State.LIVE:
            waiting, self._live = self._live, []
            for each in waiting:
                each.callback(None)

    def take_in(self) -> None:
        """Bring the mirror to the last delta that has arrived, now: before somebody is answered who may know what is in it."""
        if self._taking_in is not None:
            taking_in, self._taking_in = self._taking_in, None
            if taking_in.active():
                taking_in.cancel()
        arrived, self._arrived = self._arrived, []
        if arrived:
            try:
                self._instances.apply(join([each.entries for each in arrived]), arrived[-1].position)
            except MalformedMessage as error:
                self._unreadable(error)
            else:
                self._changed()

    def _replace(self, whole: Replace) -> None:
        try:
            begins = self._instances.replace(whole.entries, whole.position)
        except MalformedMessage as error:
            self._unreadable(error)
        else:
            (self._begun if begins else self._changed)()

    def _unreadable(self, error: MalformedMessage) -> None:
        self.log.error("the shared graph cannot be read: {error}", error=error)
        self._do(self._subscriber.ask(whole=True))

    async def _ask(self, ask: Ask) -> None:
        if ask.pause:
            await self._sleep()
        texts: list[str] = []
        position = None if ask.position is None else ask.position.to_wire()
        try:
            wire = await self._connection.call(
                self._uris.snapshot, on_progress=lambda part: texts.append(part["entries"]), position=position
            )
            answer = Answer.from_wire({**wire, "entries": join([*texts, wire["entries"]])})
        except DeltameshError as error:
            self.log.debug("no snapshot: {error}", error=error)
            await self._sleep()
            if ask.number == self._latest:
                self._do(self._subscriber.ask())
            return
        self._heard = self._now()
        self._do(self._subscriber.answer(ask.number, self._uris.shared, answer))

    def _sleep(self) -> Deferred[None]:
        return deferLater(self._connection.reactor, PAUSE, lambda: None)

    def _crashed(self, failure: Any) -> None:
        self.log.failure("mirroring failed", failure)
        session = self._connection.session
        if session is not None:
            session.disconnect()
