"""`deltamesh parameters problems`: why the newest commit is not good."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from deltamesh.cli.arguments import service_name
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.parameters.administering import described, entries, printable, reading
from deltamesh.cli.router import Router, router_options
from deltamesh.connection import Connection
from deltamesh.values import JSON, Values


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.option("--json", "as_json", is_flag=True, help="Print one object of JSON a line.")
@router_options
def problems(router: Router, service: str, as_json: bool) -> None:
    """
    Show why the newest commit of the repository of SERVICE is not good, so that older values hold. Exit code 1 if there is any reason.

    Exit code 1 as well if the reader does not work, or cannot read the repository or write: then that is said, too. A line is
    `file:line: name: reason`, and the commit that brought it in.
    """

    async def asking(connection: Connection) -> tuple[list[tuple[JSON, Values]], dict[str, Any] | None]:
        return await entries(connection, router, service, "state"), await reading(connection, service)

    held, facts = router.ask(asking)
    state = {key: values.one() for key, values in held}
    if "reading" not in state:
        raise CommandFailed(f"nothing has been read into {service} yet: is its reader running?")
    found = state.get("problems", ())
    for problem in found:
        if as_json:
            click.echo(msgspec.json.encode(problem))
        else:
            click.echo(f"{described(problem)}  ({problem['commit'][:12]} by {printable(problem['author'])})")
    if facts is None:
        raise CommandFailed(f"no reader of {service} works: what is held may be old")
    if facts.get("is_current") is not True:
        why = facts.get("problem") or "it has not read and written all yet"
        raise CommandFailed(f"what is held may be old: {printable(str(why))}")
    if found:
        raise SystemExit(1)
    if not as_json:
        click.echo(f"the newest commit is good: {state['reading']['head']}")
