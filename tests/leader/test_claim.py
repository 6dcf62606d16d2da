"""Who may lead after having heard of a leader."""

from __future__ import annotations

import pytest

from deltamesh.errors import AnotherJournal, MalformedMessage
from deltamesh.leader.claim import Claim
from deltamesh.stream import Position


def test_who_has_heard_of_no_leader_may_lead() -> None:
    assert Claim().objection(Position("e", 0)) is None


@pytest.mark.parametrize("own", [Position("e", 6), Position("f", 7), Position("f", 100), None])
def test_a_journal_of_another_epoch_or_behind_is_another_one(own: Position | None) -> None:
    claim = Claim()
    claim.hear("e", 5, 7, "[]")

    objection = claim.objection(own)

    assert isinstance(objection, AnotherJournal)
    assert objection.facts == {"own": None if own is None else own.to_wire(), "known": ["e", 7]}
    assert claim.known == Position("e", 7)


@pytest.mark.parametrize("revision", [7, 8])
def test_a_journal_that_holds_what_was_heard_may_lead_and_is_what_is_known_then(revision: int) -> None:
    claim = Claim()
    claim.hear("e", 7, 7, "[]")

    assert claim.objection(Position("e", revision)) is None
    assert claim.objection(Position("e", revision - 1)) is not None  # an older copy has taken its place


def test_the_last_word_counts() -> None:
    claim = Claim()
    claim.hear("e", 7, 7, "[]")
    claim.hear("f", 0, 1, "[]")

    assert claim.objection(Position("e", 7)) is not None
    assert claim.objection(Position("f", 1)) is None


def test_what_is_no_event_changes_nothing() -> None:
    claim = Claim()
    claim.hear("e", 7, 7, "[]")

    with pytest.raises(MalformedMessage):
        claim.hear("e", 8)
    assert claim.known == Position("e", 7)
