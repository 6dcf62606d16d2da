"""
A farm of real processes, and what happens to it: each scenario once, short. Nothing is held to a time here; `bench.show_compute` does that.

One farm serves all of them, in this order, so that most workers need not be started anew.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compute import scenarios
from tests.compute.farm import Farm
from tests.mesh.mesh import run

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

SEED = 1


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    made = Farm(tmp_path_factory.mktemp("farm"))
    run(made.__aenter__())
    yield made
    run(made.__aexit__(None, None, None))


@pytest.fixture(autouse=True)
def nobody_complains(farm: Farm) -> Iterator[None]:
    yield
    assert farm.complaints() == []


def test_one_worker_and_one_seed_give_the_same_route_twice(farm: Farm) -> None:
    run(scenarios.same(farm, 3, SEED))


def test_liars_neither_break_nor_fake_a_result(farm: Farm) -> None:
    run(scenarios.enough(scenarios.liars, farm, 3.0, SEED))


def test_liars_that_say_that_they_are_slow_do_not_slow_down_others(farm: Farm) -> None:
    run(scenarios.enough(scenarios.slow_liars, farm, 3.0, SEED))


def test_a_frozen_worker_is_done_without_and_comes_back(farm: Farm) -> None:
    run(scenarios.enough(scenarios.frozen, farm, 4.0, SEED))


def test_an_answer_comes_when_all_workers_are_killed(farm: Farm) -> None:
    run(scenarios.enough(scenarios.killed, farm, 3.0, SEED))


def test_a_search_that_begins_without_workers_takes_those_that_come(farm: Farm) -> None:
    run(scenarios.enough(scenarios.added, farm, 6.0, SEED))


@pytest.mark.browser
def test_python_node_and_a_browser_compute_one_problem(farm: Farm) -> None:
    run(scenarios.enough(scenarios.mixed, farm, 4.0, SEED))
