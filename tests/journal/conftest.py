"""Journals in both databases; PostgreSQL runs once for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from deltamesh.journal.database import Database
from deltamesh.journal.sqlite import SqliteDatabase
from tests.journal.appending import SERVICE, Journals

if TYPE_CHECKING:
    from tests.journal.running_postgres import RunningPostgres

_numbers = count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[RunningPostgres]:
    """One PostgreSQL server for the whole run. Who stops it starts it again."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    from tests.journal.running_postgres import running

    with TemporaryDirectory() as directory:  # a short path, and one that another user may enter
        place = Path(directory)
        place.chmod(0o755)
        yield from running(place)


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    """A place for a journal, in both databases, with nothing there yet."""
    if request.param == "sqlite":
        return SqliteDatabase(tmp_path / "journal.sqlite")
    server: RunningPostgres = request.getfixturevalue("postgres")
    return fresh(server)


@pytest.fixture
def journals() -> Iterator[Journals]:
    """Opens journals, which are closed at the end."""
    opened = Journals()
    yield opened
    opened.close()


def fresh(server: RunningPostgres) -> Database:
    """Return a place in `server` where nothing is yet: a schema that no service has."""
    from deltamesh.journal.postgres import PostgresDatabase

    database = PostgresDatabase(server.url, SERVICE)
    database.schema = f"test{next(_numbers)}"
    return database
