"""One search: its units, its chains, and what it believes."""

from __future__ import annotations

from argparse import ArgumentTypeError
from random import Random

import msgspec
import numpy as np
import pytest
from twisted.internet.defer import Deferred

from deltamesh.errors import ApplicationError
from examples.salesman.annealing import anneal
from examples.salesman.excerpt import LONGEST, excerpt
from examples.salesman.improvement import improvements
from examples.salesman.known import instances, named, optimum_of
from examples.salesman.landscape import Landscape
from examples.salesman.problem import MAX_CITIES, Problem
from examples.salesman.problems import Problems
from examples.salesman.request import Options, checked_budget, checked_options, checked_problem
from examples.salesman.search import OBSERVED, UNIT, BadResult, Search
from examples.salesman.solve import problem
from examples.salesman.start import nearest_neighbour_tour
from examples.salesman.tour import read_tour, tour_text
from examples.salesman.world import degrees_minutes, world
from tests.examples.unusual import UNUSUAL

GOOD = {"name": "x", "kind": "EUC_2D", "cities": [[0, 0], [1, 1], [2, 0]]}


def landscape(size=40, seed=1):
    numbers = Random(seed)
    return Landscape(Problem.of("random", "EUC_2D", [[numbers.randrange(1000), numbers.randrange(1000)] for _ in range(size)]))


def made(size=40, budget=10.0, seed=7, **options):
    here = landscape(size)
    return Search(here, nearest_neighbour_tour(here), budget, Options(**options), seed)


def computed(search, unit, steps=None, seconds=0.25):
    """Return the result of a unit, as a worker computes it, in so many steps."""
    found = anneal(search.landscape, read_tour(unit.tour, search.landscape.size), unit.hot, unit.cold, steps or 50, unit.seed)
    result = {"current": tour_text(found.current), "best": tour_text(found.best), "length": found.length, "routes": found.routes}
    return {**result, "steps": unit.steps, "seconds": seconds, "worker": "test"}


def take(search, unit, now=1.0, **changes):
    return search.take(unit, {**computed(search, unit), **changes}, 0.3, now)


# -- rounds


def rounds(seed, order, **options):
    """Compute a search with rounds; `order` says which of the units under way is answered next, or got lost."""
    search = made(seed=seed, **options)
    under_way, now = [], 0.0
    while not search.is_complete():
        now += 0.01
        while (unit := search.next_unit(now, share=8)) is not None:
            under_way.append(unit)
        unit = under_way.pop(order.randrange(len(under_way)))
        if order.random() < 0.2:
            search.give_up(unit)
        elif order.random() < 0.2:
            with pytest.raises(BadResult):
                take(search, unit, now, length=1)
        else:
            take(search, unit, now)
    return search.best_text, search.best_length, search.units


@pytest.mark.parametrize("options", [{"rounds": 9}, {"rounds": 11, "chains": 3}, {"rounds": 2, "chains": 5}])
def test_the_same_seed_gives_the_same_route_whoever_computes_it_and_in_which_order(options):
    first = rounds(1, Random(1), **options)
    assert first[2] == options["rounds"]
    for other in range(2, 6):
        assert rounds(1, Random(other), **options) == first
    assert any(rounds(seed, Random(1), **options)[0] != first[0] for seed in range(2, 8))


# -- chains and temperatures


def test_there_are_as_many_chains_as_units_may_be_under_way():
    search = made()
    under_way = list(iter(lambda: search.next_unit(0.0, share=3), None))
    assert [unit.chain for unit in under_way] == [0, 1, 2]
    assert search.in_flight == search.chains == 3

    for unit in under_way:
        take(search, unit)
    assert search.next_unit(1.0, share=1) is not None
    assert search.next_unit(1.0, share=1) is None
    assert search.chains == 1, "the best one is left"


def test_a_chain_has_one_unit_at_a_time_and_its_units_follow_each_other():
    search = made(chains=2)
    first, second = search.next_unit(0.0, share=9), search.next_unit(0.0, share=9)
    assert search.next_unit(0.0, share=9) is None

    result = computed(search, second)
    search.take(second, result, 0.3, 0.3)
    following = search.next_unit(0.3, share=9)
    assert (following.chain, following.tour) == (second.chain, result["current"])
    assert following.seed not in (first.seed, second.seed)


