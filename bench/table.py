"""One comparison a line: what was measured, ours, theirs, and how many times better ours is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of ours beside that of an anchor."""

    what: str
    unit: str
    ours: float | None
    """None: not measured; `note` says why."""
    theirs: float | None
    anchor: str
    less_is_better: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times better ours is; less than 1: worse."""
        if not self.ours or not self.theirs:
            return None
        return self.theirs / self.ours if self.less_is_better else self.ours / self.theirs


def print_table(title: str, comparisons: Iterable[Comparison]) -> None:
    """Print the comparisons as they are measured, then the table of all."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for column, align in (("measured", "left"), ("Deltamesh", "right"), ("anchor", "right"), ("", "left"), ("ratio", "right"), ("note", "left")):
        table.add_column(column, justify=align)  # type: ignore[arg-type]
    for each in comparisons:
        ratio = each.ratio
        table.add_row(
            f"{each.what} [{each.unit}]".replace("[", "\\["),
            _number(each.ours),
            _number(each.theirs),
            each.anchor,
            "–" if ratio is None else f"{ratio:.3g} x",
            each.note.replace("[", "\\["),
        )
    Console(width=140).print(table)


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
