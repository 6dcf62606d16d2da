"""A PostgreSQL server of our own, in a directory of its own, from the binaries that are installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import psycopg
import pytest

USER: Final = "postgres"
"""Whom the server runs as if the tests run as root, which it refuses; Debian's package makes this user."""


def binaries() -> Path | None:
    """Return where the programs of the newest PostgreSQL are, Debian's place or the search path."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))
    found = shutil.which("initdb", path=os.pathsep.join([*map(str, reversed(places)), os.environ.get("PATH", "")]))
    return None if found is None else Path(found).parent


class RunningPostgres:
    """A server that listens on a Unix socket only. Use it as a context manager; stop and start it in between."""

    def __init__(self, directory: Path, programs: Path) -> None:
        self.socket = directory / ".s.PGSQL.5432"
        self.url = f"postgresql://{USER}@/postgres?host={directory}"
        self._directory = directory
        self._programs = programs
        self._user = USER if os.geteuid() == 0 else None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if self._user is not None:
            shutil.chown(self._directory, self._user)
        data = str(self._directory / "data")
        self._run("initdb", "--pgdata", data, "--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop(signal.SIGQUIT)

    @property
    def process(self) -> int:
        """The number of the server's first process."""
        assert self._server is not None
        return self._server.pid

    def start(self) -> None:
        """Start the server, and return when it answers."""
        settings = {"listen_addresses": "", "unix_socket_directories": self._directory, "fsync": "off", "shared_buffers": "16MB"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._directory / "data"), *options]
        with (self._directory / "log").open("ab") as log:
            self._server = subprocess.Popen(command, user=self._user, cwd=self._directory, stdout=log, stderr=log)
        ready = [str(self._programs / "pg_isready"), "--quiet", "--host", str(self._directory)]
        while subprocess.run(ready, check=False).returncode != 0:
            assert self._server.poll() is None, (self._directory / "log").read_text()

    def stop(self, number: int = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends all connections first, SIGQUIT leaves it to recover, as after a crash."""
        if self._server is not None:
            self._server.send_signal(number)
            self._server.wait()
            self._server = None

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement, and return its rows."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return [] if cursor.description is None else cursor.fetchall()

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([str(self._programs / program), *arguments], user=self._user, cwd=self._directory, check=True, capture_output=True)


def running(directory: Path) -> Iterator[RunningPostgres]:
    """Run a server in `directory`, or skip the test that asks for it if PostgreSQL is not installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with RunningPostgres(directory, programs) as server:
        yield server
