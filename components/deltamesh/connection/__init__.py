"""The one connection of a component to its router: joined again whenever it is lost, with a heartbeat, an identity and bounds."""

from deltamesh.connection.connection import DEFAULT_REALM, DEFAULT_URL, Connection

__all__ = ["DEFAULT_REALM", "DEFAULT_URL", "Connection"]
