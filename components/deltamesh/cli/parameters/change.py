"""`deltamesh parameters set`, `unset` and `diff`: a commit that changes values, or what it would change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
import msgspec

from deltamesh.cli.arguments import json_value, mapping, service_name
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.parameters.administering import administer, author, is_sure, show_difference
from deltamesh.cli.router import Router, router_options
from deltamesh.connection import Connection
from deltamesh.errors import InvalidParameters
from deltamesh.parameters.administration.message import checked_message
from deltamesh.values import JSON


def assignment(text: str) -> tuple[str, Any]:
    """Return the two parts of `name=value`; the value is JSON, or else text."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise click.BadParameter(f"{text!r}: write NAME=VALUE, as in payment.limits.daily.eur=5 or payment.currency=EUR")
    return name, json_value(value)


def commit_message(text: str) -> str:
    """Check the message of a commit."""
    try:
        checked_message(text)
    except InvalidParameters as error:
        raise click.BadParameter(error.facts["reason"]) from error
    return text


_layer_option = click.option(
    "--layer", type=click.Choice(["base", "environment", "region"]), help="Where.  [default: where the value comes from]"
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one object of JSON.")


def commit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of one that makes a commit; but for the message."""
    command = click.option("--author", "given", metavar="'NAME <MAIL>'", help="Who made it.  [default: who is logged in here]")(command)
    command = click.option("--yes", "is_sure_already", is_flag=True, help="Do not ask; nor is it asked where there is no terminal.")(
        command
    )
    return _json_option(command)


_message_option = click.option(
    "-m", "--message", metavar="TEXT", type=commit_message, required=True, help="Why; the message of the commit."
)


@click.command("set")
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("pairs", metavar="NAME=VALUE…", type=assignment, nargs=-1, required=True)
@_message_option
@_layer_option
@commit_options
@router_options
def set_(
    router: Router,
    service: str,
    pairs: tuple[tuple[str, Any], ...],
    message: str,
    layer: str | None,
    given: str | None,
    is_sure_already: bool,
    as_json: bool,
) -> None:
    """
    Give parameters of SERVICE new values, by one commit, and print its id.

    VALUE is JSON, or else text. What would change is shown before, and in a terminal it is asked whether that is right. Without --layer a
    value is changed where it comes from, and a new one is put into the base.
    """
    changes = [[name, value] for name, value in mapping("parameter", pairs).items()]
    _make(router, service, changes, message, layer, author(router, given), is_asked=not is_sure_already, as_json=as_json)


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("names", metavar="NAME…", nargs=-1, required=True)
@_message_option
@_layer_option
@commit_options
@router_options
def unset(
    router: Router,
    service: str,
    names: tuple[str, ...],
    message: str,
    layer: str | None,
    given: str | None,
    is_sure_already: bool,
    as_json: bool,
) -> None:
    """
    Remove parameters of SERVICE, by one commit, and print its id.

    Without --layer a parameter is removed from where its value comes from: an earlier layer may have another one, which holds then.
    """
    changes = [[name] for name in names]
    _make(router, service, changes, message, layer, author(router, given), is_asked=not is_sure_already, as_json=as_json)


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("pairs", metavar="NAME=VALUE…", type=assignment, nargs=-1)
@click.option("--unset", "removed", metavar="NAME", multiple=True, help="A parameter to remove.")
@_layer_option
@_json_option
@router_options
def diff(
    router: Router, service: str, pairs: tuple[tuple[str, Any], ...], removed: tuple[str, ...], layer: str | None, as_json: bool
) -> None:
    """Show what `set` or `unset` would change in the repository of SERVICE. Nothing is changed."""
    changes = [*[[name, value] for name, value in mapping("parameter", pairs).items()], *[[name] for name in removed]]
    if not changes:
        raise click.UsageError("say what to change: NAME=VALUE, or --unset NAME")

    async def asking(connection: Connection) -> Any:
        return await administer(connection, service, "preview", changes, layer=layer)

    preview = router.ask(asking)
    if as_json:
        click.echo(msgspec.json.encode(preview))
    else:
        show_difference(preview["diff"])


def _make(
    router: Router,
    service: str,
    changes: list[list[JSON]],
    message: str,
    layer: str | None,
    who: str | None,
    *,
    is_asked: bool,
    as_json: bool,
) -> None:
    async def asking(connection: Connection) -> Any:
        preview = await administer(connection, service, "preview", changes, layer=layer)
        await agree(preview, is_asked=is_asked, as_json=as_json)
        return await administer(connection, service, "change", changes, message, layer=layer, head=preview["head"], author=who)

    show_commit(router.ask(asking), as_json=as_json)


async def agree(preview: dict[str, Any], *, is_asked: bool, as_json: bool) -> None:
    """
    Show what would change, and return if that is right.

    Raises:
        CommandFailed: it is not.
    """
    if not as_json:
        show_difference(preview["diff"])
        if not await is_sure("Commit this?", is_asked=is_asked):
            raise CommandFailed("nothing is changed")


def show_commit(answer: dict[str, Any], *, as_json: bool) -> None:
    """Print the commit that was made."""
    position = answer["position"] or {"epoch": None, "revision": None}
    if as_json:
        click.echo(msgspec.json.encode({"commit": answer["commit"], **position}))
        return
    click.echo(answer["commit"])
    if answer["position"] is None:
        click.echo("the service cannot be written now; its reader does it as soon as it can", err=True)
