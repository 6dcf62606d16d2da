"""The rule by which followers come and go: simulated load in, numbers out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from deltamesh.operation.autoscale import AIM, GROW_AFTER, HIGH, LOW, REST, SHRINK_AFTER, Autoscale, slot_load

STEP = 2.0


def simulated(
    rule: Autoscale, number: int, work: Callable[[float], float | None], seconds: float, start: float = 0.0
) -> list[tuple[float, int]]:
    """Return when the number changed and to what; `work(now)` is what all followers together have to do, in followers."""
    changes = []
    for step in range(int(seconds / STEP)):
        now = start + step * STEP
        amount = work(now)
        wanted = rule.decide(number, None if amount is None else min(1.5, amount / number), now)
        if wanted != number:
            changes.append((now, wanted))
            number = wanted
    return changes


def test_it_grows_soon_to_what_is_aimed_at_and_stays_there() -> None:
    changes = simulated(Autoscale(1, 8), 2, lambda now: 2.0, 600)

    assert changes == [(GROW_AFTER, 4)]
    assert AIM == 2.0 / 4


def test_it_at_most_doubles_at_a_time_and_rests_in_between() -> None:
    changes = simulated(Autoscale(1, 100), 1, lambda now: 30.0, 120)

    assert [number for _, number in changes] == [2, 4, 8, 16, 32, 60]
    times = [now for now, _ in changes]
    assert all(later - earlier >= REST + GROW_AFTER for earlier, later in pairwise(times))


def test_it_shrinks_late_one_by_one_and_not_below_what_is_allowed() -> None:
    changes = simulated(Autoscale(2, 8), 5, lambda now: 0.01, 3600)

    assert [number for _, number in changes] == [4, 3, 2]
    assert changes[0][0] == SHRINK_AFTER
    assert all(later - earlier >= REST + SHRINK_AFTER for (earlier, _), (later, _) in pairwise(changes))


def test_a_peak_or_a_lull_changes_nothing() -> None:
    def work(now: float) -> float:
        return 4.0 if now % 60 < GROW_AFTER - STEP else 0.05 if now % 60 < 50 else 1.0

    assert simulated(Autoscale(1, 8), 2, work, 3600) == []


@pytest.mark.parametrize("seed", range(50))
def test_steady_work_is_answered_and_then_nothing_swings(seed: int) -> None:
    random = Random(seed)
    amount, noise = random.uniform(0, 12), random.uniform(0, 0.05)
    rule, number = Autoscale(1, 32), random.randint(1, 32)
    changes = simulated(rule, number, lambda now: amount * (1 + random.uniform(-noise, noise)), 32 * (SHRINK_AFTER + REST + STEP))
    numbers = [number, *[each for _, each in changes]]
    end = numbers[-1]

    assert amount / end <= HIGH * 1.06 or end == 32
    assert amount / end >= LOW / 1.06 or end == 1
    assert numbers in (sorted(numbers), sorted(numbers, reverse=True))  # never there and back


def test_load_that_is_not_known_changes_nothing() -> None:
    assert simulated(Autoscale(1, 8), 2, lambda now: None, 600) == []
    assert simulated(Autoscale(1, 8), 2, lambda now: None if now % 4 else 9.0, 600) == []


def test_what_was_scaled_by_hand_beyond_the_bounds_comes_back() -> None:
    rule = Autoscale(2, 4)

    assert rule.decide(9, 0.5, 0.0) == 4
    assert rule.decide(1, 0.5, 20.0) == 2
    assert rule.decide(3, 0.5, 40.0) == 3


def figures(**rows: dict[str, Any]) -> dict[str, Any]:
    of = {"match": "exact", "waiting": 0, "capacity": 256, "run": {"sum": 0.0}}
    return {"procedures": [{**of, "uri": f"S.{name}", **row} for name, row in rows.items()]}


def test_load_is_what_is_worked_on_and_waits_of_all_slots() -> None:
    before = figures(open={"run": {"sum": 10.0}}, read={})
    after = figures(open={"run": {"sum": 138.0}, "waiting": 64}, read={"run": {"sum": 2.0}})

    assert slot_load(before, after, ("S.open", "S.read"), 2.0) == 0.5
    assert slot_load(before, after, ("S.read",), 2.0) == 1 / 256


def test_load_is_not_known_of_what_nobody_offers_or_without_limit() -> None:
    assert slot_load(figures(), figures(), ("S.open",), 1.0) is None
    assert slot_load(figures(), figures(open={"capacity": 0}), ("S.open",), 1.0) is None
    assert slot_load(figures(), figures(open={"capacity": None}), ("S.open",), 1.0) is None


def test_a_router_that_begins_to_count_anew_gives_no_nonsense() -> None:
    assert slot_load(figures(open={"run": {"sum": 99.0}}), figures(open={"run": {"sum": 1.0}}), ("S.open",), 1.0) == 0.0
