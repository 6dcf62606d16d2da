"""
Live parameters for Python: a value at once, the current one next, every change after that; reads from memory, for ever.

    parameters = Parameters.connect("unix:.crossbar/mesh.sock", "com.example.parameters", cache="payment.cache")
    limit = parameters.get("payment.limits.daily.eur", 500, type=int)
    limit.value, limit.source

This is the side of the program, which asks from any thread. What it is given is known in `holding`, and kept current by `following`.
"""

from __future__ import annotations

import asyncio
import atexit
import random
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, overload

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.threadable import isInIOThread

from deltamesh.client import Mesh
from deltamesh.connection import DEFAULT_REALM, Connection
from deltamesh.connection.identity import NOBODY, Identity
from deltamesh.parameters.client.cache import Cache
from deltamesh.parameters.client.delivery import Deliver, Delivery, at_once, in_loop
from deltamesh.parameters.client.following import Following
from deltamesh.parameters.client.holding import Change, Holding
from deltamesh.parameters.client.news import Entry
from deltamesh.parameters.client.parameter import Parameter
from deltamesh.parameters.client.report import Report
from deltamesh.parameters.client.saving import Saving
from deltamesh.parameters.client.thread import is_orphan, running_reactor
from deltamesh.parameters.client.typed import check_of, checked_default, text_of
from deltamesh.parameters.names import objection

_T = TypeVar("_T")

SOON: Final = 0.01
"""How long names are collected that threads want one after the other, so that they are asked for together [s]."""

MAX_CLIENT: Final = 100
"""Characters of what a client calls itself."""


