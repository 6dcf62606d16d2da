"""The year as a sequence of writes, and its pace."""

from __future__ import annotations

from itertools import pairwise

import pytest

from examples.departures import replay, timeline
from examples.departures.dataset import Flight
from examples.departures.replay import Rate, Replay, Speed, Unpaced, changes
from examples.departures.service import STAYS, moment_after
from examples.departures.timeline import Event, Timeline, history, instant

NOON = instant("2013-01-01T12:00")


@pytest.fixture(scope="module")
def days():
    return Timeline.read("2013-01-01", "2013-01-02")


def flight(**facts):
    row = {"delay": 0, "air_time": 60, "distance": 400} | facts
    return Flight("2013-01-01-UA-1-EWR", NOON, "2013-01-01T12:00", "IAH", "N14228", **row)


def story(one):
    return [(event.at - NOON, event.values[0]["status"], event.values[0]["delay"]) for event in history(one)]


def test_a_flight_is_known_six_hours_ahead_departs_and_lands():
    assert story(flight(delay=-3)) == [(-360, "scheduled", None), (-3, "departed", -3), (57, "landed", -3)]


def test_a_late_flight_is_announced_when_it_should_leave():
    assert story(flight(delay=15)) == [(-360, "scheduled", None), (0, "scheduled", 15), (15, "departed", 15), (75, "landed", 15)]
    assert len(story(flight(delay=14))) == 3


def test_a_cancelled_flight_is_so_at_its_time():
    assert story(flight(delay=None, air_time=None)) == [(-360, "scheduled", None), (0, "cancelled", None)]


def test_a_diverted_flight_lands_after_a_time_that_fits_its_distance():
    assert story(flight(air_time=None, distance=800))[-1] == (120, "landed", 0)


def test_events_are_in_order_of_time_and_complete(days):
    events = list(days.events())

    assert all([earlier.at <= later.at for earlier, later in pairwise(events)])
    assert sum(event.input == "flights" for event in events) == sum(len(history(each)) for each in days.flights)
    assert {event.input for event in events} == {"flights", "weather", "moments"}


def test_events_of_one_flight_keep_their_order_when_they_fall_together(days):
    together = Timeline([flight(delay=0, air_time=0)], [], "2013-01-01", "2013-01-01")

    assert [event.values[0]["status"] for event in together.events() if event.input == "flights"] == ["scheduled", "departed", "landed"]


@pytest.mark.parametrize("clock", ["2012-12-31T12:00", "2013-01-01T05:15", "2013-01-01T17:43", "2013-01-02T00:00", "2013-01-04T00:00"])
def test_a_later_start_comes_to_the_same(days, clock):
    at = instant(clock)
    whole = state(event for event in days.events() if event.at <= at)

    assert state(days.as_of(at)) == whole
    assert state([*days.as_of(at), *days.events(after=at)]) == state(days.events())
    assert len(list(days.as_of(at))) == len(whole)


def test_a_flight_comes_after_the_moment_that_it_waits_for(days):
    inputs = [(event.input, event.key) for event in days.as_of(days.end)]
    order = {key: number for number, key in enumerate(inputs)}

    cancelled = [each for each in days.flights if each.delay is None]
    assert len(cancelled) == 12
    for each in cancelled:
        assert order["moments", moment_after(each.scheduled, STAYS)] < order["flights", each.id]


@pytest.mark.parametrize("clock", ["2012-12-31T12:00", "2013-01-01T05:15", "2013-01-02T00:00"])
def test_what_happened_later_can_be_undone(days, clock):
    at, until = instant(clock), instant("2013-01-02T09:30")

    assert state([*days.as_of(until), *days.undone(at, until), *days.as_of(at)]) == state(days.as_of(at))


def test_all_events_lie_between_begin_and_end(days):
    assert all([days.begin < event.at < days.end for event in days.events()])


def state(events):
    """Return what is left by writes, in the way in which an input keeps them."""
    return {key: values for key, values in {(event.input, event.key): event.values for event in events}.items() if values}


def test_a_later_start_comes_to_the_same_when_an_hour_is_shown_twice():
    autumn = Timeline.read("2013-11-03", "2013-11-03")

    assert state(autumn.as_of(autumn.end)) == state(autumn.events())


def test_moments_are_complete_where_the_clocks_change():
    spring = Timeline([], [], "2013-03-10", "2013-03-10")
    moments = [event for event in spring.events() if event.key.startswith("2013-03-10")]

    assert len(moments) == len({event.key for event in moments}) == 144
    assert moments == sorted(moments, key=lambda event: event.at)


def test_reference_tables_come_first():
    events = list(timeline.reference())

    assert {event.input for event in events} == {"airlines", "airports", "planes"}
    assert {event.at for event in events} == {0}


def minutes(count):
    return iter([Event(minute, "moments", minute, [True]) for minute in range(count)])


def test_speed_takes_what_simulated_time_has_reached():
    run = Replay(minutes(100), Speed(start=0, factor=60), start=0, until=99)

    assert [len(run.due(elapsed)) for elapsed in (0, 0.5, 1, 10)] == [1, 0, 1, 9]
    assert run.now == 10
    assert not run.is_over


def test_the_clock_waits_for_events_that_did_not_fit(monkeypatch):
    monkeypatch.setattr(replay, "BATCH", 4)
    run = Replay(minutes(100), Speed(start=0, factor=60), start=0, until=99)

    assert [event.at for event in run.due(50)] == [0, 1, 2, 3]
    assert run.now == 4


def test_rate_takes_a_number_of_events():
    run = Replay(minutes(100), Rate(10), start=0, until=99)

    assert [len(run.due(elapsed)) for elapsed in (0.1, 1, 1, 2)] == [1, 9, 0, 10]
    assert run.now == 19


def test_unpaced_takes_all():
    run = Replay(minutes(100), Unpaced(), start=0, until=29)

    assert len(run.due(0)) == 30
    assert run.due(1) == []
    assert (run.now, run.is_over) == (29, True)


def test_a_replay_is_over_when_its_time_is():
    run = Replay(minutes(3), Speed(start=0, factor=60), start=0, until=10)

    assert [(len(run.due(elapsed)), run.now, run.is_over) for elapsed in (5, 20)] == [(3, 5, False), (0, 10, True)]


@pytest.mark.parametrize("pace", [Rate(10), Unpaced()])
def test_a_replay_without_a_clock_is_over_with_its_events(pace):
    run = Replay(minutes(3), pace, start=0, until=10)
    run.due(60)

    assert (run.now, run.is_over) == (10, True)


def test_events_become_one_transaction_and_the_last_of_a_key_counts():
    events = [Event(1, "flights", "a", [1]), Event(2, "weather", ("EWR", "x"), [2]), Event(3, "flights", "a", [3])]

    assert changes(events) == {"flights": [("a", [3])], "weather": [(("EWR", "x"), [2])]}
