"""The options that say where the router is and who asks, and what a command does once it is connected."""

from __future__ import annotations

import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import click

from deltamesh.cli import log, loop
from deltamesh.cli.failure import CommandFailed
from deltamesh.connection import DEFAULT_REALM, DEFAULT_URL, Connection
from deltamesh.connection.identity import Identity, identity
from deltamesh.errors import ConfigurationError

_Result = TypeVar("_Result")

TIMEOUT: Final = 5.0
"""How long a command waits for a connection, unless told [s]."""

PROBE: Final = 0.5
"""How long to try whether somebody listens at all [s]."""

_FORMS: Final = "unix:PATH, ws://host:port/ws, rs://host:port; wss:// and rss:// with TLS"
_FILE: Final = click.Path(dir_okay=False)


@dataclass(frozen=True)
class Router:
    """Where the router is, how patient we are, and who."""

    url: str
    realm: str
    timeout: float
    identity: Identity

    def connection(self) -> Connection:
        """Return a connection, which is not started."""
        return Connection(self.url, realm=self.realm, identity=self.identity)

    def ask(self, work: Callable[[Connection], Coroutine[Any, Any, _Result]]) -> _Result:
        """
        Connect, and return what `work(connection)` returns.

        Raises:
            CommandFailed: there was no connection in time.
        """

        async def asking() -> _Result:
            connection = self.connection()
            connection.start()
            try:
                try:
                    await loop.within(self.timeout, connection.joined())
                except TimeoutError as error:
                    raise CommandFailed(self.absence(connection)) from error
                return await work(connection)
            finally:
                await connection.stop()

        log.begin("deltamesh", only_errors=True)  # whoever asks gets an answer or an error
        return loop.run(asking)

    def absence(self, connection: Connection) -> str:
        """Say that there is no connection, why if that is known, and what to do."""
        if connection.problem is not None:
            return f"the router at {self.url} does not take part: {connection.problem}"
        if self._is_listening():
            return f"who listens at {self.url} does not answer: is the router stopped, or very busy, or is that something else?"
        return f"no router at {self.url}: start one with `deltamesh run …`, or name another one with --router"

    def _is_listening(self) -> bool:
        """Whether the address takes a connection, or at least does not refuse one."""
        is_local = self.url.startswith("unix:")
        parts = urlsplit(self.url)
        try:
            port = parts.port or (443 if parts.scheme in ("wss", "rss") else 80)
            with socket.socket(socket.AF_UNIX) if is_local else socket.create_connection((parts.hostname, port), PROBE) as probe:
                if is_local:
                    probe.settimeout(PROBE)
                    probe.connect(self.url.removeprefix("unix:"))
        except (TimeoutError, BlockingIOError):  # nobody takes it, but it waits in a line
            return True
        except OSError:
            return False
        return True


def router_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that make the `Router` which it gets as its first argument."""

    @click.option("--router", "url", metavar="URL", default=DEFAULT_URL, show_default=True, help=f"{_FORMS}; or set DELTAMESH_ROUTER.")
    @click.option("--realm", metavar="NAME", default=DEFAULT_REALM, show_default=True, help="WAMP realm; or set DELTAMESH_REALM.")
    @click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        default=TIMEOUT,
        show_default=True,
        help="Seconds to wait for a connection, and for the service.",
    )
    @click.option("--authid", metavar="NAME", help="Who this is; or set DELTAMESH_AUTHID.")
    @click.option("--ticket-file", metavar="FILE", type=_FILE, help="The ticket that proves it; or set DELTAMESH_TICKET to the ticket.")
    @click.option("--key-file", metavar="FILE", type=_FILE, help="The key that proves it, see `deltamesh key`; or set DELTAMESH_KEY_FILE.")
    @click.option("--ca-file", metavar="FILE", type=_FILE, help="Who may vouch for the router, with TLS; or set DELTAMESH_CA_FILE.")
    @wraps(command)
    def with_router(
        url: str,
        realm: str,
        timeout: float,
        authid: str | None,
        ticket_file: str | None,
        key_file: str | None,
        ca_file: str | None,
        **others: Any,
    ) -> Any:
        try:
            who = identity(authid=authid, ticket_file=ticket_file, key_file=key_file, ca_file=ca_file)
        except ConfigurationError as error:
            raise CommandFailed(error.message) from error
        return command(Router(url, realm, timeout, who), **others)

    return with_router
