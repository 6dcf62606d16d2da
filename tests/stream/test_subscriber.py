"""What the shared cases do not tell: limits, and what the driver may look at."""

from __future__ import annotations

from deltamesh.stream import Answer, Ask, Delta, Position, Replace, State, Subscriber

A = '[["a",[1]]]'


def test_state_position_and_source_are_there_to_be_read() -> None:
    subscriber = Subscriber()
    assert (subscriber.state, subscriber.position, subscriber.source) == (State.DISCONNECTED, None, None)
    assert subscriber.connected() == [Ask(1, None)]
    assert subscriber.state is State.ASKING
    assert subscriber.answer(1, "t1", Answer("E1", None, 5, A)) == [Replace(A, Position("E1", 5))]
    assert (subscriber.state, subscriber.position, subscriber.source) == (State.LIVE, Position("E1", 5), "t1")
    subscriber.lost()
    assert (subscriber.state, subscriber.position, subscriber.source) == (State.DISCONNECTED, Position("E1", 5), None)


def test_an_unusable_answer_does_not_change_the_source() -> None:
    subscriber = Subscriber()
    subscriber.connected()
    subscriber.answer(1, "t1", Answer("E1", None, 5, A))
    subscriber.ask()
    assert subscriber.answer(2, "t2", Answer("E1", None, 4, A)) == [Ask(3, Position("E1", 5), pause=True)]
    assert subscriber.source == "t1"


def test_what_is_kept_is_bounded_by_size() -> None:
    subscriber = Subscriber(max_size=2 * len(A))
    subscriber.connected("shared")
    for revision in range(1, 1000):
        subscriber.receive("shared", Delta("E1", revision - 1, revision, A))
        assert sum(len(delta.entries) for delta in subscriber._kept) <= 2 * len(A) + len("[]")
    shown, ask = subscriber.answer(1, "shared", Answer("E1", None, 0, "[]"))
    assert shown == Replace("[]", Position("E1", 0))
    assert ask == Ask(2, Position("E1", 0))
    assert subscriber.answer(2, "shared", Answer("E1", 0, 999, A)) != []
    assert subscriber.state is State.LIVE


def test_former_epochs_are_remembered_up_to_a_number() -> None:
    subscriber = Subscriber()
    for number in range(1, 100):
        subscriber.connected()
        assert len(subscriber.answer(number, "t1", Answer(f"E{number}", None, number, A))) == 1
    assert list(subscriber._left.items()) == [(f"E{number}", number) for number in range(91, 99)]
