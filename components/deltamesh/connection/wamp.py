"""What we use of Autobahn. It is imported here only, because something has to happen before."""

from __future__ import annotations

import sys

# Autobahn imports every serializer that is installed. This one drags in NumPy, and prints a notice where their versions differ.
_bjdata = sys.modules.get("bjdata")
sys.modules["bjdata"] = None  # type: ignore[assignment]

# ruff: noqa: E402
from autobahn.exception import PayloadExceededError
from autobahn.twisted.rawsocket import WampRawSocketClientFactory, WampRawSocketClientProtocol
from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory, WampWebSocketClientProtocol
from autobahn.wamp.exception import ApplicationError as WampError
from autobahn.wamp.exception import SerializationError, TransportLost
from autobahn.wamp.message import Error, Event, Invocation, Result
from autobahn.wamp.serializer import CBORSerializer
from autobahn.wamp.types import (
    CallOptions,
    Challenge,
    CloseDetails,
    ComponentConfig,
    PublishOptions,
    RegisterOptions,
    SessionDetails,
    SubscribeOptions,
)

if _bjdata is None:
    del sys.modules["bjdata"]
else:
    sys.modules["bjdata"] = _bjdata

__all__ = [
    "ApplicationSession",
    "CBORSerializer",
    "CallOptions",
    "Challenge",
    "CloseDetails",
    "ComponentConfig",
    "Error",
    "Event",
    "Invocation",
    "PayloadExceededError",
    "PublishOptions",
    "RegisterOptions",
    "Result",
    "SerializationError",
    "SessionDetails",
    "SubscribeOptions",
    "TransportLost",
    "WampError",
    "WampRawSocketClientFactory",
    "WampRawSocketClientProtocol",
    "WampWebSocketClientFactory",
    "WampWebSocketClientProtocol",
]
