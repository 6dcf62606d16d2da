"""What the commands have in common that change parameters, or ask for them: calls, their errors, a question, and how things are shown."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, Final

import click
from twisted.internet.defer import Deferred, TimeoutError

from deltamesh.cli.failure import CommandFailed
from deltamesh.cli.router import Router
from deltamesh.client import Mesh
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from deltamesh.uris import ServiceURIs
from deltamesh.values import JSON, Values

LAST_TIME: Final = 253_402_300_799
"""The end of the year 9999 [Unix s]. A commit can say any time."""

HEARING: Final = 3.0
"""How long a reader may take to say how the reading is, which it does each second [s]."""

_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}


async def administer(connection: Connection, service: str, name: str, *args: Any, **kwargs: Any) -> Any:
    """
    Return what `S.repository.<name>` answers. Problems of a commit that would not be good are told on standard error, one a line.

    Raises:
        CommandFailed: nobody administers the service.
        DeltameshError: the change is refused.
    """
    try:
        return await connection.call(ServiceURIs(service).action(f"repository.{name}"), *args, **kwargs)
    except DeltameshError as error:
        if error.uri == "wamp.error.no_such_procedure":
            raise CommandFailed(f"nobody administers {service}: start its reader with `deltamesh parameters reader`") from error
        problems = error.facts.get("problems")
        if isinstance(problems, list | tuple) and len(problems) > 1:
            for problem in problems:
                click.echo(described(problem), err=True)
        raise


async def entries(connection: Connection, router: Router, service: str, resource: str, **parameters: Any) -> list[tuple[JSON, Values]]:
    """Return the entries of a resource of the service."""
    try:
        return await Mesh(connection, service, patience=router.timeout).read(resource, parameters)
    except DeltameshError as error:
        if error.uri == "wamp.error.no_such_procedure":
            raise CommandFailed(f"nobody answers for {service}: are its leader and a follower running?") from error
        raise


async def check_known(connection: Connection, router: Router, service: str, name: str) -> None:
    """
    See that the service has the parameter `name`, whoever may have its value.

    Raises:
        CommandFailed: it has none of this name.
    """
    if not await entries(connection, router, service, "chosen", names=[name]):
        remedy = f"`deltamesh read {service} tree` shows all that there are"
        raise CommandFailed(f"{printable(name)}: there is no such parameter in {service}; {remedy}")


async def reading(connection: Connection, service: str) -> dict[str, Any] | None:
    """
    Return what the reader of the service says of its reading: `is_current`, `problem` and `head`. None if it says nothing.

    It is asked, or, who may not ask it, listens.
    """
    uris = ServiceURIs(service)
    try:
        asked = Deferred.fromCoroutine(connection.call(uris.action("repository.reader")))
        answer: dict[str, Any] = await asked.addTimeout(HEARING, connection.reactor)
    except TimeoutError:
        return None
    except DeltameshError as error:
        if error.uri == "wamp.error.no_such_procedure":
            return None
        if error.uri != "wamp.error.not_authorized":
            raise
    else:
        return answer
    heard: Deferred[dict[str, Any]] = Deferred()

    def hear(*_: Any, **facts: Any) -> None:
        if not heard.called:
            heard.callback(facts)

    await connection.session.subscribe(hear, uris.action("on_reading"))
    try:
        return await heard.addTimeout(HEARING, connection.reactor)
    except TimeoutError:
        return None


def author(router: Router, given: str | None) -> str | None:
    """Return who makes a commit, if the router does not know it: whoever is logged in on this machine."""
    if given is not None or router.identity.credentials is not None:
        return given
    name = getpass.getuser()
    return f"{name} <{name}@{socket.gethostname()}>"


def show_difference(text: str) -> None:
    """Print a unified diff, in colours if this is a terminal."""
    for line in text.removesuffix("\n").split("\n") if text else ():
        click.secho(printable(line.removesuffix("\r")), fg=_COLOURS.get(line[:1]))


async def is_sure(question: str, *, is_asked: bool) -> bool:
    """Ask, unless not asked to, or nobody is there; the connection stays alive meanwhile. No is what is not y or yes."""
    if not is_asked or not sys.stdin.isatty() or not sys.stdout.isatty():
        return True
    click.echo(f"{question} [y/N] ", nl=False)
    return (await _line()).strip().lower() in ("y", "yes")


def _line() -> Awaitable[str]:
    """Return the next line of standard input, which is a terminal."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    answer: Deferred[str] = Deferred(lambda _: reactor.removeReader(reader))
    reader = _Reader(reactor, answer)
    reactor.addReader(reader)
    return answer


class _Reader:
    """What Twisted wants of a thing that can be read."""

    def __init__(self, reactor: Any, answer: Deferred[str]) -> None:
        self._reactor = reactor
        self._answer = answer

    def fileno(self) -> int:
        return sys.stdin.fileno()

    def logPrefix(self) -> str:  # noqa: N802 - the name that Twisted calls
        return "terminal"

    def doRead(self) -> None:  # noqa: N802 - see above
        """Read what is there: a terminal gives whole lines, or nothing at its end."""
        self._reactor.removeReader(self)
        self._answer.callback(os.read(self.fileno(), 4096).decode(errors="replace"))

    def connectionLost(self, _: object) -> None:
        """Do nothing: the reactor stops, or the terminal is gone, and `doRead` finds that."""


def described(problem: dict[str, Any]) -> str:
    """Return a problem on one line: where, which name, why."""
    file, line, name = problem.get("file"), problem.get("line"), problem.get("name")
    place = "" if file is None else f"{file}: " if line is None else f"{file}:{line}: "
    return printable(f"{place}{'' if name is None else f'{name}: '}{problem['reason']}")


def time_of(seconds: float | None) -> str:
    """Return a Unix time as people read it, in UTC; what is after the year 9999 as its end."""
    return "?" if seconds is None else datetime.fromtimestamp(max(0, min(seconds, LAST_TIME)), UTC).strftime("%Y-%m-%d %H:%M:%S")


def printable(text: str) -> str:
    """Return a text of strangers without what would move the cursor."""
    return "".join([each if each.isprintable() else "�" for each in text])
