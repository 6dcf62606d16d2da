"""A problem: cities and how the distance between two of them is measured. Checked once, here; everything else trusts it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final, Literal, Self, get_args

from examples.salesman.excerpt import excerpt

Kind = Literal["EUC_2D", "GEO", "ATT"]
"""How distances are measured, by TSPLIB's names: in the plane, on the globe, or AT&T's."""

City = tuple[float, float]
"""x and y; with GEO latitude and longitude, written DDD.MM: degrees, and minutes after the point."""

KINDS: Final[tuple[str, ...]] = get_args(Kind)
MIN_CITIES: Final = 3
MAX_CITIES: Final = 3000
"""A matrix of distances of this size has 36 MB, which a phone can hold."""
MAX_COORDINATE: Final = 1e7
"""So that every distance is below 2**31, and every length is exact in a float64."""
MAX_NAME: Final = 80
MAX_LATITUDE: Final = 90.0
MAX_LONGITUDE: Final = 180.0
MAX_MINUTES: Final = 60.0


class BadProblem(ValueError):
    """What was given is not a problem; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Cities to be visited in a round trip, numbered from 0. Made by `Problem.of`, which checks."""

    id: str
    """16 hexadecimal digits, made of the kind and the cities: problems with the same id are the same."""
    name: str
    kind: Kind
    cities: tuple[City, ...]

    @classmethod
    def of(cls, name: object, kind: object, cities: object) -> Self:
        """
        Return the problem with these cities.

        Raises:
            BadProblem: a name, kind or city is not what it must be, or there are too few or too many cities.
        """
        name = name.strip() if isinstance(name, str) else name
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise BadProblem(f"the name of a problem has 1 to {MAX_NAME} printable characters")
        if not isinstance(kind, str) or kind not in KINDS:
            raise BadProblem(f"the kind of a problem is one of {', '.join(KINDS)}, not {excerpt(kind)}")
        if not isinstance(cities, Sequence) or isinstance(cities, str | bytes):
            raise BadProblem("the cities of a problem are a list of [x, y]")
        if not MIN_CITIES <= len(cities) <= MAX_CITIES:
            raise BadProblem(f"a problem has {MIN_CITIES} to {MAX_CITIES:,} cities, not {len(cities):,}")
        checked = tuple([_city(number, city, kind == "GEO") for number, city in enumerate(cities)])
        return cls(_id(kind, checked), name, kind, checked)  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, value: object) -> Self:
        """
        Return the problem that JSON describes: `{"name", "kind", "cities": [[x, y], …]}`, and perhaps the "id" that it must have.

        Raises:
            BadProblem: it is not a problem, or its id is that of another one.
        """
        if not isinstance(value, Mapping):
            raise BadProblem('a problem is an object with "name", "kind" and "cities"')
        if unknown := sorted([excerpt(name) for name in value.keys() - {"id", "name", "kind", "cities"}])[:5]:
            raise BadProblem(f"a problem has no {', '.join(unknown)}")
        problem = cls.of(value.get("name"), value.get("kind"), value.get("cities"))
        if value.get("id", problem.id) != problem.id:
            raise BadProblem(f"the id of these cities is {problem.id}, not {excerpt(value['id'])}")
        return problem

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "kind": self.kind, "cities": [list(city) for city in self.cities]}

    def __len__(self) -> int:
        return len(self.cities)


def _city(number: int, city: object, is_geographic: bool) -> City:
    if not isinstance(city, Sequence) or len(city) != 2 or not all([type(part) in (int, float) for part in city]):
        raise BadProblem(f"city {number} is not [x, y] with two numbers")
    try:
        x, y = float(city[0]) + 0.0, float(city[1]) + 0.0  # + 0.0: there is no -0
    except OverflowError as error:
        raise BadProblem(f"city {number} is too far out") from error
    if not (math.isfinite(x) and math.isfinite(y)) or max(abs(x), abs(y)) > MAX_COORDINATE:
        raise BadProblem(f"city {number} is outside ±{MAX_COORDINATE:,.0f}")
    if is_geographic:
        if abs(x) > MAX_LATITUDE or abs(y) > MAX_LONGITUDE:
            raise BadProblem(f"city {number} is not on the globe: latitude ±{MAX_LATITUDE:.0f}, longitude ±{MAX_LONGITUDE:.0f}")
        for part in (x, y):
            if (minutes := round(100 * math.fmod(abs(part), 1), 6)) >= MAX_MINUTES:
                raise BadProblem(f"city {number}: {part} is not degrees.minutes, DDD.MM: it has {minutes:.0f} minutes")
    return x, y


def _id(kind: object, cities: tuple[City, ...]) -> str:
    canonical = json.dumps([kind, cities], separators=(",", ":"))
    return blake2b(canonical.encode(), digest_size=8).hexdigest()
