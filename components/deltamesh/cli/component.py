"""`deltamesh leader` and `deltamesh follower`: one component, by hand or under `deltamesh run`."""

from __future__ import annotations

from typing import Final

import click
from twisted.internet.defer import CancelledError, Deferred

from deltamesh.cli import log, loop
from deltamesh.cli.application import load
from deltamesh.cli.arguments import application_name, component_name
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.router import Router, router_options
from deltamesh.collector import tend
from deltamesh.connection import Connection
from deltamesh.follower import Follower
from deltamesh.leader import Leader

PATIENCE: Final = 8.0
"""How long a component may take to leave in order [s]: less than its supervisor waits."""


def short_name(service: str) -> str:
    """Return what people call a service: the last part of its URI."""
    return service.rpartition(".")[2]


@click.command()
@click.argument("application", metavar="APP", type=application_name)
@router_options
def leader(router: Router, application: str) -> None:
    """
    Lead APP (MODULE:ATTRIBUTE): keep its shared graph, take writes.

    A service has one leader. It connects until it succeeds, and again when it is cut off. SIGTERM ends it in order.
    """
    service = load(application)
    connection = router.connection()
    _serve(f"{short_name(service.uris.prefix)}.leader", Leader(service, connection), router, connection)


@click.command()
@click.argument("application", metavar="APP", type=application_name)
@click.option("--name", metavar="NAME", type=component_name, help="Unique among the followers of the service.  [default: random]")
@router_options
def follower(router: Router, application: str, name: str | None) -> None:
    """
    Follow the leader of APP (MODULE:ATTRIBUTE): compute what clients open.

    A service may have any number of followers. SIGTERM ends it in order: its clients move to others.
    """
    service = load(application)
    connection = router.connection()
    component = Follower(service, connection, name=name)
    _serve(f"{short_name(service.uris.prefix)}.{component.name}", component, router, connection)


def _serve(name: str, component: Leader | Follower, router: Router, connection: Connection) -> None:
    """Run a component until a signal comes. Prints `<name>: ready` on stdout when it takes part for the first time."""
    service = component.service.uris.prefix

    def remind() -> None:
        missing = router.absence(connection) if connection.session is None else f"connected, but nobody leads {service} yet"
        click.echo(f"{name}: warning: {missing} (still trying)", err=True)

    async def serve() -> None:
        reminder = connection.reactor.callLater(router.timeout, remind)
        tending = tend(connection.reactor)
        component.start()
        try:
            await connection.joined()
            if reminder.active():
                reminder.cancel()
            click.echo(f"{name}: ready")
            await Deferred()
        except CancelledError:
            click.echo(f"{name}: stopping", err=True)
        finally:
            if reminder.active():
                reminder.cancel()
            tending.stop()
            await _leave(name, component)

    log.begin(name)
    loop.run(serve)


async def _leave(name: str, component: Leader | Follower) -> None:
    try:
        await loop.within(PATIENCE, component.stop())
    except TimeoutError as error:
        raise CommandFailed(f"{name} could not leave in order within {PATIENCE:g} s") from error
