"""`deltamesh key`: a key by which a component proves to a router who it is."""

from __future__ import annotations

from pathlib import Path

import click

from deltamesh.cli.failure import CommandFailed
from deltamesh.connection.identity import make_key, read_key
from deltamesh.errors import ConfigurationError


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def key(file: Path) -> None:
    """
    Print the public half of the key in FILE, which is made if there is none.

    FILE is for --key-file, and secret. What is printed is for `authorized_keys` in the configuration of the router.
    """
    try:
        pair = read_key(file) if file.exists() else make_key(file)
    except ConfigurationError as error:
        raise CommandFailed(error.message) from error
    click.echo(pair.public)
