"""`deltamesh run`: the whole mesh on this machine, and what dies is started again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path, PurePath
from typing import Final

import click

from deltamesh.cli import node
from deltamesh.cli.application import load
from deltamesh.cli.arguments import application_name, command_line
from deltamesh.cli.component import short_name
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.program import CannotStart, Program, Supervised
from deltamesh.cli.supervisor import Supervisor, first_ready, supervise

MAX_FOLLOWERS: Final = 256

_COLOURS: Final = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_yellow", "bright_magenta")


@click.command()
@click.argument("applications", metavar="APP...", type=application_name, nargs=-1, required=True)
@click.option("--followers", type=click.IntRange(1, MAX_FOLLOWERS), default=1, show_default=True, help="Followers of each application.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the web page, instead of the one that the node directory says.")
@click.option("--cbdir", type=click.Path(file_okay=False, path_type=Path), default=".crossbar", show_default=True, help="Node directory.")
@click.option("--with", "commands", metavar="COMMAND", type=command_line, multiple=True, help="Also run this command, as a feeder.")
def run(applications: Sequence[str], followers: int, port: int | None, cbdir: Path, commands: Sequence[list[str]]) -> None:
    """
    Run a whole mesh: a router, and for each APP (MODULE:ATTRIBUTE) a leader and followers.

    What dies is started again. Ctrl-C stops everything, in order; a second one at once. Other programs find the router in
    the environment variable DELTAMESH_ROUTER.
    """
    node.need_router()
    here = node.read(cbdir, port)
    names = [short_name(load(each).uris.prefix) for each in applications]
    if len(set(names)) < len(names):
        raise CommandFailed(f"two applications are called {max(names, key=names.count)}: run each of them once, or in a mesh of its own")
    mesh = Programs(
        router=_router(here),
        leaders=[_component("leader", each, f"{name}.leader") for each, name in zip(applications, names, strict=True)],
        followers=[
            [_component("follower", each, f"{name}.follower{number}") for number in range(1, followers + 1)]
            for each, name in zip(applications, names, strict=True)
        ],
        extras=_extras(commands),
    )
    here.check_free()
    output = Output(mesh.names())
    for warning in here.warnings():
        output.say("run", f"warning: {warning}")

    has_started = False

    async def work(supervisor: Supervisor) -> None:
        nonlocal has_started
        await first_ready(supervisor.start([mesh.router]))
        has_started = True
        await mesh.start_components(supervisor)
        output.say("run", f"ready: {here.web or here.url}")
        supervisor.start(mesh.extras)

    environment = {"DELTAMESH_ROUTER": here.url, "DELTAMESH_REALM": here.realm}
    try:
        asyncio.run(supervise(work, environment, output.say))
    except CannotStart as error:
        raise CommandFailed(str(error)) from error
    finally:
        here.clean_up(after_router=has_started)


@dataclass(frozen=True)
class Programs:
    """What makes a mesh, by stages."""

    router: Program
    leaders: list[Program]
    followers: list[list[Program]]
    """For each application."""
    extras: list[Program]

    def names(self) -> list[str]:
        """Return the names of all programs."""
        followers = [each for group in self.followers for each in group]
        return [each.name for each in [self.router, *self.leaders, *followers, *self.extras]]

    async def start_components(self, supervisor: Supervisor) -> None:
        """Start leaders and followers; return when every application has a leader and a follower that are ready."""
        leaders = supervisor.start(self.leaders)
        started = supervisor.start([each for group in self.followers for each in group])
        groups: list[list[Supervised]] = [[leader] for leader in leaders]
        for group in self.followers:
            groups.append(started[: len(group)])
            started = started[len(group) :]
        for each in groups:
            await first_ready(each)


class Output:
    """Lines with the name of who says it in front, each name in its colour if this is a terminal."""

    def __init__(self, names: Sequence[str]) -> None:
        self._width = max(len(name) for name in names)
        self._colours = dict(zip(names, cycle(_COLOURS), strict=False))

    def say(self, name: str, text: str) -> None:
        """Print one line."""
        label = click.style(name.ljust(self._width), fg=self._colours.get(name), bold=name not in self._colours)
        try:
            click.echo(f"{label} | {text}")
        except BrokenPipeError:  # nobody reads any more, as behind `| head`: stop in order, and say nothing about it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            os.kill(os.getpid(), signal.SIGTERM)


def _router(here: node.Node) -> Program:
    command = [sys.executable, "-m", "deltamesh_router", "start", "--cbdir", str(here.directory), "--config", here.config]
    if here.insight_port is not None:
        command += ["--insight-port", str(here.insight_port)]
    return Program("router", command, is_needed=True)


def _component(kind: str, application: str, name: str) -> Program:
    command = [sys.executable, "-m", "deltamesh", kind, application]
    if kind == "follower":
        command += ["--name", name.rpartition(".")[2]]
    return Program(name, command)


def _extras(commands: Sequence[list[str]]) -> list[Program]:
    """Name each after its module or program, with a number if there are several."""
    programs: dict[str, Program] = {}
    for command in commands:
        is_python = command[0] in ("python", "python3")
        plain = command[2] if is_python and command[1:2] == ["-m"] and len(command) > 2 else PurePath(command[0]).name
        name, number = plain, 1
        while name in programs:
            number += 1
            name = f"{plain}-{number}"
        # in the environment that we are in, even if that is not the one of the shell
        words = [sys.executable, *command[1:]] if is_python else command
        programs[name] = Program(name, words, says_ready=False, may_finish=True)
    return list(programs.values())
