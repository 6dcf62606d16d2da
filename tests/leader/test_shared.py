"""The shared graph of a leader: transactions in, deltas and snapshots out."""

from __future__ import annotations

from typing import Any

import pytest

from deltamesh import Service, Sum
from deltamesh.application.transaction import MAX_CHANGES, MAX_ENTRIES
from deltamesh.errors import InvalidTransaction, Rejected, TooLarge, UnknownName
from deltamesh.leader.shared import SharedGraph, decode_changes, parse_writes
from deltamesh.stream import Mirror, Position, join

START = Position("epoch", 7)


def in_one(key, values):
    if values.one() == "bad":
        raise ValueError("bad")
    yield None, values.one()


def declared(on_error: Any = "skip") -> Service:
    app = Service("com.example.poll", on_error=on_error)
    votes = app.input("votes")
    app.input("unused")
    app.shared(lambda: {"votes": votes, "total": votes.map_reduce(in_one, reducer=Sum)})
    return app


def test_transactions_that_arrive_together_leave_as_one_delta() -> None:
    shared = SharedGraph(declared(), START)
    assert shared.flush() is None

    shared.commit({"votes": [("ann", [1])]})
    shared.commit({"votes": [("bob", [2]), ("ann", [])]})
    delta = shared.flush()

    assert delta is not None
    assert (delta.epoch, delta.since, delta.to) == ("epoch", 7, 9)
    assert delta.entries == '[[["total",null],[2]],[["votes","ann"],[]],[["votes","bob"],[2]]]'
    assert shared.flush() is None
    assert shared.position == Position("epoch", 9)
    assert shared.resume(Position("epoch", 8), 1000) is not None  # where it has stood as well


def test_what_comes_after_the_seal_is_in_the_delta() -> None:
    shared = SharedGraph(declared(), START)
    shared.commit({"votes": [("ann", [1])]})
    shared.seal()
    shared.commit({"votes": [("bob", [2])]})
    delta = shared.flush()

    assert delta is not None
    assert delta.entries == '[[["total",null],[3]],[["votes","ann"],[1]],[["votes","bob"],[2]]]'


def test_a_transaction_that_changes_nothing_shared_still_is_a_revision() -> None:
    shared = SharedGraph(declared(), START)

    shared.commit({"unused": [(1, [1])]})
    delta = shared.flush()

    assert delta is not None
    assert (delta.since, delta.to, delta.entries) == (7, 8, "[]")


def test_a_refused_transaction_leaves_no_trace() -> None:
    shared = SharedGraph(declared("reject"), START)
    shared.commit({"votes": [("ann", [1])]})
    shared.flush()

    with pytest.raises(Rejected):
        shared.commit({"votes": [("ann", [5]), ("bob", ["bad"])]})
    with pytest.raises(UnknownName):
        shared.commit({"nope": []})

    assert shared.flush() is None
    assert shared.position.revision == 8
    assert join(shared.snapshot(1000).texts) == '[[["votes","ann"],[1]],[["total",null],[1]]]'


def test_a_snapshot_or_a_difference_leads_to_the_present() -> None:
    shared = SharedGraph(declared(), START)
    mirror, late = Mirror(), Mirror()
    positions = [shared.position]
    for number in range(40):
        shared.commit({"votes": [(number % 7, [number] if number % 5 else [])]})
        shared.flush()
        positions.append(shared.position)
    whole = shared.snapshot(1_000_000)
    mirror.replace(join(whole.texts))

    assert (whole.position, whole.since) == (shared.position, None)
    for size in (1, 40, 1_000_000):
        late.replace(join(shared.snapshot(size).texts))
        assert late.entries() == mirror.entries()
        for position in positions:
            resumed = shared.resume(position, size)
            assert resumed is not None
            assert (resumed.position, resumed.since) == (shared.position, position.revision)
            late.apply(join(resumed.texts))
            assert late.entries() == mirror.entries()
    for unknown in (Position("other", 10), Position("epoch", 3), Position("epoch", 1000)):
        assert shared.resume(unknown, 100) is None


def test_a_large_difference_comes_in_parts() -> None:
    shared = SharedGraph(declared(), START)
    shared.commit({"votes": [(number, [number]) for number in range(100)]})
    shared.flush()

    resumed = shared.resume(START, 50)
    assert resumed is not None
    texts = list(resumed.texts)

    assert len(texts) > 20
    assert max(map(len, texts)) <= 60


