"""The farm in simulated time: workers of every temper come and go, and searches go on."""

from __future__ import annotations

from random import Random

import pytest

from examples.salesman.excerpt import excerpt
from examples.salesman.farm import (
    EVIDENCE,
    MAX_ROUTES,
    MAX_SLOTS,
    MAX_WORKERS,
    SILENCE,
    STRIKES,
    UNPROVEN,
    BadLoad,
    Farm,
)
from examples.salesman.landscape import Landscape
from examples.salesman.problem import Problem
from examples.salesman.search import UNIT
from examples.salesman.units import BURST, PACE
from tests.examples.simulated_farm import SILENT, TEMPERS, SimulatedFarm
from tests.examples.unusual import UNUSUAL

LOAD = {"name": "w", "kind": "browser", "host": "phone", "concurrency": 4, "busy": 1, "cpu": None, "routes": 1000.0, "units": 3}


def landscape(size=40, seed=1):
    numbers = Random(seed)
    return Landscape(Problem.of("random", "EUC_2D", [[numbers.randrange(1000), numbers.randrange(1000)] for _ in range(size)]))


def check(search):
    """What must hold of a search whatever workers did."""
    assert sorted(search.best.tolist()) == list(range(search.landscape.size))
    assert search.best_length == search.landscape.length(search.best) <= search.start_length
    lengths = [length for _, length in search.progress]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] == search.best_length


def test_every_worker_is_kept_busy_and_none_is_swamped():
    farm = SimulatedFarm(seed=1)
    workers = [farm.add(slots) for slots in (1, 1, 2, 4)]
    search = farm.search(landscape(), 10.0)
    farm.run(10.0)

    for worker in workers:
        assert worker.busy > 0.9 * 10.0 * worker.slots * 0.95, "but for the ramp and the last unit"
    assert farm.longest_queue <= 2
    assert farm.late <= 2
    assert farm.sent_away == []
    check(search)


def test_slow_workers_compute_smaller_units_and_are_in_time():
    farm = SimulatedFarm(seed=1)
    fast, slow = farm.add(speed=200_000.0), farm.add(speed=20_000.0)
    search = farm.search(landscape(), 10.0)
    farm.run(10.0)

    assert (fast.busy > 8.5, slow.busy > 8.5) == (True, True)
    assert (search.overdue, farm.late) == (0, 0)


def test_searches_share_the_farm():
    farm = SimulatedFarm(seed=2)
    for _ in range(2):
        farm.add(slots=2)
    searches = [farm.search(landscape(seed=seed), 8.0) for seed in range(3)]
    farm.at(4.0, lambda: searches.append(farm.search(landscape(seed=4), 4.0)))
    farm.run(9.0)

    first = [search.units for search in searches[:3]]
    assert min(first) > 0.85 * max(first)
    assert 0.6 * first[0] / 3 < searches[3].units < 0.6 * first[0], "which had half the time, and shared it with three"


def test_one_worker_is_shared_by_turns():
    farm = SimulatedFarm(seed=2)
    farm.add()
    searches = [farm.search(landscape(seed=seed), 6.0) for seed in range(4)]
    farm.run(7.0)

    units = [search.units for search in searches]
    assert min(units) > 0
    assert max(units) - min(units) <= 1


@pytest.mark.parametrize("seed", range(12))
def test_whatever_workers_do_the_search_ends_in_time_with_a_right_tour(seed):
    farm = SimulatedFarm(seed)
    numbers = farm.random
    honest = [farm.add(slots=numbers.choice([1, 2, 4])) for _ in range(2)]
    searches = [farm.search(landscape(seed=numbers.randrange(99)), 6.0), farm.search(landscape(12), 9.0)]

    def disturb():
        happening = numbers.randrange(4)
        present = [worker for worker in farm.workers.values() if worker not in honest]
        if happening <= 1:
            farm.add(numbers.choice([1, 3, 50]), numbers.choice([2e3, 1e5, 1e6]), numbers.choice(TEMPERS))
        elif present and happening == 2:
            farm.remove(numbers.choice(present))
        elif present:
            worker = numbers.choice(present)
            worker.is_frozen = not worker.is_frozen
        farm.at(farm.now + numbers.uniform(0.1, 0.8), disturb)

    farm.at(0.5, disturb)
    farm.run(10.0)

    assert [farm.ended[search] for search in searches] == [pytest.approx(search.end) for search in searches]
    for search in searches:
        check(search)
        assert search.units > 0
    assert len(farm.units) == 0
    assert not set(honest) & set(farm.sent_away)


