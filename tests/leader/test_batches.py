"""The rules of batches, against a model that has no batches: one transaction after the other, and what was not kept never was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deltamesh import Service, Sum
from deltamesh.application.transaction import MAX_CHANGES
from deltamesh.errors import DeltameshError, Fenced, GraphBroken, InvalidTransaction, TooLarge
from deltamesh.journal import Answered
from deltamesh.leader.batches import MAX_CALLS, MAX_SIZE, Batch, Call
from deltamesh.leader.shared import SharedGraph
from deltamesh.stream import Mirror, Position, join

START = Position("epoch", 3)
NEVER = Fenced()


def in_one(_, values):
    yield None, values.one()


def added(name, by=1):
    """Add to a counter; its result is what it was before."""

    def work(read):
        before = read(name)
        return {name: before + by}, before

    return work


def looked(name):
    return lambda read: ({}, read(name))


def refused_above(name, limit):
    """Set a counter to 100, unless it has reached a limit: what it finds decides."""

    def work(read):
        if read(name) > limit:
            raise InvalidTransaction(f"{name} is {read(name)}")
        return {name: 100}, "set"

    return work


NAMES = st.sampled_from("abc")
WORKS = st.one_of(
    st.builds(added, NAMES, st.integers(-2, 2)),
    st.builds(looked, NAMES),
    st.builds(refused_above, NAMES, st.integers(0, 120)),
)
CALLS = st.tuples(WORKS, st.none() | st.sampled_from(["k1", "k2", "k3", "k4"]))
BATCHES = st.lists(st.tuples(st.lists(CALLS, max_size=8), st.booleans()), max_size=12)


@dataclass
class Model:
    """What is durable."""

    values: dict[str, int]
    answers: dict[str, Answered]
    revision: int

    def run(self, work: Callable[[Any], Any], key: str | None) -> Any:
        """Do it all at once; return the answer or the error."""
        if key is not None and key in self.answers:
            return self.answers[key]
        try:
            changes, result = work(lambda name: self.values.get(name, 0))
        except DeltameshError as error:
            return str(error)
        if not changes:
            return Answered(self.revision, result)
        self.values |= changes
        self.revision += 1
        answer = Answered(self.revision, result)
        if key is not None:
            self.answers[key] = answer
        return answer

    def copy(self) -> Model:
        return Model(dict(self.values), dict(self.answers), self.revision)


class World:
    """A shared graph with what is durable of it, and a mirror of what it publishes."""

    def __init__(self) -> None:
        app = Service("com.example.counters")
        counters = app.input("counters")
        app.shared(lambda: {"counters": counters, "total": counters.map_reduce(in_one, reducer=Sum)})
        self.shared = SharedGraph(app, START)
        self.answers: dict[str, Answered] = {}
        self.mirror, self.shown = Mirror(), START
        self.mirror.replace(join(self.shared.snapshot(1000).texts))

    def batch(self, calls: list[tuple[Any, str | None]]) -> Batch:
        batch = Batch(self.shared, self.answers.get)
        for work, key in calls:
            batch.run(self.call(work, key))
        batch.seal()
        return batch

    def call(self, work: Any, key: str | None) -> Call:
        def prepared() -> Any:
            changes, result = work(lambda name: self.shared.graph.values_of("counters", name).one(0))
            return {"counters": [(name, [value]) for name, value in changes.items()]}, result

        return Call(prepared, key)

    def keep(self, batch: Batch) -> None:
        for record in batch.records:
            if record.idempotency_key is not None:
                self.answers[record.idempotency_key] = record.answered()
        delta = batch.keep()
        if delta is not None:
            assert (delta.epoch, delta.since) == (self.shown.epoch, self.shown.revision)
            self.mirror.apply(delta.entries)
            self.shown = delta.position


def said(outcome: Any) -> Any:
    return str(outcome) if isinstance(outcome, DeltameshError) else outcome


@given(BATCHES)
def test_batches_are_transactions_in_order_and_those_not_kept_never_were(batches):
    world, model = World(), Model({}, {}, START.revision)
    for calls, is_kept in batches:
        trial = model.copy()
        durable = set(model.answers)
        expected = [trial.run(work, key) for work, key in calls]
        before = world.shown

        batch = world.batch(calls)

        assert [said(each) for each in batch.outcomes] == expected
        assert [each.revision for each in batch.records] == list(range(model.revision + 1, trial.revision + 1))
        assert world.shared.position == before  # nobody else sees it yet
        if is_kept:
            world.keep(batch)
            model = trial
        else:
            batch.undo(NEVER)
            was_durable = [key in durable for _, key in calls]
            assert batch.outcomes == [model.answers[key] if known else NEVER for (_, key), known in zip(calls, was_durable, strict=True)]
        assert world.shown == world.shared.position == Position(START.epoch, model.revision)
        assert world.shared.revision == model.revision
        shown = {tuple(key): values.one() for key, values in world.mirror.entries()}
        totals = {("total", None): sum(model.values.values())} if model.values else {}
        assert shown == {("counters", name): value for name, value in model.values.items()} | totals
        assert world.mirror.entries() == whole(world.shared)
        assert world.shared.graph.audit() == []


def whole(shared: SharedGraph) -> list[Any]:
    mirror = Mirror()
    mirror.replace(join(shared.snapshot(1000).texts))
    return mirror.entries()


def test_a_key_is_done_once_within_a_batch():
    world = World()
    batch = world.batch([(added("a"), "k"), (added("a"), "k"), (added("a"), None)])

    assert [each.revision for each in batch.outcomes] == [4, 4, 5]
    assert len(batch.records) == 2


def test_a_refused_call_leaves_its_key_free():
    world = World()
    batch = world.batch([(refused_above("a", -1), "k"), (added("a"), "k")])

    assert isinstance(batch.outcomes[0], InvalidTransaction)
    assert batch.outcomes[1] == Answered(4, 0)


def test_what_cannot_be_kept_or_is_too_large_fails_for_its_own_caller():
    world = World()
    batch = Batch(world.shared, world.answers.get)
    for value in ("\ud800", "x" * MAX_CHANGES, "fine"):
        batch.run(Call(lambda value=value: ({"counters": [("a", [value])]}, None)))

    assert [type(each) for each in batch.outcomes] == [InvalidTransaction, TooLarge, Answered]
    assert [each.revision for each in batch.records] == [4]


def test_a_batch_is_full_by_calls_or_by_size():
    world = World()
    large = Batch(world.shared, world.answers.get)
    large.run(Call(lambda: ({"counters": [("a", ["x" * MAX_SIZE])]}, None)))
    many = Batch(world.shared, world.answers.get)
    for _ in range(MAX_CALLS - 1):
        many.run(Call(lambda: ({}, None)))

    assert large.is_full
    assert not many.is_full
    many.run(Call(lambda: ({}, None)))
    assert many.is_full


def test_a_fault_is_told_to_its_caller_and_raised():
    world = World()
    batch = world.batch([(added("a"), None)])

    with pytest.raises(ZeroDivisionError):
        batch.run(Call(lambda: 1 // 0))

    assert isinstance(batch.outcomes[1], GraphBroken)
    batch.undo(NEVER)
    assert batch.outcomes == [NEVER, NEVER]
    assert world.shared.revision == START.revision
