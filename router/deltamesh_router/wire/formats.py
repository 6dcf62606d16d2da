"""The formats that the router reads and writes itself. Whatever else is on the wire is left to Autobahn."""

from __future__ import annotations

from typing import Any, Final, Protocol

from deltamesh_router.wire.cborformat import CborFormat
from deltamesh_router.wire.jsonformat import JsonFormat


class Format(Protocol):
    """How messages of the plain form are read and written."""

    is_binary: bool

    def read(self, payload: bytes) -> Any:
        """Return a message, or None: Autobahn knows what to do."""

    def write(self, message: Any) -> bytes | None:
        """Return the bytes of a message, or None: Autobahn knows what to do."""

    def event(self, message: Any, details: dict[str, Any]) -> bytes:
        """Return the bytes of an EVENT."""


CBOR: Final = CborFormat()
JSON: Final = JsonFormat()


def format_of(serializer: Any) -> Format | None:
    """Return the format of one of Autobahn's serializers, or None: a connection that uses it is left to Autobahn."""
    form = serializer._serializer
    if getattr(form, "_batched", True):
        return None
    if form.NAME == "cbor":
        return CBOR
    if form.NAME == "json" and not (form._use_binary_hex_encoding or form._use_decimal_from_str or form._use_decimal_from_float):
        return JSON
    return None


def count_received(serializer: Any, size: int) -> None:
    """Count a message of so many bytes in Autobahn's statistics of a connection."""
    serializer._unserialized_bytes += size
    serializer._unserialized_messages += 1
    serializer._unserialized_rated_messages += -(-size // serializer.RATED_MESSAGE_SIZE)


def count_sent(serializer: Any, size: int) -> None:
    """Count a message of so many bytes in Autobahn's statistics of a connection."""
    serializer._serialized_bytes += size
    serializer._serialized_messages += 1
    serializer._serialized_rated_messages += -(-size // serializer.RATED_MESSAGE_SIZE)
