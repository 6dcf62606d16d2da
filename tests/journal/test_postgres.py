"""What is PostgreSQL's own: schemas, a client that is stopped in a transaction, a user who may not."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner

from deltamesh.cli.command import main
from deltamesh.errors import ConfigurationError
from deltamesh.journal.opening import open_database
from deltamesh.journal.schema import bring_up
from tests.journal.appending import Journals, record, revisions
from tests.journal.conftest import fresh
from tests.journal.running_postgres import RunningPostgres


def test_services_share_a_database(postgres: RunningPostgres) -> None:
    postgres.ask("CREATE DATABASE shared")
    url = postgres.url.replace("/postgres?", "/shared?")
    services = ["com.example.a", "com.example." + "b" * 80]

    nothing = CliRunner().invoke(main, ["journal", "inspect", url])
    for service in services:
        database = open_database(url, service)
        session = database.connect()
        bring_up(session, database, service)
        session.close()
    both = CliRunner().invoke(main, ["journal", "inspect", url])
    one = CliRunner().invoke(main, ["journal", "inspect", url, "--service", services[1]])
    sound = CliRunner().invoke(main, ["journal", "verify", url, "--service", services[0]])

    assert "at this URL there is no journal" in nothing.output
    assert f"journals of {services[0]}, {services[1]}" in both.output
    assert one.exit_code == 0, one.output
    assert f"service   {services[1]}" in one.output
    assert sound.output == "sound: 0 entries, 0 transactions after revision 0, to 0\n"


def test_a_writer_that_is_silent_in_a_transaction_is_ended_by_the_server(postgres: RunningPostgres, journals: Journals) -> None:
    database = fresh(postgres)
    journals.append(journals.taken(database), record(1))
    silent = database.connect()
    silent.execute("BEGIN")
    silent.execute("UPDATE meta SET revision = 99")

    journal = journals.taken(database)  # waits for the lock

    journals.append(journal, record(2))
    assert revisions(journal.since(0)) == [1, 2]
    silent.close()


def test_a_user_who_may_not_make_a_schema_is_told_so(postgres: RunningPostgres, journals: Journals) -> None:
    postgres.ask("CREATE USER visitor")
    database = open_database(postgres.url.replace("postgres@", "visitor@"), "com.example.visited")

    with pytest.raises(ConfigurationError, match=r"permission denied.*Let its user create a schema"):
        database.connect()


def test_a_server_that_is_not_there_is_out_of_reach() -> None:
    with TemporaryDirectory() as directory:
        failed = CliRunner().invoke(main, ["journal", "inspect", f"postgresql://me:secret@/x?host={Path(directory)}"])

    assert failed.exit_code == 1
    assert "out of reach" in failed.output
    assert "secret" not in failed.output
