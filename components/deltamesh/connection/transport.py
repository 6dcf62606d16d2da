"""How a component reaches a router, by the address of the router; always with CBOR."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from OpenSSL.crypto import Error as NotCertificate
from OpenSSL.SSL import Error as TLSError
from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure

from deltamesh.connection.wamp import (
    CBORSerializer,
    WampRawSocketClientFactory,
    WampRawSocketClientProtocol,
    WampWebSocketClientFactory,
    WampWebSocketClientProtocol,
)
from deltamesh.errors import ConfigurationError

MAX_MESSAGE: Final = (16 << 20) - 1
"""Bytes of one message, both ways: the most that RawSocket can carry (WAMP, section "RawSocket transport")."""


_CERTIFICATE: Final = re.compile("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


def transport(
    url: str, make_session: Callable[[], Any], reactor: Any, *, lost: Callable[[Failure], None], authorities: str | None = None
) -> tuple[Any, Any]:
    """
    Return endpoint and protocol factory for the router at `url`.

    `unix:PATH` is RawSocket over a Unix socket, `rs://host:port` RawSocket over TCP, `ws://…` WebSocket, `rss://` and `wss://` the same
    with TLS. The router's certificate is checked against `authorities`, in PEM, or what the system trusts.
    `lost(reason)` is called whenever a connection ends, also one that never carried a session.

    Raises:
        ConfigurationError: it is none of these, or `authorities` are no certificates.
    """
    if url.startswith("unix:"):
        return UNIXClientEndpoint(reactor, str(Path(url.removeprefix("unix:")).absolute())), _rawsocket(make_session, lost)  # type: ignore[no-untyped-call]
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss", "rs", "rss") or parts.hostname is None:
        raise ConfigurationError(
            f"{url!r} is no address of a router: use unix:PATH, ws://host:port/ws, rs://host:port, or wss://… or rss://… for TLS"
        )
    is_secure = parts.scheme in ("wss", "rss")
    endpoint: Any = TCP4ClientEndpoint(reactor, parts.hostname, parts.port or (443 if is_secure else 80))
    if is_secure:
        endpoint = wrapClientTLS(optionsForClientTLS(parts.hostname, trustRoot=_trusted(authorities)), endpoint)
    if parts.scheme in ("rs", "rss"):
        return endpoint, _rawsocket(make_session, lost)
    factory = WampWebSocketClientFactory(make_session, url=url, serializers=[CBORSerializer()], reactor=reactor)
    factory.protocol, factory.lost = _WebSocket, lost
    factory.setProtocolOptions(maxMessagePayloadSize=MAX_MESSAGE, maxFramePayloadSize=MAX_MESSAGE)
    return endpoint, factory


class _Watched(Protocol):
    """Counts what comes, and tells its factory how it ended."""

    factory: Any
    num_received = 0
    """How often bytes have come."""

    def dataReceived(self, data: bytes) -> None:
        self.num_received += 1
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.lost(reason)
        super().connectionLost(reason)


class _WebSocket(_Watched, WampWebSocketClientProtocol):
    """A connection by WebSocket."""


class _RawSocket(_Watched, WampRawSocketClientProtocol):
    """A connection by RawSocket."""


def _rawsocket(make_session: Callable[[], Any], lost: Callable[[Failure], None]) -> Any:
    factory = WampRawSocketClientFactory(make_session, serializer=CBORSerializer())
    factory.protocol, factory.lost = _RawSocket, lost
    factory.setProtocolOptions(maxMessagePayloadSize=MAX_MESSAGE + 1)
    return factory


def describe_loss(error: BaseException) -> str:
    """Say in one line why a connection was lost; what is known of a failed TLS handshake is hidden in a list."""
    if isinstance(error, TLSError):
        reasons = [part[-1] for part in error.args[0]] if error.args else []
        return f"TLS: {', '.join(reasons) or 'the handshake failed'}: does --ca-file name who has signed the router's certificate?"
    return f"{type(error).__name__}: {error}"


def _trusted(authorities: str | None) -> Any:
    """Return what Twisted trusts: None for what the system does."""
    if authorities is None:
        return None
    texts = _CERTIFICATE.findall(authorities)
    try:
        return trustRootFromCertificates([Certificate.loadPEM(text) for text in texts])  # type: ignore[no-untyped-call]
    except NotCertificate as error:
        raise ConfigurationError("the certificates of the authorities are not PEM") from error