def test_liars_are_sent_away_at_once_and_counted():
    farm = SimulatedFarm(seed=3)
    honest, liar = farm.add(), farm.add(slots=8, temper="liar")
    search = farm.search(landscape(), 3.0)
    farm.run(3.0)

    assert farm.sent_away == [liar]
    assert 1 <= search.refused <= UNPROVEN + 2
    assert honest.busy > 2.3
    check(search)


def test_whoever_stops_at_once_is_sent_away():
    farm = SimulatedFarm(seed=3)
    honest, lazy = farm.add(), farm.add(temper="lazy")
    search = farm.search(landscape(), 3.0)
    farm.run(3.0)

    assert farm.sent_away == [lazy]
    assert honest.busy > 2.3
    check(search)


@pytest.mark.parametrize("temper", ["hasty", "slow"])
def test_whoever_only_claims_to_have_computed_takes_little_from_the_others(temper):
    farm = SimulatedFarm(seed=3)
    honest = farm.add(speed=60_000.0)
    others = [farm.add(temper=temper) for _ in range(5)]
    search = farm.search(landscape(), 6.0)
    farm.run(6.0)

    assert farm.sent_away == []
    assert honest.busy > 0.8 * 6.0
    assert farm.farm.workers[honest.session].accepted < 6.0 / (0.4 * UNIT), "its units are not small"
    assert len(others) + 1 == len(search.workers)
    assert search.units <= farm.farm.capacity * (PACE * 6.0 + BURST)
    check(search)


@pytest.mark.parametrize("temper", SILENT)
@pytest.mark.parametrize("slots", [1, 4])
def test_whoever_swallows_units_is_found(slots, temper):
    farm = SimulatedFarm(seed=4)
    honest, swallower = farm.add(slots), farm.add(slots=50, temper=temper)
    search = farm.search(landscape(), 12.0)
    farm.run(12.0)

    assert farm.sent_away == [swallower]
    assert search.overdue <= 5 * STRIKES
    assert honest.busy > 0.6 * 12.0 * slots
    check(search)


@pytest.mark.parametrize("others, comes_back", [(2, False), (2, True), (10, True)])
def test_short_searches_are_computed_while_others_are_silent(others, comes_back):
    farm = SimulatedFarm(seed=3, comes_back=comes_back)
    honest = farm.add()
    alone = farm.search(landscape(280), 2.0)
    farm.run(2.0)
    for _ in range(others):
        farm.add(slots=1_000, temper="sleeper")
    searches = []
    for number, begin in enumerate([3.5, 6.0, 8.5, 40.0, 42.5]):  # a pause as long as calls are not kept
        farm.run(begin)
        searches.append(farm.search(landscape(280, seed=number), 2.0))
    farm.run(45.0)

    assert min([search.units for search in searches]) > alone.units / 2
    assert honest not in farm.sent_away


def test_a_newcomer_that_has_to_get_a_large_problem_first_is_not_blamed():
    farm = SimulatedFarm(seed=3)
    honest = farm.add()
    search = farm.search(landscape(2_000), 12.0)
    farm.run(2.0)
    newcomer = farm.add()
    newcomer.is_frozen = True
    farm.at(3.4, lambda: setattr(newcomer, "is_frozen", False))
    farm.run(12.0)

    assert farm.sent_away == []
    assert min(honest.busy, newcomer.busy) > 7.0
    check(search)


def test_slots_that_are_only_claimed_let_others_wait_a_little():
    farm = SimulatedFarm(seed=4)
    honest = farm.add()
    for _ in range(3):
        farm.add(slots=1_000, temper="boaster")
    farm.search(landscape(), 6.0)
    farm.run(6.0)

    assert honest not in farm.sent_away
    assert honest.busy > 0.8 * 6.0
    assert farm.longest_queue <= 1, "who takes no units is no worker"
    assert list(farm.farm.workers) == [honest.session]


def test_a_worker_that_freezes_loses_nothing_but_its_units():
    farm = SimulatedFarm(seed=5)
    honest, frozen = farm.add(), farm.add()
    search = farm.search(landscape(), 8.0)
    farm.at(2.0, lambda: setattr(frozen, "is_frozen", True))
    farm.run(2.0 + SILENCE + 1.1)

    assert list(farm.farm.workers) == [honest.session]
    frozen.is_frozen = False
    farm.run(8.0)
    assert search.overdue <= 2
    assert frozen.busy > 1.0


def test_without_workers_a_search_ends_with_its_first_tour():
    farm = SimulatedFarm(seed=6)
    search = farm.search(landscape(), 1.0)
    farm.run(1.0)

    assert search.units == 0
    check(search)


# -- loads


