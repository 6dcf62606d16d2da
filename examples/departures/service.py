"""
The departure boards of New York's three airports, and how late the airlines are.

Inputs are written by a feeder. The shared graph is computed once, on the leader: the flights that a board shows now, each
joined with its airline, aircraft, destination and weather, and statistics over all flights. What a client opens
is computed on a follower: a few rows of one board, or the details of a few flights out of hundreds of thousands.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from msgspec import Meta

from deltamesh import Reducer, Service

app = Service("com.example.departures")

flights = app.input("flights")  # "2013-01-01-UA-1545-EWR" -> {scheduled, destination, aircraft, status, delay}
airlines = app.input("airlines")  # "UA" -> {name}
airports = app.input("airports")  # "IAH" -> {name, latitude, longitude}
planes = app.input("planes")  # "N14228" -> {manufacturer, model, year, seats}
weather = app.input("weather")  # ["EWR", "2013-01-01T05"] -> {temp_f, wind_mph, visib_miles, precip_in}
moments = app.input("moments")  # "2013-01-01T05:10" -> true, once that moment has passed
simulated = app.input("clock")  # null -> {now, speed}

LATE: Final = 15  # minutes
STAYS: Final = 15  # minutes, about, that a flight stays on the board after it has left or was cancelled

Code = Annotated[str, Meta(min_length=2, max_length=4, pattern=r"^[A-Z0-9]+\Z")]
FlightId = Annotated[str, Meta(max_length=32)]


def details(id, flight, airlines, airports, planes, weather):
    """Join a flight with what belongs to it. Its weather is that of its hour, so each hour's report touches few flights."""
    _, _, _, carrier, number, origin = id.split("-")
    scheduled, delay, destination = flight["scheduled"], flight["delay"], flight["destination"]
    return {
        "id": id,
        "flight": f"{carrier} {number}",
        "carrier": carrier,
        "airline": name_of(carrier, airlines),
        "origin": origin,
        "destination": destination,
        "destination_name": name_of(destination, airports),
        "scheduled": scheduled,
        "estimated": None if delay is None else later(scheduled, delay),
        "delay_minutes": delay,
        "status": flight["status"],
        "aircraft": planes.one(flight["aircraft"], default=None),
        "weather": weather.one((origin, scheduled[:13]), default=None),
    }


def described(id, values, *joined):
    yield id, details(id, values.one(), *joined)


def on_board(id, values, moments, *joined):
    """
    Choose the flights that a board shows: those still to leave, those that have just left or were just cancelled.

    Nothing polls the time. A flight that has left reads the one moment after which the board does not show it, and is
    looked at again when the feeder writes that moment.
    """
    flight = values.one()
    if flight["status"] == "landed":
        return
    if flight["status"] != "scheduled" and moment_after(flight["scheduled"], (flight["delay"] or 0) + STAYS) in moments:
        return
    row = details(id, flight, *joined)
    yield (row["origin"], row["scheduled"], id), row


def outcome(id, values):
    """What a flight adds to the statistics. Landing changes nothing here, and so goes no further."""
    flight = values.one()
    _, _, _, carrier, _, origin = id.split("-")
    if flight["status"] in ("departed", "landed"):
        yield (origin, carrier), flight["delay"]
    else:
        yield (origin, carrier), flight["status"]


class Punctuality(Reducer):
    """Counts of flights by outcome, which is "scheduled", "cancelled", or the delay of the departure [minutes]."""

    def initial(self):
        return (0, 0, 0, 0, 0)

    def add(self, state, outcome, by=1):
        flights, departed, cancelled, minutes, late = state
        if isinstance(outcome, int):
            return (flights + by, departed + by, cancelled, minutes + by * outcome, late + by * (outcome >= LATE))
        return (flights + by, departed, cancelled + by * (outcome == "cancelled"), minutes, late)

    def remove(self, state, outcome):
        return self.add(state, outcome, by=-1)

    def result(self, state):
        flights, departed, cancelled, minutes, late = state
        mean = round(minutes / departed, 1) if departed else None
        return {"flights": flights, "departed": departed, "cancelled": cancelled, "mean_delay_minutes": mean, "late_15": late}


@app.shared
def graph():
    return {
        "board": flights.map(on_board, moments, airlines, airports, planes, weather),
        "delays": flights.map_reduce(outcome, reducer=Punctuality),
        "flights": flights,
        "airlines": airlines,
        "airports": airports,
        "planes": planes,
        "weather": weather,
        "clock": simulated,
    }


@app.resource
def board(shared: Any, airport: Code, limit: Annotated[int, Meta(ge=1, le=500)] = 30):
    """The next departures of an airport, by scheduled time."""
    return shared.board.prefix(airport).take(limit).map(of_airport)


@app.resource
def delays(shared: Any, airport: Code):
    """Punctuality at an airport, by carrier."""
    return shared.delays.prefix(airport).map(of_carrier, shared.airlines)


@app.resource
def flight(shared: Any, id: FlightId):
    """One flight."""
    return my_flights(shared, [id])


@app.resource
def my_flights(shared: Any, ids: Annotated[list[FlightId], Meta(max_length=50)]):
    """Some flights. They are joined here, on demand: nobody needs all of the year's flights joined."""
    chosen = shared.flights.slices(*[(id, id) for id in ids])
    return chosen.map(described, shared.airlines, shared.airports, shared.planes, shared.weather)


@app.resource
def clock(shared: Any):
    """The simulated time."""
    return shared.clock


def of_airport(key, values):
    _, scheduled, id = key
    yield (scheduled, id), values.one()


def of_carrier(key, values, airlines):
    _, carrier = key
    yield carrier, {"carrier": carrier, "airline": name_of(carrier, airlines), **values.one()}


def name_of(code, table):
    return table.one(code, default={"name": code})["name"]


def later(clock, minutes):
    return (datetime.fromisoformat(clock) + timedelta(minutes=minutes)).isoformat(timespec="minutes")


def moment_after(clock, minutes):
    """Round up to ten minutes, because a moment is written for each ten."""
    return later(clock, minutes + 9)[:-1] + "0"
