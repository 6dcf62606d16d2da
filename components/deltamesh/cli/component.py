"""`deltamesh leader` and `deltamesh follower`: one component, by hand or under `deltamesh run`."""

from __future__ import annotations

from typing import Final, Protocol

import click
from twisted.internet.base import DelayedCall
from twisted.internet.defer import CancelledError, Deferred

from deltamesh.cli import log, loop
from deltamesh.cli.application import load
from deltamesh.cli.arguments import application_name, component_name, host_and_port
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.router import Router, router_options
from deltamesh.connection import Connection
from deltamesh.connection.heartbeat import BOUNDS, TOLERANCE
from deltamesh.errors import ConfigurationError, DeltameshError
from deltamesh.follower.follower import Follower
from deltamesh.journal import DEFAULT, open_journal
from deltamesh.leader.leader import Leader
from deltamesh.operation.collector import tend
from deltamesh.operation.health import Examined, Health, HealthPort
from deltamesh.operation.status import Facts, Reporter

PATIENCE: Final = 8.0
"""How long a component may take to leave in order [s]: less than its supervisor waits."""


journal_option = click.option(
    "--journal",
    metavar="URL",
    default=DEFAULT,
    envvar="DELTAMESH_JOURNAL",
    show_envvar=True,
    help="Where writes are kept: sqlite:PATH, postgresql://…, or memory: for nowhere.  [default: sqlite: in .crossbar/journal]",
)

health_option = click.option(
    "--health",
    metavar="HOST:PORT",
    type=host_and_port,
    envvar="DELTAMESH_HEALTH",
    show_envvar=True,
    help="Serve /healthz, /readyz and /metrics there.  [default: not at all]",
)

tolerance_option = click.option(
    "--tolerance",
    type=click.FloatRange(*BOUNDS),
    default=TOLERANCE,
    envvar="DELTAMESH_TOLERANCE",
    show_default=True,
    show_envvar=True,
    help="Seconds that it may compute in one go: if the router hears nothing for longer, it counts as dead.",
)


def short_name(service: str) -> str:
    """Return what people call a service: the last part of its URI."""
    return service.rpartition(".")[2]


@click.command()
@click.argument("application", metavar="APP", type=application_name)
@click.option("--name", metavar="NAME", type=component_name, default="leader", show_default=True, help="What `deltamesh status` calls it.")
@journal_option
@health_option
@tolerance_option
@router_options
def leader(router: Router, application: str, name: str, journal: str, health: tuple[str, int] | None, tolerance: float) -> None:
    """
    Lead APP (MODULE:ATTRIBUTE): keep its shared graph, take writes.

    A service has one leader; others with the same journal stand by, and one of them takes over when it is gone. It connects until it
    succeeds, and again when it is cut off. SIGTERM ends it in order.
    """
    service = load(application)
    connection = router.connection()
    connection.tolerance = tolerance
    Reporter(connection, service.uris, "leader", name, lambda: leader_facts(component))
    component = Leader(service, connection, open_journal(journal, service.uris.prefix))
    serve(f"{short_name(service.uris.prefix)}.{name}", component, router, connection, health, f"nobody leads {service.uris.prefix} yet")


@click.command()
@click.argument("application", metavar="APP", type=application_name)
@click.option("--name", metavar="NAME", type=component_name, help="Unique among the followers of the service.  [default: random]")
@health_option
@tolerance_option
@router_options
def follower(router: Router, application: str, name: str | None, health: tuple[str, int] | None, tolerance: float) -> None:
    """
    Follow the leader of APP (MODULE:ATTRIBUTE): compute what clients open.

    A service may have any number of followers. SIGTERM ends it in order: its clients move to others.
    """
    service = load(application)
    connection = router.connection()
    connection.tolerance = tolerance
    component = Follower(service, connection, name=name)
    name = f"{short_name(service.uris.prefix)}.{component.name}"
    serve(name, component, router, connection, health, f"nobody leads {service.uris.prefix} yet")


def leader_facts(component: Leader) -> Facts:
    """Return what a leader says of itself."""
    here = component.position
    position = None if here is None else (here.epoch, here.revision)
    if component.leads:
        return Facts(state="leads", position=position, term=component.term)  # that of others is a former one
    return Facts(state="other journal" if component.objection is not None else component.state.value, position=position)


class Component(Examined, Protocol):
    """What runs in a process of its own, on a connection that it starts and stops."""

    def start(self) -> None:
        """Begin; raises `ConfigurationError` if that is not possible here."""
        ...

    async def stop(self) -> None:
        """Leave in order."""
        ...


def serve(name: str, component: Component, router: Router, connection: Connection, health: tuple[str, int] | None, lacking: str) -> None:
    """
    Run a component until a signal comes. Prints `<name>: ready` on stdout when it takes part for the first time.

    `lacking` says why it may not take part although it is connected.
    """

    def remind() -> None:
        missing = router.absence(connection) if connection.session is None else f"connected, but {lacking}"
        click.echo(f"{name}: warning: {missing} (still trying)", err=True)

    async def ready(reminder: DelayedCall) -> None:
        await connection.joined()
        if reminder.active():
            reminder.cancel()
        click.echo(f"{name}: ready")

    async def work() -> None:
        port = None if health is None else _listen(Health(name, component, connection), health, connection)
        reminder = connection.reactor.callLater(router.timeout, remind)
        tending = tend(connection.reactor)
        ended: Deferred[None] = Deferred()
        if isinstance(component, Leader):
            component.on_broken(lambda error: None if ended.called else ended.errback(error))
        try:
            component.start()
        except ConfigurationError as error:
            raise CommandFailed(error.message) from error
        Deferred.fromCoroutine(ready(reminder))
        try:
            await ended
        except DeltameshError as error:
            raise CommandFailed(f"{name}: {error.message}") from error
        except CancelledError:
            click.echo(f"{name}: stopping", err=True)
        finally:
            if reminder.active():
                reminder.cancel()
            tending.stop()
            await _leave(name, component)
            if port is not None:
                await port.stop()

    log.begin(name)
    loop.run(work)


def _listen(health: Health, where: tuple[str, int], connection: Connection) -> HealthPort:
    try:
        port = HealthPort(health, *where, connection.reactor)
    except ConfigurationError as error:
        raise CommandFailed(error.message) from error
    click.echo(f"{health.name}: health at {port.url}")
    return port


async def _leave(name: str, component: Component) -> None:
    try:
        await loop.within(PATIENCE, component.stop())
    except TimeoutError as error:
        raise CommandFailed(f"{name} could not leave in order within {PATIENCE:g} s") from error
