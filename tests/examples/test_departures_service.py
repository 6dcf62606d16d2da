"""The departure boards: what a flight goes through, and what it costs."""

from __future__ import annotations

import pytest

from deltamesh.errors import InvalidParameters
from examples.departures import app
from examples.departures.replay import batches, changes
from examples.departures.timeline import Timeline, instant, reference
from tests.examples.pair import Pair

ID = "2013-01-01-UA-1545-EWR"
KEY = ("2013-01-01T05:15", ID)


@pytest.fixture
def mesh():
    pair = Pair(app)
    pair.write(
        airlines=[("UA", [{"name": "United Air Lines Inc."}])],
        airports=[("IAH", [{"name": "George Bush Intercontinental", "latitude": 30.0, "longitude": -95.3}])],
        planes=[("N14228", [{"manufacturer": "BOEING", "model": "737-824", "year": 1999, "seats": 149}])],
    )
    return pair


def flight(status="scheduled", delay=None, **facts):
    row = {"scheduled": "2013-01-01T05:15", "destination": "IAH", "aircraft": "N14228", "status": status, "delay": delay}
    return [row | facts]


def test_a_flight_on_the_board_has_all_that_belongs_to_it(mesh):
    weather = {"temp_f": 39.02, "wind_mph": 12.66, "visib_miles": 10.0, "precip_in": 0.0}
    mesh.write(flights=[(ID, flight(delay=20))], weather=[(("EWR", "2013-01-01T05"), [weather])])

    assert mesh.read("board", airport="EWR") == {
        KEY: {
            "id": ID,
            "flight": "UA 1545",
            "carrier": "UA",
            "airline": "United Air Lines Inc.",
            "origin": "EWR",
            "destination": "IAH",
            "destination_name": "George Bush Intercontinental",
            "scheduled": "2013-01-01T05:15",
            "estimated": "2013-01-01T05:35",
            "delay_minutes": 20,
            "status": "scheduled",
            "aircraft": {"manufacturer": "BOEING", "model": "737-824", "year": 1999, "seats": 149},
            "weather": weather,
        }
    }
    assert mesh.read("flight", id=ID) == {ID: mesh.read("board", airport="EWR")[KEY]}


def test_what_is_not_known_is_null_or_the_code(mesh):
    mesh.write(flights=[("2013-01-01-B6-725-JFK", flight(destination="BQN", aircraft=None))])

    [row] = mesh.read("board", airport="JFK").values()
    assert (row["airline"], row["destination_name"]) == ("B6", "BQN")
    assert row["aircraft"] is row["weather"] is row["estimated"] is row["delay_minutes"] is None


def test_a_flight_leaves_the_board_some_minutes_after_it_left(mesh):
    board = mesh.open("board", airport="EWR")
    mesh.write(flights=[(ID, flight("departed", 2))])  # at 05:17, so that 05:40 is the first moment 15 minutes later

    mesh.write(moments=[("2013-01-01T05:20", [True]), ("2013-01-01T05:30", [True])])
    assert board.values_of(KEY).one()["status"] == "departed"
    mesh.write(moments=[("2013-01-01T05:40", [True])])
    assert len(board) == 0
    assert mesh.read("flight", id=ID)[ID]["status"] == "departed"


def test_a_late_flight_stays_until_it_has_left(mesh):
    mesh.write(
        flights=[(ID, flight(delay=300))], moments=[(f"2013-01-01T0{hour}:{ten}0", [True]) for hour in range(10) for ten in range(6)]
    )

    assert list(mesh.read("board", airport="EWR")) == [KEY]
    mesh.write(flights=[(ID, flight("departed", 300))])
    mesh.write(moments=[("2013-01-01T10:20", [True])])
    assert list(mesh.read("board", airport="EWR")) == [KEY]
    mesh.write(moments=[("2013-01-01T10:30", [True])])
    assert list(mesh.read("board", airport="EWR")) == []


def test_a_cancelled_flight_leaves_the_board_as_well(mesh):
    mesh.write(flights=[(ID, flight("cancelled"))])
    assert mesh.read("board", airport="EWR")[KEY]["status"] == "cancelled"

    mesh.write(moments=[("2013-01-01T05:30", [True])])
    assert mesh.read("board", airport="EWR") == {}


def test_a_flight_that_has_landed_is_off_the_board(mesh):
    mesh.write(flights=[(ID, flight("departed", 2))])

    mesh.write(flights=[(ID, flight("landed", 2))])  # before the moment that it waits for
    assert mesh.read("board", airport="EWR") == {}


def test_a_moment_touches_only_flights_that_wait_for_it(mesh):
    mesh.write(flights=[(f"2013-01-01-UA-{number}-EWR", flight("departed", number)) for number in range(100)])
    before = mesh.recomputed("flights.map(on_board)")

    mesh.write(moments=[("2013-01-01T06:10", [True])])
    assert mesh.recomputed("flights.map(on_board)") - before == 10


def test_weather_of_an_hour_touches_only_flights_of_that_hour(mesh):
    mesh.write(flights=[(ID, flight()), ("2013-01-01-UA-1-EWR", flight(scheduled="2013-01-01T06:00"))])
    before = mesh.recomputed("flights.map(on_board)")

    deltas = mesh.write(weather=[(("EWR", "2013-01-01T05"), [{"temp_f": 39.0}])])
    assert mesh.recomputed("flights.map(on_board)") - before == 1
    assert [key for key, _ in deltas["board"]] == [("EWR", *KEY)]


def test_landing_reaches_the_flight_and_nothing_else(mesh):
    mesh.write(flights=[(ID, flight("departed", 2))], moments=[("2013-01-01T05:40", [True])])

    assert mesh.write(flights=[(ID, flight("landed", 2))]).keys() == {"flights"}


