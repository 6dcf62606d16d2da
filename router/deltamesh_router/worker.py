"""The process that does the routing."""

from __future__ import annotations

import gc
import signal
import socket
from pathlib import Path
from typing import Any, Final

from autobahn.wamp import register
from crossbar.worker.router import RouterController
from twisted.internet.defer import inlineCallbacks
from txaio import get_global_log_level

from deltamesh_router.debugtext import drop_debug_text
from deltamesh_router.insight import insight
from deltamesh_router.replacement import replace
from deltamesh_router.router import RouterFactory
from deltamesh_router.sessions.admission import Admission, Session
from deltamesh_router.sessions.heartbeat import Heartbeats
from deltamesh_router.sessions.outbound import Outbound
from deltamesh_router.settings.settings import LiveSettings, differences
from deltamesh_router.settings.settingsfile import SettingsError, Source
from deltamesh_router.wire import rawsocket, websocket
from deltamesh_router.wire.connection import send_once
from deltamesh_router.wire.messages import guard_messages

MAX_CHANGES: Final = 20
"""Changed settings that are told one by one."""


class RouterWorker(RouterController):
    """Crossbar.io's router worker with our `RouterFactory` and tuned sockets."""

    router_factory_class = RouterFactory

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.settings = LiveSettings()
        self.outbound = Outbound(self.settings, self._reactor)
        self.admission = Admission(self.settings, self.outbound, self._reactor)
        self.heartbeats = Heartbeats(self._reactor)
        self._router_session_factory.session = Session
        self.is_complete = False
        """Whether all that the node configuration says has been started; `insight` tells it."""
        self._source: Source

    @inlineCallbacks
    def onJoin(self, details: Any, publish_ready: bool = True) -> Any:
        """The worker has joined the controller's realm: prepare this process for work."""
        if get_global_log_level() not in ("debug", "trace"):
            drop_debug_text()
        guard_messages()
        replace(rawsocket.REPLACEMENTS)
        replace(websocket.REPLACEMENTS)
        try:
            self._source = Source.inherited()
            self.settings.replace(self._source.read())
            insight.start(self, self.settings)
        except SettingsError as error:
            self.log.error("{error}", error=error)
            self.disconnect()  # which ends this process; the first one finds that it did not start
            return
        signal.signal(signal.SIGHUP, lambda *_: self._reactor.callFromThread(self._reload_settings))
        self.admission.start()
        yield super().onJoin(details, publish_ready)
        # as the stock handler, without a warning for what is no trouble
        signal.signal(signal.SIGTERM, lambda *_: self.shutdown())
        # what was imported stays: without this each full collection looks at all of it again, for 100 ms
        gc.collect()
        gc.freeze()

    @register(None)
    def set_complete(self, details: Any = None) -> None:
        """The first process has started all that the node configuration says."""
        self.is_complete = True

    def _reload_settings(self) -> None:
        """Read the settings again; a faulty file changes nothing. The first process is told, which tells people."""
        try:
            new = self._source.read()
        except SettingsError as error:
            self._tell_about_settings(False, f"the settings are as before: {error}")
            return
        changes = differences(self.settings.current, new)
        self.settings.replace(new)
        shown = "; ".join(changes[:MAX_CHANGES]) or "nothing has changed"
        more = f"; and {len(changes) - MAX_CHANGES} more" if len(changes) > MAX_CHANGES else ""
        self._tell_about_settings(True, f"settings read again: {shown}{more}")

    def _tell_about_settings(self, is_done: bool, text: str) -> None:
        self.publish(f"{self._uri_prefix}.on_settings", is_done, text)

    @register(None)
    @inlineCallbacks
    def start_router_transport(self, transport_id: str, config: dict[str, Any], create_paths: bool = False, details: Any = None) -> Any:
        """Start to listen as `config` says."""
        started = yield super().start_router_transport(transport_id, config, create_paths, details)
        self.admission.guard(transport_id, self.transports[transport_id])
        send_once(self.transports[transport_id].port)
        listening = self.transports[transport_id].port.socket
        if listening.family == socket.AF_UNIX:
            # Twisted lets everybody in, and who gets in has the role of a component
            Path(listening.getsockname()).chmod(0o600)
        else:
            # inherited by each connection that is accepted; Autobahn's own option comes too early and does nothing
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return started
