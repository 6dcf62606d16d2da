"""`deltamesh parameters get`: what parameters are, now or as they change."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click
import msgspec
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as TwistedTimeoutError

from deltamesh.cli import log, loop
from deltamesh.cli.arguments import service_name
from deltamesh.cli.parameters.administering import printable
from deltamesh.cli.router import Router, router_options
from deltamesh.connection import Connection
from deltamesh.parameters.client.parameter import Parameter
from deltamesh.parameters.client.parameters import Parameters
from deltamesh.parameters.client.state import Source, State
from deltamesh.parameters.names import objection


def _name(text: str) -> str:
    reason = objection(text)
    if reason is not None:
        raise click.BadParameter(f"{text!r:.80}: {reason}")
    return text


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("names", metavar="NAME...", nargs=-1, required=True, type=_name)
@click.option("--watch", is_flag=True, help="Go on, and print a line for each change, until Ctrl-C.")
@click.option(
    "--cache", metavar="FILE", type=click.Path(dir_okay=False), help="Begin with what this file has, and keep there what is known."
)
@click.option("--json", "as_json", is_flag=True, help='Print {"name", "value", "source", "commit", "error", "is_current"}, one a line.')
@router_options
def get(router: Router, service: str, names: tuple[str, ...], watch: bool, cache: str | None, as_json: bool) -> None:
    """
    Print parameters of SERVICE: value, where it comes from, and the commit that changed it last.

    Exit code 1 if one of them is not known, or if there is none of that name.
    """
    print_line = _print_json if as_json else _print_plain

    async def getting() -> bool:
        connection = router.connection()
        parameters = Parameters(connection, service, cache=cache, client="deltamesh parameters get")
        asked: list[Parameter[Any]] = [parameters.get(name, None) for name in dict.fromkeys(names)]
        connection.start()
        try:
            if watch:
                await _watch(asked, print_line)
                return True
            await _settled(router, connection, parameters)
            for parameter in asked:
                print_line(parameter.name, parameter.state)
            return all([_is_known(parameter.state) for parameter in asked])
        finally:
            await parameters.stop()
            await connection.stop()

    log.begin("deltamesh", only_errors=True)
    if not loop.run(getting):
        sys.exit(1)


async def _settled(router: Router, connection: Connection, parameters: Parameters) -> None:
    """Return when all is known, or not in time; say why if that is not all current."""
    waiting = parameters.when_ready()
    assert isinstance(waiting, Deferred), "this is a program of Twisted"
    waiting.addTimeout(router.timeout, connection.reactor)
    with suppress(TwistedTimeoutError):
        await waiting
    absence = router.absence(connection) if connection.session is None else parameters.problem
    if absence is not None:
        click.echo(f"warning: not all of this is current: {absence}", err=True)


async def _watch(asked: Sequence[Parameter[Any]], print_line: Any) -> None:
    """Print what is known, and each change, for ever."""
    for parameter in asked:
        if parameter.source is not Source.DEFAULT:
            print_line(parameter.name, parameter.state)
        parameter.on_change(lambda changed: print_line(changed.name, changed.state))
    for_ever: Deferred[None] = Deferred()
    try:
        await for_ever
    except CancelledError:  # Ctrl-C is how this ends
        return


def _is_known(state: State[Any]) -> bool:
    return state.source is not Source.DEFAULT and state.error is None


def _print_json(name: str, state: State[Any]) -> None:
    line = {
        "name": name,
        "value": state.value,
        "source": state.source.value,
        "commit": state.commit,
        "error": state.error,
        "is_current": state.is_current,
    }
    click.echo(msgspec.json.encode(line))


def _print_plain(name: str, state: State[Any]) -> None:
    if state.source is not Source.DEFAULT:
        value = msgspec.json.encode(state.value).decode()
        click.echo(printable(f"{name} = {value}  ({state.source.value}, {(state.commit or '')[:12]})"))
    elif state.error is not None:
        click.echo(printable(f"error: {state.error}"), err=True)
    else:
        click.echo(printable(f"{name}: {'there is none' if state.is_current else 'not known'}"), err=True)
