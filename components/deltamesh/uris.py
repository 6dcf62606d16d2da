"""The URIs of a service: what meets where. See `docs/protocol.md`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from deltamesh.errors import ConfigurationError

_URI: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")

RESERVED: Final = frozenset({"error", "follower", "leader", "live", "open", "read", "shared", "write"})
"""Names that an action cannot have, because they mean something under the URI of each service."""

GUARDED: Final = ("leader", "shared", "write")
"""Beginnings that the name of an action cannot have either: a router refuses to strangers all that begins so."""


@dataclass(frozen=True, slots=True)
class ServiceURIs:
    """The URIs under the one of a service, `prefix`: reverse DNS, lower case, at least two parts."""

    prefix: str

    def __post_init__(self) -> None:
        if not _URI.fullmatch(self.prefix):
            raise ConfigurationError(
                f"{self.prefix!r} cannot be the URI of a service: use reverse DNS in lower case, as in com.example.departures"
            )

    @property
    def write(self) -> str:
        return f"{self.prefix}.write"

    @property
    def open(self) -> str:
        return f"{self.prefix}.open"

    def open_at(self, follower: str) -> str:
        """What `open` is, answered by this follower alone."""
        return f"{self.open}.{follower}"

    @property
    def read(self) -> str:
        return f"{self.prefix}.read"

    @property
    def shared(self) -> str:
        """Topic of the deltas of the shared graph."""
        return f"{self.prefix}.shared"

    @property
    def snapshot(self) -> str:
        return f"{self.prefix}.shared.snapshot"

    @property
    def leader_gone(self) -> str:
        return f"{self.prefix}.leader.on_gone"

    @property
    def status(self) -> str:
        """Topic where each component says how it is."""
        return f"{self.prefix}.status"

    @property
    def status_wanted(self) -> str:
        """Topic where somebody asks all components to say it now."""
        return f"{self.prefix}.status.wanted"

    def action(self, name: str) -> str:
        return f"{self.prefix}.{name}"

    def error(self, name: str) -> str:
        return f"{self.prefix}.error.{name}"

    def follower_gone(self, follower: str) -> str:
        return f"{self.prefix}.follower.{follower}.on_gone"

    def live(self, follower: str, instance: str) -> str:
        """Topic of the deltas of one instance."""
        return f"{self.prefix}.live.{follower}.{instance}"


def check_name(kind: str, name: str) -> str:
    """
    Return `name` if an input, collection, resource, action or error can be called so.

    Raises:
        ConfigurationError: it is not a lower-case word of letters, digits and underscores, at most 64 long.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{name!r} cannot be the name of {kind}: use lower-case letters, digits and underscores, at most 64")
    return name
