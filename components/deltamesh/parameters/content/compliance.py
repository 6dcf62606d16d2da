"""
Whether the parameters of a commit are as its schemas demand, and which line is to blame if they are not.

`schemas/payment/limits.json` is about what is below `payment.limits`, `schemas/_.json` about everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from deltamesh.parameters.content.layers import MAX_PROBLEMS, Held, Problem
from deltamesh.parameters.content.schema import Breach, NotASchema, Schema
from deltamesh.parameters.names import beginnings, is_within, joined, objection
from deltamesh.parameters.text.document import Document
from deltamesh.values import JSON, same

EVERYTHING: Final = "_"
"""The name of the schema for all parameters."""

FindLine = Callable[[str, Held], int | None]
"""Returns the line of a name in the file of a value."""


class Compliance:
    """Checks one commit after the other, and of each only what has changed since the one that was checked before."""

    def __init__(self) -> None:
        self._schemas: dict[tuple[str, str], Schema | Problem] = {}  # by file and blob, those of the last commit
        self._fulfilled: set[tuple[str, str]] = set()  # by file and blob
        self._values: Mapping[str, Held] = {}  # when they were so

    def problems(
        self, files: Mapping[str, tuple[str, str, Document]], values: Mapping[str, Held], touched: Iterable[str], line_of: FindLine
    ) -> list[Problem]:
        """
        Return where `values` are not as they should be.

        `files` has of each schema, by path, the name that its path makes, the blob, and what is in it. `touched` are all names in files
        that have come, gone or changed since the last check. `line_of` is asked when a line is needed.
        """
        changed = _changed(self._values, values, touched)
        problems: list[Problem] = []
        schemas: dict[tuple[str, str], Schema | Problem] = {}
        fulfilled: set[tuple[str, str]] = set()
        by_prefix: dict[str, str] = {}
        for file, (path_name, blob, document) in sorted(files.items()):
            prefix = "" if path_name == EVERYTHING else path_name
            mark = file, blob
            schema = schemas[mark] = self._schemas.get(mark) or _made(file, document)
            if prefix in by_prefix:
                problems.append(Problem(file, None, prefix or None, f"there is another schema for this in {by_prefix[prefix]:.200}"))
            elif isinstance(schema, Problem):
                problems.append(schema)
            elif mark in self._fulfilled and not any([is_within(name, prefix) or is_within(prefix, name) for name in changed]):
                fulfilled.add(mark)
            elif len(problems) < MAX_PROBLEMS:
                breaches = _breaches(schema, prefix, values)
                problems += [_problem(file, prefix, breach, values, line_of) for breach in breaches]
                if not breaches:
                    fulfilled.add(mark)
            by_prefix.setdefault(prefix, file)
        self._schemas, self._fulfilled, self._values = schemas, fulfilled, values
        return problems


def _made(file: str, document: Document) -> Schema | Problem:
    try:
        return Schema(document)
    except NotASchema as error:
        return Problem(file, error.line, None, error.reason)


def _changed(before: Mapping[str, Held], now: Mapping[str, Held], touched: Iterable[str]) -> list[str]:
    """
    Return which of `touched` do not have the values that they had.

    Other names differ only if they are above or below one of these: a value of another layer that it hid, or hides now.
    """
    changed = []
    for name in touched:
        former, held = before.get(name), now.get(name)
        is_same = former is held or (former is not None and held is not None and same(former.value, held.value))
        if not is_same:
            changed.append(name)
    return changed


def _breaches(schema: Schema, prefix: str, values: Mapping[str, Held]) -> list[Breach]:
    """Return how what is below `prefix` breaks `schema`. What is not there breaks nothing, unless everything is meant."""
    tree = _tree(prefix, values)
    return [] if tree is None else schema.check(tree)


def _tree(prefix: str, values: Mapping[str, Held]) -> Any:
    """Return what is below `prefix` as one object, or the value of that name; None if there is nothing."""
    if prefix in values:
        return _plain(values[prefix].value)
    tree: dict[str, Any] = {}
    below = f"{prefix}."
    for name, held in values.items():
        if not prefix or name.startswith(below):
            *parts, last = (name[len(below) :] if prefix else name).split(".")
            place = tree
            for part in parts:
                place = place.setdefault(part, {})
            place[last] = _plain(held.value)
    return tree if tree or not prefix else None


def _plain(value: JSON) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value


def _problem(file: str, prefix: str, breach: Breach, values: Mapping[str, Held], line_of: FindLine) -> Problem:
    name = prefix
    for part in breach.place:
        if name in values or not isinstance(part, str):  # what follows is within a value
            break
        name = joined(name, part) if part else name
    reason = f"{breach.reason}, by {file:.200}"
    shown = name if objection(name) is None else prefix or None
    for each in (name, *[*beginnings(name)][::-1], ""):
        inside = values.get(each) or next((values[other] for other in sorted(values) if is_within(other, each)), None)
        if inside is not None:
            return Problem(inside.file, line_of(each, inside), shown, reason)
    return Problem(file, 1, shown, reason)
