"""The command `deltamesh` itself: its options, and where its commands are."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import click

from deltamesh.cli.failure import CommandFailed
from deltamesh.errors import DeltameshError

COMMANDS: Final = {
    "run": "run",
    "scale": "scale",
    "status": "status",
    "leader": "component",
    "follower": "component",
    "worker": "worker",
    "parameters": "parameters",
    "read": "data",
    "watch": "watch",
    "write": "data",
    "call": "data",
    "journal": "journal",
    "check": "check",
    "key": "key",
}
"""By name of a command, the module that has it. Imported when it is used: those that connect take most of a second."""


class Commands(click.Group):
    """The commands. Errors of Deltamesh are told in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which people need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = getattr(import_module(f"deltamesh.cli.{COMMANDS[cmd_name]}"), cmd_name)
        return found

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was given."""
        try:
            return super().invoke(ctx)
        except DeltameshError as error:
            raise CommandFailed(error_line(error)) from error


def error_line(error: DeltameshError) -> str:
    """Return `uri: message`."""
    return error.message if error.message.startswith(error.uri) else f"{error.uri}: {error.message}"


def _version() -> str:
    try:
        return version("deltamesh")
    except PackageNotFoundError:
        return "of a source tree that is not installed"


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="deltamesh", message="%(prog)s %(version)s")
@click.option("--router", metavar="URL", envvar="DELTAMESH_ROUTER", show_envvar=True, help="Address of the router, if it connects.")
@click.option("--realm", metavar="NAME", envvar="DELTAMESH_REALM", show_envvar=True, help="WAMP realm, if it connects.")
@click.pass_context
def main(ctx: click.Context, router: str | None, realm: str | None) -> None:
    """Reactive microservices around one router."""
    # each command that connects has these options as well, and what is said here goes before their defaults
    given = {name: value for name, value in (("url", router), ("realm", realm)) if value}
    ctx.default_map = dict.fromkeys(COMMANDS, given)