@pytest.mark.parametrize("cooling", ["exponential", "linear"])
def test_it_cools_down_with_time(cooling):
    search = made(cooling=cooling, temperature=2.0)
    temperatures = []
    for tenth in range(97):
        unit = search.next_unit(tenth / 10, share=1)
        temperatures += [unit.hot, unit.cold]
        take(search, unit)
    hottest = 2.0 * search.landscape.neighbour_distance()
    assert temperatures[0] == hottest
    assert temperatures[1::2] == sorted(temperatures[1::2], reverse=True)
    assert 0 < temperatures[-1] < 0.05 * hottest
    middle = temperatures[97] / hottest
    assert middle > 0.4 if cooling == "linear" else middle < 0.2


def test_chains_go_their_own_ways_while_it_is_hot_and_then_combine():
    search = made(60)
    better = next(tour for tour in improvements(search.landscape, search.best) if tour is not None)
    good, bad = search.next_unit(0.0, share=2), search.next_unit(0.0, share=2)
    take(search, good, best=tour_text(better), current=good.tour, length=search.landscape.length(better))
    take(search, bad, best=bad.tour, current=bad.tour, length=bad.length)
    first = {unit.chain: unit for unit in (search.next_unit(0.2, share=2), search.next_unit(0.2, share=2))}
    other = tour_text(search.best[Random(1).sample(range(60), 60)])
    assert first[bad.chain].tour == bad.tour

    take(search, first[bad.chain], best=bad.tour, current=bad.tour, length=bad.length)
    take(search, first[good.chain], best=tour_text(better), current=other, length=search.landscape.length(better))
    assert [search.next_unit(6.0, share=2).tour for _ in range(2)] == [other, other], "where the best chain is"


def test_the_last_units_begin_with_the_best_tour():
    search = made(60)
    better = next(tour for tour in improvements(search.landscape, search.best) if tour is not None)
    unit = search.next_unit(0.0, share=1)
    take(search, unit, best=tour_text(better), current=unit.tour, length=search.landscape.length(better))
    assert search.next_unit(9.6, share=1).tour == tour_text(better)


# -- sizes of units


def test_units_become_as_long_as_they_should_be():
    search = made()
    for _ in range(3):
        unit = search.next_unit(0.0, share=1)
        search.take(unit, computed(search, unit, seconds=unit.steps / 80_000), 9.0, 1.0)
    assert search.next_unit(0.0, share=1).steps == pytest.approx(80_000 * UNIT, rel=0.01)


def test_a_few_that_lie_about_their_speed_do_not_change_that():
    search = made()
    for number in range(OBSERVED):
        unit = search.next_unit(0.0, share=1)
        rate = 80_000 if number % 3 else 1e6
        search.take(unit, computed(search, unit, seconds=unit.steps / rate), 9.0, 1.0, worker=number)
    assert search.next_unit(0.0, share=1).steps == pytest.approx(80_000 * UNIT, rel=0.01)


def test_the_last_units_end_before_the_budget_and_then_there_are_none():
    search = made(budget=2.0)
    unit = search.next_unit(0.0, share=1)
    search.take(unit, computed(search, unit, seconds=unit.steps / 80_000), 9.0, 0.2)
    for now in (1.7, 1.8, 1.9):
        unit = search.next_unit(now, share=1)
        assert 0 < unit.limit < 2.0 - now
        assert unit.steps <= 80_000 * unit.limit + 1
        search.give_up(unit)
    assert search.next_unit(1.95, share=1) is None


# -- units that are late


def test_a_late_result_counts_unless_its_unit_was_done_again_meanwhile():
    search = made()
    first = search.next_unit(0.0, share=1)
    search.give_up(first)
    again = search.next_unit(2.0, share=1)
    assert (again.tour, again.number) == (first.tour, first.number)
    result = computed(search, first)
    search.take(first, result, 2.1, 2.1)
    following = search.next_unit(2.1, share=1)
    assert (following.tour, following.number) == (result["current"], 1)
    take(search, again)
    assert search.in_flight == 1
    assert search.next_unit(2.2, share=1) is None, "the one that follows is under way"


