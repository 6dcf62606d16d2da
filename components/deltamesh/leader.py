"""The leader: keeps the shared graph up to date, takes writes, publishes deltas. Wiring only; see `shared`."""

from __future__ import annotations

import secrets
from itertools import islice
from typing import Any, Final

import msgspec
from twisted.internet.base import DelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from deltamesh.connection import Connection
from deltamesh.errors import InvalidIdempotencyKey, TooLarge, UnknownName
from deltamesh.graph import Commit, Writes
from deltamesh.journal import Answered, Journal, MemoryJournal, Record
from deltamesh.service import Service
from deltamesh.shared import SharedGraph, decode_changes, parse_writes
from deltamesh.stream import Delta, Position
from deltamesh.transaction import Caller
from deltamesh.values import JSON

ANNOUNCE_INTERVAL: Final = 1.0
"""Pause after which a position is published again while nothing changes [s]."""

PART_SIZE: Final = 256 * 1024
"""Characters of one part of a snapshot."""

MAX_RESULT: Final = 3 << 20
"""Characters of the result of an action: of up to 4 bytes each, they fit into one message."""


class Leader:
    """One leader of `service`, on `connection`. Without a journal it starts a new epoch, empty."""

    log = Logger()

    def __init__(self, service: Service, connection: Connection, journal: Journal | None = None) -> None:
        self.service = service
        self._connection = connection
        self._journal = MemoryJournal(secrets.token_hex(8)) if journal is None else journal
        recovered = self._journal.recover()
        self._shared = SharedGraph(service, recovered.position)
        for name, entries in recovered.entries:
            self._shared.load({name: entries})
        self._flushing: DelayedCall | None = None
        self._quiet = LoopingCall(self._announce)
        self._leads = False
        connection.on_join(self._set_up)
        connection.on_lost(self._lost)

    @property
    def position(self) -> Position:
        """Where the shared graph is."""
        return self._shared.position

    def start(self) -> None:
        """Begin to connect, and to serve whenever there is a session."""
        self._quiet.start(ANNOUNCE_INTERVAL, now=False)
        self._connection.start()

    async def stop(self) -> None:
        """Publish what is left, and leave."""
        self._flush()
        if self._quiet.running:
            self._quiet.stop()
        if self._leads:
            self._connection.publish(self.service.uris.leader_gone)
        await self._connection.stop()

    async def _set_up(self, connection: Connection) -> None:
        uris = self.service.uris
        await connection.register(uris.write, self._write)  # only one can, and from here on it is this one that leads
        self._leads = True
        await connection.call("wamp.session.add_testament", uris.leader_gone, [], {})
        for name in self.service.actions:
            await connection.register(uris.action(name), self._action(name))
        await connection.register(uris.snapshot, self._snapshot)
        self._announce()
        self.log.info("leads {service} at {position}", service=uris.prefix, position=self.position.to_wire())

    def _lost(self) -> None:
        self._leads = False

    # Procedures

    async def _write(self, _details: Any, /, changes: Any = None, idempotency_key: Any = None) -> dict[str, Any]:
        key = _checked(idempotency_key)
        answered = self._answered(key)
        if answered is None:
            answered = await self._commit(parse_writes(decode_changes(changes)), None, key)
        return {"epoch": self.position.epoch, "revision": answered.revision}

    def _action(self, name: str) -> Any:
        async def act(details: Any, /, *args: Any, idempotency_key: Any = None, **kwargs: Any) -> dict[str, Any]:
            key = _checked(idempotency_key)
            answered = self._answered(key)
            if answered is None:
                caller = Caller(details.caller, details.caller_authid, details.caller_authrole)
                result, transaction = self.service.act(name, self._shared.graph, caller, args, kwargs)
                size = len(msgspec.json.encode(result))
                if size > MAX_RESULT:
                    raise TooLarge(f"result of {name}", size, MAX_RESULT)
                answered = await self._commit(transaction.writes(), result, key)
            return {"result": answered.result, "epoch": self.position.epoch, "revision": answered.revision}

        return act

    async def _snapshot(self, details: Any, /, position: Any = None) -> dict[str, Any]:
        since = None if position is None else Position.from_wire(position)
        self._flush()
        snapshot = self._shared.snapshot(since, PART_SIZE)
        texts = snapshot.texts
        if details.progress is None:
            listed = list(islice(texts, 2))
            if len(listed) > 1:
                raise TooLarge("snapshot", sum(map(len, listed)), PART_SIZE, "call with receive_progress")
            texts = iter(listed)
        wire = {"epoch": snapshot.position.epoch, "from": snapshot.since, "revision": snapshot.position.revision}
        return {**wire, "entries": await self._connection.in_parts(details, texts)}

    # Committing

    def _answered(self, idempotency_key: str | None) -> Answered | None:
        return None if idempotency_key is None else self._journal.answered(idempotency_key)

    async def _commit(self, writes: Writes, result: JSON, idempotency_key: str | None) -> Answered:
        for name in writes:
            if name not in self.service.inputs:
                raise UnknownName("input", name, list(self.service.inputs))
        if not any(writes.values()):  # nothing to write: an action that only looked
            return Answered(self.position.revision, result)
        commit = self._shared.commit(writes)
        self._report(commit)
        answered = Answered(commit.revision, result)
        await self._journal.append([Record(commit.revision, writes, idempotency_key, answered)])
        if self._flushing is None:
            self._flushing = self._connection.reactor.callLater(0, self._flush)
        return answered

    def _report(self, commit: Commit) -> None:
        for failure in commit.failures[:10]:
            self.log.warn("{node} failed for key {key}: {error}", node=failure.node, key=failure.key, error=failure.error)

    # Publishing

    def _flush(self) -> None:
        if self._flushing is not None:
            flushing, self._flushing = self._flushing, None
            if flushing.active():
                flushing.cancel()
        delta = self._shared.flush()
        if delta is not None:
            self._publish(delta)
            if self._quiet.running:
                self._quiet.reset()

    def _announce(self) -> None:
        self._publish(self._shared.announce())

    def _publish(self, delta: Delta) -> None:
        if self._leads:
            self._connection.publish_delta(self.service.uris.shared, delta)


def _checked(idempotency_key: Any) -> str | None:
    if idempotency_key is None or (isinstance(idempotency_key, str) and 0 < len(idempotency_key) <= 128):
        return idempotency_key
    raise InvalidIdempotencyKey
