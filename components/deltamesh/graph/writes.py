"""Transactions: what is passed in, what the graph makes of it, and what comes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from deltamesh.errors import InvalidTransaction
from deltamesh.graph.failure import Failure
from deltamesh.graph.watch import Entry, Watch
from deltamesh.values import PLAIN_KEYS, IndexKey, NotJSON, Values, freeze, index_key

Writes: TypeAlias = Mapping[str, Iterable[tuple[Any, Iterable[Any]]]]
"""By input: keys with their new values; none remove the key, and of a key given twice the last counts."""


@dataclass(slots=True)
class Commit:
    """What one write did."""

    revision: int
    deltas: dict[Watch, list[Entry]]
    """For each watch of a collection that changed: the changed keys in order, with their new values."""
    failures: list[Failure]
    """Computations that raised in this revision."""


def frozen_changes(name: str, changes: Any) -> dict[IndexKey, Values]:
    """
    Return the changes of the input called `name`: keys with their new values, frozen.

    Raises:
        InvalidTransaction: they are not `[[key, [value, …]], …]`, or not JSON. It names the place.
    """
    frozen: dict[IndexKey, Values] = {}
    if type(changes) is not list and not isinstance(changes, Iterable):
        raise InvalidTransaction(f"the changes of an input are an array, not {changes!r:.80}", place=name)
    for change in changes:
        try:
            key, values = change
        except (TypeError, ValueError) as error:
            raise InvalidTransaction(f"a change is an array of a key and its values, not {change!r:.80}", place=name) from error
        kind = type(values)
        if kind is not list and kind is not tuple and kind is not Values:
            raise InvalidTransaction(f"the values of a key are an array, not {values!r:.80}", place=f"{name}, key {key!r:.80}")
        try:
            frozen[key if type(key) in PLAIN_KEYS else index_key(key)] = (
                Values((freeze(values[0]),)) if len(values) == 1 else Values([freeze(value) for value in values])
            )
        except NotJSON as error:
            raise InvalidTransaction(str(error), place=f"{name}, key {key!r:.80}") from error
    return frozen
