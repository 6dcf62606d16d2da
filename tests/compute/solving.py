"""One search, watched from outside: what it shows on the way is true, always, and its answer comes when it is due."""

from __future__ import annotations

import json
import math
import random
import time
from dataclasses import dataclass, field
from typing import Any, Final

from deltamesh.client import Mesh as Client

TOLERANCE: Final = 0.05
"""Of the budget: so much earlier or later may the answer come."""

Cities = list[list[float]]


def cities(number: int, seed: int) -> dict[str, Any]:
    """Return a problem: so many cities at random places of a square."""
    chance = random.Random(seed)
    return {
        "name": f"random {number}",
        "kind": "EUC_2D",
        "cities": [[chance.randrange(10_000), chance.randrange(10_000)] for _ in range(number)],
    }


def length(tour: list[int], places: Cities) -> int:
    """Return how long a tour is, as TSPLIB's EUC_2D says: each distance is rounded to an integer."""
    legs = zip(tour, tour[1:] + tour[:1], strict=True)
    return sum(int(math.dist(places[a], places[b]) + 0.5) for a, b in legs)


@dataclass
class Solving:
    """
    A search of `problem`, whose cities are in the plane. What it shows is checked as it comes.

    Raises:
        AssertionError: something that was shown is not a tour, is not as long as was said, or is longer than what was shown before.
    """

    problem: dict[str, Any]
    lengths: list[int] = field(default_factory=list)
    """Of all that was shown, in order."""
    wrong: list[str] = field(default_factory=list)
    """What was shown and is not true."""
    answer: dict[str, Any] = field(default_factory=dict)
    budget: float = math.inf
    """What was asked for [s]."""
    took: float = 0.0
    """From the call to the answer [s]."""

    async def solve(self, client: Client, budget: float, **options: Any) -> dict[str, Any]:
        """Solve the problem; return the answer."""
        self.budget = budget
        began = time.monotonic()
        self.answer = await client.connection.call(client.uris.action("solve"), self.problem, budget, options, on_progress=self._shown)
        self.took = time.monotonic() - began
        self._shown(self.answer)
        assert not self.wrong, "; ".join(self.wrong[:3])
        assert self.answer["state"] == "done"
        return self.answer

    @property
    def off(self) -> float:
        """How far from the budget the answer came, as a part of it; more than `TOLERANCE` is too far."""
        return abs(self.took / self.budget - 1)

    def _shown(self, part: dict[str, Any]) -> None:
        tour = json.loads(part["tour"])
        places = self.problem["cities"]
        if sorted(tour) != list(range(len(places))):
            self.wrong.append(f"after {part['seconds']} s: not a tour: {part['tour'][:200]}")
        elif (real := length(tour, places)) != part["length"]:
            self.wrong.append(f"after {part['seconds']} s: the length is {real}, not {part['length']}")
        elif self.lengths and part["length"] > self.lengths[-1]:
            self.wrong.append(f"after {part['seconds']} s: {part['length']} is longer than {self.lengths[-1]} before")
        self.lengths.append(part["length"])
