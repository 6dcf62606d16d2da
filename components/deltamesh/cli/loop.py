"""Running one coroutine in Twisted's reactor, as a command does; signals cancel it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TwistedTimeoutError
from twisted.python.failure import Failure

_Result = TypeVar("_Result")

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

INTERRUPTED: Final = 130
"""Exit code of a command that was cancelled, as shells have it after Ctrl-C."""


def run(work: Callable[[], Coroutine[Any, Any, _Result]]) -> _Result:
    """
    Run the reactor until `work()` is done; return what it returns, raise what it raises. Works once in a process.

    SIGINT, SIGTERM and SIGHUP cancel the work, which may catch that and return; the second signal ends the process.

    Raises:
        SystemExit: the work was cancelled.
    """
    from twisted.internet import reactor as installed

    reactor: Any = installed
    outcomes: list[Any] = []

    def begin() -> None:
        task = Deferred.fromCoroutine(work())

        def cancel(*_: object) -> None:
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            reactor.callFromThread(task.cancel)

        for number in _SIGNALS:  # the reactor has just set its own, which would stop it at once
            signal.signal(number, cancel)
        task.addBoth(outcomes.append)
        task.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
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
