"""
Files of TSPLIB: problems (`.tsp`) and tours (`.tour`). Pure: text in, text out.

G. Reinelt, "TSPLIB 95", University of Heidelberg, section 1. Of all that it describes, this reads symmetric problems with coordinates of
the kinds EUC_2D, GEO and ATT. Cities have the numbers 1 … n in a file, and 0 … n - 1 here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NoReturn

from examples.salesman.problem import KINDS, MAX_CITIES, MIN_CITIES, BadProblem, Problem
from examples.salesman.tour import Tour, checked_tour

MAX_TEXT: Final = 1_000_000
"""Characters of a file."""
MAX_SHOWN: Final = 60
"""Characters of what was wrong, in a message."""

FIXED: Final = {"TYPE": ("TSP",), "EDGE_WEIGHT_TYPE": KINDS, "NODE_COORD_TYPE": ("TWOD_COORDS",)}
"""What the fields of a problem may say, where others than these are not read."""
FREE: Final = ("NAME", "COMMENT", "DIMENSION", "DISPLAY_DATA_TYPE")
TOUR_FIELDS: Final = ("NAME", "COMMENT", "TYPE", "DIMENSION")


class BadFile(ValueError):
    """A text is not a file of TSPLIB that can be read; the message says in which line, and why."""


class _Lines:
    """The lines of a file that say something, one after the other."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEXT:
            raise BadFile(f"the file has {len(text):,} characters, more than {MAX_TEXT:,}")
        self.number = 0
        self._lines = text.splitlines()

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._lines, 1):
            self.number = number
            if said := line.strip():
                yield said

    def fail(self, message: str) -> NoReturn:
        raise BadFile(f"line {self.number}: {message}")


def read_problem(text: str) -> Problem:
    """
    Return the problem in a file.

    Raises:
        BadFile: it is none, or one of a kind that is not read.
    """
    lines = _Lines(text)
    rows = iter(lines)
    fields = _fields(lines, rows, "NODE_COORD_SECTION", (*FIXED, *FREE))
    size = _size(fields)
    cities: dict[int, tuple[float, float]] = {}
    for row in rows:
        if row == "EOF":
            break
        parts = row.split()
        if len(parts) != 3:
            lines.fail(f"a city is its number, x and y, not {row[:MAX_SHOWN]!r}")
        number = _number(lines, parts[0], size)
        if number in cities:
            lines.fail(f"city {number + 1} is there twice")
        try:
            cities[number] = (float(parts[1]), float(parts[2]))
        except ValueError:
            lines.fail(f"{' '.join(parts[1:])[:MAX_SHOWN]!r} are no coordinates")
    if len(cities) != size:
        lines.fail(f"DIMENSION is {size}, there are {len(cities)} cities")
    try:
        return Problem.of(fields["NAME"], fields["EDGE_WEIGHT_TYPE"], [cities[number] for number in range(size)])
    except BadProblem as error:
        raise BadFile(str(error)) from error


def write_problem(problem: Problem, comment: str = "") -> str:
    """Return the file of a problem. What `read_problem` makes of it is the same problem."""
    rows = [f"{number} {_text(x)} {_text(y)}" for number, (x, y) in enumerate(problem.cities, 1)]
    fields = {"TYPE": "TSP", "DIMENSION": len(problem), "EDGE_WEIGHT_TYPE": problem.kind}
    return _file(problem.name, comment, fields, "NODE_COORD_SECTION", rows)


def read_tour_file(text: str) -> Tour:
    """
    Return the tour in a file; its first one, if there are several.

    Raises:
        BadFile: there is none, or it is not a permutation.
    """
    lines = _Lines(text)
    rows = iter(lines)
    fields = _fields(lines, rows, "TOUR_SECTION", TOUR_FIELDS)
    if fields.get("TYPE", "TOUR") != "TOUR":
        raise BadFile(f"the file is a {fields['TYPE'][:MAX_SHOWN]}, not a TOUR")
    size = _size(fields)
    numbers: list[int] = []
    for part in (part for row in rows for part in row.split()):
        if part in {"-1", "EOF"}:
            break
        if len(numbers) == size:
            lines.fail(f"DIMENSION is {size}, there are more cities")
        numbers.append(_number(lines, part, size))
    try:
        return checked_tour(numbers, size)
    except ValueError as error:
        lines.fail(f"{error} (counted from 0)")


def write_tour_file(name: str, tour: Tour, comment: str = "") -> str:
    """Return the file of a tour."""
    rows = [str(number + 1) for number in tour.tolist()]
    return _file(name, comment, {"TYPE": "TOUR", "DIMENSION": len(tour)}, "TOUR_SECTION", [*rows, "-1"])


def _fields(lines: _Lines, rows: Iterator[str], section: str, known: tuple[str, ...]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for row in rows:
        if row.rstrip(" :") == section:
            return fields
        name, colon, value = (part.strip() for part in row.partition(":"))
        if not colon or name not in known:
            lines.fail(f"{row[:MAX_SHOWN]!r} is not read here: there should be {', '.join(known)} or {section}")
        if name in fields and name != "COMMENT":
            lines.fail(f"{name} is there twice")
        if section == "NODE_COORD_SECTION" and value not in FIXED.get(name, (value,)):
            lines.fail(f"{name} {value[:MAX_SHOWN]} is not read, only {', '.join(FIXED[name])}")
        fields[name] = value
    return lines.fail(f"there is no {section}")


def _size(fields: dict[str, str]) -> int:
    for name in ("NAME", "DIMENSION") + (("EDGE_WEIGHT_TYPE",) if fields.get("TYPE") != "TOUR" else ()):
        if not fields.get(name):
            raise BadFile(f"there is no {name}")
    text = fields["DIMENSION"]
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not MIN_CITIES <= int(text) <= MAX_CITIES:
        raise BadFile(f"DIMENSION is a number from {MIN_CITIES} to {MAX_CITIES}, not {text[:MAX_SHOWN]!r}")
    return int(text)


def _number(lines: _Lines, text: str, size: int) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= size:
        lines.fail(f"cities have the numbers 1 to {size}, not {text[:MAX_SHOWN]!r}")
    return int(text) - 1


def _text(coordinate: float) -> str:
    return str(int(coordinate)) if coordinate.is_integer() else repr(coordinate)


def _file(name: str, comment: str, fields: dict[str, object], section: str, rows: list[str]) -> str:
    head = {"NAME": name, "COMMENT": " ".join(comment.split()), **fields}
    lines = [f"{field}: {value}" for field, value in head.items() if value]
    return "\n".join([*lines, section, *rows, "EOF"]) + "\n"
