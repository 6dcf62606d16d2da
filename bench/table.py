"""The table: what was measured, ours, theirs, and how many times better ours is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.table import Table

WIDTH = 170


@dataclass(frozen=True, slots=True)
class Anchor:
    """What somebody else's software needs for the same."""

    name: str
    figure: float | None
    """None: not measured; the comparison's note says why."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of ours beside those of Skip and of another anchor."""

    what: str
    unit: str
    ours: float | None
    """None: not measured; `note` says why."""
    skip: Anchor | None = None
    other: Anchor | None = None
    less_is_better: bool = field(default=False, kw_only=True)
    note: str = field(default="", kw_only=True)

    def times_better(self, anchor: Anchor | None) -> float | None:
        """How many times better ours is than the anchor's; less than 1: worse. None: one of them was not measured."""
        if anchor is None or not anchor.figure or not self.ours:
            return None
        return anchor.figure / self.ours if self.less_is_better else self.ours / anchor.figure


def print_table(title: str, sections: Iterable[Iterable[Comparison]]) -> None:
    """Print one table, with a line between sections."""
    table = Table(title=title, title_justify="left", title_style="")
    table.add_column("measured", no_wrap=True)
    for column in ("Deltamesh", "Skip 0.0.15", "times better", "other anchor", "times better"):
        table.add_column(column, justify="right")
    table.add_column("note")
    for section in sections:
        for each in section:
            other = "" if each.other is None else f"{each.other.name} {number(each.other.figure)}"
            skip = "" if each.skip is None else number(each.skip.figure)
            figures = (number(each.ours), skip, _times(each, each.skip), other, _times(each, each.other))
            table.add_row(escape(f"{each.what} [{each.unit}]"), *figures, escape(each.note))
        table.add_section()
    Console(width=WIDTH).print(table)


def number(value: float | None) -> str:
    """Return a figure as people read it, a dash if there is none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _times(comparison: Comparison, anchor: Anchor | None) -> str:
    return "" if anchor is None else number(comparison.times_better(anchor))
