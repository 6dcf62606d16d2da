"""What is lost, done twice, or shown and never was, is found."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh.stream import Position
from tests.reliability.application import account
from tests.reliability.checker import check_content
from tests.reliability.figures import times
from tests.reliability.truth import Truth

Content = dict[str, dict[Any, Any]]

EPOCH = "e"


def told(*writes: tuple[int, int, int]) -> Truth:
    """What is true after (writer, number, revision) were acknowledged."""
    truth = Truth()
    for writer, number, revision in writes:
        truth.acknowledge(writer, number, Position(EPOCH, revision), number)
    return truth


def three() -> Truth:
    return told((0, 1, 1), (1, 1, 2), (0, 2, 3))


def kept() -> Content:
    """What the journal is to hold then."""
    return {"counts": {0: [2], 1: [1]}, "ledger": {(0, 1): [1], (0, 2): [2], (1, 1): [1]}}


def check(truth: Truth, content: Content, revision: int = 3, epoch: str = EPOCH) -> dict[str, int]:
    check_content(Position(epoch, revision), [(name, list(entries.items())) for name, entries in content.items()], truth)
    return dict(truth.counts)


def test_what_was_acknowledged_and_kept_is_in_order() -> None:
    truth = three()
    truth.finish()

    assert check(truth, kept()) == {}
    assert (truth.num_acknowledged, truth.complete, truth.last) == (3, 3, 3)


def test_the_state_at_every_revision_is_known() -> None:
    truth = three()

    assert truth.accounts(0, 1, 0) == []
    assert truth.accounts(0, 1, 2) == [(0, account(1)), (1, account(1))]
    assert truth.accounts(0, 0, 3) == [(0, [2, 2, 3])]


def test_a_write_that_the_journal_has_not_is_lost() -> None:
    content = kept()
    del content["ledger"][0, 2]
    content["counts"][0] = [1]

    found = check(three(), content)

    assert found["lost"] == 2
    assert found["state"] == 1


def test_a_write_that_counted_twice_is_found() -> None:
    content = kept()
    content["counts"][1] = [2]

    assert check(three(), content)["twice"] == 1


def test_a_write_that_nobody_was_told_of_is_found() -> None:
    content = kept()
    content["ledger"][1, 2] = [2]

    assert check(three(), content)["twice"] == 1


@pytest.mark.parametrize(("revision", "epoch", "kind"), [(2, EPOCH, "lost"), (4, EPOCH, "twice"), (3, "other", "epoch")])
def test_the_journal_has_to_be_where_the_last_answer_was(revision: int, epoch: str, kind: str) -> None:
    assert check(three(), kept(), revision, epoch) == {kind: 1}


def test_a_revision_that_is_no_acknowledged_write_is_found() -> None:
    truth = told((0, 1, 1), (0, 2, 3))
    truth.finish()

    assert dict(truth.counts) == {"twice": 1}
    assert truth.complete == 1


def test_two_writes_at_one_revision_are_found() -> None:
    assert dict(told((0, 1, 1), (1, 1, 1)).counts) == {"order": 1}


def test_revisions_of_a_writer_have_to_increase() -> None:
    assert dict(told((0, 1, 2), (0, 2, 1)).counts) == {"order": 1}


@pytest.mark.parametrize(("result", "kind"), [(1, "lost"), (3, "twice")])
def test_an_answer_that_counts_otherwise_is_found(result: int, kind: str) -> None:
    truth = told((0, 1, 1))
    truth.acknowledge(0, 2, Position(EPOCH, 2), result)

    assert dict(truth.counts) == {kind: 1}


def test_a_new_epoch_is_found() -> None:
    truth = told((0, 1, 1))
    truth.acknowledge(0, 2, Position("other", 2), 2)

    assert dict(truth.counts) == {"epoch": 1}


def test_percentiles_do_not_flatter() -> None:
    assert times([float(each) for each in range(1, 101)]) == {"num": 100, "p50": 50.0, "p99": 99.0, "max": 100.0}
    assert times([1.0, 5.0]) == {"num": 2, "p50": 1.0, "p99": 5.0, "max": 5.0}
