"""
The state of a branch: a function of its commits alone.

The chain is that of the first parents. A commit that is not good changes nothing, so the parameters are those of the newest good one.
Every parameter knows the commit that changed its value last; the first good commit of the chain has changed all that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import msgspec

from deltamesh.parameters.content.reading import Held, NotGood, Problem
from deltamesh.values import JSON, freeze, same

HISTORY: Final = 1_000
"""Commits that are read, at least, if there are as many."""

MAX_CHANGES: Final = 100
"""Changes of one name that are kept, the newest."""

MAX_ALL_CHANGES: Final = 100_000
MAX_ALL_SIZE: Final = 16 << 20
"""Changes of all names that are kept, and bytes of their values as JSON text: those of the newest commits that fit."""

MAX_MESSAGE: Final = 500
MAX_AUTHOR: Final = 200
"""Characters that are kept of what a commit says."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit of the chain."""

    id: str
    number: int
    """How many ancestors it has in its chain; that of the root commit is 0."""
    author: str
    """`Name <mail>`."""
    time: int
    """When it was made [Unix s]."""
    message: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value, the file that it stands in, and the commit that changed it last."""

    value: JSON
    file: str
    commit: str
    number: int


Link: TypeAlias = tuple[Commit, Callable[[], Mapping[str, Held]]]
"""A commit and what reads it, which raises `NotGood`."""

Changes: TypeAlias = tuple[tuple[int, JSON], ...]
"""How one name has changed: number of the commit, and `{"value"}` or `{"gone": true}`. The oldest first."""


@dataclass(frozen=True, slots=True)
class State:
    """What a chain of commits amounts to. Nobody may change it."""

    head: Commit | None = None
    """The last of the chain."""
    good: Commit | None = None
    """The newest good one."""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """Those of the good commit, by name."""
    commits: Mapping[int, JSON] = field(default_factory=dict)
    """By number, what is told of each commit of the chain."""
    changes: Mapping[str, Changes] = field(default_factory=dict)
    """By name."""
    problems: tuple[tuple[Commit, Problem], ...] = ()
    """Why the head is not good, each with the commit that brought it in."""
    weights: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    """By number of a commit that changed something: how many names, and bytes of their new values as JSON text."""


def beginning(number: int, history: int = HISTORY) -> int:
    """
    Return the number of the commit that the chain of the head `number` begins with.

    So it moves once in `history` commits only, and between one and two times `history` commits are read. If it moved with every
    commit, all parameters that are older than the chain would seem to have been changed again each time.
    """
    return max(0, number // history - 1) * history


def state_of(chain: Sequence[Link], known: State | None = None) -> State:
    """
    Return the state of a chain of commits, the oldest first.

    `known`, the state of a beginning of this chain, saves reading that once more; if it is that of something else, it is ignored. The
    result is the same with it and without.

    Cost: for each commit that is read, linear in its parameters.
    """
    known, rest = _continued(chain, known)
    work = _Work(known)
    for commit, read in rest:
        try:
            held = read()
        except NotGood as error:
            work.refuse(commit, error.problems)
        else:
            work.accept(commit, held)
    return work.state()


def _continued(chain: Sequence[Link], known: State | None) -> tuple[State, Sequence[Link]]:
    """Return a state to go on from, and the commits that are not in it."""
    if known is None or known.head is None or not chain:
        return State(), chain
    first, place = chain[0][0], known.head.number - chain[0][0].number
    begins_alike = min(known.commits) == first.number and known.commits[first.number]["commit"] == first.id
    if begins_alike and 0 <= place < len(chain) and chain[place][0].id == known.head.id:
        return known, chain[place + 1 :]
    return State(), chain


class _Work:
    """A state that is being made."""

    def __init__(self, known: State) -> None:
        self._head, self._good, self._problems = known.head, known.good, known.problems
        self._parameters = dict(known.parameters)
        self._former: Mapping[str, Held] = {}  # what `_parameters` was made of
        self._commits, self._changes, self._weights = dict(known.commits), dict(known.changes), dict(known.weights)

    def refuse(self, commit: Commit, problems: Sequence[Problem]) -> None:
        """Take in a commit that is not good. What has been wrong before was brought in by an earlier one."""
        earlier = {_mark(problem): culprit for culprit, problem in self._problems}
        self._problems = tuple([(earlier.get(_mark(problem), commit), problem) for problem in problems])
        self._tell(commit, is_good=False, changed=0)
        self._head = commit

    def accept(self, commit: Commit, held: Mapping[str, Held]) -> None:
        """Take in a good commit with its parameters."""
        parameters, former = self._parameters, self._former
        changed = size = 0
        for name, now in held.items():
            if former.get(name) is now:  # as most are: files that have not changed are not read again
                continue
            before = parameters.get(name)
            if before is not None and same(before.value, now.value):
                if before.file != now.file:  # it has moved
                    parameters[name] = Parameter(before.value, now.file, before.commit, before.number)
                continue
            parameters[name] = Parameter(now.value, now.file, commit.id, commit.number)
            self._change(name, commit.number, {"value": now.value})
            changed += 1
            size += len(msgspec.json.encode(now.value))
        if len(parameters) > len(held):
            for name in parameters.keys() - held.keys():
                del parameters[name]
                self._change(name, commit.number, {"gone": True})
                changed += 1
        if changed:
            self._weights[commit.number] = (changed, size)
        self._tell(commit, is_good=True, changed=changed)
        self._head = self._good = commit
        self._problems = ()
        self._former = held

    def _change(self, name: str, number: int, what: JSON) -> None:
        self._changes[name] = (*self._changes.get(name, ())[1 - MAX_CHANGES :], (number, freeze(what)))

    def _tell(self, commit: Commit, *, is_good: bool, changed: int) -> None:
        told = {
            "commit": commit.id,
            "author": printed(commit.author, MAX_AUTHOR),
            "time": commit.time,
            "message": printed(commit.message, MAX_MESSAGE),
        }
        self._commits[commit.number] = freeze({**told, "good": is_good, "changed": changed})

    def state(self) -> State:
        """Return the state, with as many changes as may be kept."""
        first = _first_kept(self._weights)
        if any([number < first for number in self._weights]):
            kept = {name: tuple([each for each in changes if each[0] >= first]) for name, changes in self._changes.items()}
            self._changes = {name: changes for name, changes in kept.items() if changes}
        return State(self._head, self._good, self._parameters, self._commits, self._changes, self._problems, self._weights)


def _mark(problem: Problem) -> tuple[str | None, str | None, str]:
    """What a problem has in common with itself in a later commit, in which its line may be another."""
    return problem.file, problem.name, problem.reason


def _first_kept(weights: Mapping[int, tuple[int, int]]) -> int:
    """
    Return the number from which on changes are kept.

    It depends on what the commits changed, not on what is kept of it by name, so that it only grows with the chain: a state that is
    gone on from is then the same as one that is made anew.
    """
    count = size = 0
    for number in sorted(weights, reverse=True):
        count += weights[number][0]
        size += weights[number][1]
        if count > MAX_ALL_CHANGES or size > MAX_ALL_SIZE:
            return number + 1
    return 0


def printed(text: str, length: int) -> str:
    """Return the beginning of `text` of at most `length` characters, without what has no form in UTF-8."""
    return text[:length].encode("utf-8", "replace").decode()
