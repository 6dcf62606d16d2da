"""
The transaction that brings a service from what it holds to the state of a branch: only what differs.

What a service holds is compared entry by entry, whatever it comes from: an earlier state, another branch, or a reader that was killed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

import msgspec

from deltamesh.parameters.content.branch import Commit, Parameter, State, printed
from deltamesh.parameters.content.reading import Problem
from deltamesh.values import JSON, IndexKey, Values, freeze, index_key, plain_key, same

HISTORY: Final = ("commits", "changes")
INPUTS: Final = (*HISTORY, "values", "reading", "problems")
"""The inputs of the service that a reader writes: what has been, and what is."""

Contents: TypeAlias = Mapping[str, Mapping[IndexKey, JSON]]
"""What a service holds: by input and key, the one value."""

Entry: TypeAlias = tuple[JSON, list[JSON]]

Transaction: TypeAlias = dict[str, list[Entry]]
"""As `Mesh.write` takes it."""

MAX_ENTRIES: Final = 90_000
MAX_SIZE: Final = 7_800_000
"""Entries, and bytes of JSON text, of one transaction: somewhat less than a leader takes."""

MAX_PATH: Final = 500
"""Characters of a file's path that a problem shows."""


def contents(state: State, about: Mapping[str, JSON] | None = None) -> dict[str, dict[IndexKey, JSON]]:
    """
    Return what a service holds of `state`.

    `about` is what is told of the reading besides: `repository`, `branch`, `environment`, `region`, `layers`, `files`. Without it the input
    `reading` is left out.
    """
    held: dict[str, dict[IndexKey, JSON]] = {
        "commits": dict(state.commits),
        "changes": {(name, number): what for name, changes in state.changes.items() for number, what in changes},
        "values": {name: _entry(parameter) for name, parameter in state.parameters.items()},
        "problems": {index: _problem(state, *each) for index, each in enumerate(state.problems)},
    }
    if about is not None:
        held["reading"] = {None: freeze({**about, **_place(state)})}
    return held


def held_by(entries: Mapping[str, Iterable[tuple[Any, Iterable[Any]]]]) -> dict[str, dict[IndexKey, JSON]]:
    """Return as `contents` what a service says that it has, by input: keys with their values. Inputs that others write are left out."""
    return {name: {index_key(key): _only(values) for key, values in entries.get(name, ())} for name in INPUTS}


def _only(values: Iterable[Any]) -> JSON:
    frozen = Values([freeze(value) for value in values])
    return frozen[0] if len(frozen) == 1 else frozen  # several: an array, which is the same as no entry of ours


def transaction(old: State | Contents | None, new: State | Contents) -> Transaction:
    """
    Return what to write so that a service that holds `old` holds `new`; nothing, if it does so already.

    Inputs that `new` does not have are left as they are.
    """
    before = _contents(old)
    changes: Transaction = {}
    for name, now in _contents(new).items():
        held = before.get(name, {})
        entries: list[Entry] = [(plain_key(key), [value]) for key, value in now.items() if key not in held or not same(held[key], value)]
        entries += [(plain_key(key), []) for key in held if key not in now]
        if entries:
            changes[name] = entries
    return changes


def in_parts(changes: Transaction, max_entries: int = MAX_ENTRIES, max_size: int = MAX_SIZE) -> Iterator[Transaction]:
    """
    Yield `changes` as one transaction if a leader takes that much, otherwise as several, to be written one after the other.

    History comes first, in as many parts as it takes. The parameters stay together, in the last one: `Reading` bounds them.
    """
    whole = [(name, entry, len(msgspec.json.encode(entry)) + 1) for name in INPUTS for entry in changes.get(name, ())]
    if len(whole) <= max_entries and sum([size for _, _, size in whole]) <= max_size:
        if whole:
            yield changes
        return
    part: Transaction = {}
    count = total = 0
    for name, entry, size in whole:
        if part and name in HISTORY and (count == max_entries or total + size > max_size):
            yield part
            part, count, total = {}, 0, 0
        if part and name not in HISTORY and not part.keys().isdisjoint(HISTORY):
            yield part
            part = {}
        part.setdefault(name, []).append(entry)
        count, total = count + 1, total + size
    yield part


def _contents(what: State | Contents | None) -> Contents:
    if what is None:
        return {}
    return contents(what) if isinstance(what, State) else what


def _entry(parameter: Parameter) -> JSON:
    return freeze({"value": parameter.value, "commit": parameter.commit, "number": parameter.number, "file": parameter.file})


def _problem(state: State, culprit: Commit, problem: Problem) -> JSON:
    told = {each: state.commits[culprit.number][each] for each in ("commit", "author", "time")}
    file = None if problem.file is None else printed(problem.file, MAX_PATH)
    return freeze({**told, "file": file, "line": problem.line, "name": problem.name, "reason": problem.reason})


def _place(state: State) -> dict[str, JSON]:
    head, good = state.head, state.good
    return {
        "head": None if head is None else head.id,
        "good": None if good is None else good.id,
        "number": None if good is None else good.number,
        "parameters": len(state.parameters),
    }
