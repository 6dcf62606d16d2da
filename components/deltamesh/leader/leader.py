"""
The leader: keeps the shared graph up to date, takes writes, publishes deltas. Or stands by until it is the one that does.

starting ── caught up ──▶ standby ── registered ──▶ taking over ── all read ──▶ leading      any state ── session lost ──▶ starting

The router gives `S.write` to one session: that is the lock. The journal serves the one that took it last: that is the fence, for a
leader that was cut off and does not know. Wiring only: `standby` follows the journal, `succession` waits, `procedures` are called, and
`line` and `batches` take the calls.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from deltamesh.application.service import Service
from deltamesh.connection import Connection
from deltamesh.connection.wamp import WampError
from deltamesh.errors import (
    AnotherJournal,
    ConfigurationError,
    DeltameshError,
    Fenced,
    JournalDamaged,
    JournalUnavailable,
    RemoteError,
)
from deltamesh.journal import Journal, MemoryJournal, Record
from deltamesh.leader.batches import Batch
from deltamesh.leader.claim import Claim
from deltamesh.leader.line import Line
from deltamesh.leader.procedures import Procedures
from deltamesh.leader.standby import Standby
from deltamesh.leader.succession import Succession
from deltamesh.stream import Delta, Position

ANNOUNCE_INTERVAL: Final = 1.0
"""Pause after which a position is published again while nothing changes [s]."""

GIVE_UP: Final = 5.0
"""A leader that cannot reach the journal for so long lets others try [s]; the journal itself waits before it says so."""

SHORT_REIGN: Final = 10.0
"""A leader whose journal is taken within so long of taking it [s], twice in a row, has not been replaced: another mesh uses its journal."""


class State(Enum):
    """What a leader is doing."""

    STARTING = "starting"
    STANDBY = "standby"
    TAKING_OVER = "taking over"
    LEADING = "leading"


class Leader:
    """
    A leader or standby of `service`, on `connection`.

    Without a journal it keeps nothing: it begins a new epoch, empty, and shares nothing with others of its kind.
    """

    log = Logger()

    def __init__(self, service: Service, connection: Connection, journal: Journal | None = None) -> None:
        self.service = service
        self.state = State.STARTING
        self.term: int | None = None
        """Of the journal, since this one took it."""
        self._connection = connection
        self._journal = MemoryJournal(secrets.token_hex(8)) if journal is None else journal
        self._standby = Standby(service, self._journal, connection.reactor)
        self.line = Line(self, connection.reactor)
        """The calls that wait for their turn."""
        self._procedures = Procedures(service, connection, self._standby, self.line)
        self.objection: AnotherJournal | None = None
        """Why it may not lead, as far as it knows."""
        self._claim = Claim()
        self._took_at = 0.0  # when it took the journal [s]
        self._num_short_reigns = 0  # in a row
        self._broken: list[Callable[[DeltameshError], None]] = []
        self._registered: list[Any] = []
        self._away_since: float | None = None  # the journal is out of reach, and has to be taken again before anything else
        self._is_stopping = False
        self._succession = Succession(service.uris, connection, self._standby, self._claim, self._lead)
        self._quiet = LoopingCall(self._announce)
        self._quiet.clock = connection.reactor
        connection.on_join(self._set_up)
        connection.on_lost(self._lost)

    @property
    def position(self) -> Position | None:
        """Where the shared graph is; None until it is recovered."""
        return self._standby.position

    @property
    def leads(self) -> bool:
        """Whether it takes writes."""
        return self.state is State.LEADING

    def readiness(self) -> list[str]:
        """Return why it is not to be used now, though it has a session; nothing: it leads or stands by."""
        if self._is_stopping:
            return ["it is leaving"]
        if self.objection is not None and not self.leads:
            return [self.objection.message]
        return [] if self.state in (State.LEADING, State.STANDBY) else [f"it is {self.state.value}"]

    def readings(self) -> dict[str, float]:
        """Return its numbers, for `operation.health`."""
        line = self.line
        return {
            "component_revision": 0 if self.position is None else self.position.revision,
            "leader_leads": self.leads,
            "leader_term": self.term or 0,
            "leader_waiting": line.num_waiting,
            "leader_calls_total": line.num_calls,
            "leader_transactions_total": line.num_records,
            "leader_batches_total": line.num_batches,
        }

    def on_broken(self, callback: Callable[[DeltameshError], None]) -> None:
        """Call `callback(error)` when the journal cannot be read, nor can it be if it is tried again. Without, it is tried all the same."""
        self._broken.append(callback)

    def start(self) -> None:
        """Read the journal, and lead or stand by whenever there is a session."""
        self._quiet.start(ANNOUNCE_INTERVAL, now=False)
        Deferred.fromCoroutine(self._begin()).addErrback(lambda failure: self.log.failure("cannot begin", failure))

    async def _begin(self) -> None:
        """Read first, which may take long, and connect then: who has a session has to show signs of life."""
        try:
            await self._catch_up()
        except DeltameshError as error:
            if self._ends(error):
                return
            if not self._is_stopping:  # else `stop` has closed it
                self.log.error("cannot read the journal, trying again: {error}", error=error)
        if not self._is_stopping:
            self._connection.start()

    async def stop(self) -> None:
        """Take no new calls, finish those that wait, say that a standby may come, and leave."""
        self._is_stopping = True
        self._succession.stop()
        registered, self._registered = self._registered, []
        await self._connection.withdraw(registered[::-1])  # `write` last: then a standby may come
        await self.line.idle()
        if self._quiet.running:
            self._quiet.stop()
        if self.leads:
            self._connection.publish(self.service.uris.leader_gone)
        await self._connection.stop()
        await self.line.idle()
        self._journal.close()

    # Standing by

    async def _set_up(self, connection: Connection) -> None:
        """Lead, or stand by. What is new in the journal is read first: so to take over takes a moment only."""
        session = connection.session
        await self.line.idle()  # a commit of the former session may be under way
        await self._succession.listen(session)
        await self._catch_up()  # after the leader may have been heard: so what it said is in there
        if connection.session is not session:
            return
        if not await self._lead(session) and connection.session is session:
            self.state = State.STANDBY
            self.log.info("stands by for {service} at {position}", service=self.service.uris.prefix, position=self._wire_position())
            Deferred.fromCoroutine(self._succession.wait(session)).addErrback(self._failed, session)

    def _failed(self, failure: Any, session: Any) -> None:
        """What is done outside of a set-up has failed: begin again with another session, unless that has happened already."""
        if self._connection.session is not session:
            return
        if failure.check(DeltameshError):
            self._tell_broken(failure.value)
        if failure.check(DeltameshError, WampError):
            self.log.error("cannot go on, joining anew: {problem}", problem=failure.getErrorMessage())
        else:
            self.log.failure("cannot go on, joining anew", failure)
        self._connection.leave(session)

    async def _catch_up(self) -> None:
        try:
            await self._standby.catch_up()
        except DeltameshError as error:
            self._tell_broken(error)
            raise

    def _ends(self, error: DeltameshError) -> bool:
        """Whether somebody ends this leader because of `error`."""
        return bool(self._broken) and isinstance(error, (JournalDamaged, ConfigurationError))

    def _tell_broken(self, error: DeltameshError) -> None:
        if self._ends(error):
            for callback in self._broken:
                callback(error)

    def _objects(self) -> AnotherJournal | None:
        """Return why this one may not lead with what its journal holds. Said once, until it may. Requires: the journal was just read."""
        if isinstance(self._journal, MemoryJournal):  # no two of them are the same
            return None
        before, self.objection = self.objection, self._claim.objection(self.position)
        if self.objection is not None and before is None:
            self.log.error("does not lead {service}: {error}", service=self.service.uris.prefix, error=self.objection)
        elif self.objection is None and before is not None:
            self.log.info("may lead {service} again: its journal is the leader's", service=self.service.uris.prefix)
        return self.objection

    # Leading

    async def _lead(self, session: Any) -> bool:
        """Become the leader, unless there is one, or the journal is not the one of the last. Requires: the journal was just read."""
        if self._objects() is not None:
            return False
        try:
            await self._register(self.service.uris.write, self._procedures.write)
        except WampError as error:
            if error.error == "wamp.error.procedure_already_exists":
                return False
            raise
        self.state = State.TAKING_OVER  # from here on calls arrive, and wait
        try:
            await self._take()
        except AnotherJournal:
            self._connection.leave(session)  # which gives the registration back
            return False
        if self._connection.session is not session:
            raise _unavailable()
        uris = self.service.uris
        await self._connection.call("wamp.session.add_testament", uris.leader_gone, [], {})
        for name in self.service.actions:
            await self._register(uris.action(name), self._procedures.action(name))
        await self._register(uris.snapshot, self._procedures.snapshot)
        if self._connection.session is session:
            self.state = State.LEADING
            known, self._claim.known = self._claim.known, self.position
            if known is not None and known.epoch != self._standby.shared.position.epoch:  # in memory, or it would not have come so far
                self.log.warn("takes over without a journal: what the leader had at {known} is not here", known=known.to_wire())
            self._announce()
            self.line.open()
            self.log.info("leads {service} at {position}", service=uris.prefix, position=self._wire_position())
        return True

    async def _register(self, uri: str, procedure: Callable[..., Awaitable[Any]]) -> None:
        self._registered.append(await self._connection.register(uri, procedure))

    async def _take(self) -> None:
        """Become the journal's only writer, and take in what was committed until then; raises `AnotherJournal` if it is another one."""
        self.term = self._journal.take()
        self._took_at = self._connection.reactor.seconds()
        await self._catch_up()
        objection = self._objects()
        if objection is not None:
            raise objection
        self._away_since = None

    def _lost(self) -> None:
        """The session is gone: nobody is there any more to be answered."""
        self._registered.clear()
        self.state = State.STARTING
        self.line.close(_unavailable())
        self._succession.hurry()

    # Committing: what the line needs

    async def begin(self) -> Batch:
        """Return a batch that follows on all that is durable; raises what the journal says."""
        if self._away_since is not None:
            try:
                await self._take()
            except JournalUnavailable as error:
                if self._connection.reactor.seconds() - self._away_since >= GIVE_UP:
                    self._step_down(error)  # a standby may reach it
                raise
            except AnotherJournal as error:
                self._step_down(error)
                raise
            self._announce()  # what this one does not know to be kept may have been
        return Batch(self._standby.shared, self._journal.answered)

    async def append(self, records: list[Record]) -> None:
        """Make records durable; raises what the journal says."""
        try:
            await self._journal.append(records)
        except JournalUnavailable:
            self._away_since = self._connection.reactor.seconds()
            raise
        except Fenced as error:
            self._note_reign()
            self._step_down(error)
            raise

    def _note_reign(self) -> None:
        """The journal was taken away."""
        is_short = self._connection.reactor.seconds() - self._took_at < SHORT_REIGN
        self._num_short_reigns = self._num_short_reigns + 1 if is_short else 0
        if self._num_short_reigns == 2:
            self.log.error("the journal of {service} was taken again: another mesh uses it, it seems", service=self.service.uris.prefix)

    def kept(self, batch: Batch) -> None:
        """Publish what was kept."""
        for failure in batch.failures[:10]:
            self.log.warn("{node} failed for key {key}: {error}", node=failure.node, key=failure.key, error=failure.error)
        delta = batch.keep()
        self._claim.known = self.position
        if delta is not None:
            self._publish(delta)
            if self._quiet.running:
                self._quiet.reset()

    def _step_down(self, error: DeltameshError) -> None:
        """Lead no more: stand by, with another session, unless this one is gone already. Those that wait are told before."""
        if not self.leads:
            return
        self.log.warn("does not lead {service} any more: {error}", service=self.service.uris.prefix, error=error)
        self.state = State.STARTING
        self.line.close(error)
        self._connection.reactor.callLater(0, self._connection.leave, self._connection.session)

    # Publishing

    def _wire_position(self) -> list[Any] | None:
        return None if self.position is None else self.position.to_wire()

    def _announce(self) -> None:
        if self.leads:
            self._publish(self._standby.shared.announce())

    def _publish(self, delta: Delta) -> None:
        if self.leads:
            self._connection.publish_delta(self.service.uris.shared, delta)


def _unavailable() -> RemoteError:
    return RemoteError("wamp.error.unavailable", "the leader was cut off", retry=True)