def test_with_rounds_each_unit_counts_once():
    search = made(rounds=3)
    first = search.next_unit(0.0, share=1)
    search.give_up(first)
    again = search.next_unit(2.0, share=1)
    assert again.seed == first.seed
    take(search, again)
    take(search, first)
    assert search.units == 1


# -- what strangers answer


@pytest.mark.parametrize(
    "change",
    [
        {"length": 1},
        {"length": None},
        {"best": "[0,1,2]"},
        {"best": "[" + ",".join(["0"] * 40) + "]"},
        {"best": "[" * 100_000},
        {"current": None},
        {"current": "[" + ",".join(str(each) for each in range(1, 41)) + "]"},
        {"steps": -1},
        {"steps": 10**12},
        {"steps": 0, "seconds": 0.0},
        {"steps": True},
        {"seconds": 5.0},
        {"seconds": 0.32},
        {"seconds": float("nan")},
        {"seconds": "0.1"},
        {"routes": -1},
        {"routes": 1.5},
        {"routes": -(10**5_000)},
        {"best": f"[{10**4_000}]"},
        {"best": f"[{'9' * 5_000}]"},
        *[{name: value} for name in ("length", "best", "current", "steps", "seconds") for value in UNUSUAL],
    ],
    ids=excerpt,
)
def test_what_is_no_result_changes_nothing(change):
    search = made()
    unit = search.next_unit(0.0, share=1)
    before = (search.best_text, search.best_length, search.routes, search.units)
    with pytest.raises(BadResult):
        take(search, unit, **change)
    assert (search.best_text, search.best_length, search.routes, search.units) == before
    assert search.refused == 1
    assert search.next_unit(0.1, share=1).tour == unit.tour, "it is done again"


def test_a_result_that_is_no_object_is_refused():
    search = made()
    for result in (None, [], "x", 7, *UNUSUAL):
        with pytest.raises(BadResult):
            search.take(search.next_unit(0.0, share=1), result, 0.3, 1.0)


def test_a_tour_longer_than_what_it_began_with_is_refused():
    search = made()
    unit = search.next_unit(0.0, share=1)
    tour = read_tour(unit.tour, 40)[Random(1).sample(range(40), 40)]
    text = tour_text(tour)
    with pytest.raises(BadResult, match="longer"):
        take(search, unit, best=text, current=text, length=search.landscape.length(tour))


def test_routes_are_believed_up_to_what_can_be():
    search = made()
    unit = search.next_unit(0.0, share=1)
    take(search, unit, routes=10**18)
    assert search.routes < 10**10


def test_the_progress_of_a_long_search_has_few_points():
    here = landscape(200)
    search = Search(here, np.arange(200, dtype=np.int32), 600.0, Options(), 7)
    better = [tour for tour in improvements(here, search.best) if tour is not None]
    for number, tour in enumerate(better):
        assert search.offer(tour, number * 600 / len(better))
    assert len(better) > 150
    assert 50 < len(search.progress) < 0.7 * len(better)
    assert search.progress[-1][1] == search.best_length
    times = [seconds for seconds, _ in search.progress]
    assert times == sorted(times)


# -- without workers


def test_improvements_become_shorter_and_end():
    here = landscape(80)
    tour = nearest_neighbour_tour(here)
    lengths = [here.length(tour)]
    for better in improvements(here, tour):
        if better is not None:
            assert sorted(better.tolist()) == list(range(80))
            lengths.append(here.length(better))
    assert len(lengths) > 3
    assert lengths == sorted(set(lengths), reverse=True)


# -- what callers ask for


def refusal(check, value):
    with pytest.raises(ApplicationError) as caught:
        check(value)
    return caught.value.uri.removeprefix("com.example.salesman.error.")


@pytest.mark.parametrize("value", [None, "1", 0, 0.05, 601, float("nan"), float("inf"), True, *UNUSUAL], ids=excerpt)
def test_budgets_are_checked(value):
    assert refusal(checked_budget, value) == "bad_budget"


