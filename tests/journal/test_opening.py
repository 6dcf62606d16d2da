"""What URLs of journals mean."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deltamesh.errors import ConfigurationError
from deltamesh.journal import MemoryJournal, open_journal
from deltamesh.journal.opening import open_database, path_of

SERVICE = "com.example.journal"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:", f".crossbar/journal/{SERVICE}.sqlite"),
        ("sqlite:some/file", "some/file"),
        ("sqlite:some/directory/", f"some/directory/{SERVICE}.sqlite"),
        ("sqlite:there", f"there/{SERVICE}.sqlite"),
        ("sqlite:/var/file", "/var/file"),
        ("sqlite:///var/file", "/var/file"),
    ],
)
def test_a_file_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, path: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()

    assert path_of(url, SERVICE) == Path(path)


@pytest.mark.parametrize(
    "url", ["sqlite://host/file", "mysql://root:secret@host/db", "file", "memory", "postgresql://host:port/x?nonsense=secret"]
)
def test_other_urls_are_refused_without_telling_a_password(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_journal(url, SERVICE)

    assert "secret" not in caught.value.message


def test_memory_is_a_new_epoch_each_time() -> None:
    first, second = open_journal("memory:", SERVICE), open_journal("memory:", SERVICE)

    assert isinstance(first, MemoryJournal)
    assert first.recover().position != second.recover().position


def test_nothing_is_opened_until_it_is_used(tmp_path: Path) -> None:
    open_journal(f"sqlite:{tmp_path}/x.sqlite", SERVICE)

    assert list(tmp_path.iterdir()) == []


def test_postgresql_without_psycopg_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deltamesh.journal.postgres", None)

    with pytest.raises(ConfigurationError, match="pip install"):
        open_database("postgresql://host/db", SERVICE)


def test_each_service_has_a_schema_whose_name_fits() -> None:
    postgres = pytest.importorskip("deltamesh.journal.postgres")
    long = ["com.example." + "x" * 100, "com.example." + "x" * 101]

    assert postgres.schema_of("com.example.poll") == "deltamesh:com.example.poll"
    assert [len(postgres.schema_of(each)) for each in long] == [63, 63]
    assert postgres.schema_of(long[0]) != postgres.schema_of(long[1])


def test_a_message_names_the_database_and_no_password() -> None:
    pytest.importorskip("psycopg")

    name = open_database("postgresql://user:secret@host:5433/db", SERVICE).name

    assert name == f"postgresql://host:5433/db (deltamesh:{SERVICE})"
