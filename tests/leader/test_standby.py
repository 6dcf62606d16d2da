"""A graph that follows a journal, without a network."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from deltamesh import Service
from deltamesh.journal import Record
from deltamesh.leader.standby import PIECE, SLICE, Standby
from deltamesh.stream import Position
from tests.shared_journal import Store


class Slow(Clock):
    """Time goes on with every look at it: all work takes long."""

    def seconds(self) -> float:
        self.rightNow += 2 * SLICE
        return float(self.rightNow)

    def turn(self) -> None:
        """Let one call happen that waits for its turn."""
        call = self.calls.pop(0)
        call.called = 1
        call.func(*call.args, **call.kw)


def filled(num: int) -> Store:
    store = Store()
    store.log = [Record.of(number, {"texts": [(number % 7000, [number])]}, str(number)) for number in range(1, num + 1)]
    return store


def declared() -> Service:
    app = Service("com.example.kept")
    app.input("texts")
    return app


def begun(standby: Standby) -> Deferred[None]:
    return Deferred.fromCoroutine(standby.catch_up())


def test_loading_gives_way_to_everything_else() -> None:
    store, clock = filled(2 * PIECE + 1), Slow()
    store.fold()
    standby = Standby(declared(), store.open(), clock)

    done = begun(standby)
    turns = 0
    while not done.called:
        assert standby.position is None
        clock.turn()
        turns += 1

    assert turns == 3
    assert standby.position == Position("kept", 2 * PIECE + 1)
    assert len(standby.shared.graph.keys_of("texts")) == 2 * PIECE + 1


def test_two_who_want_it_to_catch_up_do_not_disturb_each_other() -> None:
    store, clock = filled(100), Slow()
    standby = Standby(declared(), store.open(), clock)

    first, second = begun(standby), begun(standby)
    for _ in range(100):
        assert not second.called
        clock.turn()

    assert clock.calls == []
    assert [first.result, second.result] == [None, None]  # which a failure is not
    assert standby.position == Position("kept", 100)


def test_it_follows_at_every_revision_and_recovers_when_it_is_too_far_behind() -> None:
    store = filled(25)
    journal = store.open()
    standby = Standby(declared(), journal, Clock())
    assert begun(standby).called
    store.log += filled(30).log[25:]
    assert begun(standby).called

    assert standby.position == Position("kept", 30)
    assert [standby.shared.resume(Position("kept", revision), 1000) is None for revision in (0, 13, 25, 29, 30)] == [False] * 5
    assert journal.num_recovered == 1

    store.log += filled(40).log[30:]
    store.fold()
    assert begun(standby).called
    assert standby.position == Position("kept", 40)
    assert journal.num_recovered == 2
    assert standby.shared.resume(Position("kept", 30), 1000) is None


def test_entries_of_inputs_that_are_no_more_are_told_and_left_alone() -> None:
    store = Store()
    store.log = [Record.of(1, {"gone": [(1, [1])], "texts": [(1, [1])]})]
    store.fold()
    standby = Standby(declared(), store.open(), Clock())
    said: list[Any] = []
    globalLogPublisher.addObserver(said.append)
    begun(standby)
    globalLogPublisher.removeObserver(said.append)

    assert standby.shared.graph.keys_of("texts") == [1]
    assert [event["names"] for event in said if "names" in event] == ["gone"]
