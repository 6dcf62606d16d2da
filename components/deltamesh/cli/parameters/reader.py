"""`deltamesh parameters reader`: the process that follows a repository, and beside it what takes changes and counts holders."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import click
from twisted.internet.defer import ensureDeferred

from deltamesh.application.service import Service
from deltamesh.cli.arguments import host_and_port, service_name
from deltamesh.cli.component import health_option, serve, short_name
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.router import Router, router_options
from deltamesh.connection import Connection
from deltamesh.errors import ConfigurationError
from deltamesh.operation.status import Facts, Reporter
from deltamesh.parameters.administration.administration import Administration
from deltamesh.parameters.content.branch import HISTORY
from deltamesh.parameters.git.credentials import credentials, secret_in
from deltamesh.parameters.git.repository import DEFAULT_DIRECTORY, Repository
from deltamesh.parameters.git.webhook import Hook, WebhookPort
from deltamesh.parameters.reader.census import Census
from deltamesh.parameters.reader.greeting import Greeting
from deltamesh.parameters.reader.reader import LOCAL_POLL, REMOTE_POLL, Reader

MAX_HISTORY: Final = 100_000
"""Commits that can be asked to be kept."""

_LAYER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_FILE: Final = click.Path(dir_okay=False)


def layer_name(text: str) -> str:
    """Check the name of an environment or a region, which is that of a folder."""
    if not _LAYER.fullmatch(text):
        raise click.BadParameter(f"{text!r} names no folder: use letters, digits, '_', '.' and '-', at most 64")
    return text


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("repository", metavar="REPOSITORY", required=False, envvar="DELTAMESH_PARAMETERS")
@click.option(
    "--branch",
    metavar="NAME",
    envvar="DELTAMESH_PARAMETERS_BRANCH",
    show_envvar=True,
    help="The branch to follow.  [default: the one that HEAD is]",
)
@click.option(
    "--environment",
    metavar="NAME",
    type=layer_name,
    envvar="DELTAMESH_PARAMETERS_ENVIRONMENT",
    show_envvar=True,
    help="Whose files, in environments/NAME, win over those of the base.",
)
@click.option(
    "--region",
    metavar="NAME",
    type=layer_name,
    envvar="DELTAMESH_PARAMETERS_REGION",
    show_envvar=True,
    help="Whose files, in regions/NAME, win over both.",
)
@click.option("--history", type=click.IntRange(1, MAX_HISTORY), default=HISTORY, show_default=True, help="Commits that are kept, at least.")
@click.option(
    "--poll",
    type=click.FloatRange(0.1, 86_400),
    help=f"Seconds between two looks, if nothing says that it has changed.  [default: {REMOTE_POLL:g}, or {LOCAL_POLL:g} on this machine]",
)
@click.option("--directory", metavar="DIR", default=DEFAULT_DIRECTORY, show_default=True, help="Where a remote repository is mirrored.")
@click.option("--webhook", metavar="HOST:PORT", type=host_and_port, help="Let a server of git say there that somebody has pushed.")
@click.option("--webhook-secret-file", metavar="FILE", type=_FILE, help="What it has to know; or set DELTAMESH_WEBHOOK_SECRET.")
@click.option("--git-token-file", metavar="FILE", type=_FILE, help="Token or password for https; or set DELTAMESH_GIT_TOKEN.")
@click.option("--git-key-file", metavar="FILE", type=_FILE, help="Private key for ssh; or set DELTAMESH_GIT_KEY_FILE.")
@click.option("--read-only", is_flag=True, help="Take no changes.")
@health_option
@router_options
def reader(
    router: Router,
    service: str,
    repository: str | None,
    branch: str | None,
    environment: str | None,
    region: str | None,
    history: int,
    poll: float | None,
    directory: str,
    webhook: tuple[str, int] | None,
    webhook_secret_file: str | None,
    git_token_file: str | None,
    git_key_file: str | None,
    read_only: bool,
    health: tuple[str, int] | None,
) -> None:
    """
    Follow a branch of REPOSITORY, and write what differs to SERVICE.

    REPOSITORY is a path, or a URL with file, https, ssh, git or http; or set DELTAMESH_PARAMETERS to it. SERVICE is a URI, or the
    application's MODULE:ATTRIBUTE.
    A service has one reader that works; others stand by. SIGTERM ends it in order.
    """
    if repository is None:
        raise click.UsageError("name the REPOSITORY, by its path or URL, or set DELTAMESH_PARAMETERS to it")
    name = f"{short_name(service)}.reader"
    connection, counting = router.connection(), router.connection()
    try:
        known = credentials(token_file=git_token_file, key_file=git_key_file)
        followed = Repository(repository, branch, directory=Path(directory) / service, credentials=known, is_read_only=read_only)
        component = Reader(connection, service, followed, environment=environment, region=region, history=history, poll=poll)
        hook = None if webhook is None else Hook(_secret(webhook_secret_file), followed.remote)
    except ConfigurationError as error:
        raise CommandFailed(error.message) from error
    process = _Process(name, component, (connection, counting), hook, webhook)
    serve(name, process, router, connection, health, f"another reader of {service} works")


def _secret(file: str | None) -> str:
    if file is not None:
        return secret_in(file, "the secret of the web hook")
    secret = os.environ.get("DELTAMESH_WEBHOOK_SECRET")
    if not secret:
        raise ConfigurationError("a web hook needs a secret: name its file with --webhook-secret-file, or set DELTAMESH_WEBHOOK_SECRET")
    return secret


class _Process:
    """
    The reader, and beside it what takes changes, counts holders and listens to web hooks.

    The first of `connections` is the reader's, the other one the census's.
    """

    def __init__(
        self, name: str, reader: Reader, connections: tuple[Connection, Connection], hook: Hook | None, where: tuple[str, int] | None
    ) -> None:
        connection, self._counting = connections
        service = reader.uris.prefix
        self.service = Service(service)
        self.readiness = reader.readiness
        self._name = name
        self._reader = reader
        self._reactor = connection.reactor
        self._hook, self._where = hook, where
        self._port: WebhookPort | None = None
        Reporter(connection, reader.uris, "reader", "reader", lambda: _facts(reader))
        # both work when the reader works: what a connection sets up comes one after the other
        self._administration = Administration(connection, service, reader, reader.repository)
        self._census = Census(self._counting, service)
        Greeting(self._counting, reader.uris.action("on_reading"), reader.greet)
        connection.on_join(self._count)
        connection.on_lost(self._rest)

    async def _count(self, _: Connection) -> None:
        if self._reader.is_active:
            self._census.start()

    def _rest(self) -> None:
        ensureDeferred(self._census.stop())

    def readings(self) -> dict[str, float]:
        """Return its numbers: it has none of its own."""
        return {}

    def start(self) -> None:
        """Begin; raises `ConfigurationError` if there is no port for web hooks."""
        if self._hook is not None and self._where is not None:
            self._port = WebhookPort(self._hook, lambda: self._reader.repository.branch, self._reader.pushed, self._reactor, *self._where)
            click.echo(f"{self._name}: web hook at {self._port.url}")
        self._counting.start()
        self._administration.start()
        self._reader.start()

    async def stop(self) -> None:
        """Leave in order."""
        if self._port is not None:
            await self._port.stop()
        await self._administration.stop()
        await self._census.stop()
        await self._counting.stop()
        await self._reader.stop()


def _facts(component: Reader) -> Facts:
    """Return what a reader says of itself."""
    state = "reads" if component.is_current else "behind" if component.is_active else "standby"
    here = component.position
    return Facts(state=state, position=None if here is None else (here.epoch, here.revision))
