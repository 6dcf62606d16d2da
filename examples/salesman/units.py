"""Which units are under way, whose turn it is, and which are overdue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from examples.salesman.search import UNIT, Search, Unit

PACE: Final = 10.0
"""Units a second, for each one that may be under way, that are handed out at most. They take longer than that allows, unless somebody
answers without computing: then this is what it can cost."""

BURST: Final = 2.0
"""Units that may be handed out at once, for each one that may be under way."""


HELD: Final = 20.0
"""How long the call of a unit that was given up is kept [s]."""

MAX_HELD: Final = 64
"""Such calls that are kept, the last ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Flight:
    """A unit under way."""

    search: Search
    unit: Unit
    begun: float
    due: float
    """When it is given up."""


class Units:
    """
    The units under way of all searches, and those that were given up and may still be answered. Times are those of any clock that only
    goes forward [s].

    A unit that is given up is done again, but its call is kept for a while: whoever has it and does not answer seems busy to the router
    as long as that, and so gets no other while somebody is idle who does answer.
    """

    def __init__(self) -> None:
        self._flights: dict[Flight, None] = {}
        self._held: dict[Flight, None] = {}
        self._turns: dict[Search, int] = {}
        self._num_turns = 0
        self._allowance = 0.0
        self._counted: float | None = None

    def __len__(self) -> int:
        return len(self._flights)

    def of(self, search: Search) -> list[Flight]:
        """Return the units of a search that are under way."""
        return [flight for flight in self._flights if flight.search is search]

    def hand_out(self, searches: Iterable[tuple[Search, float]], slots: int, capacity: int, now: float) -> Flight | None:
        """
        Return the unit that is to be handed out now, if there is one: it is under way from then on.

        The search with the fewest units under way has its turn, and of those the one whose last turn was the longest ago.

        Args:
            searches: those that are running, each with the time when it began [s].
            slots: how many units can be computed at the same time; others wait.
            capacity: how many may be under way.
        """
        if self._counted is not None:
            self._allowance += (now - self._counted) * PACE * capacity
        else:
            self._allowance = BURST * capacity
        self._counted = now
        self._allowance = min(self._allowance, BURST * capacity)
        if len(self._flights) >= capacity or self._allowance < 1.0:
            return None
        listed = list(searches)
        self._turns = {search: self._turns.get(search, -1) for search, _ in listed}
        share = max(1, -(-capacity // max(1, len(listed))))
        wait = UNIT * max(0, len(self._flights) + 1 - slots) / max(1, slots)
        for search, began in sorted(listed, key=lambda each: (each[0].in_flight, self._turns[each[0]])):
            unit = search.next_unit(now - began, share, wait)
            if unit is not None:
                self._num_turns += 1
                self._turns[search] = self._num_turns
                self._allowance -= 1.0
                flight = Flight(search, unit, now, now + unit.patience)
                self._flights[flight] = None
                return flight
        return None

    @property
    def held(self) -> list[Flight]:
        """Those that were given up and are kept, the oldest first."""
        return list(self._held)

    def is_under_way(self, flight: Flight) -> bool:
        """Whether a unit was neither answered nor given up."""
        return flight in self._flights

    def landed(self, flight: Flight) -> bool:
        """A unit has been answered, or is of no use any longer; return whether it was under way or kept."""
        return self._flights.pop(flight, flight) is None or self._held.pop(flight, flight) is None

    def hold(self, now: float) -> list[Flight]:
        """Give up the units that are overdue, but keep them; return them."""
        overdue = [flight for flight in self._flights if flight.due <= now]
        for flight in overdue:
            del self._flights[flight]
            self._held[flight] = None
        return overdue

    def is_missing_one(self, now: float) -> bool:
        """Whether one of the kept ones should have been answered even by somebody who had to get its problem first."""
        return any([flight.due + flight.unit.grace <= now for flight in self._held])

    def outlived(self, now: float) -> list[Flight]:
        """Return those of the kept ones that are kept no longer."""
        held = self.held
        return [flight for number, flight in enumerate(held, 1) if flight.begun + HELD <= now or number <= len(held) - MAX_HELD]
