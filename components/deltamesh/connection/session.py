"""A WAMP session that hands what happens to its owner."""

from __future__ import annotations

from typing import Any, Final, Protocol

from twisted.logger import Logger

from deltamesh.connection.identity import KeyPair, Ticket
from deltamesh.connection.wamp import (
    ApplicationSession,
    Challenge,
    CloseDetails,
    ComponentConfig,
    Error,
    Event,
    Invocation,
    Result,
    SessionDetails,
    WampError,
)

_ON_THE_WAY: Final = frozenset({"self", "fun", "f"})
_OF_ANSWERS: Final = _ON_THE_WAY | {"callee", "callee_authid", "callee_authrole", "error", "forward_for"}

_TAKEN: Final = {Event: _ON_THE_WAY, Invocation: _ON_THE_WAY, Result: _OF_ANSWERS, Error: _OF_ANSWERS}
"""
By message: parameters of the functions and constructors that Autobahn hands keywords on to. It loses the session when a keyword is called
like one of them, and strangers choose keywords.
"""

_MARK: Final = " "


class Owner(Protocol):
    """Who wants to know."""

    def begun(self, session: Any, details: SessionDetails) -> None:
        """The session has joined."""
        ...

    def ended(self, session: Any, details: CloseDetails) -> None:
        """The session has left, was lost, or was refused."""
        ...


class Session(ApplicationSession):
    """A session in `realm`, with `credentials` if it has any."""

    log = Logger()

    def __init__(self, owner: Owner, realm: str, credentials: Ticket | KeyPair | None) -> None:
        super().__init__(ComponentConfig(realm))
        self._owner = owner
        self._realm_wanted = realm
        self._credentials = credentials

    @property
    def num_received(self) -> int:
        """How often bytes have come over its connection. It changes with everything that the router sends."""
        return self._transport.num_received if self._transport is not None else 0

    def abort(self) -> None:
        """Cut its connection now, without a word: nobody is there to answer."""
        if self._transport is not None:
            self._transport.transport.abortConnection()

    def onMessage(self, msg: Any) -> None:
        taken = _TAKEN.get(type(msg))
        if taken is not None and msg.kwargs and not taken.isdisjoint(msg.kwargs):
            msg.kwargs = {f"{name}{_MARK}" if name in taken else name: value for name, value in msg.kwargs.items()}
        super().onMessage(msg)

    def onConnect(self) -> None:
        transport = self._transport.transport
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)
        self.join(self._realm_wanted, **({} if self._credentials is None else self._credentials.hello))

    def onChallenge(self, challenge: Challenge) -> str:
        if self._credentials is None:  # then we have said that we come without
            raise WampError("wamp.error.no_auth_method", "this component has no credentials")
        return self._credentials.answer(challenge.extra)

    def onJoin(self, details: SessionDetails) -> None:
        self._owner.begun(self, details)

    def onUserError(self, fail: Any, msg: str) -> None:
        """Errors that travel to the caller are no news here; anything else is a fault of ours."""
        if not isinstance(fail.value, WampError):
            self.log.failure("{msg}", fail, msg=msg)

    def onLeave(self, details: CloseDetails) -> None:
        self._owner.ended(self, details)
        self.disconnect()


def as_sent(keywords: dict[str, Any]) -> dict[str, Any]:
    """Return keywords of a call as the caller has named them: those that Autobahn would stumble over come with a mark."""
    return {name.removesuffix(_MARK) if name.removesuffix(_MARK) in _ON_THE_WAY else name: value for name, value in keywords.items()}
