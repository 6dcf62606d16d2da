"""`deltamesh read`, `write` and `call`: one question, one answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

import click
import msgspec
from rich.console import Console

from deltamesh.cli.arguments import json_value, mapping, named_value, service_name
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.router import Router, router_options
from deltamesh.cli.table import table_of
from deltamesh.client.mesh import Done, Mesh
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from deltamesh.uris import ServiceURIs
from deltamesh.values import JSON, Values

_SHAPE: Final = "changes are [[input, [[key, [value, …]], …]], …] or {input: [[key, [value, …]], …], …}"


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("resource")
@click.option("--param", "pairs", metavar="NAME=VALUE", type=named_value, multiple=True, help="A parameter, as JSON or plain text.")
@click.option("--key", metavar="JSON", help="Read this key only.")
@click.option("--json", "as_json", is_flag=True, help="Print one line [key, [value, …]] for each entry, also in a terminal.")
@router_options
def read(router: Router, service: str, resource: str, pairs: tuple[tuple[str, Any], ...], key: str | None, as_json: bool) -> None:
    """Read RESOURCE of SERVICE once. SERVICE is a URI, or the application's MODULE:ATTRIBUTE."""
    parameters = mapping("parameter", pairs)
    only = {} if key is None else {"key": json_value(key)}

    async def reading(connection: Connection) -> list[tuple[JSON, Values]]:
        return await Mesh(connection, service).read(resource, parameters, **only)

    entries = router.ask(_asking(service, reading))
    console = Console(highlight=False)
    if as_json or not console.is_terminal:
        for entry in entries:
            click.echo(msgspec.json.encode(entry))
    else:
        console.print(table_of(entries, width=console.width, max_rows=len(entries)))
        console.print(f"{len(entries)} {'entry' if len(entries) == 1 else 'entries'}", style="dim")


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("changes")
@click.option("--idempotency-key", metavar="TEXT", help="The same key again changes nothing and gives the first answer.")
@router_options
def write(router: Router, service: str, changes: str, idempotency_key: str | None) -> None:
    """
    Write CHANGES to SERVICE, as one transaction, and print the position.

    It is tried again for as long as --timeout says, and done once.
    CHANGES is JSON, {"input": [[key, [value, …]], …]}, or - to read that from standard input. No values remove the key.
    """
    parsed = parse_changes(sys.stdin.read() if changes == "-" else changes)

    async def writing(connection: Connection) -> Done:
        return await Mesh(connection, service, patience=router.timeout).write(parsed, idempotency_key=idempotency_key)

    done = router.ask(_asking(service, writing))
    click.echo(msgspec.json.encode({"epoch": done.position.epoch, "revision": done.position.revision}))


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("action")
@click.option("--arg", "pairs", metavar="NAME=VALUE", type=named_value, multiple=True, help="An argument, as JSON or plain text.")
@click.option("--task", "is_task", is_flag=True, help="ACTION is a task, which workers compute: call it once, and print what it answers.")
@router_options
def call(router: Router, service: str, action: str, pairs: tuple[tuple[str, Any], ...], is_task: bool) -> None:
    """
    Call ACTION of SERVICE, and print its result and the position.

    It is tried again for as long as --timeout says, and done once.
    """
    arguments = mapping("argument", pairs)
    if is_task:
        uri = ServiceURIs(service).action(action)
        click.echo(msgspec.json.encode(router.ask(_asking(service, lambda connection: connection.call(uri, **arguments)))))
        return

    async def calling(connection: Connection) -> Done:
        return await Mesh(connection, service, patience=router.timeout).call(action, **arguments)

    done = router.ask(_asking(service, calling))
    click.echo(msgspec.json.encode({"result": done.result, "epoch": done.position.epoch, "revision": done.position.revision}))


def parse_changes(text: str) -> dict[str, list[Any]]:
    """
    Return what is to be written, by input.

    Raises:
        CommandFailed: `text` is not JSON, or does not look like changes. What is in them the leader checks.
    """
    try:
        decoded = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise CommandFailed(f"changes are not JSON: {error}") from error
    pairs = list(decoded.items()) if isinstance(decoded, dict) else decoded
    if not isinstance(pairs, list):
        raise CommandFailed(_SHAPE)
    changes: dict[str, list[Any]] = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2 or not isinstance(pair[0], str) or not isinstance(pair[1], list):
            raise CommandFailed(f"{_SHAPE}, not {pair!r:.80}")
        changes.setdefault(pair[0], []).extend(pair[1])
    return changes


def _asking(service: str, work: Callable[[Connection], Any]) -> Callable[[Connection], Any]:
    """Add to the router's answer that it knows no such procedure what that means here."""

    async def asking(connection: Connection) -> Any:
        try:
            return await work(connection)
        except DeltameshError as error:
            if error.uri == "wamp.error.no_such_procedure":
                raise CommandFailed(f"{error.message}: {service} is not running, or has no procedure of that name") from error
            raise

    return asking
