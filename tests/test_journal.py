"""The journal in memory: what a leader relies on."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from deltamesh.journal import Answered, MemoryJournal, Record
from deltamesh.stream import Position


def finished(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits for something")


def record(revision: int, key: str | None) -> Record:
    return Record(revision, {"posts": [(revision, [revision])]}, key, Answered(revision, f"result {revision}"))


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
