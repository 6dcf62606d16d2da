"""Showing that what was promised holds: items, each with a line that says ok or short, and its figure."""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, Protocol

from bench.processes import run
from bench.runs import Row
from bench.table import number
from bench.workloads import figure

TEST_LIMIT: Final = 600.0
"""How long the tests of one item may take [s]."""


@dataclass(frozen=True, slots=True)
class Line:
    """What is printed of an item."""

    item: str
    is_ok: bool
    figure: str


class Item(Protocol):
    """Shows one or several items, each with a line."""

    def __call__(self) -> Iterator[Line]: ...


@dataclass(frozen=True, slots=True)
class Tests:
    """An item that tests show: all of them have to pass, none may be skipped."""

    item: str
    paths: tuple[str, ...]
    histories: int | None = None
    """How many random histories they run; as many as they like unless given."""
    calls: int | None = None
    """How many calls they make; as many as they like unless given."""

    def __call__(self) -> Iterator[Line]:
        command = [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", *self.paths]
        if self.histories is not None:
            command = ["env", f"DELTAMESH_HISTORIES={self.histories}", *command]
        if self.calls is not None:
            command = ["env", f"DELTAMESH_CALLS={self.calls}", *command]
        begin = time.monotonic()
        out, problem = run(command, limit=TEST_LIMIT)
        passed = re.search(r"^(\d+) passed(, \d+ warnings?)? in ", out, re.MULTILINE)
        if passed is None:
            yield Line(self.item, False, f"{problem}\n{out.strip()[-1500:]}")
        else:
            histories = "" if self.histories is None else f", {self.histories:,} histories each"
            calls = "" if self.calls is None else f", {self.calls:,} calls"
            yield Line(self.item, not problem, f"{passed[1]} tests in {time.monotonic() - begin:.0f} s{histories}{calls}")


def compared(
    item: str, unit: str, mine: Row, theirs: Row, anchor: str, *path: str, at_least: float | None = None, less_is_better: bool = False
) -> Line:
    """Compare one figure of ours with the anchor's; without `at_least` it is printed as it is."""
    our, their = figure(mine, *path), figure(theirs, *path)
    if not our or not their:
        return Line(item, False, why(mine, theirs))
    times = _ratio(mine, theirs, *path)
    times = 1 / times if less_is_better else times
    asked = "" if at_least is None else f", at least {at_least:g} asked for"
    said = f"{number(our)} {unit}; {anchor} {number(their)} {unit}: {times:.3g} times better{asked}"
    return Line(item, at_least is None or times >= at_least, said)


def _ratio(mine: Row, theirs: Row, *path: str) -> float:
    """
    Return how often the anchor's figure goes into ours: the median over the turns, if both were measured in turn.

    A machine whose speed changes for seconds does so for both sides of a turn, but not for their medians over all turns.
    """
    turns = zip(mine.get("turns", [mine]), theirs.get("turns", [theirs]), strict=True)
    found = [(figure(our, *path), figure(their, *path)) for our, their in turns]
    return statistics.median([our / their for our, their in found if our and their])


def why(*rows: Row) -> str:
    """Say why there is no figure."""
    return "; ".join(["not measured", *[row["failed"] for row in rows if "failed" in row]])


def chosen(text: str | None, items: Mapping[str, Sequence[Item]]) -> Iterable[Item]:
    """Return the items that the command line asks for; `text` says what the program does."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=items, help="leave out the others")
    options = parser.parse_args()
    return items[options.only] if options.only else chain.from_iterable(items.values())


def print_lines(items: Iterable[Item]) -> None:
    """Print a line for each item, and exit: with 1 if one falls short."""
    short = 0
    for item in items:
        for line in item():
            short += not line.is_ok
            print(f"{'ok   ' if line.is_ok else 'short'}  {line.item}: {line.figure}", flush=True)
    print(f"{short} of these fall short" if short else "nothing falls short")
    sys.exit(1 if short else 0)