def test_a_load_is_known_until_its_worker_leaves_or_is_silent():
    farm = Farm()
    assert farm.report(1, LOAD, 0.0)
    assert farm.report(2, LOAD, 0.0)
    assert not farm.report(1, {**LOAD, "busy": 2}, 1.0)
    assert not farm.report(1, {**LOAD, "busy": 3}, 1.1), "too soon"
    assert farm.workers[1].shown() == {"session": 1, **LOAD, "busy": 2, "accepted": 0, "refused": 0}

    assert farm.expire(SILENCE) == []
    assert farm.expire(SILENCE + 0.1) == [2]
    assert list(farm.workers) == [1]
    assert farm.leave(1)
    assert not farm.leave(1)
    assert farm.capacity == 1, "to find workers that tell no load"


def test_slots_are_counted_as_they_prove_themselves():
    farm = Farm()
    farm.report(1, {**LOAD, "concurrency": 1_000}, 0.0)
    assert farm.slots == UNPROVEN
    for _ in range(2 * MAX_SLOTS):
        farm.accepted(1)
    assert farm.slots == MAX_SLOTS

    farm.report(2, LOAD, 0.0)
    assert farm.slots == MAX_SLOTS + UNPROVEN
    farm.unanswered([1, 2])
    assert farm.slots == MAX_SLOTS, "those who have given no result yet"
    farm.accepted(2)
    assert farm.slots == MAX_SLOTS + UNPROVEN + 1


def test_there_are_so_many_workers_at_most():
    farm = Farm()
    for session in range(MAX_WORKERS + 5):
        farm.report(session, LOAD, 0.0)
    assert len(farm.workers) == MAX_WORKERS


@pytest.mark.parametrize(
    "change",
    [
        {"name": "x" * 81},
        {"name": ""},
        {"name": "\u202e \n"},
        {"\ud800": 1, "kind": "\ud800"},
        *[{name: value} for name in LOAD for value in UNUSUAL],
        {"kind": "abacus"},
        {"host": 7},
        {"concurrency": 0},
        {"concurrency": 10**9},
        {"busy": -1},
        {"cpu": 1.5},
        {"cpu": float("nan")},
        {"routes": float("inf")},
        {"routes": -1.0},
        {"units": 1.5},
    ],
    ids=excerpt,
)
def test_what_is_no_load_is_refused(change):
    farm = Farm()
    with pytest.raises(BadLoad):
        farm.report(1, {**LOAD, **change}, 0.0)
    assert farm.workers == {}


def test_only_who_gave_no_result_meanwhile_is_blamed_and_not_at_once():
    farm = Farm()
    for session in (1, 2, 3):
        farm.report(session, LOAD, 0.0)
    farm.accepted(3)
    blamed = []
    for number in range(STRIKES):
        blamed.append(farm.unanswered([1, 2, 3] if [4] in blamed else [1, 2, 3, 4]))
        for _ in range(EVIDENCE * 4):
            farm.accepted(1)
        if number == 0:
            farm.accepted(2)
    assert blamed == [[], [4], [], [3]]


def test_nobody_is_blamed_while_nobody_answers_or_before_an_answer_must_be_there():
    farm = Farm()
    for _ in range(2 * STRIKES):
        assert farm.unanswered([1, 2]) == []
    for _ in range(EVIDENCE * 2):
        farm.accepted(1)
    assert farm.unanswered([1, 2]) == [2]

    for _ in range(2 * STRIKES):
        farm.accepted(1)
        assert farm.unanswered([1, 2], is_strike=False) == []


def test_who_takes_no_units_is_no_worker_and_makes_room():
    farm = Farm()
    for session in range(MAX_WORKERS):
        farm.report(session, LOAD, 0.0)
    assert farm.has_strangers
    farm.know([3, 900])
    assert (list(farm.workers), farm.slots) == ([3], UNPROVEN)
    farm.report(900, LOAD, 0.0)
    assert (list(farm.workers), farm.slots) == ([3, 900], 2 * UNPROVEN)
    farm.know(None)
    assert len(farm.workers) == MAX_WORKERS, "if the router does not tell"


def test_what_is_claimed_is_bounded_and_can_be_read():
    farm = Farm()
    claims = {"name": "a\u202eb\x1b[2J\n", "host": "\u200bx", "concurrency": 1_000, "busy": 900, "routes": 1e12}
    farm.report(1, {**LOAD, **claims}, 0.0)
    shown = farm.workers[1].shown()
    assert (shown["name"], shown["host"], shown["concurrency"], shown["busy"]) == ("ab[2J", "x", MAX_SLOTS, MAX_SLOTS)
    assert shown["routes"] == MAX_ROUTES
    farm.report(2, {**LOAD, "concurrency": 2, "busy": 3}, 0.0)
    assert farm.workers[2].shown()["busy"] == 2
