from __future__ import annotations

import pytest

from deltamesh.stream import Delta, Position, Publisher, Track

A, B, C = '[["a",[1]]]', '[["b",[2]]]', '[["c",[3]]]'


def at(revision: int, epoch: str = "E1") -> Position:
    return Position(epoch, revision)


@pytest.fixture
def track() -> Track:
    return Track("E1", 5)


def publish(publisher: Publisher, track: Track, revision: int, entries: str) -> Delta:
    track.move(revision)
    return publisher.publish(entries)


def test_each_delta_continues_the_one_before(track: Track) -> None:
    publisher = Publisher(track)
    assert publisher.position == at(5)
    assert publish(publisher, track, 6, A) == Delta("E1", 5, 6, A)
    track.move(7)
    track.move(8)
    assert publish(publisher, track, 9, B) == Delta("E1", 6, 9, B)
    assert publisher.position == at(9)


def test_an_announcement_tells_what_was_published_last(track: Track) -> None:
    publisher = Publisher(track)
    publish(publisher, track, 6, A)
    track.move(8)
    assert publisher.announce() == Delta("E1", 6, 6, "[]")


def test_a_revision_is_published_once(track: Track) -> None:
    publisher = Publisher(track)
    with pytest.raises(ValueError, match="move the track"):
        publisher.publish(A)
    publish(publisher, track, 6, A)
    with pytest.raises(ValueError, match="move the track"):
        publisher.publish(A)


def test_resuming_gives_what_was_published_after_a_position(track: Track) -> None:
    publisher = Publisher(track)
    publish(publisher, track, 6, A)
    for revision in (7, 8):
        track.move(revision)
    publish(publisher, track, 9, B)
    publish(publisher, track, 10, C)
    track.move(11)
    assert publisher.since(at(5)) == '[["a",[1]],["b",[2]],["c",[3]]]'
    assert publisher.since(at(6)) == '[["b",[2]],["c",[3]]]'
    assert publisher.since(at(7)) == '[["b",[2]],["c",[3]]]'
    assert publisher.since(at(8)) == '[["b",[2]],["c",[3]]]'
    assert publisher.since(at(9)) == C
    assert publisher.since(at(10)) == "[]"
    assert publisher.since(at(11)) == "[]"


def test_without_proof_of_continuity_there_is_no_resuming(track: Track) -> None:
    publisher = Publisher(track)
    publish(publisher, track, 6, A)
    assert publisher.since(at(4)) is None
    assert publisher.since(at(7)) is None
    assert publisher.since(at(6, "E2")) is None


def test_a_position_that_was_jumped_over_cannot_resume(track: Track) -> None:
    publisher, still = Publisher(track), Publisher(track)
    publish(publisher, track, 8, A)
    publish(publisher, track, 9, B)
    assert publisher.since(at(5)) == '[["a",[1]],["b",[2]]]'
    assert publisher.since(at(6)) is None
    assert publisher.since(at(7)) is None
    assert publisher.since(at(8)) == B
    assert still.since(at(5)) == "[]"
    assert still.since(at(7)) is None  # the content may have been different there, and have changed back


def test_a_later_publisher_of_a_track_begins_where_it_stands(track: Track) -> None:
    track.move(6)
    publisher = Publisher(track)
    assert publisher.since(at(5)) is None
    assert publisher.since(at(6)) == "[]"


@pytest.mark.parametrize("limits", [{"max_deltas": 2}, {"max_size": 2 * len(A)}])
def test_history_is_bounded(track: Track, limits: dict[str, int]) -> None:
    publisher = Publisher(track, **limits)
    for revision in range(6, 10):
        publish(publisher, track, revision, A)
    assert publisher.since(at(6)) is None
    assert publisher.since(at(7)) == '[["a",[1]],["a",[1]]]'
    assert publisher.since(at(9)) == "[]"


def test_a_delta_larger_than_the_history_is_not_kept(track: Track) -> None:
    publisher = Publisher(track, max_size=3)
    publish(publisher, track, 6, A)
    assert publisher.since(at(5)) is None
    assert publisher.since(at(6)) == "[]"
    publish(publisher, track, 7, "[]")
    assert publisher.since(at(6)) == "[]"


def test_catching_up_is_what_was_missed_or_an_announcement(track: Track) -> None:
    publisher = Publisher(track, max_deltas=2)
    for revision in (6, 7):
        publish(publisher, track, revision, A)
    assert publisher.catch_up(at(6)) == Delta("E1", 6, 7, A)
    assert publisher.catch_up(at(7)) == publisher.announce()
    publish(publisher, track, 8, A)
    assert publisher.catch_up(at(5)) == publisher.announce()
    assert publisher.catch_up(at(9)) == publisher.announce()


def test_a_track_remembers_jumps_up_to_a_number() -> None:
    track = Track("E1", 0)
    for revision in range(3, 3 * 102, 3):
        track.move(revision)
    assert not track.passed(at(0))
    assert track.passed(at(3))
    assert not track.passed(at(4))
    assert all([track.passed(at(revision)) == (revision % 3 == 0) for revision in range(3, 304)])
    assert not track.passed(at(306))


def test_a_track_does_not_move_back() -> None:
    track = Track("E1", 5)
    track.move(5)
    with pytest.raises(ValueError, match="back"):
        track.move(4)
    assert track.position == at(5)
