"""`deltamesh parameters revert`: a commit that takes back what another one did."""

from __future__ import annotations

from typing import Any

import click

from deltamesh.cli.arguments import service_name
from deltamesh.cli.parameters.administering import administer, author
from deltamesh.cli.parameters.change import agree, commit_message, commit_options, show_commit
from deltamesh.cli.router import Router, router_options
from deltamesh.connection import Connection


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("commit")
@click.option("-m", "--message", metavar="TEXT", type=commit_message, help="Why; the message of the new commit.")
@commit_options
@router_options
def revert(router: Router, service: str, commit: str, message: str | None, given: str | None, is_sure_already: bool, as_json: bool) -> None:
    """
    Take back what COMMIT did in the repository of SERVICE, by a new commit, and print its id.

    COMMIT is a whole id, as `deltamesh parameters log` prints it. What would change is shown before. It is refused if later commits have
    changed the same lines.
    """
    who = author(router, given)

    async def asking(connection: Connection) -> Any:
        preview = await administer(connection, service, "preview", revert=commit)
        await agree(preview, is_asked=not is_sure_already, as_json=as_json)
        return await administer(connection, service, "revert", commit, message=message, head=preview["head"], author=who)

    show_commit(router.ask(asking), as_json=as_json)
