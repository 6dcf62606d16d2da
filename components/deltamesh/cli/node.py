"""The node directory: what `run` needs to know of a router's configuration."""

from __future__ import annotations

import errno
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any, Final
from urllib.parse import urlsplit

from deltamesh.cli.failure import CommandFailed

CONFIG: Final = "config.json"
MAX_PORT: Final = 65535

NEAR: Final = 20
"""How many ports are tried."""

TICKET_FILE: Final = "deltamesh_router.ticketfile.create"
"""What a configuration calls the way in by a ticket that is in a file."""

MAX_SOCKET_PATH: Final = 107
"""Bytes of the path of a Unix socket, in unix(7) of Linux; elsewhere a few less."""


@dataclass(frozen=True)
class Node:
    """A router that can be started."""

    directory: Path
    config: str
    """The name of the configuration file in the directory."""
    url: str
    """Where components connect."""
    realm: str
    insight_port: int | None
    """Where the router serves what programs want to know of it; None: as its settings say."""
    web: str | None
    """Where people point their browser."""
    pages: Path | None
    """The folder that is served there."""
    text: str
    """The configuration."""
    tickets: dict[str, Path]
    """By the name of who can come with a ticket that is in a file: that file."""

    def write(self) -> None:
        """
        Write what the router reads and is not there yet. Only after `check_free`: else it may be in use.

        That are tickets, random words in files that only this user can read, and the configuration, if it is another one than the
        directory has.

        Raises:
            CommandFailed: a ticket cannot be written.
        """
        for path in self.tickets.values():
            _make_ticket(path)
        if self.config != CONFIG:
            (self.directory / self.config).write_text(self.text)

    def check_free(self) -> None:
        """
        Try what the router would listen on, for a quick and clear answer; it looks again itself.

        Raises:
            CommandFailed: another program listens there.
        """
        if self.url.startswith("unix:"):
            path = self.url.removeprefix("unix:")
            if len(os.fsencode(path)) > MAX_SOCKET_PATH:
                raise CommandFailed(f"the path {path} is too long for a socket: use a node directory with a shorter one")
            if _is_answered(path):
                raise CommandFailed(f"a mesh is running already in {self.directory}: stop it, or name another node directory with --cbdir")
        if self.web is not None:
            parts = urlsplit(self.web)
            try:
                with socket.create_server((parts.hostname or "", parts.port or 0)):
                    pass
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise CommandFailed(f"cannot listen on {self.web}: {error.strerror}") from error
                raise CommandFailed(f"port {parts.port} is taken by another program: stop that, or choose another with --port") from error

    def clean_up(self, *, after_router: bool) -> None:
        """Remove what `write` has made; and what a router leaves behind when it is killed, if one has run that was ours."""
        left = [self.directory / self.config] if self.config != CONFIG else []
        if after_router:
            left.append(self.directory / "node.pid")
            if self.url.startswith("unix:"):
                left.append(Path(self.url.removeprefix("unix:")))
        for path in left:
            path.unlink(missing_ok=True)

    def warnings(self) -> list[str]:
        """Return what will not work, each with what to do."""
        if self.pages is None or not (self.pages / "package.json").exists() or (self.pages / "node_modules").exists():
            return []
        remedy = f"run `npm install --prefix {_short(self.pages)}`, or `make run`"
        if which("npm") is None:
            remedy = f"install Node.js 20 or newer (https://nodejs.org), then {remedy}"
        return [f"web pages will not work, {_short(self.pages)}/node_modules is missing: {remedy}"]


def need_router() -> None:
    """
    Look whether there is a router to run.

    Raises:
        CommandFailed: it is not installed.
    """
    if find_spec("deltamesh_router") is None or find_spec("crossbar") is None:
        raise CommandFailed("the router is not installed: install deltamesh again, with pip install deltamesh")


