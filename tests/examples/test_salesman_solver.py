"""The solver: what it promises for any problem, and the cases that the JavaScript solver passes, too."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.salesman import kernel
from examples.salesman.annealing import Chain, anneal
from examples.salesman.known import instances
from examples.salesman.landscape import Landscape
from examples.salesman.problem import Problem
from examples.salesman.schedule import COLD, HOT, temperature, unit_steps
from examples.salesman.start import nearest_neighbour_tour
from examples.salesman.tour import BadTour, checked_tour, read_tour, tour_text

CASES = json.loads((Path(__file__).parents[1] / "cases" / "salesman.json").read_text())["cases"]

few = settings(max_examples=40, deadline=None)
cities = st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30)), min_size=3, max_size=40)
seeds = st.integers(0, 0xFFFF_FFFF)
temperatures = st.floats(0, 100)


def landscape_of(cities):
    return Landscape(Problem.of("any", "EUC_2D", cities))


def shuffled(landscape, seed):
    return np.random.default_rng(seed).permutation(landscape.size).astype(np.int32)


def plain(found):
    return found.current.tolist(), found.best.tolist(), found.length, found.routes


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}-{len(case['cities'])}-{case['steps']}")
def test_a_case_that_both_solvers_pass(case):
    landscape = Landscape(Problem.of("case", case["kind"], case["cities"]))
    found = anneal(landscape, np.array(case["tour"]), case["hot"], case["cold"], case["steps"], case["seed"])

    assert landscape.length(np.array(case["tour"])) == case["length"]
    assert dict(zip(("current", "best", "length", "routes"), plain(found), strict=True)) == case["expect"]


@few
@given(cities, temperatures, temperatures, st.integers(0, 300), seeds)
def test_tours_are_permutations_never_longer_than_the_start_and_as_long_as_is_said(cities, hot, cold, steps, seed):
    landscape = landscape_of(cities)
    start = shuffled(landscape, seed)
    chain = Chain(landscape, start, hot, cold, steps, seed)

    assert chain.run(steps)
    found = chain.result()
    assert sorted(found.current.tolist()) == sorted(found.best.tolist()) == list(range(landscape.size))
    assert found.length == landscape.length(found.best) <= landscape.length(found.current) == chain._state[kernel.CURRENT]
    assert found.length <= landscape.length(start)
    assert chain._positions[found.current].tolist() == list(range(landscape.size))
    assert not chain._queued.any()


@few
@given(cities, seeds, st.lists(st.integers(0, 90), max_size=6))
def test_pieces_come_to_the_same_as_one_call(cities, seed, pieces):
    landscape = landscape_of(cities)
    start = shuffled(landscape, seed)
    chain = Chain(landscape, start, 20.0, 0.5, 200, seed)
    for piece in pieces:
        assert chain.run(piece) == (chain.done == 200)
    chain.run(200)

    assert plain(chain.result()) == plain(anneal(landscape, start, 20, 0.5, 200, seed))


def test_another_seed_comes_to_another_tour_and_the_start_is_left_alone():
    landscape = landscape_of([(x * x % 31, x * 7 % 29) for x in range(60)])
    start = nearest_neighbour_tour(landscape)
    before = start.copy()
    found = {tour_text(anneal(landscape, start, 5, 5, 50, seed).current) for seed in range(5)}

    assert len(found) == 5
    assert (start == before).all()


def test_no_temperature_accepts_nothing_longer_and_a_high_one_everything():
    landscape = landscape_of([(x * x % 97, x * 7 % 89) for x in range(80)])
    start = nearest_neighbour_tour(landscape)
    cold, hot = anneal(landscape, start, 0, 0, 300, 7), anneal(landscape, start, 1e12, 1e12, 300, 7)

    assert landscape.length(cold.current) == cold.length
    assert landscape.length(hot.current) > hot.length


def test_what_is_drawn_is_exponential():
    state = np.array([1, 0, 0, 0, 0], np.int64)
    drawn = [kernel.exponential.py_func(state) for _ in range(4)]
    state[0] = 1
    exact = [-np.log(kernel.random.py_func(state) / 2**32) for _ in range(4)]
    compiled = np.array([kernel.exponential(state) for _ in range(20_000)])

    assert drawn == pytest.approx(exact, abs=1e-5)
    assert compiled.mean() == pytest.approx(1, abs=0.02)
    assert (compiled > 3).mean() == pytest.approx(np.exp(-3), abs=0.005)


def test_small_instances_are_solved_to_the_optimum():
    for each in instances():
        landscape = Landscape(each.problem)
        unit = landscape.neighbour_distance()
        start = nearest_neighbour_tour(landscape)
        steps = min(8_000, unit_steps(landscape.size))
        lengths = [anneal(landscape, start, HOT * unit, COLD * unit, steps, seed).length for seed in range(2)]

        assert each.optimum <= min(lengths) <= each.optimum * (1 if landscape.size <= 100 else 1.005), each.problem.name


def test_a_repair_that_needs_too_many_moves_is_broken_off(monkeypatch):
    run, moves = kernel.run.py_func, kernel.MAX_MOVES
    landscape = landscape_of([(x * x % 31, x * 7 % 29) for x in range(30)])
    chain = Chain(landscape, shuffled(landscape, 3), 5.0, 5.0, 20, 3)
    chain.run(0)
    monkeypatch.setattr(kernel, "MAX_MOVES", 4)
    assert moves > 4
    walked = (landscape.distances, landscape.neighbours, landscape.near)
    changed = (chain._tour, chain._positions, chain._best, chain._queue, chain._queued, chain._moves, chain._state)
    run(*walked, *changed, 5.0, 5.0, 20, 0, 20)

    assert landscape.length(chain._tour) == chain._state[kernel.CURRENT]
    assert not chain._queued.any()


def test_the_start_visits_the_nearest_that_is_left():
    landscape = landscape_of([(0, 0), (10, 0), (1, 0), (4, 0), (2, 0)])

    assert nearest_neighbour_tour(landscape).tolist() == [0, 2, 4, 3, 1]
    assert landscape.neighbours[0].tolist() == [2, 4, 3, 1]
    assert landscape.near[0].tolist() == [1, 2, 4, 10]


def test_temperature_falls_from_hot_to_cold():
    assert temperature(0, 10) == pytest.approx(10 * HOT)
    assert temperature(1, 10) == temperature(7, 10) == pytest.approx(10 * COLD)
    assert temperature(0.5, 10, hot=COLD / 2) == pytest.approx(10 * COLD / 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[0,1]", "visits 2 cities, there are 3"),
        ("[0,1,1]", "city 1 twice"),
        ("[0,1,3]", "no city 3"),
        ("[0,1,-1]", "no city -1"),
        ("[0,1,true]", "list of city numbers"),
        ("[0,1,2.0]", "list of city numbers"),
        ('{"0":1}', "list of city numbers"),
        ("[0,1", "list of city numbers"),
        ("[" * 20_000, "list of city numbers"),
        ("[0,1,2" + " " * 40_000 + "]", "at most"),
        (None, "JSON text"),
    ],
)
def test_what_is_no_tour_is_refused(text, message):
    with pytest.raises(BadTour, match=message):
        read_tour(text, 3)


def test_a_tour_survives_its_text():
    tour = checked_tour([2, 0, 1], 3)

    assert tour_text(tour) == "[2,0,1]"
    assert read_tour("[2, 0, 1]", 3).tolist() == tour.tolist()
