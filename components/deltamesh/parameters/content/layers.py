"""
Layers of parameters: the files of a commit side by side, and one layer over the other.

Within a layer every name comes once, and is either a value or the beginning of others. Between layers the later one wins: its value
replaces the whole subtree of an earlier one, and its subtree the value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from deltamesh.parameters.names import MAX_NAME, beginnings, objection
from deltamesh.parameters.text.document import NOTHING, Document, Unreadable, settled
from deltamesh.values import JSON

MAX_PARAMETERS: Final = 50_000
"""Parameters of a commit."""

MAX_PROBLEMS: Final = 100
"""Problems of a commit that are told."""

COST: Final = 128
"""Bytes that a parameter takes in a transaction besides name, value and file: the commit, and the names of all of these."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a commit is not good. It repeats no values, which may be secret."""

    file: str | None
    line: int | None
    """Counted from 1."""
    name: str | None
    """The parameter that it is about, or what several begin with."""
    reason: str


@dataclass(frozen=True, slots=True)
class Held:
    """A value of a commit, the file that it stands in, and the layer of that: `base`, `environment` or `region`."""

    value: JSON
    file: str
    layer: str


@dataclass
class Placed:
    """The parameters of one file."""

    file: str
    prefix: str
    """The name that its path makes."""
    document: Document | None = None
    """None: it could not be read."""
    values: dict[str, Held] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    size: int = 0
    """Bytes that its parameters take in a transaction, at most."""

    @cached_property
    def beginnings(self) -> frozenset[str]:
        """The names that its parameters are below."""
        return frozenset([each for name in self.values for each in beginnings(name)])

    def line_of(self, name: str) -> int | None:
        """Return the line of the parameter `name`, or of what it is in."""
        if self.document is None:
            return None
        below = name[len(self.prefix) + 1 :]
        lines = self.document.lines_by_name
        return next((lines[each] for each in (below, *[*beginnings(below)][::-1]) if each in lines), 1)

    def complain(self, name: str, reason: str) -> None:
        """Note a problem with the parameter `name`, which need not be a name that can be shown."""
        shown = next((each for each in (name, *[*beginnings(name[:MAX_NAME])][::-1]) if objection(each) is None), None)
        self.problems.append(Problem(self.file, self.line_of(name), shown, reason))


@dataclass(frozen=True, slots=True)
class Layer:
    """Parameters by name, and the names that they are below."""

    values: dict[str, Held]
    beginnings: set[str]
    """These at least: what only replaced parameters were below may be among them."""


def place(file: str, prefix: str, layer: str, document: Document) -> Placed:
    """
    Return the parameters of the file `file` of `layer`, whose path makes the name `prefix`.

    A file without content, or with an empty object, has none. `side_by_side` finds names that are in each other's way.
    """
    placed = Placed(file, prefix, document)
    values = placed.values
    path_size = len(file.encode("utf-8", "replace")) + COST
    for name, value in _leaves(prefix, document.value):
        if len(placed.problems) == MAX_PROBLEMS:
            break
        if len(values) == MAX_PARAMETERS:
            placed.complain(prefix, f"there are more than {MAX_PARAMETERS} parameters")
            break
        if why := objection(name):
            placed.complain(name, why)
        elif name in values:
            placed.complain(name, "the name comes twice in this file")
        else:
            try:
                settled_value, size = settled(value)
            except Unreadable as error:
                placed.complain(name, error.reason)
            else:
                values[name] = Held(settled_value, file, layer)
                placed.size += size + len(name.encode()) + path_size
    return placed


def _leaves(prefix: str, content: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and values, in the order of the file. What has too long a name is not looked into."""
    if content is NOTHING or content == {}:
        return
    if not isinstance(content, dict):
        yield prefix, content
        return
    levels = [(prefix, iter(content.items()))]
    while levels:
        above, items = levels[-1]
        for key, value in items:
            name = f"{above}.{key}"
            if isinstance(value, dict) and value and len(name) <= MAX_NAME:
                levels.append((name, iter(value.items())))
                break
            yield name, value
        else:
            levels.pop()


def side_by_side(files: Sequence[Placed]) -> tuple[Layer, list[Problem]]:
    """Return the layer of `files`, and what is wrong between them."""
    values: dict[str, Held] = {}
    below: set[str] = set()
    for placed in files:
        values.update(placed.values)
        below |= placed.beginnings
    problems: list[Problem] = []
    if len(values) < sum([len(placed.values) for placed in files]):
        problems += _repetitions(files)
    by_file = {placed.file: placed for placed in files}
    for name in sorted(values.keys() & below):
        file = values[name].file
        other = min([placed.file for placed in files if name in placed.beginnings])
        problems.append(Problem(file, by_file[file].line_of(name), name, f"it is a value, and the beginning of names in {other:.200}"))
    return Layer(values, below), problems


def _repetitions(files: Sequence[Placed]) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for placed in files:
        for name in placed.values:
            if name in first:
                yield Problem(placed.file, placed.line_of(name), name, f"the name is also in {first[name]:.200}")
            else:
                first[name] = placed.file


def overlay(lower: Layer, upper: Layer) -> Layer:
    """Return `lower` with `upper` over it. Cost: that of copying, and a look at every name of `lower` if subtrees are replaced."""
    values = lower.values
    covered = upper.values.keys() & lower.beginnings  # values where there may be subtrees
    opened = upper.beginnings & values.keys()  # subtrees where there are values
    if covered or opened:
        values = {name: held for name, held in values.items() if name not in opened and covered.isdisjoint(beginnings(name))}
    return Layer({**values, **upper.values}, lower.beginnings | upper.beginnings)
