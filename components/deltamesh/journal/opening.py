"""What the URL of a journal means: `memory:`, `sqlite:PATH`, `postgresql://…`."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from deltamesh.errors import ConfigurationError
from deltamesh.journal.database import Database
from deltamesh.journal.durable import DurableJournal
from deltamesh.journal.journal import Journal
from deltamesh.journal.memory import MemoryJournal
from deltamesh.journal.sqlite import SqliteDatabase

DIRECTORY: Final = Path(".crossbar/journal")
"""Where `sqlite:` without a path is, seen from the working directory."""

DEFAULT: Final = "sqlite:"
"""The journal of who names none."""


def open_journal(url: str, service: str) -> Journal:
    """
    Return the journal of `service`, which is opened by its first call.

    `memory:` keeps nothing. `sqlite:PATH` is a file; if PATH is a directory or ends with `/`, the file `<service>.sqlite` in it; without
    PATH, in `.crossbar/journal/`. `postgresql://…` is a schema in that database.

    Raises:
        ConfigurationError: the URL is none of these, or what it needs is not installed.
    """
    if url == "memory:":
        return MemoryJournal(secrets.token_hex(8))
    return DurableJournal(open_database(url, service), service)


def open_database(url: str, service: str) -> Database:
    """
    Return where the journal of `service` is kept.

    Raises:
        ConfigurationError: as `open_journal`; also for `memory:`, which is nowhere.
    """
    if url.startswith("sqlite:"):
        return SqliteDatabase(path_of(url, service))
    if is_postgres(url):
        try:
            from deltamesh.journal.postgres import PostgresDatabase
        except ImportError as error:
            raise ConfigurationError(
                "a journal in PostgreSQL needs psycopg: pip install 'deltamesh[postgres]', or '.[postgres]' in a clone"
            ) from error
        return PostgresDatabase(url, service)
    scheme = f"{url.partition(':')[0]}:…" if ":" in url else url  # no password in a message
    raise ConfigurationError(
        f"{scheme:.40} is no journal: a URL is sqlite:PATH, postgresql://USER@HOST/DATABASE, or memory: to keep nothing"
    )


def is_postgres(url: str) -> bool:
    """Whether a URL names a PostgreSQL database."""
    return url.startswith(("postgresql://", "postgres://"))


def path_of(url: str, service: str) -> Path:
    """
    Return the file that `sqlite:PATH` means for a service.

    Raises:
        ConfigurationError: it begins like the address of a host.
    """
    text = url.removeprefix("sqlite:")
    if text.startswith("//") and not text.startswith("///"):
        raise ConfigurationError(
            f"{url}: a file is on no host. Write sqlite:{text[2:]} for a relative path, sqlite:/{text[2:]} for an absolute one"
        )
    path = Path("/" + text.lstrip("/") if text.startswith("/") else text) if text else DIRECTORY
    return path / f"{service}.sqlite" if not text or text.endswith("/") or path.is_dir() else path
