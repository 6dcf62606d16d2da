"""`deltamesh journal`: what a journal holds, whether it is sound, and how it is backed up and moved."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import msgspec

from deltamesh.cli.application import load
from deltamesh.cli.arguments import application_name
from deltamesh.cli.failure import CommandFailed
from deltamesh.errors import ConfigurationError, JournalDamaged, JournalFull, JournalUnavailable
from deltamesh.journal import DEFAULT
from deltamesh.journal.database import Database
from deltamesh.journal.dump import exported, header_of, import_into
from deltamesh.journal.inspection import damages_of, opened, summary_of
from deltamesh.journal.opening import is_postgres, open_database, path_of
from deltamesh.journal.sqlite import SqliteDatabase, service_in

MAX_LINE: Final = 256 << 20
"""Bytes that one line of an import may have."""


@click.group()
def journal() -> None:
    """
    Inspect, export, import or verify a journal.

    A journal is named by its URL, sqlite:PATH or postgresql://…, or by the application whose it is, as MODULE:ATTRIBUTE.
    """


def _place(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what names a journal: PLACE, --service and --journal, which come as `find(service)`. Tells errors in one line."""

    @click.argument("place", metavar="URL|APP")
    @click.option("--service", metavar="URI", help="Which, if there are journals of several services at URL.")
    @click.option(
        "--journal",
        "url",
        metavar="URL",
        default=DEFAULT,
        envvar="DELTAMESH_JOURNAL",
        help="Where that of APP is; or set DELTAMESH_JOURNAL.",
    )
    @wraps(command)
    def run(place: str, service: str | None, url: str, **others: Any) -> None:
        try:
            command(Place(place, service, url), **others)
        except JournalFull as error:
            raise CommandFailed(f"there is no space on the disk: {error.facts['reason']}") from error
        except (ConfigurationError, JournalDamaged, JournalUnavailable) as error:
            raise CommandFailed(error.message) from error
        except BrokenPipeError:  # who reads the output has enough of it
            raise
        except OSError as error:
            _forget_output()
            where = f" ({error.filename})" if error.filename else ""
            raise CommandFailed(f"reading or writing failed: {error.strerror}{where}") from error

    return run


def _forget_output() -> None:
    """Have what could not be written not written again when the process ends."""
    if sys.stdout is sys.__stdout__ and sys.stdout is not None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Place:
    """Where a journal is, as far as the command line says so."""

    def __init__(self, place: str, service: str | None, url: str) -> None:
        is_url = place.startswith("sqlite:") or is_postgres(place)
        self._url = place if is_url else url
        if place == "memory:" or self._url == "memory:":
            raise ConfigurationError("memory: keeps nothing, so there is no journal to be read: name sqlite:PATH or postgresql://…")
        if "://" in place and not is_url:
            open_database(place, "any")  # which says what a URL is
        self._service = service if is_url else load(application_name(place)).uris.prefix

    def existing(self) -> tuple[Database, str]:
        """
        Return a journal that is there, and its service, which the command line may leave out if it is the only one.

        Raises:
            ConfigurationError: there is none, or there are several.
        """
        if self._service is None:
            services = _services_at(self._url)
            if len(services) != 1:
                what = f"are journals of {', '.join(services)}: name one with --service" if services else "is no journal"
                raise ConfigurationError(f"at this URL there {what}")
            self._service = services[0]
        return open_database(self._url, self._service), self._service

    def for_service(self, service: str) -> Database:
        """
        Return where the journal of `service` is to be made.

        Raises:
            ConfigurationError: the command line names another service.
        """
        if self._service not in (None, service):
            raise ConfigurationError(f"this is the journal of {service}, not of {self._service}")
        return open_database(self._url, service)


def _services_at(url: str) -> list[str]:
    if is_postgres(url):
        open_database(url, "any")  # which says what to install
        from deltamesh.journal.postgres import services_of

        return services_of(url)
    path = path_of(url, "*")
    files = sorted(path.parent.glob(path.name)) if path.name == "*.sqlite" else [path]
    databases = [SqliteDatabase(file) for file in files]
    return [service_in(database) for database in databases if database.exists()]


@journal.command("inspect")
@_place
@click.option("--json", "as_json", is_flag=True, help="Print one object of JSON.")
def inspect_(place: Place, as_json: bool) -> None:
    """Print how much is in a journal, and how far it has come."""
    database, service = place.existing()
    with opened(database, service) as session:
        summary = summary_of(session, database.name)
    if as_json:
        click.echo(msgspec.json.encode(summary))
        return
    for name in ("place", "service", "schema", "epoch", "revision", "term", "answered"):
        click.echo(f"{name:9} {getattr(summary, name)}")
    click.echo(f"{'log':9} {summary.log} transactions, after revision {summary.base}")
    click.echo(f"{'size':9} {summary.size} bytes")
    click.echo(f"{'entries':9} {sum(summary.entries.values())}")
    for name, count in summary.entries.items():
        click.echo(f"  {name}: {count}")


@journal.command()
@_place
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-")
def export(place: Place, file: Path) -> None:
    """
    Write a journal to FILE, or standard output, as lines of JSON.

    It may be in use meanwhile: what is written is its content at one moment.
    """
    database, service = place.existing()
    with opened(database, service) as session, _new(file) as output:
        for line in exported(session):
            output.write(line)
            output.write(b"\n")


@contextmanager
def _new(file: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that is not there yet, and that only this user can read."""
    if str(file) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandFailed(f"{file} cannot be made: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as output:
            yield output
            output.flush()
            os.fsync(handle)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


@journal.command("import")
@_place
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path), default="-")
def import_(place: Place, file: Path) -> None:
    """Read a journal from FILE, or standard input, into an empty one. Epoch and revisions go on."""
    with sys.stdin.buffer if str(file) == "-" else file.open("rb") as lines:
        header = header_of(lines.readline(MAX_LINE))
        database = place.for_service(header.journal)
        meta = import_into(database, header, iter(lambda: lines.readline(MAX_LINE), b""))
    click.echo(f"imported {meta.num_entries} entries of {meta.service} at revision {meta.revision} into {database.name}")


@journal.command()
@_place
def verify(place: Place) -> None:
    """Read all of a journal, and work out its digests again. Exit code 1: something is not what was written."""
    database, service = place.existing()
    with opened(database, service) as session:
        summary = summary_of(session, database.name) if not (damages := damages_of(session)) else None
    for damage in damages:
        click.echo(damage.message, err=True)
    if summary is None:
        raise CommandFailed(f"{database.name}: {len(damages)} damaged; import a backup into an empty journal")
    click.echo(
        f"sound: {sum(summary.entries.values())} entries, {summary.log} transactions after revision {summary.base}, to {summary.revision}"
    )
