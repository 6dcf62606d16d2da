"""
Tickets in files of the node directory. It is an authenticator for Crossbar.io, the plain one as well.

In the `auth` of a transport:

    "ticket": {"type": "function", "create": "deltamesh_router.ticketfile.create",
               "config": {"administrator": {"role": "administrator", "file": "administrator.ticket"}}}

A node starts with or without the file. As long as there is none, or nothing in it that could be a secret, nobody comes in that way. The
tickets that Crossbar.io itself knows are in the configuration or in the environment: without the variable the node does not start, and
with an empty one plain Crossbar.io lets everybody in.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

CREATE: Final = "deltamesh_router.ticketfile.create"
"""What a configuration says to mean this."""

LEAST: Final = 16
"""Characters that a ticket has at least: shorter ones can be guessed."""

MOST: Final = 1_024

REFUSED: Final = "wamp.error.authentication_failed"
"""The error that a session is refused with."""


class NoTicket(Exception):
    """There is no ticket in a file; the message says why and what to do."""


def read_ticket(path: Path) -> str:
    """
    Return the ticket in a file, without the blanks around it.

    Raises:
        NoTicket: there is none that could be a secret.
    """
    remedy = f"write a random word of {LEAST} characters or more into it, as `openssl rand -hex 32` makes one"
    try:
        with path.open(encoding="utf-8") as file:
            ticket = file.read(MOST + 1).strip()
    except OSError as error:
        raise NoTicket(f"{path} cannot be read ({error.strerror}): {remedy}") from error
    except UnicodeDecodeError as error:
        raise NoTicket(f"{path} is not text: {remedy}") from error
    if not LEAST <= len(ticket) <= MOST or ticket.startswith("$"):  # a variable that nobody has put in
        raise NoTicket(f"{path} has no ticket in it: {remedy}")
    return ticket


def create(config: Mapping[str, Any], controller: Any) -> Callable[[str, str, dict[str, Any]], dict[str, Any]]:
    """Return the authenticator for the principals in `config`, by their names. Files are relative to the node directory."""
    from autobahn.wamp.exception import ApplicationError

    def authenticate(realm: str, authid: str, details: dict[str, Any]) -> dict[str, Any]:
        principal = config.get(authid)
        if principal is None:
            raise ApplicationError(REFUSED, "nobody of that name can come with a ticket")
        try:
            ticket = read_ticket(Path(principal["file"]))
        except NoTicket as error:
            raise ApplicationError(REFUSED, f"nobody can come as {authid} now: {error}") from error
        given = details.get("ticket")
        if not isinstance(given, str) or not hmac.compare_digest(given.encode(errors="replace"), ticket.encode()):
            raise ApplicationError(REFUSED, f"that is not the ticket of {authid}")
        return {"realm": realm, "authid": authid, "role": principal["role"]}

    return authenticate


def ticket_files(config: Any) -> Iterator[tuple[str, str]]:
    """Iterate over the name of each principal and the file of its ticket, wherever in a configuration transports are nested."""
    if isinstance(config, dict):
        tickets = config.get("ticket")
        if isinstance(tickets, dict) and tickets.get("create") == CREATE:
            yield from [(authid, principal["file"]) for authid, principal in tickets["config"].items()]
        config = list(config.values())
    if isinstance(config, list):
        for each in config:
            yield from ticket_files(each)
