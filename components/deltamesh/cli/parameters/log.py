"""`deltamesh parameters log`: the commits of a branch, or how one parameter has changed."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from deltamesh.cli.arguments import service_name
from deltamesh.cli.parameters.administering import check_known, entries, printable, time_of
from deltamesh.cli.router import Router, router_options
from deltamesh.connection import Connection
from deltamesh.values import JSON, Values


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(1, 100), default=20, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="Print one object of JSON a line.")
@router_options
def log(router: Router, service: str, name: str | None, limit: int, as_json: bool) -> None:
    """
    Show the newest commits that SERVICE has read, or those that have changed the parameter NAME. The newest comes first.

    A parameter that was removed is shown for as long as the service keeps its history. Exit code 1 if there is none of that name.
    """

    async def asking(connection: Connection) -> list[tuple[JSON, Values]]:
        if name is None:
            return await entries(connection, router, service, "commits", limit=limit)
        changes = await entries(connection, router, service, "history", name=name, limit=limit)
        if not changes:
            await check_known(connection, router, service, name)
        return changes

    found = router.ask(asking)
    for key, values in found:
        entry = {"number": -key[0], **values.one()}
        click.echo(msgspec.json.encode(entry) if as_json else _described(entry))
    if not found and not as_json:
        click.echo("no commits" if name is None else f"{printable(name)} has not changed", err=True)


def _described(entry: dict[str, Any]) -> str:
    """Return a commit as lines: what it is, what it says, what it did."""
    commit = entry["commit"] or f"number {entry['number']}"
    head = f"{click.style(commit, fg='yellow')}  {time_of(entry['time'])}  {printable(entry['author'] or '')}"
    if not entry.get("good", True):
        head += click.style("  not good", fg="red")
    lines = [head, *[f"    {printable(line)}" for line in (entry["message"] or "").strip().split("\n")[:1] if line]]
    if "value" in entry or "gone" in entry:
        was = f"{_text(entry['was'])} → " if "was" in entry else ""
        lines.append(f"    {was}{'removed' if 'gone' in entry else _text(entry['value'])}")
    return "\n".join(lines)


def _text(value: JSON) -> str:
    return printable(msgspec.json.encode(value).decode())