def test_a_snapshot_is_of_one_moment() -> None:
    shared = SharedGraph(declared(), START)
    shared.commit({"votes": [(number, [1]) for number in range(10)]})
    shared.flush()
    snapshot = shared.snapshot(20)
    first = next(snapshot.texts)

    shared.commit({"votes": [(number, [2]) for number in range(10)]})
    shared.flush()

    assert "[2]" not in join([first, *snapshot.texts])


def test_what_a_journal_kept_is_there_before_anything_is_published() -> None:
    shared = SharedGraph(declared(), START)

    shared.load({"votes": [("ann", [3])]})

    assert shared.flush() is None
    assert shared.position == START
    assert join(shared.snapshot(1000).texts) == '[[["votes","ann"],[3]],[["total",null],[3]]]'


def test_what_was_committed_is_seen_by_nobody_else_until_it_is_flushed() -> None:
    shared = SharedGraph(declared(), START)

    shared.commit({"votes": [("ann", [3])]})

    assert (shared.position, shared.revision) == (START, 8)
    assert shared.announce().to == 7
    assert shared.resume(START, 1000).texts.__next__() == "[]"  # type: ignore[union-attr]


def test_what_is_taken_back_never_was() -> None:
    shared = SharedGraph(declared(), START)
    shared.commit({"votes": [("ann", [1]), ("bob", [1])]})
    shared.flush()
    before = join(shared.snapshot(1000).texts)
    shared.commit({"votes": [("ann", [2]), ("cy", [5])]})
    shared.commit({"votes": [("ann", [3]), ("bob", [])]})

    shared.undo()

    assert shared.flush() is None
    assert (shared.position, shared.revision) == (Position("epoch", 8), 8)
    assert join(shared.snapshot(1000).texts) == before
    assert shared.graph.audit() == []
    assert shared.commit({"votes": [("ann", [1])]}).revision == 9


def test_others_transactions_keep_their_revisions_and_can_be_resumed_from() -> None:
    shared = SharedGraph(declared("reject"), START)

    assert shared.apply({"votes": [("ann", [1])]}, 8) == []
    assert [each.key for each in shared.apply({"votes": [("bob", ["bad"])], "gone": [(1, [1])]}, 9)] == ["bob"]
    assert shared.apply({"votes": [("ann", [])]}, 10) == []

    assert shared.position == Position("epoch", 10)
    assert shared.ignored == {"gone"}
    for revision in range(7, 11):
        assert shared.resume(Position("epoch", revision), 1000) is not None
    with pytest.raises(Rejected):  # what is new is still refused
        shared.commit({"votes": [("cy", ["bad"])]})


def test_the_position_is_announced_without_entries() -> None:
    assert SharedGraph(declared(), START).announce().to_wire() == ["epoch", 7, 7, "[]"]


def test_changes_are_parsed() -> None:
    changes = [["votes", [["ann", [1]], [2, []]]], ["unused", []], ["votes", [["bob", [3]]]]]
    expected = {"votes": [("ann", [1]), (2, []), ("bob", [3])], "unused": []}

    assert parse_writes(decode_changes(changes)) == expected
    assert parse_writes(decode_changes('[["votes",[["ann",[1]],[2,[]]]],["unused",[]],["votes",[["bob",[3]]]]]')) == expected


@pytest.mark.parametrize(
    "changes", [None, 7, {}, [7], [["votes"]], [[1, []]], [["votes", 1]], [["votes", ["ab"]]], [["votes", [["a", "b"]]]]]
)
def test_changes_of_another_shape_are_refused(changes: Any) -> None:
    with pytest.raises(InvalidTransaction):
        parse_writes(decode_changes(changes))


@pytest.mark.parametrize("changes", ["", "x", "[NaN]", "[" * 10_000, b"[]" * 3, {1, 2}, [object()], '"\\ud800"'])
def test_what_is_not_json_is_refused(changes: Any) -> None:
    with pytest.raises(InvalidTransaction):
        parse_writes(decode_changes(changes))


def test_sizes_are_limited() -> None:
    many = [["votes", [[number, [1]] for number in range(MAX_ENTRIES // 2 + 1)]]] * 2

    with pytest.raises(TooLarge):
        parse_writes(many)
    with pytest.raises(TooLarge):
        decode_changes([["votes", [["a", ["x" * MAX_CHANGES]]]]])
    with pytest.raises(TooLarge):
        decode_changes('"' + "x" * MAX_CHANGES + '"')
