"""The line of calls, on a clock that a test moves and a journal that it holds."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from deltamesh import Service
from deltamesh.errors import DeltameshError, Fenced, GraphBroken, JournalFull, NotTaken
from deltamesh.journal import Answered
from deltamesh.leader.batches import Batch
from deltamesh.leader.line import MAX_WAITING, Line
from deltamesh.leader.shared import SharedGraph
from deltamesh.stream import Delta, Position
from tests.shared_journal import Store


class Desk:
    """What a leader does for its line, and a list of what happened."""

    def __init__(self) -> None:
        app = Service("com.example.line")
        self.texts = app.input("texts")
        self.store = Store()
        self.journal = self.store.open()
        self.journal.take()
        self.shared = SharedGraph(app, Position("kept", 0))
        self.clock = Clock()
        self.line = Line(self, self.clock)
        self.happened: list[Any] = []
        self.problem: DeltameshError | None = None

    async def begin(self) -> Batch:
        if self.problem is not None:
            raise self.problem
        return Batch(self.shared, self.journal.answered)

    async def append(self, records: Any) -> None:
        await self.journal.append(records)

    def kept(self, batch: Batch) -> None:
        delta = batch.keep()
        self.happened += [] if delta is None else [delta]

    def call(self, name: str, work: Any = None, key: str | None = None) -> Deferred[Answered]:
        """Let a call join the line; that it was told is noted."""
        done = Deferred.fromCoroutine(self.line.take("S.write", work or (lambda: ({"texts": [(name, [1])]}, name)), key))

        def told(outcome: Any) -> Any:
            self.happened.append(outcome.result if isinstance(outcome, Answered) else f"{name}: {type(outcome.value).__name__}")

        done.addBoth(told)
        return done

    def turn(self) -> None:
        self.clock.advance(0)

    def release(self) -> None:
        self.store.release()
        self.turn()

    def between(self) -> None:
        Deferred.fromCoroutine(self.line.between()).addCallback(lambda _: self.happened.append(f"looked at {self.shared.revision}"))


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.line.open()
    return made


def test_what_arrives_together_shares_a_commit_and_is_published_before_it_is_answered(desk: Desk) -> None:
    desk.call("a")
    desk.call("b")
    assert desk.happened == []
    desk.turn()

    assert desk.happened[1:] == ["a", "b"]
    assert isinstance(desk.happened[0], Delta)
    assert (desk.happened[0].since, desk.happened[0].to) == (0, 2)
    assert desk.store.num_commits == desk.line.num_batches == 1
    assert desk.line.num_records == 2


def test_what_arrives_during_a_commit_makes_up_the_next_one(desk: Desk) -> None:
    desk.store.hold()
    desk.call("a")
    desk.turn()
    for name in "bcd":
        desk.call(name)
    desk.between()
    desk.turn()

    assert desk.happened == []
    assert desk.line.num_waiting == 3
    assert desk.shared.position.revision == 0
    desk.release()
    assert [each for each in desk.happened if isinstance(each, str)] == ["a", "looked at 1", "b", "c", "d"]
    assert desk.store.num_commits == 2
    assert desk.shared.position.revision == 4


def test_nobody_looks_at_what_is_not_durable(desk: Desk) -> None:
    desk.store.failures.append((JournalFull("no space"), False))
    desk.store.hold()
    desk.call("a", key="k")
    desk.turn()
    desk.between()
    desk.call("b")
    desk.release()

    assert [each for each in desk.happened if isinstance(each, str)] == ["a: JournalFull", "looked at 0", "b"]
    assert [(each.revision, each.idempotency_key) for each in desk.store.log] == [(1, None)]
    assert desk.journal.answered("k") is None


def test_who_only_looks_waits_for_no_journal_but_for_what_it_has_seen(desk: Desk) -> None:
    def look() -> Any:
        return {}, f"saw {len(desk.shared.graph.values_of('texts', 'a'))}"

    desk.store.hold()
    desk.call("look", look)
    desk.turn()
    assert desk.happened == ["saw 0"]

    desk.store.failures.append((JournalFull("no space"), False))
    desk.call("a")
    desk.call("look", look)
    desk.turn()
    desk.release()

    assert desk.happened[1:] == ["a: JournalFull", "look: JournalFull"]
    assert desk.store.num_commits == 0


def test_a_line_that_is_closed_lets_the_commit_under_way_end_and_nothing_else(desk: Desk) -> None:
    desk.store.hold()
    desk.call("a")
    desk.turn()
    desk.call("b")
    desk.line.close(Fenced())
    idle = Deferred.fromCoroutine(desk.line.idle())
    desk.call("c")
    assert desk.happened == ["b: Fenced"]
    assert not idle.called
    desk.release()

    assert idle.called
    assert [each for each in desk.happened if isinstance(each, str)] == ["b: Fenced", "a"]
    desk.line.open()
    desk.turn()
    assert desk.happened[-1] == "c"


def test_a_desk_that_cannot_begin_tells_all_why_and_is_asked_again_by_the_next_call(desk: Desk) -> None:
    desk.problem = JournalFull("no space")
    desk.call("a")
    desk.call("b")
    desk.turn()
    desk.problem = None
    desk.call("c")
    desk.turn()

    assert [each for each in desk.happened if isinstance(each, str)] == ["a: JournalFull", "b: JournalFull", "c"]


def test_a_fault_ends_its_batch_and_not_the_line(desk: Desk) -> None:
    failed: list[Any] = []

    def observe(event: Any) -> None:
        failed.append(event["log_failure"].type)

    desk.call("a")
    desk.call("bug", lambda: 1 // 0)
    desk.call("b")
    globalLogPublisher.addObserver(observe)
    desk.turn()
    desk.turn()
    globalLogPublisher.removeObserver(observe)

    assert [each for each in desk.happened if isinstance(each, str)] == ["a: GraphBroken", "bug: GraphBroken", "b"]
    assert failed == [ZeroDivisionError]
    assert len(desk.store.log) == 1
    assert GraphBroken.retry is False


def test_who_does_not_wait_any_longer_is_left_out_before_its_turn_and_not_later(desk: Desk) -> None:
    desk.store.hold()
    for name in "abc":
        desk.call(name).addErrback(lambda failure: failure.trap(CancelledError))
    desk.line._waiting[1][1].cancel()
    first = desk.line._waiting[0][1]
    desk.turn()
    first.cancel()
    desk.release()

    assert [each for each in desk.happened if isinstance(each, str)] == ["b: CancelledError", "a: CancelledError", "c"]
    assert [each.changes() for each in desk.store.log] == [{"texts": [(name, [1])]} for name in "ac"]


def test_the_line_is_bounded() -> None:
    desk = Desk()  # closed
    for number in range(MAX_WAITING):
        desk.call(str(number))
    refused: list[Any] = []
    Deferred.fromCoroutine(desk.line.take("S.write", lambda: ({}, None), None)).addErrback(lambda failure: refused.append(failure.value))

    [error] = refused
    assert isinstance(error, NotTaken)
    assert (error.uri, error.retry) == ("deltamesh.error.queue_full", True)
    assert error.facts == {"procedure": "S.write", "waiting": MAX_WAITING}
    desk.line.close(Fenced())
    assert desk.line.num_waiting == 0
