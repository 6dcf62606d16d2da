"""
What a service holds of the branch, and how it comes to hold something else: only what differs is written, in order, once.

One write is under way at a time, and it is repeated until its answer is known, so none can overtake a later one. What was written before
this process, or by another one, is read at first, and again when the service may hold something else than was written: it has another
epoch, or is behind what it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from deltamesh.client.mesh import Done, Mesh
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError, MalformedMessage, RemoteError
from deltamesh.parameters.content.writing import INPUTS, Contents, held_by, in_parts, transaction
from deltamesh.stream import Answer, Delta, Position, decode, join
from deltamesh.values import IndexKey, index_key, plain_key

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 1.0
"""Pauses between tries to write [s]: they double."""

LEADERLESS: Final = frozenset(
    {"wamp.error.no_such_procedure", "wamp.error.no_available_callee", "wamp.error.canceled", "deltamesh.error.no_callee"}
)
"""What a router answers when nobody takes a call, or who took it is gone."""

BEHIND: Final = 2
"""Announcements in a row that are behind what was written: one may have been overtaken by the answer to a write."""


class InThread(Protocol):
    """Runs a function in a thread."""

    def __call__(self, work: Callable[..., Any], /, *args: Any) -> Awaitable[Any]:
        """Return what `work(*args)` returns."""
        ...


class Record:
    """
    What the service `service` holds, as far as the reader writes it.

    Args:
        in_thread: where long work is done.
        doubted: called when the service turns out to be another one, or an older copy.
    """

    log = Logger()

    def __init__(self, connection: Connection, service: str, in_thread: InThread, doubted: Callable[[], None]) -> None:
        self.position: Position | None = None
        """Where the service holds what was written last; None while that is not known."""
        self.problem: str | None = None
        """Why it is not written yet, if that is tried again."""
        self._connection = connection
        self._mesh = Mesh(connection, service, patience=0.0)
        self._in_thread = in_thread
        self._doubted = doubted
        self._session: Any = None  # in which is written
        self._known: Contents | None = None
        self._place: Position | None = None  # where it holds `_known`
        self._is_certain = False
        self._num_behind = 0

    async def begin(self) -> None:
        """Hear where the service is, on this session; what it holds is not known any more for certain."""
        self.doubt()
        self._session = self._connection.session
        topics = self._connection.topics
        assert topics is not None, "there is a session"
        await topics.add(self._mesh.uris.shared, self._heard)

    def end(self) -> None:
        """Write no more: what is under way may happen, and is not repeated."""
        self._session = None
        self.problem = None
        self.doubt()

    def doubt(self) -> None:
        """The service may hold something else than what was written: look before the next write."""
        self._is_certain = False
        self.position = None

    @property
    def is_certain(self) -> bool:
        """Whether it is known what the service holds, but for a write that may be under way."""
        return self._is_certain

    def is_written(self, contents: Contents) -> bool:
        """Whether the service holds `contents`, which is the object that was given to `write`, as far as is known."""
        return self._is_certain and self._known is contents

    async def write(self, contents: Contents) -> Position:
        """
        Let the service hold `contents`, and return the position at which it does. It waits for as long as nobody leads.

        Raises:
            DeltameshError: it is refused, and would be again. Or the session is another one, or none: it is not known what is written.
        """
        while not (self._is_certain and self._known is contents):
            if not self._is_certain:
                await self._learn()
            await self._change(contents)
        self.position, self.problem = self._place, None
        assert self.position is not None, "it is certain"
        return self.position

    async def _change(self, contents: Contents) -> None:
        """Write what differs; it is doubtful then if the service is not the one of which it differs any more."""
        known = self._known
        parts = await self._in_thread(lambda: list(in_parts(transaction(known, contents))))
        self.position = None
        for part in parts:
            before = self._place
            try:
                place = await self._write(part)
            except BaseException:
                self.doubt()  # of several parts some may be written
                raise
            if before is None or place.epoch != before.epoch or place.revision <= before.revision:
                self.log.warn("the service is another one, or an older copy: looking what it holds")
                self._place = None
                self.doubt()
                self._doubted()
                return
            self._place = place
        self._known = contents

    async def _learn(self) -> None:
        """Find out what the service holds: after all that was written to it before."""
        await self._write({})  # what another session of ours, or another reader, has sent comes before this
        position = None if self._place is None else self._place.to_wire()

        async def asked() -> Answer:
            texts: list[str] = []
            wire = await self._connection.call(
                self._mesh.uris.snapshot, on_progress=lambda part: texts.append(part["entries"]), position=position
            )
            return Answer.from_wire({**wire, "entries": join([*texts, wire["entries"]])})

        answer = await self._persist(asked)
        self._known = await self._in_thread(_contents, answer, self._known)
        self._place = self.position = Position(answer.epoch, answer.revision)
        self._num_behind = 0
        self._is_certain = True

    async def _write(self, changes: Any) -> Position:
        key = secrets.token_hex(16)
        done: Done = await self._persist(lambda: self._mesh.write(changes, idempotency_key=key))
        return done.position

    async def _persist(self, attempt: Callable[[], Awaitable[Any]]) -> Any:
        """Return what `attempt()` returns, trying again for as long as its error says that this can help, in this session."""
        pause = FIRST_PAUSE
        while self._session is not None and self._connection.session is self._session:
            try:
                return await attempt()
            except DeltameshError as error:
                if not error.retry:
                    raise
                self.problem = _why(error, self._mesh.uris.prefix)
            await self._sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        raise RemoteError("wamp.error.unavailable", "the connection was lost while writing", retry=True)

    def _sleep(self, seconds: float) -> Deferred[None]:
        return deferLater(self._connection.reactor, seconds, lambda: None)

    def _heard(self, *arguments: Any) -> None:
        """Take in where the service is, which it says each second, and with each change."""
        try:
            now = Delta.from_wire(*arguments).position
        except MalformedMessage as error:
            self.log.warn("{topic}: {error}", topic=self._mesh.uris.shared, error=error)
            return
        place = self._place
        if not self._is_certain or place is None:
            return
        is_behind = now.epoch == place.epoch and now.revision < place.revision
        self._num_behind = self._num_behind + 1 if is_behind else 0
        if now.epoch != place.epoch or self._num_behind >= BEHIND:
            self.log.warn("the service is at {now}, after {place}: looking what it holds", now=now.to_wire(), place=place.to_wire())
            self._place = None  # there is nothing to go on from
            self.doubt()
            self._doubted()


def _why(error: DeltameshError, service: str) -> str:
    """Return why something is not written yet, for everybody: that nobody leads is no news of a procedure."""
    return f"nobody leads {service} now: what was read is written when somebody does" if error.uri in LEADERLESS else error.message


def _contents(answer: Answer, known: Contents | None) -> Contents:
    """Return what a service holds by its answer, which may tell only what has changed since it held `known`."""
    entries: dict[str, list[tuple[Any, Any]]] = {name: [] for name in INPUTS}
    gone: list[tuple[str, IndexKey]] = []
    for key, values in decode(answer.entries).items():
        name, own = plain_key(key)  # of the shared graph it is [collection, key]
        if name in entries:
            if values:
                entries[name].append((own, values))
            else:
                gone.append((name, index_key(own)))
    new = held_by(entries)
    if answer.since is None or known is None:
        return new
    found = {name: {**known.get(name, {}), **held} for name, held in new.items()}
    for name, own in gone:
        found[name].pop(own, None)
    return found
