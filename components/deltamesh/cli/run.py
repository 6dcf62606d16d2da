"""`deltamesh run`: the whole mesh on this machine, and what dies is started again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred

from deltamesh.cli import log, node
from deltamesh.cli.application import load
from deltamesh.cli.arguments import application_name, command_line
from deltamesh.cli.component import short_name
from deltamesh.cli.control import Control
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.formation import MAX_FOLLOWERS, MAX_STANDBYS, Formation, extras
from deltamesh.cli.output import OURSELVES, Output
from deltamesh.cli.program import CannotStart, Program
from deltamesh.cli.scaling import Scaler, range_of
from deltamesh.cli.supervisor import Supervisor, first_ready, supervise
from deltamesh.connection import Connection
from deltamesh.connection.identity import identity
from deltamesh.errors import ConfigurationError
from deltamesh.journal import open_journal

LEAVING: Final = 2.0
"""How long it may take to leave the mesh before all of it is stopped [s]."""


@click.command()
@click.argument("applications", metavar="APP...", type=application_name, nargs=-1, required=True)
@click.option("--followers", type=click.IntRange(1, MAX_FOLLOWERS), default=1, show_default=True, help="Followers of each application.")
@click.option("--standby", type=click.IntRange(0, MAX_STANDBYS), default=0, show_default=True, help="Leaders of each that stand by.")
@click.option("--autoscale", metavar="MIN..MAX", type=range_of, help="Let their load decide how many followers there are.")
@click.option(
    "--journal",
    metavar="URL",
    envvar="DELTAMESH_JOURNAL",
    show_envvar=True,
    help="Where leaders keep what is written.  [default: sqlite files in the node directory]",
)
@click.option("--log", "form", type=click.Choice(["human", "json"]), default="human", show_default=True, help="How to print what all say.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the web page, instead of the one that the node directory says.")
@click.option("--cbdir", type=click.Path(file_okay=False, path_type=Path), default=".crossbar", show_default=True, help="Node directory.")
@click.option("--with", "commands", metavar="COMMAND", type=command_line, multiple=True, help="Also run this command, as a feeder.")
def run(
    applications: Sequence[str],
    followers: int,
    standby: int,
    autoscale: tuple[int, int] | None,
    journal: str | None,
    form: str,
    port: int | None,
    cbdir: Path,
    commands: Sequence[list[str]],
) -> None:
    """
    Run a whole mesh: a router, and for each APP (MODULE:ATTRIBUTE) a leader and followers.

    What dies is started again. `deltamesh scale` changes how many there are. Ctrl-C stops everything, in order; a second one at once.
    Other programs find the router in the environment variable DELTAMESH_ROUTER.
    """
    loop = _shared_loop()  # before an application is loaded, which may look for it
    node.need_router()
    here = node.read(cbdir, port)
    services = [load(each).uris.prefix for each in applications]
    names = [short_name(each) for each in services]
    if len(set(names)) < len(names):
        raise CommandFailed(f"two applications are called {max(names, key=names.count)}: run each of them once, or in a mesh of its own")
    environment = {
        "DELTAMESH_ROUTER": here.url,
        "DELTAMESH_REALM": here.realm,
        "DELTAMESH_HEALTH": "",  # one port cannot be that of all
        "DELTAMESH_JOURNAL": journal or f"sqlite:{cbdir / 'journal'}/",  # no argument: it may hold a password
    }
    if autoscale is not None:
        followers = min(max(followers, autoscale[0]), autoscale[1])
    mesh = Formation(
        _router(here),
        list(zip(applications, services, names, strict=True)),
        {"follower": followers, "standby": standby},
        extras(commands),
    )
    _check_journal(environment["DELTAMESH_JOURNAL"], services)
    here.check_free()
    output = Output(mesh.names(), as_json=form == "json")
    for warning in here.warnings():
        output.say(OURSELVES, f"warning: {warning}")

    member = Member(here, mesh, output, autoscale)
    has_started = False

    async def work(supervisor: Supervisor) -> None:
        nonlocal has_started
        await first_ready(supervisor.start([mesh.router]))
        has_started = True
        member.start()
        try:
            await mesh.start(supervisor)
            for authid, path in here.tickets.items():
                output.say(OURSELVES, f"the ticket of {authid} is in {path}")
            output.say(OURSELVES, f"ready: {here.web or here.url}")
            supervisor.start(mesh.extras)
            await asyncio.Event().wait()
        finally:
            await member.stop()

    try:
        here.write()
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(supervise(work, environment, output.say))
    except CannotStart as error:
        raise CommandFailed(str(error)) from error
    finally:
        here.clean_up(after_router=has_started)


class Member:
    """This process as a part of the mesh that it runs."""

    def __init__(self, here: node.Node, mesh: Formation, output: Output, autoscale: tuple[int, int] | None) -> None:
        self._output = output
        try:
            self._connection = Connection(here.url, realm=here.realm, identity=identity())
        except ConfigurationError as error:
            raise CommandFailed(error.message) from error
        Control(self._connection, mesh, self._say)
        self._scaler = None if autoscale is None else Scaler(self._connection, mesh, autoscale, self._say)

    def start(self) -> None:
        """Connect, and again whenever the router was away."""
        log.begin(OURSELVES, say=self._say)
        self._connection.reactor.startRunning(installSignalHandlers=False)  # its loop runs already
        self._connection.start()
        if self._scaler is not None:
            self._scaler.start()

    async def stop(self) -> None:
        """Leave, if the router lets us soon."""
        if self._scaler is not None:
            self._scaler.stop()
        left = Deferred.fromCoroutine(self._connection.stop()).asFuture(asyncio.get_running_loop())
        await asyncio.wait([left], timeout=LEAVING)

    def _say(self, text: str) -> None:
        self._output.say(OURSELVES, text)


def _shared_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that asyncio, which supervises, shares with Twisted, which joins the mesh."""
    loop = asyncio.new_event_loop()
    asyncioreactor.install(loop)  # type: ignore[no-untyped-call]
    return loop


def _check_journal(url: str, services: Sequence[str]) -> None:
    """Look whether `url` can be one, and its driver is there; leaders open it."""
    try:
        for service in services:
            open_journal(url, service)
    except ConfigurationError as error:
        raise CommandFailed(error.message) from error


def _router(here: node.Node) -> Program:
    command = [sys.executable, "-m", "deltamesh_router", "start", "--cbdir", str(here.directory), "--config", here.config]
    if here.insight_port is not None:
        command += ["--insight-port", str(here.insight_port)]
    return Program("router", command, is_needed=True)
