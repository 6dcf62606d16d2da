"""What a node configuration needs beside itself: files of keys and certificates, secrets in the environment, folders of pages."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deltamesh_router.node.endpoints import transports
from deltamesh_router.ticketfile import NoTicket, read_ticket, ticket_files


class NodeError(Exception):
    """The node cannot run with this configuration; the message says what is missing and what to do."""


def check_secrets(config: dict[str, Any], directory: Path) -> None:
    """
    Look at the certificates and tickets of a checked node configuration; paths are relative to `directory`.

    Raises:
        NodeError: one of them cannot be used.
    """
    for transport in transports(config):
        tls = transport.get("endpoint", {}).get("tls")
        if tls is not None:
            _check_tls(tls, directory)
    for authid, principal in _ticket_holders(config):
        ticket = principal["ticket"]
        if not ticket:  # Crossbar.io has put in what the environment says
            raise NodeError(f"there is no ticket for {authid!r}: set the environment variable that stands in the place of its ticket")
        if ticket.startswith("$"):
            raise NodeError(f"the ticket of {authid!r} would be the word {ticket!r} itself: an environment variable is written ${{NAME}}")
    try:
        for _, name in ticket_files(config):
            if (directory / name).exists():  # else nobody comes in that way
                read_ticket(directory / name)
    except (NoTicket, KeyError, TypeError, AttributeError) as error:
        raise NodeError(
            str(error) if isinstance(error, NoTicket) else f"a ticket in a file is not of the form that it has to be: {error!r}"
        ) from error


def _check_tls(tls: dict[str, Any], directory: Path) -> None:
    chain = [str(directory / name) for name in (tls["certificate"], *tls.get("chain_certificates", []))]
    authorities = [str(directory / name) for name in tls.get("ca_certificates", [])]
    for path in (*chain, *authorities):
        _check_certificates(path)
    key = str(directory / tls["key"])
    try:
        # a key with a passphrase is refused, not asked for
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(chain[0], key, password=_no_passphrase)
    except ssl.SSLError as error:
        remedy = "name the two that belong together, in PEM and without a passphrase"
        raise NodeError(f"{key} is not the key of {chain[0]} ({error.reason or error}): {remedy}") from error
    except OSError as error:
        raise NodeError(f"the key {key} cannot be read ({error.strerror or error}): make it, or name another one") from error


def _check_certificates(path: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError as error:
        raise NodeError(f"{path} is not a certificate in PEM ({error.reason or error}): name one that is") from error
    except OSError as error:
        raise NodeError(f"the certificate {path} cannot be read ({error.strerror}): make it, or name another one") from error


def _no_passphrase() -> str:
    raise NodeError("a key for TLS has a passphrase, and nobody is there to type it: remove it with openssl pkey")


def _ticket_holders(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The principals of static ticket authentication, wherever in a configuration transports and paths of the Web are nested."""
    if isinstance(value, dict):
        tickets = value.get("ticket")
        if isinstance(tickets, dict) and tickets.get("type") == "static":
            yield from tickets["principals"].items()
        for each in value.values():
            yield from _ticket_holders(each)
    elif isinstance(value, list):
        for each in value:
            yield from _ticket_holders(each)


def warnings(config: dict[str, Any], directory: Path) -> list[str]:
    """Return what will not do what was meant, each with what to do."""
    found = []
    for transport in transports(config):
        for place, service in transport.get("paths", {}).items():
            folder = directory / service["directory"] if service.get("type") == "static" and "directory" in service else None
            if folder is not None and not folder.is_dir():
                found.append(f"there will be no pages at {place}: there is no folder {folder.resolve()}; make it, or name another one")
    return found


def roles(config: dict[str, Any]) -> set[str]:
    """Return the names of all roles."""
    realms = [realm for worker in config.get("workers", []) for realm in worker.get("realms", [])]
    return {role["name"] for realm in realms for role in realm.get("roles", [])}
