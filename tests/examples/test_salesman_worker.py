"""The salesman's worker in Python: what a unit gives, when it ends early, and that problems are fetched once."""

from __future__ import annotations

import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from deltamesh import ApplicationError, Call
from examples.salesman import worker as module
from examples.salesman.annealing import anneal as computed
from examples.salesman.landscape import Landscape
from examples.salesman.problem import Problem
from examples.salesman.tour import read_tour, tour_text
from examples.salesman.worker import KEPT, PIECE, Landscapes, anneal, worker


def lattice(shift: int = 0) -> Problem:
    return Problem.of("lattice", "EUC_2D", [[7 * (number % 6) + number + shift, 11 * (number // 6)] for number in range(30)])


PROBLEM = lattice()
UNIT: dict[str, Any] = {
    "problem": PROBLEM.id,
    "tour": json.dumps(list(range(30))),
    "hot": 9.0,
    "cold": 1.0,
    "steps": 5 * PIECE + 7,
    "seed": 3,
}


def call(answer: Any = None) -> Call:
    """Return a call of a worker that is answered `answer` when it asks for the problem."""
    return Call("w1", fetch=lambda uri, problem: PROBLEM.to_json() if answer is None else answer)


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "landscapes", Landscapes(module.fetched))


def test_a_unit_in_pieces_gives_what_it_gives_in_one() -> None:
    whole = computed(Landscape(PROBLEM), read_tour(UNIT["tour"], 30), 9.0, 1.0, UNIT["steps"], 3)
    before = worker.counters["routes"].total
    result = anneal(call(), **UNIT)

    assert {**result, "seconds": 0} == {
        "current": tour_text(whole.current),
        "best": tour_text(whole.best),
        "length": whole.length,
        "routes": whole.routes,
        "steps": UNIT["steps"],
        "seconds": 0,
        "worker": "w1",
    }
    assert result["length"] == Landscape(PROBLEM).length(read_tour(result["best"], 30))
    assert worker.counters["routes"].total - before == whole.routes


def test_a_unit_ends_early_at_its_limit_and_when_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count(0.0, 0.4)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    limited = anneal(call(), **UNIT, limit=1.0)
    cancelled = call()
    cancelled.cancel()
    given_up = anneal(cancelled, **UNIT)

    assert (limited["steps"], given_up["steps"]) == (3 * PIECE, PIECE)


@pytest.mark.parametrize("tour", ["", "{}", "[0]", json.dumps([0, *range(29)]), json.dumps(list(range(1, 31)))])
def test_what_is_no_tour_is_refused(tour: str) -> None:
    with pytest.raises(ApplicationError) as caught:
        anneal(call(), **{**UNIT, "tour": tour})
    assert caught.value.uri == "com.example.salesman.error.bad_tour"


@pytest.mark.parametrize("answer", [{}, [], lattice(1).to_json(), {**PROBLEM.to_json(), "cities": []}])
def test_what_is_not_the_problem_is_refused_and_asked_for_again(answer: Any) -> None:
    with pytest.raises(ApplicationError) as caught:
        anneal(call(answer), **UNIT)
    assert (caught.value.uri, caught.value.retry) == ("com.example.salesman.error.bad_problem", True)
    assert anneal(call(), **UNIT)["steps"] == UNIT["steps"]


def test_threads_that_want_the_same_problem_fetch_it_once() -> None:
    fetched: list[str] = []
    both = threading.Barrier(2)

    def build(_: Call, problem: str) -> Landscape:
        fetched.append(problem)
        both.wait(60)
        return Landscape(PROBLEM)

    landscapes = Landscapes(build)
    with ThreadPoolExecutor(3) as pool:
        wanted = [pool.submit(landscapes.get, call(), PROBLEM.id) for _ in range(3)]
        both.wait(60)
        found = [each.result() for each in wanted]

    assert fetched == [PROBLEM.id]
    assert found[0] is found[1] is found[2]


def test_the_problems_computed_last_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []

    def build(_: Call, problem: str) -> Landscape:
        fetched.append(problem)
        return Landscape(PROBLEM)

    landscapes = Landscapes(build)
    for number in [*range(KEPT), 0, KEPT]:
        landscapes.get(call(), str(number))
    landscapes.get(call(), "0")
    assert len(fetched) == KEPT + 1
    landscapes.get(call(), "1")
    assert fetched[-1] == "1"

    monkeypatch.setattr(module, "MAX_KEPT", 2 * 30**2)
    for number in (100, 101, 100, 101, 102, 100):
        landscapes.get(call(), str(number))
    assert fetched[-4:] == ["100", "101", "102", "100"]
