"""Where a node listens: told to people, and tried before the start, so that a taken port is one clear line."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class EndpointTaken(Exception):
    """The node cannot listen there; the message says where, why, and what to do."""


def transports(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The listening transports of a checked node configuration."""
    for worker in config.get("workers", []):
        yield from worker.get("transports", [])


def check_free(config: dict[str, Any], directory: Path) -> None:
    """
    Try every TCP and Unix endpoint of `config`; paths are relative to `directory`.

    Raises:
        EndpointTaken: the node would not be able to listen on one of them.
    """
    for transport in transports(config):
        endpoint = transport["endpoint"]
        if endpoint["type"] == "tcp" and isinstance(endpoint["port"], int):
            check_tcp(endpoint.get("interface", ""), endpoint["port"], endpoint.get("version", 4))
        elif endpoint["type"] == "unix":
            _check_unix(directory / os.path.expandvars(endpoint["path"]))


def check_tcp(interface: str, port: int, version: int) -> None:
    """
    Try one TCP port; `version` is that of IP.

    Raises:
        EndpointTaken: nobody could listen there.
    """
    where = f"port {port} on {interface or 'all interfaces'}"
    with socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Twisted listens
        try:
            probe.bind((interface, port))
            probe.listen()
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise EndpointTaken(f"{where} is taken by another program: stop that") from error
            raise EndpointTaken(f"cannot listen on {where} ({error.strerror}): make it available") from error


def _check_unix(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            return  # nobody listens; a socket file that was left behind is removed at the start
        except OSError as error:
            raise EndpointTaken(f"cannot listen on the socket {path} ({error}): make that path available") from error
        raise EndpointTaken(f"another program listens on {path}: stop that")


def describe(config: dict[str, Any], directory: Path) -> str:
    """One line for people: the addresses that the node listens on."""
    return " ".join(_address(transport, directory) for transport in transports(config))


def _address(transport: dict[str, Any], directory: Path) -> str:
    endpoint = transport["endpoint"]
    if endpoint["type"] == "tcp":
        scheme = {"web": "http", "websocket": "ws", "rawsocket": "rs"}.get(transport["type"], transport["type"])
        secure = "s" if "tls" in endpoint else ""
        return f"{scheme}{secure}://{endpoint.get('interface') or '*'}:{endpoint['port']}/"
    if endpoint["type"] == "unix":
        return f"unix:{directory / os.path.expandvars(endpoint['path'])}"
    return str(endpoint["type"])
