"""The known instances: files of TSPLIB in `instances`, and how long their shortest tours are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from examples.salesman.problem import Problem
from examples.salesman.tsplib import read_problem

FILES: Final = Path(__file__).parent / "instances"

OPTIMA: Final = {
    "burma14": 3323,
    "ulysses16": 6859,
    "ulysses22": 7013,
    "att48": 10628,
    "berlin52": 7542,
    "kroA100": 21282,
    "a280": 2579,
    "lin318": 42029,
}
"""Lengths of the shortest tours, as TSPLIB's page of solutions says and others have proven."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A problem that is known by its name."""

    problem: Problem
    optimum: int | None


@lru_cache(maxsize=1)
def instances() -> tuple[Instance, ...]:
    """Return the known instances, by size. They are read when somebody asks for the first time."""
    problems = [read_problem(path.read_text()) for path in FILES.glob("*.tsp")]
    return tuple([Instance(problem, OPTIMA.get(problem.name)) for problem in sorted(problems, key=lambda each: (len(each), each.name))])


def named(name: str) -> Instance | None:
    """Return the instance of this name, if there is one."""
    return next((each for each in instances() if each.problem.name == name), None)


def optimum_of(id: str) -> int | None:
    """Return how long the shortest tour of the problem with this id is, if it is an instance."""
    return next((each.optimum for each in instances() if each.problem.id == id), None)
