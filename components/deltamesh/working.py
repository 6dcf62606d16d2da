"""
A worker that runs: it takes calls of its tasks, computes them in threads, and tells its load each second on `S.on_load`.

Wiring only: what a task is stands in `application.worker`. The event loop does nothing but this, so the router hears it however busy the
threads are.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable
from functools import partial
from threading import Thread
from typing import Any, Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import blockingCallFromThread, deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from deltamesh.application.transaction import Caller
from deltamesh.application.worker import LOAD, Call, Task, Worker
from deltamesh.connection import Connection
from deltamesh.errors import ComputationFailed, ConfigurationError, DeltameshError
from deltamesh.graph.failure import describe
from deltamesh.operation.status import Facts, Reporter

INTERVAL: Final = 1.0
"""Pause between two loads [s]."""

MAX_CONCURRENCY: Final = 256
"""Slots of one worker: each is a thread."""


def cores() -> int:
    """Return how many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Working:
    """
    One worker for the tasks of `worker`, on `connection`.

    Args:
        name: what people know it by; a random one unless given.
        concurrency: calls that it computes at the same time, of each task; as many as it may use cores unless given.
    """

    log = Logger()

    def __init__(self, worker: Worker, connection: Connection, *, name: str | None = None, concurrency: int | None = None) -> None:
        self.service = worker
        self.name = name or f"python-{secrets.token_hex(2)}"
        self.concurrency = cores() if concurrency is None else concurrency
        if not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise ConfigurationError(f"a worker computes 1 to {MAX_CONCURRENCY} calls at the same time, not {self.concurrency}")
        if not worker.tasks:
            raise ConfigurationError(f"{worker.uris.prefix} has no tasks: declare one with @worker.task")
        self._connection = connection
        self._pool = ThreadPool(0, self.concurrency, name=self.name)
        self._pool.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]  # one that does not end keeps no process
        self._calls: set[Call] = set()  # under way
        self._num_done = 0
        self._idle: Deferred[None] | None = None  # waits until none is under way
        self._registered: list[Any] = []
        self._is_prepared = False
        self._is_leaving = False
        self._telling = LoopingCall(self._tell)
        self._telling.clock = connection.reactor
        self._told = (0.0, 0.0, dict.fromkeys(worker.counters, 0))  # clock and processor time [s], counts, at the last load
        connection.on_join(self._set_up)
        connection.on_lost(self._lost)
        self._reporter = Reporter(connection, worker.uris, "worker", self.name, self._facts)

    def readiness(self) -> list[str]:
        """Return why it is not to be used now, though it has a session; nothing: it takes calls."""
        if self._is_leaving:
            return ["it is leaving"]
        return [] if self._registered else ["it is preparing"]

    def readings(self) -> dict[str, float]:
        """Return its numbers, for `operation.health`: it has none of its own."""
        return {}

    def start(self) -> None:
        """Prepare, then connect and take calls."""
        self._pool.start()
        self._connection.start()

    async def stop(self) -> None:
        """Leave: take no new calls, finish those under way. Does nothing the second time."""
        if self._is_leaving:
            return
        self._is_leaving = True
        self._reporter.now()
        if self._telling.running:
            self._telling.stop()
        registered, self._registered = self._registered, []
        await self._connection.withdraw(registered)
        if self._calls:
            self._idle = Deferred()
            await self._idle
        await self._connection.stop()
        self._pool.stop()

    def abandon(self) -> None:
        """Tell all calls under way that nobody waits for them any longer."""
        for call in list(self._calls):
            call.cancel()

    def _facts(self) -> Facts:
        return Facts(state="leaving" if self._is_leaving else "serves" if self._registered else "prepares")

    # Joining

    async def _set_up(self, connection: Connection) -> None:
        if self._is_leaving:
            return
        if not self._is_prepared:
            session = connection.session
            for prepare in self.service.preparations:
                await self._in_thread(prepare)
            self._is_prepared = True
            if connection.session is not session:
                return  # and the next one is set up by itself
        for task in self.service.tasks.values():
            uri = self.service.uris.action(task.name)
            self._registered.append(
                await connection.register(uri, self._answering(task), invoke="roundrobin", concurrency=self.concurrency)
            )
        self._told = self._now()
        self._telling.start(INTERVAL)
        self.log.info(
            "{name} works for {service}, {slots} at a time", name=self.name, service=self.service.uris.prefix, slots=self.concurrency
        )

    def _lost(self) -> None:
        self._registered.clear()
        if self._telling.running:
            self._telling.stop()
        self.abandon()

    # Computing

    def _answering(self, task: Task) -> Callable[..., Any]:
        """Return the procedure of a task."""

        async def answer(details: Any, *args: Any, **kwargs: Any) -> Any:
            checked = task.check(args, kwargs)
            session = self._connection.session
            call = Call(self.name, Caller(details.caller, details.caller_authid, details.caller_authrole), self._fetch)
            self._calls.add(call)
            try:
                outcome = await self._outcome(call, partial(task.run, call, checked))
            finally:
                self._ended(call)
            if self._connection.session is not session:
                return None  # nobody is there any more to be told
            if call.is_cancelled:
                raise CancelledError
            if isinstance(outcome, Failure):
                raise self._error(task, outcome)
            self._num_done += 1
            return outcome

        return answer

    async def _outcome(self, call: Call, work: Callable[[], Any]) -> Any:
        """
        Return what `work()` returns, or its failure, when its thread has finished.

        A call that is cancelled is waited for as well: its slot is not free before that, and the router is not to think so.
        """
        outcomes: list[Any] = []
        waiting: Deferred[None] = Deferred()

        def finished(outcome: Any) -> None:
            outcomes.append(outcome)
            waiting.callback(None)

        self._in_thread(work).addBoth(finished)
        while not outcomes:
            try:
                await waiting
            except CancelledError:
                call.cancel()
                waiting = Deferred()
        return outcomes[0]

    def _error(self, task: Task, failure: Failure) -> BaseException:
        """Return what a caller is told; what is not an error of the application's own is told to the log as well."""
        error: BaseException = failure.value  # type: ignore[assignment]  # a Failure that is made of an exception has one
        if isinstance(error, DeltameshError):
            return error
        self.log.failure("{task} raised", failure, task=task.name)
        return ComputationFailed(task.name, describe(error))

    def _ended(self, call: Call) -> None:
        self._calls.remove(call)
        if self._idle is not None and not self._calls:
            idle, self._idle = self._idle, None
            self._connection.reactor.callLater(0, idle.callback, None)  # when the answer is on its way

    def _in_thread(self, work: Callable[[], Any]) -> Deferred[Any]:
        return deferToThreadPool(self._connection.reactor, self._pool, work)

    def _fetch(self, uri: str, /, *args: Any, **kwargs: Any) -> Any:
        """`Call.fetch`, from a thread."""
        return blockingCallFromThread(self._connection.reactor, lambda: Deferred.fromCoroutine(self._connection.call(uri, *args, **kwargs)))

    # Load

    def _now(self) -> tuple[float, float, dict[str, int]]:
        return time.monotonic(), time.process_time(), {name: counter.total for name, counter in self.service.counters.items()}

    def _tell(self) -> None:
        """Publish the load."""
        (clock_before, processor_before, counts_before), self._told = self._told, self._now()
        clock, processor, counts = self._told
        elapsed = max(clock - clock_before, 0.001)
        self._connection.publish(
            self.service.uris.action(LOAD),
            name=self.name,
            kind="python",
            host=socket.gethostname(),
            concurrency=self.concurrency,
            busy=min(len(self._calls), self.concurrency),
            cpu=round(min(1.0, (processor - processor_before) / elapsed / self.concurrency), 3),
            units=self._num_done,
            **{name: round((counts[name] - counts_before[name]) / elapsed, 1) for name in counts},
        )
