"""Calls that wait for a position, with a clock that stands still."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from deltamesh.errors import NotCaughtUp
from deltamesh.follower.arrivals import MAX_AHEAD, MAX_WAITING, MAX_WAITING_OF_ONE, PATIENCE, Arrivals
from deltamesh.stream import Position


class Place:
    """A follower that is where the test says."""

    def __init__(self, revision: int | None) -> None:
        self.clock = Clock()
        self.position = None if revision is None else Position("e", revision)
        self.arrivals = Arrivals(self.clock, PATIENCE, lambda: self.position)

    def wait(self, revision: int, session: int | None = None, epoch: str = "e") -> Deferred[None]:
        return Deferred.fromCoroutine(self.arrivals.reached(Position(epoch, revision), session))

    def move(self, revision: int, epoch: str = "e") -> None:
        self.position = Position(epoch, revision)
        self.arrivals.moved()


def refused(waiting: Deferred[None]) -> NotCaughtUp:
    found: list[NotCaughtUp] = []
    waiting.addErrback(lambda failure: found.append(failure.value))
    (error,) = found
    return error


def test_who_is_there_does_not_wait_and_others_go_on_when_it_is() -> None:
    place = Place(5)
    assert place.wait(5).called
    six, eight = place.wait(6), place.wait(8)

    place.move(7)
    assert (six.called, eight.called, len(place.arrivals)) == (True, False, 1)
    place.move(9)
    assert (eight.called, len(place.arrivals)) == (True, 0)


def test_patience_ends() -> None:
    place = Place(5)
    waiting = place.wait(6)
    place.clock.advance(PATIENCE)

    assert refused(waiting).facts == {"wanted": ["e", 6], "reached": ["e", 5]}
    assert len(place.arrivals) == 0


def test_another_epoch_is_waited_for_whatever_its_revision() -> None:
    place = Place(None)
    waiting = place.wait(0, epoch="f")
    place.move(3)
    assert not waiting.called
    place.move(0, "f")
    assert waiting.called


def test_what_is_too_far_ahead_is_refused_at_once() -> None:
    place = Place(5)

    assert not place.wait(5 + MAX_AHEAD).called
    assert refused(place.wait(6 + MAX_AHEAD)).retry


@pytest.mark.parametrize(("sessions", "most"), [(1, MAX_WAITING_OF_ONE), (MAX_WAITING, MAX_WAITING)])
def test_bounded_sessions_take_no_more_than_their_part(sessions: int, most: int) -> None:
    place = Place(5)
    waiting = [place.wait(6, number % sessions) for number in range(most)]

    assert refused(place.wait(6, 0)).retry
    assert not place.wait(6, None).called  # who is not bounded may still wait
    assert not any(each.called for each in waiting)
    place.move(6)
    assert all(each.called for each in waiting)
    assert place.wait(6, 0).called


def test_who_does_not_wait_any_longer_makes_room() -> None:
    place = Place(5)
    first, *others = [place.wait(6, 0) for _ in range(MAX_WAITING_OF_ONE)]
    first.addErrback(lambda _: None)
    first.cancel()

    assert not place.wait(6, 0).called
    assert len(place.arrivals) == len(others) + 1
