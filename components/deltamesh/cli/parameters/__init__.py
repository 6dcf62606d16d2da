"""`deltamesh parameters`: live parameters from git."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from deltamesh.cli.failure import CommandFailed

COMMANDS: Final = {
    "reader": "reader",
    "get": "get",
    "set": "change",
    "unset": "change",
    "diff": "change",
    "log": "log",
    "revert": "revert",
    "census": "census",
    "problems": "problems",
}
"""By name of a command, the module that has it."""

ATTRIBUTES: Final = {"set": "set_"}
"""What a command is called in its module, if that is not its name."""

LIBRARIES: Final = ("pygit2", "ruamel", "tomlkit", "jsonschema")
"""What the extra `parameters` installs."""


class Commands(click.Group):
    """The commands. Each is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        try:
            module = import_module(f"deltamesh.cli.parameters.{COMMANDS[cmd_name]}")
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] not in LIBRARIES:
                raise
            raise CommandFailed(f"{error.name} is not installed: install deltamesh with `pip install 'deltamesh[parameters]'`") from error
        found: click.Command = getattr(module, ATTRIBUTES.get(cmd_name, cmd_name))
        return found


@click.group(cls=Commands)
@click.pass_context
def parameters(ctx: click.Context) -> None:
    """Follow a repository, look at its parameters, change them."""
    # what is said before `parameters` of the router goes before the defaults of each command
    given = dict(ctx.default_map or {})
    ctx.default_map = dict.fromkeys(COMMANDS, given)