@pytest.mark.parametrize(
    "value",
    [
        7,
        [],
        {"seeds": 1},
        {"seed": -1},
        {"seed": 1 << 32},
        {"seed": 1.5},
        {"temperature": 0},
        {"temperature": "hot"},
        {"cooling": "quick"},
        {"chains": 0},
        {"chains": 65},
        {"rounds": 0},
        {"\ud800": 1},
        *[{name: value} for name in ("seed", "temperature", "cooling", "chains", "rounds") for value in UNUSUAL],
    ],
    ids=excerpt,
)
def test_options_are_checked(value):
    assert refusal(checked_options, value) == "bad_options"


def test_good_requests():
    assert checked_budget(1) == 1.0
    assert checked_options(None) == checked_options({}) == Options()
    assert msgspec.to_builtins(checked_options({"seed": 1, "temperature": 2}))["temperature"] == 2.0
    assert checked_problem({"name": "berlin52"}) == "berlin52"
    assert checked_problem({"world": 100}) == 100
    assert len(checked_problem({"name": "mine", "kind": "ATT", "cities": [[0, 0], [0, 1], [1, 0]]})) == 3


@pytest.mark.parametrize(
    "value",
    [
        None,
        {},
        {"world": 2},
        {"world": MAX_CITIES + 1},
        {"world": "all"},
        {"world": True},
        {"name": 7},
        {"name": "x", "kind": "EUC_2D", "cities": [[0, 0], [1, 1]]},
        {"name": "x", "kind": "EUC_3D", "cities": [[0, 0], [1, 1], [2, 2]]},
        *UNUSUAL,
        *[{"world": value} for value in UNUSUAL],
        *[{"name": value} for value in UNUSUAL],
        *[{**GOOD, name: value} for name in ("id", "name", "kind", "cities") for value in UNUSUAL],
        *[{**GOOD, "cities": [[0, 0], [1, 1], [2, value]]} for value in UNUSUAL],
        *[{**GOOD, key: 1} for key in (10**5_000, -(10**5_000), "\ud800", b"\xff", None)],
    ],
    ids=excerpt,
)
def test_problems_are_checked(value):
    assert refusal(checked_problem, value) == "bad_problem"


@pytest.mark.parametrize("value", [*UNUSUAL, None, True, 1.5, "x" * 1_000, "\ud800\u202e\x1b", {1, 2}], ids=excerpt)
def test_what_strangers_send_is_shown_shortly(value):
    shown = excerpt(value)
    assert len(shown) <= 3 * LONGEST + 2
    assert shown.isprintable()


def test_a_problem_of_ones_own_is_not_called_like_an_instance():
    def found(problem):
        return Deferred.fromCoroutine(Problems(None).find(problem)).result

    berlin = named("berlin52").problem
    mine = Problem.of("berlin52", "ATT", [[0, 0], [0, 1], [1, 0]])
    assert (found(mine)[0].name, found(mine)[1]) == ("berlin52 (own)", None)
    assert found(berlin) == (berlin, 7542)


# -- the command


@pytest.mark.parametrize("text", ["world:-1", "world:abc", "world:", "world:²", "world:" + "9" * 5_000, "moon:5"], ids=excerpt)
def test_what_is_no_problem_on_the_command_line_is_told(text):
    with pytest.raises(ArgumentTypeError, match="world:N"):
        problem(text)


def test_problems_on_the_command_line():
    assert (problem("berlin52"), problem("world:500")) == ({"name": "berlin52"}, {"world": 500})


def test_the_largest_cities_of_the_world():
    problem = world(100)
    assert (problem.kind, len(problem), problem.name) == ("GEO", 100, "world 100")
    assert len(set(problem.cities)) == 100
    assert world(50).cities == problem.cities[:50]


@pytest.mark.parametrize("degrees, written", [(0.0, 0.0), (12.5, 12.3), (-12.5, -12.3), (31.99999, 32.0), (179.999, 180.0), (-0.25, -0.15)])
def test_degrees_are_written_as_tsplib_does(degrees, written):
    assert degrees_minutes(degrees) == written


def test_the_known_instances_are_there_by_size_with_their_optima():
    names = [each.problem.name for each in instances()]
    assert {"berlin52", "kroA100", "a280", "lin318"} <= set(names)
    assert [len(each.problem) for each in instances()] == sorted(len(each.problem) for each in instances())
    berlin = named("berlin52")
    assert (berlin.optimum, optimum_of(berlin.problem.id)) == (7542, 7542)
    assert named("atlantis") is None
