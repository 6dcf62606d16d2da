"""`deltamesh scale`: more or fewer components of a mesh that `deltamesh run` runs."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any, Final

import click
from twisted.internet.task import deferLater

from deltamesh.cli.arguments import service_name
from deltamesh.cli.control import SCALE, STATUS
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.router import Router, router_options
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError, InvalidParameters

LOOK: Final = 0.2
"""Pause between two looks whether it is done [s]."""


@click.command()
@click.argument("words", metavar="[SERVICE] KIND=NUMBER...", nargs=-1, required=True)
@click.option("--patience", type=click.FloatRange(0), default=60.0, show_default=True, help="Seconds to wait for the end.")
@router_options
def scale(router: Router, words: tuple[str, ...], patience: float) -> None:
    """
    Let `deltamesh run` start or stop components: follower=4, standby=1. SERVICE is a URI, or the application's MODULE:ATTRIBUTE.

    Without it, each service that runs there is scaled. Followers that are too many hand their clients over before they leave.
    """
    service, sizes = parse(words)

    async def scaling(connection: Connection) -> None:
        try:
            answer = await connection.call(SCALE, service, sizes)
        except DeltameshError as error:
            if error.uri == "wamp.error.no_such_procedure":
                raise CommandFailed("no `deltamesh run` is at this router: start and stop components where they were started") from error
            if error.uri == InvalidParameters.uri:
                raise CommandFailed(error.message.removeprefix(f"{error.uri}: ").removeprefix(f"{SCALE}: ")) from error
            raise
        services = answer["services"]
        end = connection.reactor.seconds() + patience
        while patience and (left := pending((await connection.call(STATUS))["programs"], services)):
            if connection.reactor.seconds() >= end:
                raise CommandFailed(f"not done within {patience:g} s: {', '.join(left)}")
            await deferLater(connection.reactor, LOOK, lambda: None)
        for each, done in services.items():
            for kind, number in sizes.items():
                click.echo(f"{each}: {kind} {done['before'][kind]} → {number}")

    router.ask(scaling)


def parse(words: tuple[str, ...]) -> tuple[str | None, dict[str, int]]:
    """
    Return the service, if one is named, and the wanted number of each kind.

    Raises:
        click.BadParameter: the words are not [SERVICE] KIND=NUMBER...
    """
    names = [word for word in words if "=" not in word]
    sizes: dict[str, int] = {}
    for word in words:
        kind, separator, number = word.partition("=")
        if separator:
            if not number.isascii() or not number.isdigit() or kind in sizes:
                raise click.BadParameter(f"{word!r}: write each kind once, with a number, as in follower=4")
            sizes[kind] = int(number)
    if len(names) > 1 or not sizes:
        raise click.BadParameter("write at most one service, and what to scale, as in follower=4")
    return (service_name(names[0]) if names else None), sizes


def pending(programs: list[Mapping[str, Any]], services: Container[str]) -> list[str]:
    """Return what programs of the services are still starting or leaving, with what they do."""
    return [f"{each['program']} is {each['state']}" for each in programs if each["service"] in services and each["state"] != "ready"]
