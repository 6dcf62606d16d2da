"""One run of a node: signals, the worker processes, and the end."""

from __future__ import annotations

import gc
import os
import signal
from typing import Any, Final

from deltamesh_router.node.notices import complain, say

PARENT_CHECK: Final = 1.0
"""Seconds between two looks whether the parent process is still there, with --die-with-parent."""


class Run:
    """
    From entering the reactor to leaving it.

    Args:
        node: of Crossbar.io, with its configuration and keys loaded.
        reactor: Twisted's, installed and not running.
        endpoints: what to say after "ready".
        parent: stop when this process has gone; None: when told.
    """

    def __init__(self, node: Any, reactor: Any, endpoints: str, parent: int | None) -> None:
        self._node = node
        self._reactor = reactor
        self._endpoints = endpoints
        self._parent = parent
        self._terminal = next((number for number in (0, 1, 2) if os.isatty(number)), None)
        self._is_ready = False
        self._is_reload_due = False
        self._stopping = False
        self._exit_code = 0

    def run(self) -> int:
        """Run the node; return the exit code."""
        # what was imported is never looked at again by the garbage collector, nor taken apart at the end, for half a second
        gc.freeze()
        self._reactor.callWhenRunning(self._begin)
        self._reactor.run()
        if not self._stopping:  # Crossbar.io has stopped it
            complain("the node did not start: a process of the router has ended (what is known was logged above)")
            self._exit_code = 1
        if self._exit_code == 0:
            say("stopped")
        return self._exit_code

    def _begin(self) -> None:
        if self._parent is not None:
            self._look_at_parent()
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._hang_up))
        started = self._node.start()
        # after the node has set its own handlers, which report an error after SIGTERM
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._reactor.callFromThread(self._stop))
        started.addCallbacks(self._ready, self._failed)

    def _ready(self, node: dict[str, Any]) -> None:
        from autobahn.wamp.types import SubscribeOptions
        from twisted.internet.defer import gatherResults

        node["shutdown_complete"].addCallback(self._ended)
        wildcard = SubscribeOptions(match="wildcard")
        subscribed = self._node._controller.subscribe(self._reloaded, "crossbar.worker..on_settings", wildcard)
        told = [self._node._controller.call(f"crossbar.worker.{worker.id}.set_complete") for worker in self._routers()]
        gatherResults([subscribed, *told]).addCallbacks(self._listening, self._failed)

    def _listening(self, _: Any) -> None:
        say(f"ready {self._endpoints}")
        self._is_ready = True
        if self._is_reload_due:
            self._reload()

    def _hang_up(self) -> None:
        """SIGHUP asks for a reload, but it also comes when the terminal that the router was started in has gone."""
        if self._terminal is not None and not os.isatty(self._terminal):
            self._stop()
        elif self._is_ready:
            self._reload()
        else:
            self._is_reload_due = True

    def _reload(self) -> None:
        """Let each worker that routes read its settings again; it answers to `_reloaded`."""
        for worker in self._routers():
            worker.proto.transport.signalProcess("HUP")

    def _routers(self) -> list[Any]:
        """The worker processes that route."""
        return [worker for worker in self._node._controller._workers.values() if worker.TYPE == "router"]

    def _reloaded(self, is_done: bool, text: str) -> None:
        if is_done:
            say(text)
        else:
            complain(text)

    def _failed(self, failure: Any) -> None:
        if not self._stopping:
            details = " | ".join(str(argument) for argument in getattr(failure.value, "args", ())) or str(failure.value)
            self._fail(f"the node did not start: {details} (what else is known was logged above)")

    def _ended(self, _: Any) -> None:
        """The node shuts down by itself: Crossbar.io does that when a worker process has ended."""
        if not self._stopping:
            self._fail("a process of the router has ended unexpectedly: start it again")

    def _fail(self, message: str) -> None:
        complain(message)
        self._exit_code = 1
        self._stop()

    def _stop(self) -> None:
        """Leave the reactor; Crossbar.io's own triggers end the worker processes first."""
        if not self._stopping:
            self._stopping = True
            self._reactor.stop()

    def _look_at_parent(self) -> None:
        if os.getppid() != self._parent:
            self._stop()
        else:
            self._reactor.callLater(PARENT_CHECK, self._look_at_parent)
