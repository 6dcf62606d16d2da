"""Problems, their distances, and files of TSPLIB."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.salesman.known import instances, named
from examples.salesman.landscape import Landscape, distances
from examples.salesman.problem import MAX_CITIES, BadProblem, Problem
from examples.salesman.tour import checked_tour
from examples.salesman.tsplib import MAX_TEXT, BadFile, read_problem, read_tour_file, write_problem, write_tour_file

SQUARE = [(0, 0), (0, 10), (10, 10), (10, 0)]
FILE = """NAME : square
COMMENT : four
COMMENT : corners
TYPE : TSP
DIMENSION: 4
EDGE_WEIGHT_TYPE : EUC_2D
NODE_COORD_SECTION
 1 0 0
 3 1e1 10.0
 2 0 10

 4 +10 0
EOF
"""
TOUR = "NAME: t\nTYPE: TOUR\nDIMENSION: 3\nTOUR_SECTION\n2 1\n3\n-1\nEOF\n"

coordinates = st.floats(-1e6, 1e6) | st.integers(-1000, 1000)
names = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("C", "Z")), min_size=1, max_size=20)


def between(kind, first, second):
    return int(distances(Problem.of("two", kind, [first, second, first]))[0, 1])


def test_distances_in_the_plane_are_rounded():
    assert between("EUC_2D", (0, 0), (3, 4)) == 5
    assert between("EUC_2D", (0, 0), (1, 1)) == 1
    assert between("EUC_2D", (0, 0), (0, 2.5)) == 3  # half goes up
    assert between("EUC_2D", (0, 0), (0, 2.4999)) == 2


def test_att_distances_are_rounded_up():
    assert between("ATT", (0, 0), (10, 0)) == 4  # sqrt(10) = 3.16
    assert between("ATT", (0, 0), (10, 30)) == 10  # exactly
    assert between("ATT", (0, 0), (10, 31)) == 11  # 10.3


def test_geographic_distances_follow_the_globe_in_degrees_and_minutes():
    assert between("GEO", (0, 0), (0, 1)) == 112  # 6378.388 * 3.141592 / 180 = 111.32, and 1 more, down
    assert between("GEO", (0, 0), (0, 0.30)) == 56  # half a degree
    assert between("GEO", (-0.30, 0), (0.30, 0)) == 112
    assert between("GEO", (90, 0), (-90, 0)) == math.floor(6378.388 * 3.141592 + 1)
    assert between("GEO", (10, 20), (10, 20)) == 1  # TSPLIB's formula never says 0 of two cities


def test_the_known_instances_have_the_ids_of_their_cities():
    assert [(each.problem.name, len(each.problem)) for each in instances()] == [
        *[("burma14", 14), ("ulysses16", 16), ("ulysses22", 22), ("att48", 48)],
        *[("berlin52", 52), ("kroA100", 100), ("a280", 280), ("lin318", 318)],
    ]
    assert named("berlin52").problem.id == "ee7ae625d42efcec"
    assert all(each.optimum for each in instances())


def test_distances_are_symmetric_and_nothing_from_a_city_to_itself():
    for each in instances():
        matrix = Landscape(each.problem).distances

        assert (matrix == matrix.T).all()
        assert not matrix.diagonal().any()


def test_a_file_is_read_whatever_order_and_spaces_it_has():
    problem = read_problem(FILE)

    assert problem == Problem.of("square", "EUC_2D", SQUARE)
    assert read_problem(FILE.replace("\n", "\r\n")) == problem
    assert read_problem(write_problem(problem, "any\ncomment")) == problem


@settings(max_examples=50, deadline=None)
@given(names, st.sampled_from(["EUC_2D", "ATT"]), st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=20))
def test_what_is_written_is_read_as_the_same(name, kind, cities):
    problem = Problem.of(name, kind, cities)

    assert read_problem(write_problem(problem)) == problem
    assert Problem.from_json(problem.to_json()) == problem


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(12)))
def test_a_tour_that_is_written_is_read_as_the_same(numbers):
    assert read_tour_file(write_tour_file("t", checked_tour(numbers, 12), "c")).tolist() == numbers


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("TYPE : TSP", "TYPE : ATSP", "line 4: TYPE ATSP is not read"),
        ("EUC_2D", "EXPLICIT", "line 6: EDGE_WEIGHT_TYPE EXPLICIT is not read"),
        ("DIMENSION: 4", "DIMENSION: 4\nCAPACITY: 9", "line 6: 'CAPACITY: 9'"),
        ("DIMENSION: 4", "DIMENSION: four", "DIMENSION is a number"),
        ("DIMENSION: 4", "DIMENSION: 2", "DIMENSION is a number"),
        ("DIMENSION: 4", "DIMENSION: 3001", "DIMENSION is a number"),
        ("DIMENSION: 4", "DIMENSION: " + "9" * 5000, "DIMENSION is a number"),
        ("DIMENSION: 4", "DIMENSION: 5", "line 13: DIMENSION is 5, there are 4"),
        ("DIMENSION: 4", "", "there is no DIMENSION"),
        ("DIMENSION: 4", "DIMENSION: 4\nDIMENSION: 4", "line 6: DIMENSION is there twice"),
        ("NAME : square", "NAME :", "there is no NAME"),
        (" 2 0 10", " 2 0 ten", "line 10: '0 ten'"),
        (" 2 0 10", " 2 0", "line 10: a city is"),
        (" 2 0 10", " 3 0 10", "line 10: city 3 is there twice"),
        (" 2 0 10", " 5 0 10", "line 10: cities have the numbers 1 to 4"),
        (" 2 0 10", " ² 0 10", "line 10: cities have the numbers 1 to 4"),
        (" 2 0 10", " 2 0 nan", "city 1 is outside"),
        ("NODE_COORD_SECTION", "TOUR_SECTION", "line 7"),
        (FILE, "", "line 0: there is no NODE_COORD_SECTION"),
        (FILE, " " * (MAX_TEXT + 1), "more than"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_line(old, new, message):
    with pytest.raises(BadFile, match=f"^{message}" if message.startswith("line") else message):
        read_problem(FILE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2 1", "2 2", "line 7: the tour visits city 1 twice"),
        ("2 1", "2 4", "line 5: cities have the numbers 1 to 3"),
        ("2 1", "2", "line 7: the tour visits 2 cities, there are 3"),
        ("2 1", "2 1 1", "line 6: DIMENSION is 3, there are more"),
        ("TOUR\n", "OPT\n", "the file is a OPT"),
        ("TOUR_SECTION", "NODE_COORD_SECTION", "line 4"),
    ],
)
def test_what_is_wrong_in_a_tour_is_said_with_its_line(old, new, message):
    assert read_tour_file(TOUR).tolist() == [1, 0, 2]
    with pytest.raises(BadFile, match=message):
        read_tour_file(TOUR.replace(old, new, 1) if old != "TOUR\n" else TOUR.replace("TYPE: TOUR\n", "TYPE: OPT\n"))


@pytest.mark.parametrize(
    ("name", "kind", "cities", "message"),
    [
        ("", "EUC_2D", SQUARE, "name"),
        ("a\nb", "EUC_2D", SQUARE, "name"),
        ("x" * 81, "EUC_2D", SQUARE, "name"),
        (5, "EUC_2D", SQUARE, "name"),
        ("a", "EUC_3D", SQUARE, "one of EUC_2D, GEO, ATT"),
        ("a", ["GEO"], SQUARE, "one of EUC_2D, GEO, ATT"),
        ("a", "EUC_2D", SQUARE[:2], "3 to 3,000"),
        ("a", "EUC_2D", SQUARE * MAX_CITIES, "3 to 3,000"),
        ("a", "EUC_2D", "abcd", "list of"),
        ("a", "EUC_2D", {"a": 1}, "list of"),
        ("a", "EUC_2D", [(0, 0), (1, 1), (2,)], "city 2"),
        ("a", "EUC_2D", [(0, 0), (1, 1), (2, True)], "city 2"),
        ("a", "EUC_2D", [(0, 0), (1, 1), (2, "3")], "city 2"),
        ("a", "EUC_2D", [(0, 0), (1, 1), "ab"], "city 2"),
        ("a", "EUC_2D", [(0, 0), (1, 1), (2, math.inf)], "city 2 is outside"),
        ("a", "EUC_2D", [(0, 0), (1, 1), (2, 10**400)], "city 2 is too far"),
        ("a", "EUC_2D", [(0, 0), (1, 1), (2, 1e8)], "city 2 is outside"),
        ("a", "GEO", [(0, 0), (1, 1), (91, 0)], "city 2 is not on the globe"),
        ("a", "GEO", [(0, 0), (1, 1), (9, 181)], "city 2 is not on the globe"),
        ("a", "GEO", [(0, 0), (1, 1), (48.85, 2)], "city 2: 48.85 is not degrees.minutes, DDD.MM: it has 85 minutes"),
    ],
)
def test_what_is_no_problem_is_refused(name, kind, cities, message):
    with pytest.raises(BadProblem, match=message):
        Problem.of(name, kind, cities)


def test_a_problem_of_json_has_the_id_of_its_cities():
    problem = Problem.of("square", "EUC_2D", SQUARE)
    text = problem.to_json()

    assert problem.id == Problem.of(" another ", "EUC_2D", [(float(x), y) for x, y in SQUARE]).id
    assert problem.id != Problem.of("square", "ATT", SQUARE).id
    assert Problem.from_json({name: value for name, value in text.items() if name != "id"}) == problem
    for wrong in (None, [], {**text, "id": "0" * 16}, {**text, "more": 1}, {**text, "cities": None}):
        with pytest.raises(BadProblem):
            Problem.from_json(wrong)
