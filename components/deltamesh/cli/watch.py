"""`deltamesh watch`: a resource as it changes, as a table in a terminal or as lines of JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

import click
import msgspec
from rich.console import Console, Group
from rich.live import Live as Screen
from rich.text import Text
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from deltamesh.cli import loop
from deltamesh.cli.arguments import mapping, named_value, service_name
from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.router import Router, router_options
from deltamesh.cli.table import table_of
from deltamesh.client import Mesh
from deltamesh.client.live import Live
from deltamesh.connection import Connection
from deltamesh.values import JSON, IndexKey, index_key

FRAME: Final = 0.1
"""Pause between two drawings of a table [s]: what changes meanwhile is drawn together."""

LOOK: Final = 1.0
"""How long nothing must happen until the state of the connection is looked at [s]."""


@click.command()
@click.argument("service", metavar="SERVICE", type=service_name)
@click.argument("resource")
@click.option("--param", "pairs", metavar="NAME=VALUE", type=named_value, multiple=True, help="A parameter, as JSON or plain text.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON for each change, also in a terminal.")
@router_options
def watch(router: Router, service: str, resource: str, pairs: tuple[tuple[str, Any], ...], as_json: bool) -> None:
    """
    Show RESOURCE of SERVICE as it changes, until Ctrl-C. SERVICE is a URI, or the application's MODULE:ATTRIBUTE.

    Lines of JSON are {"epoch", "revision", "entries"}: at first all entries, then those that changed. No values: the key is gone.
    """
    parameters = mapping("parameter", pairs)

    async def watching(connection: Connection) -> None:
        live = await _opened(Mesh(connection, service), resource, parameters, router.timeout)
        title = f"{service} {resource} {' '.join([f'{name}={msgspec.json.encode(value).decode()}' for name, value in parameters.items()])}"
        console = Console(highlight=False)
        view: View = Lines(live, connection) if as_json or not console.is_terminal else Table(live, connection, title.strip(), console)
        try:
            with view:
                await follow(live, view)
        except CancelledError:  # Ctrl-C is how this ends
            return
        finally:
            live.close()

    router.ask(watching)


class View(Protocol):
    """Shows a live collection."""

    pause: float
    """How long to wait after each `show` [s]."""

    def show(self, changed: Sequence[JSON]) -> None:
        """Show what is there now; the values of the keys `changed` are new."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


async def _opened(mesh: Mesh, resource: str, parameters: dict[str, Any], patience: float) -> Live:
    try:
        return await loop.within(patience, mesh.live(resource, parameters))
    except TimeoutError as error:
        raise CommandFailed(f"nobody answers for {mesh.uris.prefix}: are its leader and a follower running?") from error


async def follow(live: Live, view: View) -> None:
    """
    Show a collection and its changes for ever.

    Raises:
        DeltameshError: it cannot be followed any longer.
    """
    reactor = _reactor()
    news: list[list[JSON]] = []
    waiting: list[Deferred[None]] = []

    def changed(keys: list[JSON]) -> None:
        news.append(keys)
        if waiting:
            waiting.pop().callback(None)

    live.on_change(changed)
    view.show([key for key, _ in live.entries()])
    while live.error is None:
        if view.pause:
            await deferLater(reactor, view.pause, lambda: None)
        if not news:
            something: Deferred[None] = Deferred()
            waiting.append(something)
            something.addTimeout(LOOK, reactor, lambda *_: None)
            await something
            waiting.clear()
        seen, news[:] = list(news), []
        view.show([key for keys in seen for key in keys])
    raise live.error


class Lines:
    """One line of JSON for each change."""

    pause = 0.0

    def __init__(self, live: Live, connection: Connection) -> None:
        self._live = live
        self._connection = connection
        self._is_first = True

    def show(self, changed: Sequence[JSON]) -> None:
        """Print what changed, if anything did."""
        live = self._live
        if (changed or self._is_first) and live.position is not None:
            self._is_first = False
            once = {index_key(key): key for key in changed}.values()
            entries = [(key, live.values_of(key)) for key in once]
            line = {"epoch": live.position.epoch, "revision": live.position.revision, "entries": entries}
            sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
            sys.stdout.buffer.flush()

    def _lost(self) -> None:
        click.echo("no connection to the router, trying again", err=True)

    async def _joined(self, _: Connection) -> None:
        click.echo("connected again", err=True)

    def __enter__(self) -> Self:
        self._connection.on_lost(self._lost)
        self._connection.on_join(self._joined)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.forget(self._lost, self._joined)


class Table:
    """A table that is drawn again in its place, as high as the terminal at most."""

    pause = FRAME

    def __init__(self, live: Live, connection: Connection, title: str, console: Console) -> None:
        self._live = live
        self._connection = connection
        self._title = title
        self._console = console
        self._is_first = True
        self._changed: set[IndexKey] = set()
        self._screen = Screen(console=console, auto_refresh=False, vertical_overflow="crop")

    def show(self, changed: Sequence[JSON]) -> None:
        """Draw the present content, with the keys that changed last highlighted."""
        if self._is_first:  # everything is new, and nothing stands out
            self._is_first = False
        elif changed:
            self._changed = {index_key(key) for key in changed}
        self._screen.update(self._drawing(), refresh=True)

    def _drawing(self) -> Group:
        entries = self._live.entries()
        room = max(1, self._console.height - 5)
        hidden = len(entries) - room
        table = table_of(entries, width=self._console.width, max_rows=room, changed=self._changed)
        more = Text(f"… and {hidden} more" if hidden > 0 else "", style="dim")
        return Group(Text(self._title, style="bold"), table, more, self._status())

    def _status(self) -> Text:
        live = self._live
        where = "" if live.position is None else f"epoch {live.position.epoch}, revision {live.position.revision}"
        if self._connection.session is None:
            state = Text("no connection, trying again", style="red")
        elif live.is_live:
            state = Text("live", style="green")
        else:
            state = Text("catching up", style="yellow")
        return Text(" · ").join([state, Text(where), Text(f"follower {live.follower or '?'}"), Text("Ctrl-C ends")])

    def __enter__(self) -> Self:
        self._screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._screen.stop()


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor
