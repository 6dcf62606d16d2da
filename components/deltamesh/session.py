"""A WAMP session that hands what happens to its owner."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.logger import Logger

from deltamesh.wamp import ApplicationSession, CloseDetails, ComponentConfig, SessionDetails, WampError


class Owner(Protocol):
    """Who wants to know."""

    def begun(self, session: Any, details: SessionDetails) -> None:
        """The session has joined."""
        ...

    def ended(self, session: Any, details: CloseDetails) -> None:
        """The session has left, or was lost."""
        ...


class Session(ApplicationSession):
    """A session in `realm`."""

    log = Logger()

    def __init__(self, owner: Owner, realm: str) -> None:
        super().__init__(ComponentConfig(realm))
        self._owner = owner
        self._realm_wanted = realm

    def onConnect(self) -> None:
        transport = self._transport.transport
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
        self.join(self._realm_wanted)

    def onJoin(self, details: SessionDetails) -> None:
        self._owner.begun(self, details)

    def onUserError(self, fail: Any, msg: str) -> None:
        """Errors that travel to the caller are no news here; anything else is a fault of ours."""
        if not isinstance(fail.value, WampError):
            self.log.failure("{msg}", fail, msg=msg)

    def onLeave(self, details: CloseDetails) -> None:
        self._owner.ended(self, details)
        self.disconnect()
