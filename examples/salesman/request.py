"""What a caller asks `solve` for, checked once, here: a problem, a budget, and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from examples.salesman.excerpt import excerpt
from examples.salesman.problem import MAX_CITIES, BadProblem, Problem
from examples.salesman.service import app

A_PROBLEM: Final = 'a problem is an object: {"name": …}, {"world": …}, or with "name", "kind" and "cities"'

MIN_BUDGET: Final = 0.1
MAX_BUDGET: Final = 600.0
"""Seconds."""


class Options(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How to search. None: as the search thinks best."""

    seed: Annotated[int, Meta(ge=0, lt=1 << 32)] | None = None
    """The same seed, `rounds` and `chains` give the same route, if the budget is long enough."""
    temperature: Annotated[float, Meta(gt=0, le=1000)] | None = None
    """The first one, as a part of the mean distance between neighbours."""
    cooling: Literal["exponential", "linear"] = "exponential"
    chains: Annotated[int, Meta(ge=1, le=64)] | None = None
    """As many as there are workers for, or one with `rounds`."""
    rounds: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    """Units after which it ends, even if the budget is not over."""


def checked_budget(value: object) -> float:
    """
    Return a budget [s].

    Raises:
        ApplicationError: bad_budget.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not MIN_BUDGET <= value <= MAX_BUDGET:
        raise app.error("bad_budget", f"a budget is a number of seconds from {MIN_BUDGET:g} to {MAX_BUDGET:g}, not {excerpt(value)}")
    return float(value)


def checked_options(value: object) -> Options:
    """
    Return options, None for their defaults.

    Raises:
        ApplicationError: bad_options.
    """
    try:
        return msgspec.convert({} if value is None else value, Options)
    except ValueError as error:  # msgspec's, or a key that is no Unicode
        raise app.error("bad_options", f"options: {str(error)[:200]}") from error


def checked_problem(value: object) -> Problem | str | int:
    """
    Return a problem, or the name of a known instance, or the number of cities of the world.

    Raises:
        ApplicationError: bad_problem.
    """
    if not isinstance(value, Mapping) or not value.keys() & {"name", "world", "kind", "cities"}:
        raise app.error("bad_problem", A_PROBLEM)
    if value.keys() == {"world"}:
        return _number_of_cities(value["world"])
    if value.keys() == {"name"}:
        if not isinstance(value["name"], str):
            raise app.error("bad_problem", "the name of an instance is a string")
        return str(value["name"])
    try:
        return Problem.from_json(value)
    except BadProblem as error:
        raise app.error("bad_problem", str(error)) from error


def _number_of_cities(value: Any) -> int:
    if type(value) is not int or not 3 <= value <= MAX_CITIES:
        raise app.error("bad_problem", f"the number of cities of the world is a whole number from 3 to {MAX_CITIES}, not {excerpt(value)}")
    return value
