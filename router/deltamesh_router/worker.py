"""The process that does the routing."""

from __future__ import annotations

import gc
import signal
import socket
from pathlib import Path
from typing import Any

from autobahn.wamp import register
from crossbar.worker.router import RouterController
from twisted.internet.defer import inlineCallbacks
from txaio import get_global_log_level

from deltamesh_router.debugtext import drop_debug_text
from deltamesh_router.messages import guard_messages
from deltamesh_router.router import RouterFactory


class RouterWorker(RouterController):
    """Crossbar.io's router worker with our `RouterFactory` and tuned sockets."""

    router_factory_class = RouterFactory

    @inlineCallbacks
    def onJoin(self, details: Any, publish_ready: bool = True) -> Any:
        """The worker has joined the controller's realm: prepare this process for work."""
        if get_global_log_level() not in ("debug", "trace"):
            drop_debug_text()
        guard_messages()
        yield super().onJoin(details, publish_ready)
        # as the stock handler, without a warning for what is no trouble
        signal.signal(signal.SIGTERM, lambda *_: self.shutdown())
        # what was imported stays: without this each full collection looks at all of it again, for 100 ms
        gc.collect()
        gc.freeze()

    @register(None)
    @inlineCallbacks
    def start_router_transport(self, transport_id: str, config: dict[str, Any], create_paths: bool = False, details: Any = None) -> Any:
        """Start to listen as `config` says."""
        started = yield super().start_router_transport(transport_id, config, create_paths, details)
        listening = self.transports[transport_id].port.socket
        if listening.family == socket.AF_UNIX:
            # Twisted lets everybody in, and who gets in has the role of a component
            Path(listening.getsockname()).chmod(0o600)
        else:
            # inherited by each connection that is accepted; Autobahn's own option comes too early and does nothing
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return started