class Parameters:
    """
    The parameters of the service `service`, through `connection`, which somebody else starts and stops; `connect` is for who has none.

    Args:
        cache: a file that keeps what was last known, for the next start.
        client: what people know this program by; its file's name unless given.
        deliver: where changes are shown and callbacks run; in the reactor's thread unless given.

    Raises:
        ValueError: `client` is longer than `MAX_CLIENT`, or cannot be printed.
    """

    log = Logger()

    def __init__(
        self,
        connection: Connection,
        service: str,
        *,
        cache: str | PathLike[str] | None = None,
        client: str | None = None,
        deliver: Deliver | None = None,
    ) -> None:
        client = (Path(sys.argv[0]).stem or "python")[:MAX_CLIENT] if client is None else client
        if len(client) > MAX_CLIENT or not client.isprintable():
            raise ValueError(f"client is what people call this program: at most {MAX_CLIENT} characters that can be printed")
        self._connection = connection
        self._reactor = connection.reactor
        self._delivery = Delivery(deliver or at_once)
        self._is_own = False  # the connection is
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.RLock()  # which the code of a type's class may need again
        kept = None if cache is None else Cache(Path(cache), service)
        self._holding = Holding({} if kept is None else kept.load())
        self._parameters: dict[int, Parameter[Any]] = {}  # by handle
        self._equal: dict[str, list[Parameter[Any]]] = {}  # by name
        self._waiting: list[Future[None]] = []  # until all is known
        self._is_stopped = False
        self._saving = None if kept is None else Saving(kept, self._to_save, self._reactor)
        report = Report(client, socket.gethostname()[:MAX_CLIENT], random.random())
        self._following = Following(Mesh(connection, service), self._holding, self._lock, report, self._happened)

    @classmethod
    def connect(
        cls,
        url: str,
        service: str,
        *,
        cache: str | PathLike[str] | None = None,
        client: str | None = None,
        realm: str = DEFAULT_REALM,
        identity: Identity = NOBODY,
    ) -> Self:
        """
        Return parameters with a connection of their own, at once, from asyncio or plain threads. A program of Twisted has a `Connection`.

        Twisted's reactor runs in a daemon thread, started if none runs. In an asyncio program changes are shown and callbacks run on the
        event loop that runs now, elsewhere in that thread. End with `close` or `with`, or `stop` in asyncio; the end of the program does it
        as well.
        """
        loop = _running_loop()
        reactor = running_reactor()
        connection = Connection(url, realm=realm, identity=identity, reactor=reactor)
        made = cls(connection, service, cache=cache, client=client, deliver=None if loop is None else in_loop(loop))
        made._is_own, made._loop = True, loop
        atexit.register(made._end)
        reactor.callFromThread(connection.start)
        return made

    @overload
    def get(self, name: str, default: _T, type: type[_T]) -> Parameter[_T]: ...
    @overload
    def get(self, name: str, default: _T, type: Any = None) -> Parameter[_T]: ...
    def get(self, name: str, default: Any, type: Any = None) -> Parameter[Any]:
        """
        Return a parameter, at once, from any thread, before there is a connection as well.

        An equal name, type and default give the same object.

        Args:
            name: as "payment.limits.daily.eur".
            default: the value until a better one is known, and while the service has none.
            type: what the value must be, for msgspec (strict): int, list[int], Literal["a", "b"], Annotated[int, Meta(ge=0)], a dataclass,
                a Struct, …; the type of the default unless given, and any JSON if that is None.

        Raises:
            TypeError: the default is not of the type, or the type is none that can be checked.
            ValueError: there can be no parameter of this name.
        """
        reason = objection(name)
        if reason is not None:
            raise ValueError(f"{name!r:.80} cannot be the name of a parameter: {reason}")
        if type is None:
            type = Any if default is None else default.__class__
        text = text_of(default)
        with self._lock:
            for parameter in self._equal.get(name, ()):
                if parameter.is_equal(type, text):
                    parameter.num_gets += 1
                    return parameter
            check = check_of(type)
            handle, state = self._holding.want(name, checked_default(text, check), check)
            parameter = self._parameters[handle] = Parameter(self, handle, name, type, text, state)
            self._equal.setdefault(name, []).append(parameter)
        self._wake()
        return parameter

    def ready(self, timeout: float | None = None) -> None:
        """
        Block until the service has said of all that was asked for what it has, and its reader that it is current.

        If the reader is silent for 5 s, or behind, that is enough: then all is stale, and `problem` says why. Not for the thread of the
        reactor or of the event loop.

        Raises:
            TimeoutError: it takes longer than `timeout` [s].
            RuntimeError: it was stopped, also meanwhile, or the process was forked.
        """
        self._refuse_to_block("ready", "when_ready")
        future = self._future()
        try:
            future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise TimeoutError(f"not all parameters are known within {timeout:g} s: {self.problem or 'no answer'}") from None

    def when_ready(self) -> Awaitable[None]:
        """Return what `ready` waits for: a future of asyncio if `connect` was called there, a Deferred otherwise."""
        return self._awaitable(self._future())

    @property
    def problem(self) -> str | None:
        """Why not everything is current, as far as is known."""
        if self._is_stopped or self.adrift is not None:
            return self.adrift or "it was stopped"
        if self._connection.session is None:
            return self._connection.problem or f"no connection to {self._connection.url}"
        with self._lock:
            problem = self._following.page_problem or self._holding.reading
            return problem or (None if self._holding.is_ready else "no follower of the service answers for all names")

    @property
    def adrift(self) -> str | None:
        """Why nothing can be current any more, although it was not stopped; None: it can."""
        if is_orphan():
            return "forked: connect anew, in a process that is not forked from one that has connected"
        return "the event loop has ended: connect anew" if self._loop is not None and self._loop.is_closed() else None

    def stop(self) -> Awaitable[None]:
        """Write the cache, let go of all names, and end the connection if `connect` made it. Awaitable as `when_ready`."""
        return self._awaitable(self._stopping())

    def close(self, timeout: float = 5.0) -> None:
        """
        As `stop`, and block until it is done; for plain threads.

        Raises:
            TimeoutError: it takes longer than `timeout` [s].
        """
        self._refuse_to_block("close", "stop")
        self._stopping().result(timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def drop(self, parameter: Parameter[Any]) -> None:
        """See `Parameter.close`."""
        with self._lock:
            parameter.num_gets -= 1
            if parameter.num_gets != 0:
                return
            del self._parameters[parameter.handle]
            equal = self._equal[parameter.name]
            equal.remove(parameter)
            if not equal:
                del self._equal[parameter.name]
            parameter.end(self._holding.unwant(parameter.handle))
        self._wake()

    # Threads

    def _in_reactor(self, work: Callable[[], None]) -> None:
        if _is_in_reactor():
            work()
        else:
            self._reactor.callFromThread(work)

    def _refuse_to_block(self, method: str, instead: str) -> None:
        if _is_in_reactor() or (self._loop is not None and _running_loop() is self._loop):
            raise RuntimeError(f"{method}() would block the thread that it waits for: await {instead}()")

    def _awaitable(self, future: Future[None]) -> Awaitable[None]:
        if self._loop is not None:
            return asyncio.wrap_future(future, loop=self._loop)

        def cancel(_: Deferred[Any]) -> None:
            future.cancel()

        waiting: Deferred[None] = Deferred(cancel)

        def done(_: Future[None]) -> None:
            self._in_reactor(answer)

        def answer() -> None:
            if waiting.called:
                return
            error = CancelledError() if future.cancelled() else future.exception()
            if error is None:
                waiting.callback(None)
            else:
                waiting.errback(error)

        future.add_done_callback(done)
        return waiting

    def _future(self) -> Future[None]:
        """Return a future that is done as soon as all is known."""
        future: Future[None] = Future()
        with self._lock:
            self._waiting = [each for each in self._waiting if not each.done()]
            if self._is_stopped or is_orphan():
                future.set_exception(_ended(self.problem))
            elif self._holding.is_ready:
                future.set_result(None)
            else:
                self._waiting.append(future)
        return future

    def _wake(self) -> None:
        """Names are wanted, or no longer."""
        pause = 0.0 if _is_in_reactor() else SOON
        self._in_reactor(lambda: self._following.wanted(pause))

    def _to_save(self) -> tuple[int, dict[str, Entry], set[str]]:
        with self._lock:
            return self._holding.version, self._holding.to_cache(), self._holding.gone

    # In the reactor's thread

    def _happened(self, changes: list[Change]) -> None:
        """Something has: show it, tell who waits, and keep it."""
        known = [(self._parameters.get(change.handle), change.state) for change in changes]
        self._delivery.take([(parameter, state) for parameter, state in known if parameter is not None])
        waiting: list[Future[None]] = []
        with self._lock:
            version = self._holding.version
            if self._waiting and self._holding.is_ready:
                waiting, self._waiting = self._waiting, []
        for future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_result(None)
        if self._saving is not None:
            self._saving.soon(version)

    # The end

    def _stopping(self) -> Future[None]:
        future: Future[None] = Future()

        def stop() -> None:
            Deferred.fromCoroutine(self._stop()).addErrback(self._crashed).addCallback(lambda _: future.set_result(None))

        future.set_running_or_notify_cancel()  # it cannot be taken back
        if is_orphan():  # there is nothing to end here: it belongs to the other process
            future.set_result(None)
        else:
            self._in_reactor(stop)
        return future

    async def _stop(self) -> None:
        if self._is_stopped:
            return
        with self._lock:
            self._is_stopped = True
            waiting, self._waiting = self._waiting, []
        for future in waiting:
            if future.set_running_or_notify_cancel():
                future.set_exception(_ended(self.problem))
        self._following.stop()
        if self._saving is not None:
            await self._saving.last()
        if self._is_own:
            atexit.unregister(self._end)
            await self._connection.stop()

    def _end(self) -> None:
        """The program ends: write the cache, in any case."""
        if not self._reactor.running or is_orphan():  # it was the program's, and has ended
            return
        try:
            self._stopping().result(2.0)
        except TimeoutError:
            self.log.warn("the connection could not be ended in order")

    def _crashed(self, failure: Any) -> None:
        self.log.failure("a fault in the client of parameters", failure)


def _is_in_reactor() -> bool:
    return bool(isInIOThread())  # type: ignore[no-untyped-call]


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _ended(problem: str | None) -> RuntimeError:
    return RuntimeError(f"these parameters will not be known: {problem}")
