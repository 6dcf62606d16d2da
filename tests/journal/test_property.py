"""Random transactions, writers, restarts and folds: a journal equals its model, and a fenced writer never appends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from deltamesh.errors import Fenced
from deltamesh.journal import Record
from deltamesh.journal.database import Database
from deltamesh.journal.durable import DurableJournal
from deltamesh.journal.schema import bring_up
from deltamesh.journal.sqlite import SqliteDatabase
from deltamesh.journal.store import Head, Store, rows_of
from deltamesh.values import freeze, index_key
from tests.journal.appending import SERVICE, content
from tests.journal.conftest import fresh
from tests.journal.running_postgres import RunningPostgres

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([1.0, 0.5, -0.0, 1e22, 2**60]) | texts
usual_keys = st.sampled_from(
    [1, 1.0, True, "1", None, "long" * 60, "long" * 61, [1, "x"], [1.0, "x"], {"a": 1, "b": 2}, {"b": 2.0, "a": 1}]
)
other_keys = scalars | st.lists(scalars, max_size=2) | st.dictionaries(texts, scalars, max_size=2)
values = st.lists(scalars | st.lists(scalars, max_size=2), max_size=2)
entries = st.lists(st.tuples(usual_keys | usual_keys | other_keys, values), max_size=3)
writes = st.dictionaries(st.sampled_from(["posts", "users"]), entries, max_size=2)
idempotency_keys = st.none() | st.text(min_size=1, max_size=3)
batches = st.lists(st.tuples(writes, idempotency_keys, scalars), min_size=1, max_size=4)


def text(value: Any) -> bytes:
    """Return what tells true from 1, as Python does not."""
    return msgspec.json.encode(freeze(value))


class JournalMachine(RuleBasedStateMachine):
    """Two writers and a reader on one store, and what must be in it."""

    database: Database  # given by the test

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []
        self.entries: dict[tuple[str, Any], Any] = {}
        self.answered: dict[str, Record] = {}
        self.term = 0
        self.leading = 0
        self.base = 0
        self.reader = DurableJournal(self.database, SERVICE)
        self.epoch = self.reader.recover().position.epoch
        self.writers = [self.connected(), self.connected()]
        self.heads = [Head(-1, 0, b"", ""), Head(-1, 0, b"", "")]

    def connected(self) -> Store:
        session = self.database.connect()
        bring_up(session, self.database, SERVICE)
        return Store(session)

    @initialize()
    def begin(self) -> None:
        self.take_over()

    @rule()
    def take_over(self) -> None:
        self.leading = 1 - self.leading
        head = self.writers[self.leading].take()

        assert head.term > self.term
        assert head.revision == len(self.records)
        self.term = head.term
        self.heads[self.leading] = head

    @rule(batch=batches)
    def append(self, batch: list[Any]) -> None:
        head = self.heads[self.leading]
        records = [Record.of(head.revision + 1 + index, *transaction) for index, transaction in enumerate(batch)]
        rows = rows_of(records, head.digest)

        assert not self.writers[self.leading].has(rows[-1])
        self.writers[self.leading].append(head, rows)

        assert self.writers[self.leading].has(rows[-1])
        self.heads[self.leading] = Head(head.term, rows[-1][0], rows[-1][4], head.epoch)
        self.records += records
        for (changes, key, _), record in zip(batch, records, strict=True):
            if key is not None:
                self.answered[key] = record
            for name, listed in changes.items():
                for each, given in listed:
                    self.entries[name, index_key(each)] = given

    @rule(most=st.integers(1, 8))
    def fold(self, most: int) -> None:
        writer = self.writers[self.leading]
        if self.base < len(self.records):
            sizes = writer.sizes()
            writer.fold(self.term, sizes, most, 1 << 20)

            assert sizes == writer.sizes()
            self.base += min(most, len(self.records) - self.base)

    @rule(batch=batches, is_late=st.booleans())
    def be_fenced(self, batch: list[Any], is_late: bool) -> None:
        """The other writer has been fenced, and may even know where the log ends now."""
        head = self.heads[self.leading] if is_late else self.heads[1 - self.leading]
        term = self.heads[1 - self.leading].term
        records = [Record.of(head.revision + 1 + index, *transaction) for index, transaction in enumerate(batch)]
        writer = self.writers[1 - self.leading]
        with pytest.raises(Fenced):
            writer.append(Head(term, head.revision, head.digest, head.epoch), rows_of(records, head.digest))
        if self.base < len(self.records):
            with pytest.raises(Fenced):
                writer.fold(term, writer.sizes(), 1, 1 << 20)

    @rule(number=st.integers(0, 1))
    def restart_a_writer(self, number: int) -> None:
        self.writers[number].session.close()
        self.writers[number] = self.connected()

    @rule()
    def restart_the_reader(self) -> None:
        self.reader.close()
        self.reader = DurableJournal(self.database, SERVICE)
        self.recover()

    @rule()
    def recover(self) -> None:
        recovered = self.reader.recover()

        assert (recovered.position.epoch, recovered.position.revision) == (self.epoch, len(self.records))
        found = {place: text(listed) for place, listed in content(recovered.entries).items()}
        assert found == {place: text(listed) for place, listed in self.entries.items() if listed}
        for key, record in self.answered.items():
            assert self.reader.answered(key) == record.answered()

    @rule(back=st.integers(0, 8))
    def since(self, back: int) -> None:
        revision = max(0, len(self.records) - back)

        assert self.reader.since(revision) == (None if revision < self.base else self.records[revision:])

    @invariant()
    def the_log_begins_where_the_entries_end(self) -> None:
        assert self.writers[0].sizes().log_rows == len(self.records) - self.base

    def teardown(self) -> None:
        self.recover()
        self.reader.close()
        for writer in self.writers:
            writer.session.close()


@contextmanager
def new_places(database: str, request: pytest.FixtureRequest) -> Iterator[Iterator[Database]]:
    """Give one place after the other."""
    if database == "postgres":
        server: RunningPostgres = request.getfixturevalue("postgres")
        yield (fresh(server) for _ in count())
        return
    memory = Path("/dev/shm")  # what is asked here is not whether the disk keeps its word
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        yield (SqliteDatabase(Path(directory) / f"{number}.sqlite") for number in count())


@pytest.mark.parametrize(("database", "examples"), [("sqlite", 150), ("postgres", 12)])
def test_a_journal_equals_its_model(database: str, examples: int, request: pytest.FixtureRequest) -> None:
    with new_places(database, request) as places:

        class Machine(JournalMachine):
            def __init__(self) -> None:
                self.database = next(places)
                super().__init__()

        limits = settings(max_examples=examples, stateful_step_count=40, deadline=None, derandomize=True, database=None)
        run_state_machine_as_test(Machine, settings=settings(limits, suppress_health_check=list(HealthCheck)))
