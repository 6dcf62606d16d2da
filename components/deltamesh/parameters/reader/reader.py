"""
The reader: follows a branch of a repository, and writes what differs to the service.

Wiring only. What the branch amounts to is in `latest`, how that gets to the service in `record`. git and all long work is in one thread,
one thing after the other, so the event loop always answers.

A service has one working reader: the one that has registered `S.repository.reader`. Others wait until that one is gone, and look once
whether they could read their own repository then.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

from deltamesh.connection import Connection
from deltamesh.connection.wamp import WampError
from deltamesh.errors import ConfigurationError, DeltameshError, RemoteError
from deltamesh.parameters.content.branch import HISTORY, State
from deltamesh.parameters.git.remote import OutOfReach
from deltamesh.parameters.git.repository import Repository
from deltamesh.parameters.git.watching import Watching, Where, where
from deltamesh.parameters.reader.latest import Found, Latest, objection, public, what_is_wrong
from deltamesh.parameters.reader.looks import Looks
from deltamesh.parameters.reader.record import Record
from deltamesh.stream import Position
from deltamesh.uris import ServiceURIs
from deltamesh.values import JSON

TICK: Final = 1.0
"""Pause between two times that it is said how the reading is [s]."""

LOCAL_POLL: Final = 1.0
REMOTE_POLL: Final = 30.0
"""Pause between two looks at a repository, if nothing tells that it has changed [s]."""

AGAIN: Final = 2.0
"""Pause before what was refused is written again [s]."""

OUT_OF_REACH_POLL: Final = 5.0
"""Pause before a repository is tried again that cannot be read, if others are longer [s]."""

WAITING: Final = 0.5
"""Pause between two looks whether another reader is still there [s]."""

PATIENCE: Final = 1.0
"""How long a write may be under way before it is said that what is held is not what was read [s]."""

_Result = TypeVar("_Result")


class Reader:
    """
    Follows `repository` for the service with the URI `service`.

    Args:
        environment: whose files win over those of the base.
        region: whose files win over both.
        history: commits that are kept, at least.
        poll: pause between two looks at the repository, if nothing tells that it has changed [s].
    """

    log = Logger(namespace="parameters")

    def __init__(
        self,
        connection: Connection,
        service: str,
        repository: Repository,
        *,
        environment: str | None = None,
        region: str | None = None,
        history: int = HISTORY,
        poll: float | None = None,
    ) -> None:
        self.uris = ServiceURIs(service)
        self.repository = repository
        self.problem: str | None = None
        """Why the repository cannot be read, or nothing can be written, now."""
        self.num_looks = 0
        """Looks at where the head is."""
        self.environment, self.region = environment, region
        self._connection = connection
        self._poll = (REMOTE_POLL if repository.is_remote else LOCAL_POLL) if poll is None else poll
        if not self._poll > 0:
            raise ConfigurationError(f"a pause of {self._poll:g} s is none")
        self._new = partial(Latest, repository, environment=environment, region=region, history=history)
        self._latest = self._new()
        self._found: Found | None = None
        self._record = Record(connection, service, self.in_thread, self._doubted)
        self._watching = None if repository.is_remote else Watching(self._moved, connection.reactor)
        self._pool = ThreadPool(0, 1, name="repository")
        self._pool.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]  # a server that is silent keeps no process
        self._looks = Looks(self._find, self._crashed)
        self._is_readable = False
        self._is_trusted = False  # whether the repository could be read at each look since one that was written
        self._is_active = False
        self._is_stopped = False
        self._has_waited = False
        self._registered: list[Any] = []
        self._looked = self._fetched = self._unwritten_since = float("-inf")  # when [s]
        self._told: dict[str, JSON] | None = None
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = connection.reactor
        connection.on_join(self._set_up)
        connection.on_lost(self._lost)

    @property
    def state(self) -> State | None:
        """What was read last; None before that."""
        return None if self._found is None else self._found.state

    @property
    def num_reads(self) -> int:
        """Heads that were read."""
        return self._latest.num_reads

    @property
    def is_active(self) -> bool:
        """Whether it is the one that works."""
        return self._is_active

    @property
    def is_current(self) -> bool:
        """Whether the repository can be read, and what was read is written."""
        if not self._is_trusted or not self._record.is_certain:
            return False
        return self._is_written or (self.state is not None and self._now() - self._unwritten_since <= PATIENCE)

    @property
    def position(self) -> Position | None:
        """Where the service holds `state`; None while it does not, as far as is known."""
        return self._record.position if self._is_written else None

    @property
    def _is_written(self) -> bool:
        return self._found is not None and self._record.is_written(self._found.contents)

    def _now(self) -> float:
        return float(self._connection.reactor.seconds())

    def readiness(self) -> list[str]:
        """Return why it is not to be used now, though it has a session; nothing: it works."""
        if self._is_stopped:
            return ["it is leaving"]
        if not self._is_active:
            return ["another reader works"]
        return [] if self.problem is None else [self.problem]

    def start(self) -> None:
        """Begin to work, as soon as there is a session."""
        self._pool.start()
        self._connection.start()

    async def stop(self) -> None:
        """Leave: what is being written is, if the service answers. Does nothing the second time."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._rest()
        registered, self._registered = self._registered, []
        await self._connection.withdraw(registered)
        await self._connection.stop()
        Thread(target=self._pool.stop, daemon=True).start()  # it waits for a thread that may wait for a server

    def in_thread(self, work: Callable[..., _Result], /, *args: Any) -> Deferred[_Result]:
        """
        Return what `work(*args)` returns, which runs in the thread that the repository is read in.

        Fails with `OutOfReach` if the reader leaves: what comes then the thread would never do.
        """
        if self._is_stopped:
            return fail(OutOfReach("this reader is leaving"))
        return deferToThreadPool(self._connection.reactor, self._pool, work, *args)

    def look(self, *, fetch: bool = True) -> Deferred[Position]:
        """
        Look where the branch is now, and write what differs. One look is under way at a time; those that are wanted meanwhile are one.

        Args:
            fetch: whether to ask the server of a remote repository, instead of only looking at its mirror.

        Returns:
            Where the service holds what was found, when it does. Fails with `OutOfReach` or a `DeltameshError` if that is not possible now;
            it is tried again by itself.
        """
        return self._looks.want(fetch=fetch)

    def asked(self) -> Deferred[Any]:
        """Somebody says that the repository has changed: look, or let the reader look that works."""
        if self._is_active or self._connection.session is None:
            return self.look()
        return Deferred.fromCoroutine(self._connection.call(self._claim, look=True))

    def pushed(self) -> None:
        """As `asked`, for somebody who waits for nothing."""
        self.asked().addErrback(self._known)

    def facts(self) -> dict[str, JSON]:
        """Return how the reading is, as it is published to everybody."""
        state = self.state or State()
        problem = self.problem or self._record.problem or objection(state)
        return {
            "head": None if state.head is None else state.head.id,
            "good": None if state.good is None else state.good.id,
            "number": None if state.good is None else state.good.number,
            "is_current": self.is_current,
            "problem": None if problem is None else public(problem, self.repository.path)[:500],
        }

    # Joining

    @property
    def _claim(self) -> str:
        return self.uris.action("repository.reader")

    async def _set_up(self, connection: Connection) -> None:
        if self._is_stopped or not await self._is_first(connection):
            return
        await self._record.begin()
        self._is_active = True
        self.log.info("reading {repository}", repository=self.repository.place)
        if not self._ticking.running:
            self._ticking.start(TICK)

    async def _is_first(self, connection: Connection) -> bool:
        """
        Register, as soon as no other reader is; return False if this one stops before that.

        Raises:
            RemoteError: the session was lost meanwhile, so what is set up after this must not be, in this turn.
        """
        session = connection.session
        while connection.session is session and not self._is_stopped:
            try:
                self._registered = [await connection.register(self._claim, self._answer)]
            except WampError as error:
                if error.error != "wamp.error.procedure_already_exists":
                    raise
                if not self._has_waited:
                    self.log.info("standing by: another reader of {service} works", service=self.uris.prefix)
                    Deferred.fromCoroutine(self._probe()).addErrback(partial(self.log.failure, "looking at the repository failed"))
                self._has_waited = True
                await deferLater(connection.reactor, WAITING, lambda: None)
            else:
                self._has_waited = False
                return True
        if connection.session is not session:
            raise RemoteError("wamp.error.unavailable", "the connection was lost while standing by", retry=True)
        return False

    async def _probe(self) -> None:
        """Say if this one, which stands by, could read nothing in place of the one that works. Nobody waits for that."""
        try:
            await self.in_thread(self.repository.probe)
        except OutOfReach as error:
            if not (self._is_active or self._is_stopped):  # or else a look says it, or nobody wants to know
                remedy = "start it with another repository or branch, or mend that: it looks again when it takes over"
                self.log.warn("this reader could not take over: {problem}; {remedy}", problem=error, remedy=remedy)

    async def _answer(self, details: Any, look: bool = False) -> dict[str, JSON]:
        """`S.repository.reader`: how the reading is; with `look`, a look begins."""
        if look is True:
            self.look().addErrback(self._known)
        return self.facts()

    def _lost(self) -> None:
        self._registered.clear()
        self._rest()

    def _rest(self) -> None:
        """Work no more, for now: what is not written yet another reader may do."""
        self._is_active = False
        self._told = None
        self._record.end()
        if self._ticking.running:
            self._ticking.stop()
        if self._watching is not None:
            self._watching.stop()

    # Now and then

    def _tick(self) -> None:
        if not self._is_readable:
            pause = min(self._poll, OUT_OF_REACH_POLL)
        elif not self._is_written:
            pause = 0.0 if self.problem is None else AGAIN
        else:
            pause = self._poll
        if not self._looks.is_under_way and self._now() - self._looked >= pause - TICK / 4:
            is_old = not self._is_readable or self._now() - self._fetched >= self._poll - TICK / 4
            self.look(fetch=is_old).addErrback(self._known)
        self._tell(self.facts())

    def _tell(self, facts: dict[str, JSON]) -> None:
        self._told = facts
        self._connection.publish(self.uris.action("on_reading"), **facts)

    def greet(self, sessions: list[int]) -> None:
        """Tell sessions that have just begun to listen how the reading is, if this is the reader that works."""
        if self._is_active:
            self._connection.publish_to(sessions, self.uris.action("on_reading"), **self.facts())

    def _doubted(self) -> None:
        """The service may hold something else than was written: say so before anybody believes it, and mend it."""
        if self._is_active:
            self._tell(self.facts())
            self.look(fetch=False).addErrback(self._known)

    def _moved(self) -> None:
        """The branch may have moved."""
        self.look().addErrback(self._known)

    def _known(self, failure: Any) -> None:
        """Why a look was of no use is in `problem` already."""
        failure.trap(OutOfReach, DeltameshError)

    # Looking

    async def _find(self, fetch: bool) -> Position:
        """Read, and write what differs; return where the service holds it."""
        self.num_looks += 1
        self._looked = self._now()
        found, there = await self.in_thread(self._look_there, fetch)
        if there is not None and self._is_active and self._watching is not None and self._watching.arm(there):
            self._moved()  # something may have happened there before it was watched
        self._is_readable = not isinstance(found, OutOfReach)
        if isinstance(found, OutOfReach):
            self._is_trusted = False
            self._stumble(str(found))
            raise found
        if fetch:
            self._fetched = self._looked
        if found is not self._found:
            self._found, self._unwritten_since = found, self._now()
            self._say(found.state)
        try:
            position = await self._record.write(found.contents)
        except DeltameshError as error:
            self._stumble(error.message)
            raise
        self._is_trusted = True
        self._settle()
        return position

    def _look_there(self, fetch: bool) -> tuple[Found | OutOfReach, Where | None]:
        """Return what is found, or why nothing is, and where to watch. In the thread."""
        found: Found | OutOfReach
        try:
            found = self._latest.look(self._found, fetch=fetch)
        except OutOfReach as error:
            found = error
        return found, where(self.repository.path, self.repository.branch) if self._watching is not None else None

    def _say(self, state: State) -> None:
        problem = what_is_wrong(state)
        if problem is not None:
            self.log.warn("{problem}", problem=problem)
        elif state.head is not None:
            self.log.info("{commit} with {count} parameters", commit=state.head.id[:12], count=len(state.parameters))

    def _stumble(self, problem: str) -> None:
        if problem != self.problem:
            self.log.warn("{problem}", problem=problem)
        was_told, self.problem = self.problem, problem
        if was_told is None and self._is_active:
            self._tell(self.facts())

    def _settle(self) -> None:
        """All is read and written."""
        had_problem, self.problem = self.problem is not None, None
        if had_problem:
            self.log.info("all is read and written again")
        if self._is_active and (had_problem or self._told is None or self._told["head"] != self.facts()["head"]):
            self._tell(self.facts())

    def _crashed(self, failure: Any) -> None:
        """A fault of ours: begin again, as if just started."""
        self.log.failure("reading failed", failure)
        self._found, self._latest = None, self._new()
        self._is_readable = self._is_trusted = False
        self._stumble(f"reading failed: {failure.getErrorMessage()}")
