"""
What the router counts while it works: pure, and so cheap that every call can be counted.

What else is counted are plain numbers on the objects that know them. Text is made of all of this only when somebody asks (`insight`).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of the buckets of a histogram [s]: from what the fastest call takes to what a call waits at most, if nothing else is set."""

MAX_LABELS: Final = 20
"""Different labels of one `Tally`; whoever chooses them cannot make it larger."""

MAX_LABEL: Final = 200
"""Characters of a label."""

MAX_PROCEDURES: Final = 1000
"""Procedures that are counted one by one; whoever may register cannot make it more."""

OTHER: Final = "other"
"""The label of everything that has none of its own."""


class Histogram:
    """How often something took how long."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        """For each bound what took at most so long and longer than the bound before, and last what took longer than all."""
        self.sum = 0.0
        """All durations together [s]."""

    def observe(self, seconds: float) -> None:
        """Count something that took so long. A negative duration, after the clock was set back, is one of 0. Cost: well under 1 µs."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        if seconds > 0.0:
            self.sum += seconds

    def include(self, other: Histogram) -> None:
        """Count what `other` has counted as well."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.counts)

    def cumulative(self) -> list[tuple[float, int]]:
        """Return, for each bound [s] and for infinity, how many took at most so long."""
        total, buckets = 0, []
        for bound, count in zip((*BOUNDS, float("inf")), self.counts, strict=True):
            total += count
            buckets.append((bound, total))
        return buckets


class Tally:
    """
    How often each of some labels was counted, for labels that others choose: error URIs.

    The first `MAX_LABELS` that come have a count of their own; later ones, and too long ones, are counted together as `OTHER`.
    """

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, label: str, number: int = 1) -> None:
        """Count `label` so many times."""
        counts = self.counts
        if label not in counts and (len(counts) >= MAX_LABELS or len(label) > MAX_LABEL):
            label = OTHER
        counts[label] = counts.get(label, 0) + number

    def include(self, other: Tally) -> None:
        """Count what `other` has counted as well."""
        for label, number in other.counts.items():
            self.add(label, number)

    @property
    def total(self) -> int:
        """All counts together."""
        return sum(self.counts.values())


class CallCounts:
    """What is counted of the calls of one procedure, for as long as this process runs."""

    __slots__ = ("calls", "errors", "run", "wait")

    def __init__(self) -> None:
        self.calls = 0
        """Calls that came for it, those that were refused included."""
        self.errors = Tally()
        """Calls that were answered with an error, by the URI of the error: the callee's errors, and the router's such as a full queue."""
        self.wait = Histogram()
        """From when a call came until it was given to a callee; calls that were given to one at once are counted with 0."""
        self.run = Histogram()
        """From when a call was given to a callee until this one answered, with a result or an error."""

    def include(self, other: CallCounts) -> None:
        """Count what `other` has counted as well."""
        self.calls += other.calls
        self.errors.include(other.errors)
        self.wait.include(other.wait)
        self.run.include(other.run)


class CallLedger:
    """
    The `CallCounts` of each procedure of a realm, by the URI and the match of its registration, not by the URI that was called.

    They outlive the registration: what is registered again goes on counting where it ended, so no count goes back or disappears. There
    are `MAX_PROCEDURES` at most. A further one takes the place of the one that was closed first, whose counts move to `other`;
    if none is closed, it is counted in `other`.
    """

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], CallCounts] = {}
        """(URI, match) -> counts."""
        self.other = CallCounts()
        """Of all procedures that have no row."""
        self._closed: dict[tuple[str, str], None] = {}  # the rows whose registration is gone; the first one went first

    def open(self, uri: str, match: str) -> CallCounts:
        """A registration was made: return what its calls are to be counted in."""
        row = (uri, match)
        counts = self.rows.get(row)
        if counts is None:
            if len(uri) > MAX_LABEL:
                return self.other
            if len(self.rows) >= MAX_PROCEDURES:
                if not self._closed:
                    return self.other
                oldest = next(iter(self._closed))
                del self._closed[oldest]
                self.other.include(self.rows.pop(oldest))
            counts = self.rows[row] = CallCounts()
        self._closed.pop(row, None)
        return counts

    def close(self, uri: str, match: str) -> None:
        """The registration is gone."""
        if (uri, match) in self.rows:
            self._closed[uri, match] = None
