"""The password of the database is a file: the scripts of the image bring it to PostgreSQL, and without it there is no leader."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cli.running_command import POLL, environment
from tests.deploy.running import Running
from tests.running_router import ROOT, RunningRouter

pytest.importorskip("psycopg", reason="psycopg is not installed")

from tests.journal.running_postgres import RunningPostgres, running

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

PASSWORD = r"a:b\c"
"""With what has to be written differently in a password file of libpq."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[RunningPostgres]:
    """A server with the user and the database of compose, who has to say his password."""
    with TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)  # it runs as another user
        for server in running(directory):
            server.ask(f"CREATE ROLE deltamesh LOGIN PASSWORD '{PASSWORD}'")
            server.ask("CREATE DATABASE deltamesh OWNER deltamesh")
            (directory / "data/pg_hba.conf").write_text("local all postgres trust\nlocal all all scram-sha-256\n")
            server.ask("SELECT pg_reload_conf()")
            yield server


def start(postgres: RunningPostgres, router: RunningRouter, folder: Path) -> Running:
    """Start a leader with the script of the image; its secrets are in `folder`."""
    (folder / "poll.py").write_text(POLL)
    (folder / "bin").mkdir()
    (folder / "bin/deltamesh").write_text(f'#!/bin/sh\nexec {sys.executable} -m deltamesh "$@"\n')
    (folder / "bin/deltamesh").chmod(0o755)
    env = environment(
        PATH=os.pathsep.join([str(folder / "bin"), os.environ["PATH"]]),
        TMPDIR=str(folder),
        DELTAMESH_SECRETS=str(folder),
        DELTAMESH_JOURNAL=f"postgresql://deltamesh@/deltamesh?host={postgres.socket.parent}",
        DELTAMESH_ROUTER=f"unix:{router.unix_path}",
    )
    return Running([str(ROOT / "deploy/image/deltamesh-component"), "leader", "poll:app"], cwd=folder, env=env)


def test_a_leader_with_the_password_keeps_its_journal_there(postgres: RunningPostgres, router: RunningRouter, tmp_path: Path) -> None:
    (tmp_path / "postgres_password").write_text(f"{PASSWORD}\n")
    with start(postgres, router, tmp_path) as leader:
        leader.wait_for("poll.leader: ready")


def test_a_leader_with_a_wrong_password_says_so(postgres: RunningPostgres, router: RunningRouter, tmp_path: Path) -> None:
    (tmp_path / "postgres_password").write_text("guessed\n")
    with start(postgres, router, tmp_path) as leader:
        leader.wait_for("the journal is out of reach")

    assert 'password authentication failed for user "deltamesh"' in (postgres.socket.parent / "log").read_text()