def read(directory: Path, port: int | None) -> Node:
    """
    Read the configuration of a node. With `port`, it is another one to be written beside it, that differs in the web port only.

    The first free port after `port` is the one for insight, so that a second mesh is not in the way of the first one.

    Raises:
        CommandFailed: there is none, or it has no transport that components could use.
    """
    path = directory / CONFIG
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CommandFailed(
            f"there is no {path}: go to the folder that has the node directory {directory.name}, name another one with --cbdir, "
            "or copy .crossbar from the Deltamesh repository"
        ) from error
    except (OSError, ValueError) as error:
        raise CommandFailed(f"{path} cannot be read: {error}") from error
    try:
        return _node(directory, CONFIG, config, port)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise CommandFailed(f"{path} is not a node configuration: {type(error).__name__}: {error}") from error


def _node(directory: Path, name: str, config: dict[str, Any], port: int | None) -> Node:
    """Make sense of `config`; with `port`, set that in it."""
    routers = [worker for worker in config["workers"] if worker["type"] == "router"]
    transports = [transport for worker in routers for transport in worker["transports"]]
    webs = [each for each in transports if each["type"] == "web" and each["endpoint"]["type"] == "tcp"]
    raws = [each["endpoint"] for each in transports if each["type"] == "rawsocket"]
    if not raws:
        raise CommandFailed(f"{directory / name} has no transport of type rawsocket, which components connect to: add one")
    web: str | None = None
    pages: Path | None = None
    if port is not None:
        if not webs:
            raise CommandFailed(f"{directory / name} has no transport of type web, so there is nothing that --port could mean")
        webs[0]["endpoint"]["port"] = port
        name = f"config-{port}.json"
    if webs:
        endpoint, root = webs[0]["endpoint"], webs[0]["paths"].get("/", {})
        scheme = "https" if "tls" in endpoint else "http"
        web = f"{scheme}://{endpoint.get('interface') or '127.0.0.1'}:{endpoint['port']}/"
        pages = (directory / root["directory"]).resolve() if root.get("type") == "static" else None
    # over a Unix socket if there is one
    url = _url(directory, min(raws, key=lambda endpoint: endpoint["type"] != "unix"))
    insight_port = None if port is None else _free_after(port)
    text = json.dumps(config, indent=4) + "\n"
    tickets = {authid: directory / file for authid, file in _ticket_files(config)}
    return Node(directory, name, url, routers[0]["realms"][0]["name"], insight_port, web, pages, text, tickets)


def _ticket_files(config: Any) -> Iterator[tuple[str, str]]:
    """Iterate over who can come with a ticket in a file, and the files, wherever in `config` that is said."""
    if isinstance(config, dict):
        ticket = config.get("ticket")
        if isinstance(ticket, dict) and ticket.get("create") == TICKET_FILE:
            yield from [(authid, principal["file"]) for authid, principal in ticket["config"].items()]
        config = list(config.values())
    if isinstance(config, list):
        for each in config:
            yield from _ticket_files(each)


def _make_ticket(path: Path) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{secrets.token_hex(32)}\n")
    except FileExistsError:
        return  # it stays, whatever is in it
    except OSError as error:
        raise CommandFailed(f"the ticket {path} cannot be made: {error.strerror}") from error


def _free_after(port: int) -> int:
    for following in range(port + 1, min(port + NEAR, MAX_PORT) + 1):
        with suppress(OSError), socket.create_server(("127.0.0.1", following)):
            return following
    return 0  # the router takes any


def _url(directory: Path, endpoint: dict[str, Any]) -> str:
    if endpoint["type"] == "unix":
        return f"unix:{(directory / os.path.expandvars(endpoint['path'])).absolute()}"
    scheme = "rss" if "tls" in endpoint else "rs"
    return f"{scheme}://{endpoint.get('interface') or '127.0.0.1'}:{endpoint['port']}"


def _is_answered(path: str) -> bool:
    """Whether somebody listens on a Unix socket."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(path) == 0


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
