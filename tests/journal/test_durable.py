"""A journal that survives, in both databases: what a leader and its standbys rely on."""

from __future__ import annotations

import threading

import pytest

from deltamesh.errors import Fenced, JournalUnavailable
from deltamesh.journal import Answered, Record
from deltamesh.journal.database import Database
from deltamesh.journal.writer import MOST, STEP_ROWS
from tests.journal.appending import Journals, content, record, revisions


def test_a_new_store_begins_a_new_epoch_that_stays(database: Database, journals: Journals) -> None:
    first = journals.open(database).recover()
    again = journals.open(database).recover()

    assert first.position.revision == 0
    assert len(first.position.epoch) == 16
    assert again.position == first.position
    assert list(first.entries) == []


def test_what_was_appended_is_there_after_a_restart(database: Database, journals: Journals) -> None:
    journal = journals.taken(database)
    journals.append(journal, record(1, a=1, b=2), record(2, "key", b=None, c={"x": [None, "\0"]}))
    journals.append(journal, Record.of(3, {"users": [([True, 1.0], ["u", "u"])], "posts": [("a", [3])]}))
    journal.close()

    recovered = journals.open(database).recover()

    assert recovered.position.revision == 3
    assert content(recovered.entries) == content(
        [("posts", [("a", [3]), ("c", [{"x": [None, "\0"]}])]), ("users", [([True, 1], ["u", "u"])])]
    )


def test_answers_survive_a_restart_and_reach_a_standby(database: Database, journals: Journals) -> None:
    journal, standby = journals.taken(database), journals.open(database)
    standby.recover()
    journals.append(journal, record(1, "a\0\ud800"), record(2))

    standby.since(0)
    restarted = journals.open(database)
    restarted.recover()

    for each in (journal, standby, restarted):
        assert each.answered("a\0\ud800") == Answered(1, "result 1")
        assert each.answered("b") is None


def test_a_standby_sees_what_is_committed_in_order(database: Database, journals: Journals) -> None:
    journal, standby = journals.taken(database), journals.open(database)
    standby.recover()

    assert standby.since(0) == []
    journals.append(journal, record(1, "k", a=1), record(2, b=None))
    assert standby.since(0) == [record(1, "k", a=1), record(2, b=None)]
    assert standby.since(1) == [record(2, b=None)]
    assert standby.since(2) == []
    assert standby.since(9) is None  # an older copy


def test_much_comes_in_pieces(database: Database, journals: Journals) -> None:
    journal = journals.taken(database)
    journals.append(journal, *[record(revision) for revision in range(1, 1502)])
    journals.append(journal, *[record(revision, large="x" * (3 << 20)) for revision in range(1502, 1506)])

    assert revisions(journal.since(0)) == list(range(1, 1001))
    assert revisions(journal.since(1000)) == list(range(1001, 1505))  # three of them are more than 8 Mi characters
    assert revisions(journal.since(1504)) == [1505]


def test_who_has_taken_it_last_is_the_only_writer(database: Database, journals: Journals) -> None:
    first, second = journals.taken(database), journals.taken(database)

    with pytest.raises(Fenced):
        journals.append(first, record(1, "first"))
    journals.append(second, record(1, "second"))
    with pytest.raises(Fenced):
        journals.append(first, record(2, "first"))

    assert first.answered("first") is None
    assert first.since(0) == [record(1, "second")]
    assert first.take() > 2
    with pytest.raises(Fenced):
        journals.append(second, record(2))
    journals.append(first, record(2))


def test_who_has_not_taken_it_cannot_append(database: Database, journals: Journals) -> None:
    journal = journals.open(database)
    journal.recover()

    with pytest.raises(Fenced):
        journals.append(journal, record(1))


def test_revisions_go_on_from_the_last_one(database: Database, journals: Journals) -> None:
    journal = journals.taken(database)
    journals.append(journal, record(1))

    for revision in (1, 3):
        with pytest.raises(ValueError, match="does not follow 1"):
            journals.append(journal, record(revision))
    journals.append(journal)
    journals.append(journal, record(2))

    assert revisions(journal.since(0)) == [1, 2]


def test_without_a_quiet_moment_the_log_stays_bounded(database: Database, journals: Journals) -> None:
    journal = journals.taken(database, keep_rows=100)
    for start in range(1, 2001, 50):
        journals.append(
            journal, *[record(revision, f"key {revision}", **{f"k{revision % 7}": revision}) for revision in range(start, start + 50)]
        )
    journal.close()  # after what is under way
    restarted = journals.open(database)  # which does not fold: it has not taken it
    restarted.recover()

    assert restarted.since(0) is None
    kept = next(revision for revision in range(2000) if restarted.since(revision) is not None)
    assert 100 <= 2000 - kept < MOST * 100 + STEP_ROWS + 50
    assert revisions(restarted.since(kept)) == list(range(kept + 1, 2001))
    assert content(restarted.recover().entries) == {("posts", f"k{revision % 7}"): [revision] for revision in range(1994, 2001)}
    assert restarted.answered("key 1") == Answered(1, "result 1")
    assert restarted.answered("key 2000") == Answered(2000, "result 2000")


def test_long_keys_that_begin_alike_stay_apart(database: Database, journals: Journals) -> None:
    journal = journals.taken(database, keep_rows=0)
    keys = ["x" * 300 + str(number) for number in range(4)]
    journals.append(journal, *[Record.of(1 + number, {"posts": [(keys[number % 4], [number])]}) for number in range(STEP_ROWS)])
    journal.close()
    session = database.connect()
    assert session.execute("SELECT count(*) FROM entries") == [(4,)]
    session.close()

    assert content(journals.open(database).recover().entries) == {("posts", key): [252 + number] for number, key in enumerate(keys)}


def test_in_quiet_moments_the_log_is_folded_to_what_it_keeps(database: Database, journals: Journals) -> None:
    journal = journals.taken(database, keep_rows=100)
    journals.append(journal, *[record(revision) for revision in range(1, 1000)])

    moment = threading.Event()
    while journal.since(999 - 100 - STEP_ROWS) is not None:  # each step leaves less, until there is less than a step too much
        moment.wait(0.01)
    assert revisions(journal.since(899)) == list(range(900, 1000))


def test_recovering_sees_one_moment_whatever_is_appended_meanwhile(database: Database, journals: Journals) -> None:
    journal = journals.taken(database, keep_rows=0)
    journals.append(journal, *[record(revision, **{f"k{revision}": revision}) for revision in range(1, 600)])
    standby = journals.open(database)

    recovered = standby.recover()
    journals.append(journal, record(600, k1=None, k2="new"), *[record(revision) for revision in range(601, 1200)])
    journals.append(journal, record(1200))

    assert recovered.position.revision == 599
    assert content(recovered.entries) == {("posts", f"k{revision}"): [revision] for revision in range(1, 600)}


def test_a_closed_journal_says_so(database: Database, journals: Journals) -> None:
    journal = journals.taken(database)
    journal.close()
    journal.close()

    with pytest.raises(JournalUnavailable):
        journal.since(0)
    with pytest.raises(JournalUnavailable):
        journals.append(journal, record(1))
