"""What the service shows of searches, routes and workers; and the board, which says what of it is to be written."""

from __future__ import annotations

import pytest

from deltamesh.errors import InvalidParameters
from examples.salesman.board import Board
from examples.salesman.service import SHOWN, app
from tests.examples.pair import Pair

A, B = "a" * 16, "b" * 16


@pytest.fixture
def mesh():
    return Pair(app)


def problem(id, size, **changes):
    cities = [[number, 0] for number in range(size)]
    return id, [
        {"id": id, "name": f"p{size}", "kind": "EUC_2D", "size": size, "optimum": None, "is_known": False, "cities": cities, **changes}
    ]


def test_problems_are_listed_without_their_cities_known_ones_first(mesh):
    mesh.write(problems=[problem(A, 5), problem(B, 9, is_known=True, optimum=18)])

    listed = mesh.read("problems")
    assert [(row["name"], row["optimum"]) for row in listed.values()] == [("p9", 18), ("p5", None)]
    assert all("cities" not in row for row in listed.values())
    assert len(mesh.read("problem", id=A)[A]["cities"]) == 5


def test_the_newest_searches_come_first_and_there_are_so_many_at_most(mesh):
    mesh.write(searches=[(f"{number:016x}", [{"id": f"{number:016x}", "number": number}]) for number in range(SHOWN + 5)])

    assert [row["number"] for row in mesh.read("searches").values()] == list(range(SHOWN + 4, 4, -1))
    assert list(mesh.read("search", id=f"{3:016x}")) == [f"{3:016x}"]


def test_a_route_and_a_progress_are_those_of_one_search(mesh):
    mesh.write(routes=[(A, [{"length": 7}]), (B, [{"length": 9}])], progress=[((A, 0), [[0, 9]]), ((A, 1), [[0.5, 7]]), ((B, 0), [[0, 9]])])

    assert mesh.read("route", search=A) == {A: {"length": 7}}
    assert mesh.read("progress", search=A) == {0: (0, 9), 1: (0.5, 7)}


def test_a_point_of_one_search_recomputes_nothing_of_others(mesh):
    mesh.write(progress=[((A, 0), [[0, 9]]), ((B, 0), [[0, 9]])])
    theirs = mesh.open("progress", search=A)
    before = mesh.follower.counters()
    mesh.write(progress=[((B, 1), [[1, 8]])])
    assert mesh.follower.counters() == before
    assert theirs.entries() == [(0, ((0, 9),))]


@pytest.mark.parametrize(
    "resource, parameters", [("route", {"search": "x"}), ("progress", {"search": A + "\n"}), ("problem", {"id": A.upper()}), ("search", {})]
)
def test_parameters_are_checked(mesh, resource, parameters):
    with pytest.raises(InvalidParameters):
        mesh.read(resource, **parameters)


# -- the board


def test_what_has_not_changed_is_not_written():
    board = Board()
    board.put("workers", 1, {"busy": 0})
    assert board.take() == {"workers": [(1, [{"busy": 0}])]}
    board.put("workers", 1, {"busy": 0})
    assert board.take() == {}
    board.put("workers", 1, {"busy": 1})
    board.drop("workers", 2)
    assert board.take() == {"workers": [(1, [{"busy": 1}]), (2, [])]}


def test_what_could_not_be_written_is_written_as_it_is_by_then():
    board = Board()
    board.put("searches", A, "running")
    changes = board.take()
    board.put("searches", A, "done")
    board.restore(changes)
    assert board.take() == {"searches": [(A, ["done"])]}
    assert board.take() == {}


def test_a_leader_that_forgot_is_told_everything_again():
    board = Board()
    board.put("searches", A, "done")
    board.put("workers", 1, "here")
    board.drop("workers", 1)
    board.take()
    board.adopt("searches", B, "lost")
    board.adopt("searches", A, "running")
    assert board.take() == {}
    board.forgotten()
    assert board.take() == {"searches": [(A, ["done"]), (B, ["lost"])]}
