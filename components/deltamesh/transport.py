"""How a component reaches a router, by the address of the router; always with CBOR."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.endpoints import TCP4ClientEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.ssl import optionsForClientTLS

from deltamesh.errors import ConfigurationError
from deltamesh.wamp import CBORSerializer, WampRawSocketClientFactory, WampWebSocketClientFactory

MAX_MESSAGE: Final = (16 << 20) - 1
"""Bytes of one message, both ways: the most that RawSocket can carry (WAMP, section "RawSocket transport")."""


def transport(url: str, make_session: Callable[[], Any], reactor: Any) -> tuple[Any, Any]:
    """
    Return endpoint and protocol factory for the router at `url`.

    `unix:PATH` is RawSocket over a Unix socket, `rs://host:port` RawSocket over TCP, `ws://…` WebSocket, `rss://` and `wss://` the same
    with TLS.

    Raises:
        ConfigurationError: it is none of these.
    """
    if url.startswith("unix:"):
        return UNIXClientEndpoint(reactor, str(Path(url.removeprefix("unix:")).absolute())), _rawsocket(make_session)  # type: ignore[no-untyped-call]
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss", "rs", "rss") or parts.hostname is None:
        raise ConfigurationError(f"{url!r} is no address of a router: use unix:PATH, ws://host:port/ws, wss://… or rs://host:port")
    is_secure = parts.scheme in ("wss", "rss")
    endpoint: Any = TCP4ClientEndpoint(reactor, parts.hostname, parts.port or (443 if is_secure else 80))
    if is_secure:
        endpoint = wrapClientTLS(optionsForClientTLS(parts.hostname), endpoint)
    if parts.scheme in ("rs", "rss"):
        return endpoint, _rawsocket(make_session)
    factory = WampWebSocketClientFactory(make_session, url=url, serializers=[CBORSerializer()], reactor=reactor)
    factory.setProtocolOptions(maxMessagePayloadSize=MAX_MESSAGE, maxFramePayloadSize=MAX_MESSAGE)
    return endpoint, factory


def _rawsocket(make_session: Callable[[], Any]) -> Any:
    factory = WampRawSocketClientFactory(make_session, serializer=CBORSerializer())
    factory.setProtocolOptions(maxMessagePayloadSize=MAX_MESSAGE + 1)
    return factory
