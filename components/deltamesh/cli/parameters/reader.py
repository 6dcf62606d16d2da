"""`deltamesh parameters reader`: the process that follows a repository, and beside it what takes changes and counts holders."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

import click
from twisted.internet.base import DelayedCall
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred

from deltamesh.cli import log, loop
from deltamesh.cli.arguments import host_and_port, service_name
from deltamesh.cli.component import PATIENCE, health_option, short_name
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.router import Router, router_options
from deltamesh.collector import tend
from deltamesh.connection import Connection
from deltamesh.errors import ConfigurationError, DeltameshError
from deltamesh.health import Health, HealthPort
from deltamesh.parameters.administration.administration import Administration
from deltamesh.parameters.content.branch import HISTORY
from deltamesh.parameters.git.credentials import credentials, secret_in
from deltamesh.parameters.git.remote import OutOfReach
from deltamesh.parameters.git.repository import DEFAULT_DIRECTORY, Repository
from deltamesh.parameters.git.webhook import Hook, WebhookPort
from deltamesh.parameters.reader.census import Census
from deltamesh.parameters.reader.reader import LOCAL_POLL, REMOTE_POLL, Reader
from deltamesh.service import Service
from deltamesh.status import Facts, Reporter

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
@click.argument("repository", metavar="REPOSITORY")
@click.option("--branch", metavar="NAME", help="The branch to follow.  [default: the one that HEAD is]")
@click.option("--environment", metavar="NAME", type=layer_name, help="Whose files, in environments/NAME, win over those of the base.")
@click.option("--region", metavar="NAME", type=layer_name, help="Whose files, in regions/NAME, win over both.")
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
    repository: str,
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

    REPOSITORY is a path, or a URL with file, https, ssh, git or http. SERVICE is a URI, or the application's MODULE:ATTRIBUTE.
    A service has one reader that works; others stand by. SIGTERM ends it in order.
    """
    name = f"{short_name(service)}.reader"
    connection, counting = router.connection(), router.connection()
    try:
        known = credentials(token_file=git_token_file, key_file=git_key_file)
        followed = Repository(repository, branch, directory=Path(directory) / service, credentials=known, is_read_only=read_only)
        component = Reader(connection, service, followed, environment=environment, region=region, history=history, poll=poll)
        hook = None if webhook is None else Hook(_secret(webhook_secret_file), followed.remote)
    except ConfigurationError as error:
        raise CommandFailed(error.message) from error
    _serve(name, component, (connection, counting), router, (hook, webhook), health)


def _secret(file: str | None) -> str:
    if file is not None:
        return secret_in(file, "the secret of the web hook")
    secret = os.environ.get("DELTAMESH_WEBHOOK_SECRET")
    if not secret:
        raise ConfigurationError("a web hook needs a secret: name its file with --webhook-secret-file, or set DELTAMESH_WEBHOOK_SECRET")
    return secret


class _Examined:
    """The reader, as programs see it that watch it."""

    def __init__(self, reader: Reader) -> None:
        self.service = Service(reader.uris.prefix)
        self.readiness = reader.readiness

    def readings(self) -> dict[str, float]:
        """Return its numbers: it has none of its own."""
        return {}


def _serve(
    name: str,
    component: Reader,
    connections: tuple[Connection, Connection],
    router: Router,
    hooked: tuple[Hook | None, tuple[str, int] | None],
    health: tuple[str, int] | None,
) -> None:
    """
    Run until a signal comes. Prints `<name>: ready` on stdout when it works for the first time.

    The first of `connections` is the reader's, the other one the census's.
    """
    connection, counting = connections
    service = component.uris.prefix
    Reporter(connection, component.uris, "reader", "reader", lambda: _facts(component))
    # both work when the reader works: what a connection sets up comes one after the other
    administration = Administration(connection, service, component, component.repository)
    census = Census(counting, service)

    async def count(_: Connection) -> None:
        if component.is_active:
            census.start()

    def rest() -> None:
        ensureDeferred(census.stop())

    connection.on_join(count)
    connection.on_lost(rest)

    def remind() -> None:
        missing = router.absence(connection) if connection.session is None else f"connected, but another reader of {service} works"
        click.echo(f"{name}: warning: {missing} (still trying)", err=True)

    async def ready(reminder: DelayedCall) -> None:
        await connection.joined()
        if reminder.active():
            reminder.cancel()
        click.echo(f"{name}: ready")

    def of_no_use(failure: Any) -> None:
        failure.trap(OutOfReach, DeltameshError)  # which the reader tells

    def pushed() -> None:
        component.asked().addErrback(of_no_use)

    async def work() -> None:
        ports: list[HealthPort | WebhookPort] = []
        hook, where = hooked
        try:
            if health is not None:
                ports.append(HealthPort(Health(name, _Examined(component), connection), *health, connection.reactor))
                click.echo(f"{name}: health at {ports[-1].url}")
            if hook is not None and where is not None:
                ports.append(WebhookPort(hook, lambda: component.repository.branch, pushed, connection.reactor, *where))
                click.echo(f"{name}: web hook at {ports[-1].url}")
        except ConfigurationError as error:
            raise CommandFailed(error.message) from error
        reminder = connection.reactor.callLater(router.timeout, remind)
        tending = tend(connection.reactor)
        counting.start()
        administration.start()
        component.start()
        Deferred.fromCoroutine(ready(reminder))
        try:
            await Deferred()
        except CancelledError:
            click.echo(f"{name}: stopping", err=True)
        finally:
            if reminder.active():
                reminder.cancel()
            tending.stop()
            for port in ports:
                await port.stop()
            try:
                await loop.within(PATIENCE, _leave(administration, census, counting, component))
            except TimeoutError as error:
                raise CommandFailed(f"{name} could not leave in order within {PATIENCE:g} s") from error

    log.begin(name)
    loop.run(work)


def _facts(component: Reader) -> Facts:
    """Return what a reader says of itself."""
    state = "reads" if component.is_current else "behind" if component.is_active else "standby"
    here = component.position
    return Facts(state=state, position=None if here is None else (here.epoch, here.revision))


async def _leave(administration: Administration, census: Census, counting: Connection, component: Reader) -> None:
    await administration.stop()
    await census.stop()
    await counting.stop()
    await component.stop()
