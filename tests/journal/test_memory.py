"""The journal in memory: what a leader relies on."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest

from deltamesh.errors import InvalidTransaction
from deltamesh.journal import Answered, MemoryJournal, Record
from deltamesh.journal.answers import Answers
from deltamesh.stream import Position


def finished(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


def record(revision: int, key: str | None) -> Record:
    return Record.of(revision, {"posts": [(revision, [revision])]}, key, f"result {revision}")


def test_it_begins_its_epoch_empty() -> None:
    recovered = MemoryJournal("epoch").recover()

    assert recovered.position == Position("epoch", 0)
    assert list(recovered.entries) == []


def test_it_remembers_what_a_key_was_answered() -> None:
    journal = MemoryJournal("epoch")

    finished(journal.append([record(1, "a"), record(2, None), record(3, "b")]))

    assert journal.answered("a") == Answered(1, "result 1")
    assert journal.answered("b") == Answered(3, "result 3")
    assert journal.answered("c") is None


def test_the_oldest_keys_are_forgotten_first() -> None:
    journal = MemoryJournal("epoch", max_keys=2)

    for revision in range(1, 5):
        finished(journal.append([record(revision, str(revision))]))

    assert [journal.answered(str(revision)) is not None for revision in range(1, 5)] == [False, False, True, True]


def test_large_results_are_forgotten_before_there_are_many() -> None:
    answers = Answers(max_size=30)

    answers.add([Record(1, "[]", "a", '"' + "x" * 8 + '"'), Record(2, "[]", "b", '"' + "y" * 20 + '"')])

    assert answers.get("a") is None  # 10 and 22 characters together
    assert answers.get("b") == Answered(2, "y" * 20)


def test_nobody_else_writes_and_each_term_is_larger() -> None:
    journal = MemoryJournal("epoch")

    assert journal.since(0) == []
    assert journal.take() < journal.take()


def test_a_record_gives_back_what_was_written() -> None:
    made = Record.of(7, {"a": [(1, [{"x": None}]), ([True, "k"], [])], "b": []}, "key", {"n": 2**70})

    assert made.changes() == {"a": [(1, [{"x": None}]), ([True, "k"], [])], "b": []}
    assert made.answered() == Answered(7, {"n": 2**70})


@pytest.mark.parametrize("value", ["\ud800", 10**5000], ids=["half a pair", "endless"])
def test_what_has_no_text_is_refused_when_the_record_is_made(value: object) -> None:
    with pytest.raises(InvalidTransaction):
        Record.of(1, {"a": [(1, [value])]})
    with pytest.raises(InvalidTransaction):
        Record.of(1, {}, None, value)
