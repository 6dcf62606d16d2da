"""Twisted's reactor in a thread of its own, for programs that do not run it themselves."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any, Final

from twisted.logger import STDLibLogObserver, globalLogPublisher

START_LIMIT: Final = 10.0
"""How long the reactor may take to start [s]; it takes milliseconds."""

_lock: Final = threading.Lock()
_orphaned: Final = threading.Event()


def is_orphan() -> bool:
    """Whether this process was forked from one in which the reactor ran: it seems to run here as well, but its thread is not there."""
    return _orphaned.is_set()


def _forked() -> None:
    reactor: Any = sys.modules.get("twisted.internet.reactor")  # not one that this would install
    if reactor is not None and reactor.running:
        _orphaned.set()


os.register_at_fork(after_in_child=_forked)


def running_reactor() -> Any:
    """
    Return Twisted's reactor, which runs: in a daemon thread of its own if nobody runs it, and then until the program ends.

    What it and this package have to tell goes to Python's `logging` then, under the name "deltamesh".

    Raises:
        RuntimeError: it cannot run in this process any more, because it has been stopped, or because the process was forked.
    """
    from twisted.internet import reactor as installed

    if is_orphan():
        raise RuntimeError("Twisted's reactor ran when this process was forked, and cannot run in it: fork before that, or spawn")
    reactor: Any = installed
    with _lock:
        if reactor.running:
            return reactor
        decided = threading.Event()

        def run() -> None:
            try:
                reactor.run(installSignalHandlers=False)  # signals are the business of the main thread
            finally:
                decided.set()

        reactor.callWhenRunning(decided.set)
        threading.Thread(target=run, name="deltamesh", daemon=True).start()
        if not decided.wait(START_LIMIT) or not reactor.running:
            raise RuntimeError("Twisted's reactor does not run, and cannot be started again in this process")
        globalLogPublisher.addObserver(STDLibLogObserver("deltamesh"))  # type: ignore[arg-type]
        return reactor