def test_a_board_shows_one_airport_in_order_and_no_more_than_asked_for(mesh):
    mesh.write(
        flights=[
            (f"2013-01-01-UA-{number}-{origin}", flight(scheduled=f"2013-01-01T{number:02}:00"))
            for number in (9, 7, 8)
            for origin in ("EWR", "JFK")
        ]
    )

    assert [row["flight"] for row in mesh.read("board", airport="JFK", limit=2).values()] == ["UA 7", "UA 8"]


def test_delays_are_counted_by_airport_and_carrier(mesh):
    mesh.write(
        flights=[
            ("2013-01-01-UA-1-EWR", flight("departed", 14)),
            ("2013-01-01-UA-2-EWR", flight("landed", 15)),
            ("2013-01-01-UA-3-EWR", flight("cancelled")),
            ("2013-01-01-UA-4-EWR", flight(delay=90)),
            ("2013-01-01-AA-5-EWR", flight()),
            ("2013-01-01-UA-6-JFK", flight("departed", -5)),
        ]
    )

    united = {"carrier": "UA", "airline": "United Air Lines Inc.", "flights": 4, "departed": 2, "cancelled": 1}
    assert mesh.read("delays", airport="EWR") == {
        "AA": {"carrier": "AA", "airline": "AA", "flights": 1, "departed": 0, "cancelled": 0, "mean_delay_minutes": None, "late_15": 0},
        "UA": {**united, "mean_delay_minutes": 14.5, "late_15": 1},
    }


def test_a_late_flight_changes_the_delays(mesh):
    delays = mesh.open("delays", airport="EWR")
    mesh.write(flights=[(ID, flight()), ("2013-01-01-UA-2-EWR", flight("departed", 0))])

    mesh.write(flights=[(ID, flight("departed", 30))])
    assert delays.values_of("UA").one() | {} == {
        "carrier": "UA", "airline": "United Air Lines Inc.",
        "flights": 2, "departed": 2, "cancelled": 0, "mean_delay_minutes": 15.0, "late_15": 1,
    }  # fmt: skip
    mesh.write(flights=[(ID, [])])
    left = delays.values_of("UA").one()
    assert (left["flights"], left["mean_delay_minutes"], left["late_15"]) == (1, 0, 0)


def test_my_flights_are_followed_by_id(mesh):
    other = "2013-01-01-UA-2-LGA"
    mesh.write(flights=[(ID, flight()), (other, flight()), ("2013-01-01-UA-3-LGA", flight())])

    mine = mesh.open("my_flights", ids=[other, ID, "2013-01-01-XX-0-EWR", other])
    assert [key for key, _ in mine.entries()] == [ID, other]
    mesh.write(flights=[(other, flight("departed", 1))])
    assert mine.values_of(other).one()["status"] == "departed"
    assert mesh.read("my_flights", ids=[]) == {}


def test_the_clock_is_what_the_feeder_says(mesh):
    mesh.write(clock=[(None, [{"now": "2013-01-01T05:00", "speed": 60}])])

    assert mesh.read("clock") == {None: {"now": "2013-01-01T05:00", "speed": 60}}


@pytest.mark.parametrize(
    "resource, parameters",
    [
        ("board", {}),
        ("board", {"airport": "EWR; DROP"}),
        ("board", {"airport": "EWR", "limit": 0}),
        ("board", {"airport": "EWR", "limit": 501}),
        ("flight", {"id": "x" * 33}),
        ("my_flights", {"ids": ["x"] * 51}),
        ("delays", {"airport": 7}),
    ],
)
def test_parameters_are_checked(mesh, resource, parameters):
    with pytest.raises(InvalidParameters):
        mesh.open(resource, **parameters)


def test_two_days_as_they_were():
    """The real data, tick by tick: at six in the evening the boards show what is about to leave."""
    mesh, evening = Pair(app), instant("2013-01-02T18:00")
    days = Timeline.read("2013-01-01", "2013-01-02")
    mesh.write(**changes(reference()))
    mesh.write(**changes(days.as_of(evening - 60)))
    ticks = {}
    for event in days.events(after=evening - 60):
        if event.at <= evening:
            ticks.setdefault(event.at, []).append(event)
    for tick in ticks.values():
        mesh.write(**changes(tick))

    shown = mesh.read("board", airport="JFK", limit=500)
    assert list(shown) == sorted(shown)
    assert {row["origin"] for row in shown.values()} == {"JFK"}
    assert max(shown)[0] <= "2013-01-03T00:00"
    for row in shown.values():
        if row["status"] == "departed":
            assert "2013-01-02T17:35" <= row["estimated"] <= "2013-01-02T18:00"
        elif row["scheduled"] < "2013-01-02T17:35":
            assert row["status"] == "scheduled"
            assert row["delay_minutes"] >= 15
    known = [flight for flight in days.flights if flight.scheduled_at - 360 <= evening and flight.id.endswith("JFK")]
    assert sum(row["flights"] for row in mesh.read("delays", airport="JFK").values()) == len(known)
    gone = [flight.delay for flight in known if flight.delay is not None and flight.scheduled_at + flight.delay <= evening]
    assert sum(row["departed"] for row in mesh.read("delays", airport="JFK").values()) == len(gone)
    assert sum(row["late_15"] for row in mesh.read("delays", airport="JFK").values()) == sum(delay >= 15 for delay in gone)

    again = Pair(app)
    again.write(**changes(reference()))
    for events in batches(days.as_of(evening)):  # the board is right from the beginning, and no row of the past passes by
        again.write(**changes(events))
        assert again.read("board", airport="JFK", limit=500).keys() <= shown.keys()
    assert again.read("board", airport="JFK", limit=500) == shown
