"""`deltamesh parameters census`: which clients have which parameters."""

from __future__ import annotations

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from deltamesh.cli.arguments import service_name
from deltamesh.cli.parameters.administering import check_known, entries, printable, time_of
from deltamesh.cli.router import Router, router_options
from deltamesh.connection import Connection
from deltamesh.values import JSON, Values

_COLUMNS = ("session", "client", "kind", "host", "since", "names", "commit", "current")


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one object of JSON a line.")
@router_options
def census(router: Router, service: str, name: str | None, as_json: bool) -> None:
    """
    Show who holds parameters of SERVICE, or the parameter NAME, and at which commit: whether that is the newest value of NAME.

    Clients may hold a name that SERVICE does not have, and have their defaults then. Exit code 1 if nobody does, and there is none.
    """

    async def asking(connection: Connection) -> list[tuple[JSON, Values]]:
        if not name:
            return await entries(connection, router, service, "census")
        holders = await entries(connection, router, service, "census", name=name)
        if not holders:
            await check_known(connection, router, service, name)
        return holders

    found = router.ask(asking)
    if as_json:
        for _, values in found:
            click.echo(msgspec.json.encode(values.one()))
        return
    table = Table(*_COLUMNS, box=None, header_style="bold", pad_edge=False)
    for _, values in found:
        holder = values.one()
        current = {True: "yes", False: "no"}.get(holder["is_current"], "")
        words = [printable(str(holder[each])) for each in ("session", "client", "kind", "host")]
        table.add_row(
            *[Text(each) for each in (*words, time_of(holder["since"]), str(holder["size"]), (holder["commit"] or "")[:12], current)]
        )
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 200
    console.print(table)
    console.print(f"{len(found)} {'holder' if len(found) == 1 else 'holders'}", style="dim")
