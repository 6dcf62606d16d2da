"""
The pace of a replay: which events are due now, and what time it is in the simulation. Pure: time is passed in.

Three paces. `Speed` maps seconds of real time to seconds of simulated time, `Rate` to a number of events, and `Unpaced` takes
all there are. What is due and does not fit into one batch is due in the next one, and the simulated clock waits for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Any, Final, Protocol

from examples.departures.timeline import Event

BATCH: Final = 1_000
"""Events in one write, at most: some 200 KB of JSON, a tenth of a second of work for the leader."""

Changes = dict[str, list[tuple[Any, list[Any]]]]
"""One transaction: by input the keys that change, with their new values."""


class Pace(Protocol):
    """How real time turns into events."""

    def is_due(self, event: Event, taken: int, elapsed: float) -> bool:
        """Whether `event`, before which `taken` events were taken, is due `elapsed` seconds after the replay began."""

    def clock(self, elapsed: float) -> float | None:
        """Return the simulated instant [minutes], or None if it is that of the last event."""


@dataclass(frozen=True)
class Speed:
    """Simulated time runs `factor` times as fast as real time, from the instant `start`."""

    start: int
    factor: float

    def is_due(self, event: Event, taken: int, elapsed: float) -> bool:
        return event.at <= self.clock(elapsed)

    def clock(self, elapsed: float) -> float:
        return self.start + elapsed * self.factor / 60


@dataclass(frozen=True)
class Rate:
    """`per_second` events in each second of real time."""

    per_second: float

    def is_due(self, event: Event, taken: int, elapsed: float) -> bool:
        return taken < elapsed * self.per_second

    def clock(self, elapsed: float) -> None:
        return None


class Unpaced:
    """As fast as they can be written."""

    def is_due(self, event: Event, taken: int, elapsed: float) -> bool:
        return True

    def clock(self, elapsed: float) -> None:
        return None


class Replay:
    """The events later than `start` and not later than `until`, at a pace."""

    def __init__(self, events: Iterator[Event], pace: Pace, start: int, until: float) -> None:
        self.now: float = start
        """The simulated instant that has been reached."""
        self.taken = 0
        self._pace = pace
        self._until = until
        self._events = takewhile(lambda event: event.at <= until, events)
        self._next = next(self._events, None)

    @property
    def is_over(self) -> bool:
        """Whether the last event was taken and simulated time has reached the end."""
        return self._next is None and self.now >= self._until

    def due(self, elapsed: float) -> list[Event]:
        """Return the events that are due `elapsed` seconds after the replay began, at most `BATCH`, and move `now`."""
        batch = list(islice(self._take(elapsed), BATCH))
        reached = self._pace.clock(elapsed)
        if reached is None:
            self.now = self._until if self._next is None else batch[-1].at if batch else self.now
        else:
            self.now = min(reached, self._until if self._next is None else self._next.at)
        return batch

    def _take(self, elapsed: float) -> Iterator[Event]:
        while self._next is not None and self._pace.is_due(self._next, self.taken, elapsed):
            event, self._next = self._next, next(self._events, None)
            self.taken += 1
            yield event


def batches(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Yield events in lists of `BATCH`, the last one shorter."""
    remaining = iter(events)
    while batch := list(islice(remaining, BATCH)):
        yield batch


def changes(events: Iterable[Event]) -> Changes:
    """Return events as one transaction; of several for one key the last one counts."""
    inputs: dict[str, dict[Any, list[Any]]] = {}
    for event in events:
        inputs.setdefault(event.input, {})[event.key] = event.values
    return {name: list(entries.items()) for name, entries in inputs.items()}
