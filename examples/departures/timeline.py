"""
The year as it happened: what was written when. Pure; nothing here waits or calls.

A flight is known six hours ahead. If it is cancelled, that is known at its scheduled time; if it will leave 15 minutes late
or more, its delay is announced then. It departs when it did depart and lands when its time in the air is over.
The weather of an hour is known when the hour begins. Every ten minutes a `moments` entry says that they have passed.

`as_of(t)` followed by `events(after=t)` comes to the same as all events from the beginning, with fewer writes.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from heapq import heappop, heappush, merge
from itertools import islice
from math import inf
from operator import itemgetter
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from examples.departures import dataset
from examples.departures.dataset import Flight, Weather

NEW_YORK: Final = ZoneInfo("America/New_York")
KNOWN_AHEAD: Final = 6 * 60
ANNOUNCED_FROM: Final = 15
MOMENT: Final = 10

LONGEST: Final = 2 * 24 * 60
"""All has happened to a flight when so much time has passed since it was to leave: delays reach 22 hours, flights 12."""

FORMAT: Final = "%Y-%m-%dT%H:%M"


class Event(NamedTuple):
    """One write."""

    at: int
    """Instant [minutes since 1970, UTC]."""

    input: str
    key: Any
    values: list[Any]


def instant(local: str) -> int:
    """
    Return the instant when the clocks in New York show `local`, a day or "2013-01-01T05:15".

    An hour that is shown twice means the first one, an hour that is skipped the one after it.

    Raises:
        ValueError: `local` is neither.
    """
    return int(datetime.fromisoformat(local).replace(tzinfo=NEW_YORK).timestamp()) // 60


def local(at: int) -> str:
    """Return what the clocks in New York show at an instant."""
    return datetime.fromtimestamp(at * 60, NEW_YORK).strftime(FORMAT)


@dataclass
class Timeline:
    """The events of some days. `flights` and `weather` are in order of time."""

    flights: list[Flight]
    weather: list[Weather]
    first: str = dataset.FIRST_DAY
    last: str = dataset.LAST_DAY

    @classmethod
    def read(cls, first: str = dataset.FIRST_DAY, last: str = dataset.LAST_DAY) -> Timeline:
        """Read the flights of the days from `first` to `last`, both included."""
        return cls(dataset.flights(first, last), dataset.weather(first, last), first, last)

    @property
    def begin(self) -> int:
        """An instant before all events."""
        return instant(self.first) - KNOWN_AHEAD - 1

    @property
    def end(self) -> int:
        """An instant after all events."""
        return instant(self.last) + 24 * 60 + LONGEST

    def events(self, after: float = -inf) -> Iterator[Event]:
        """Yield what happens later than `after`, in order of time."""
        return (event for event in merge(self._observed, self._movements(after), key=itemgetter(0)) if event.at > after)

    def as_of(self, at: float) -> Iterator[Event]:
        """
        Yield the last event of each key that is not later than `at`.

        What became known last comes first. So boards are right as soon as the first events are written, and stay so while the
        past fills up: the moment that a flight waits for is there before the flight.
        """
        num_known = bisect_right(self.flights, at, key=known_at)
        flights = ((known_at(each), _last(history(each), at)) for each in reversed(self.flights[:num_known]))
        others = ((event.at, event) for event in reversed(self._observed_until(at)))
        for _, event in merge(flights, others, key=itemgetter(0), reverse=True):
            yield event

    def undone(self, at: float, until: float) -> Iterator[Event]:
        """Yield what takes back, at the instant `at`, all keys that became known later, until `until`."""
        for flight in self.flights:
            if at < known_at(flight) <= until:
                yield Event(known_at(flight), "flights", flight.id, [])
        for event in self._observed_until(until):
            if event.at > at:
                yield event._replace(values=[])

    def _movements(self, after: float) -> Iterator[Event]:
        """Yield the events of flights, holding only those of flights that are known and have not landed."""
        waiting: list[tuple[int, int, Event]] = []
        number = 0  # events of one instant stay in the order in which they were made
        first = bisect_left(self.flights, after - LONGEST, key=lambda flight: flight.scheduled_at)
        for flight in islice(self.flights, first, None):
            while waiting and waiting[0][0] < known_at(flight):
                yield heappop(waiting)[2]
            for event in history(flight):
                heappush(waiting, (event.at, number, event))
                number += 1
        while waiting:
            yield heappop(waiting)[2]

    def _observed_until(self, at: float) -> list[Event]:
        return self._observed[: bisect_right(self._observed, at, key=itemgetter(0))]

    @cached_property
    def _observed(self) -> list[Event]:
        """The weather of each hour, and every ten minutes that the clocks could show, in order."""
        events = [Event(each.at, "weather", (each.origin, each.hour), [each.row]) for each in self.weather]
        moment, end = datetime.fromisoformat(self.first), datetime.fromisoformat(self.last) + timedelta(days=2)
        while moment < end:
            text = moment.strftime(FORMAT)
            events.append(Event(instant(text), "moments", text, [True]))
            moment += timedelta(minutes=MOMENT)
        return sorted(events, key=itemgetter(0))


def known_at(flight: Flight) -> int:
    """Return the instant when a flight becomes known."""
    return flight.scheduled_at - KNOWN_AHEAD


def history(flight: Flight) -> list[Event]:
    """Return the two to four events of a flight, in order of time."""
    at = flight.scheduled_at
    events = [_written(flight, known_at(flight), "scheduled", None)]
    if flight.delay is None:
        return [*events, _written(flight, at, "cancelled", None)]
    if flight.delay >= ANNOUNCED_FROM:
        events.append(_written(flight, at, "scheduled", flight.delay))
    departed = at + flight.delay
    # A diverted flight has no time in the air; eight miles a minute and twenty minutes more is what the others took.
    in_the_air = flight.air_time if flight.air_time is not None else 20 + flight.distance // 8
    events.append(_written(flight, departed, "departed", flight.delay))
    events.append(_written(flight, departed + in_the_air, "landed", flight.delay))
    return events


def _written(flight: Flight, at: int, status: str, delay: int | None) -> Event:
    row = {
        "scheduled": flight.scheduled,
        "destination": flight.destination,
        "aircraft": flight.aircraft,
        "status": status,
        "delay": delay,
    }
    return Event(at, "flights", flight.id, [row])


def _last(events: list[Event], at: float) -> Event:
    return [event for event in events if event.at <= at][-1]


def reference() -> Iterator[Event]:
    """Yield what is known before the year begins: airlines, airports, aircraft."""
    for name, table in (("airlines", dataset.airlines()), ("airports", dataset.airports()), ("planes", dataset.planes())):
        for key, row in table.items():
            yield Event(0, name, key, [row])
