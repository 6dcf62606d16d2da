"""Running one coroutine in Twisted's reactor, as a command does; signals cancel it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TwistedTimeoutError
from twisted.internet.error import ReactorNotRunning
from twisted.python.failure import Failure

from deltamesh.cli.interruption import INTERRUPTED, has_come, on_signal

_Result = TypeVar("_Result")


def run(work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """
    Run the reactor until `work()` is done; return what it returns, raise what it raises. Works once in a process.

    SIGINT, SIGTERM and SIGHUP cancel the work, which may catch that and return; the second signal ends the process. One that comes
    before the work has begun lets it not begin.

    Raises:
        SystemExit: the work was cancelled.
    """
    from twisted.internet import reactor as installed

    reactor: Any = installed
    tasks: list[Deferred[Any]] = []
    outcomes: list[Any] = []
    is_cancelled = has_come()

    def signalled(*_: object) -> None:
        nonlocal is_cancelled
        is_cancelled = True
        on_signal(signal.SIG_DFL)
        reactor.callFromThread(cancel)

    def cancel() -> None:
        for task in tasks:
            task.cancel()

    def begin() -> None:
        if is_cancelled:
            reactor.stop()
            return
        on_signal(signalled)  # the reactor has just set its own, which would stop it at once
        ended: Deferred[None] = Deferred()
        task = Deferred.fromCoroutine(work())
        tasks.append(task)
        task.addBoth(outcomes.append)
        task.addBoth(end, ended)
        reactor.addSystemEventTrigger("before", "shutdown", finish, ended)

    def end(_: None, ended: Deferred[None]) -> None:
        ended.callback(None)
        try:
            reactor.stop()
        except ReactorNotRunning:  # it is stopping, and has waited for us
            return

    def finish(ended: Deferred[None]) -> Deferred[None]:
        """The reactor stops, by its own handler of signals if one came just before ours was set: not before the work has ended."""
        if not outcomes:
            cancel()
        return ended

    on_signal(signalled)
    reactor.callWhenRunning(begin)
    reactor.run()
    if not outcomes:  # it has not begun
        raise SystemExit(INTERRUPTED)
    outcome = outcomes[0]
    if not isinstance(outcome, Failure):
        return outcome  # type: ignore[no-any-return]
    if isinstance(outcome.value, CancelledError):
        raise SystemExit(INTERRUPTED)
    outcome.raiseException()
    raise AssertionError("a failure raises")


async def within(seconds: float, work: Coroutine[Any, Any, _Result]) -> _Result:
    """
    Return what `work` returns.

    Raises:
        TimeoutError: it took longer, and was cancelled.
    """
    from twisted.internet import reactor

    task = Deferred.fromCoroutine(work)
    task.addTimeout(seconds, reactor)
    try:
        return await task
    except TwistedTimeoutError as error:  # which is not Python's
        raise TimeoutError from error
