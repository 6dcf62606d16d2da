"""The node of `map`: pairs from each key of the source, with tracked look-ups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from deltamesh.graph.computed import ComputedNode
from deltamesh.graph.group import Group
from deltamesh.graph.node import NOTHING, Change, Node
from deltamesh.values import IndexKey, Values, freeze, index_key, plain_key, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Map
    from deltamesh.graph.graph import Graph

_Part = tuple[IndexKey, tuple[Any, ...]]  # a source key and the values that it contributed
_Touched = dict[IndexKey, tuple[list[_Part], list[_Part]]]  # by key: parts that went and came


class MapNode(ComputedNode):
    """
    Keeps, for each source key, the pairs that it made, so that they can be taken back.

    The values of a key are a `Group` while several source keys contribute to it, and plain values of one otherwise.
    """

    __slots__ = ("made", "owners", "source")

    def __init__(self, graph: Graph, number: int, description: Map, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, sources[:1], sources[1:])
        self.source = sources[0]
        self.made: dict[IndexKey, tuple[Any, ...]] = {}
        """By source key: key, value, key, value, …"""
        self.owners: dict[IndexKey, IndexKey] = {}
        """By key with one contributor: that source key, left out where both are equal."""

    def build(self) -> None:
        self._update(self.source.keys())
        self.changes = NOTHING

    def settle(self) -> None:
        changed = self.source.changes
        if self.reread:
            reread, self.reread = self.reread, set()
            self._update(changed.keys() | reread if changed else reread)
        else:
            self._update(changed)

    def _update(self, keys: Iterable[IndexKey]) -> None:
        source_values, made = self.source.values_of, self.made
        touched: _Touched = {}
        for key in keys:
            before = made.get(key, ())
            values = source_values(key)
            if values:
                after = self._compute(key, values)
                if before == after and same(before, after):
                    self.num_unchanged += 1
                    continue
            else:
                self.forget(key)
                after = ()
            if after:
                made[key] = after
            elif before:
                del made[key]
            self._replace(key, before, after, touched)
        self.changes = self._changes(touched) if touched else NOTHING

    def _compute(self, key: IndexKey, values: Any) -> tuple[Any, ...]:
        """Return the pairs for one source key as key, value, key, value, …; none if the mapper raises."""
        self.num_recomputed += 1
        lookups = self.lookups
        for lookup in lookups:
            lookup.begin()
        made: list[Any] = []
        try:
            pairs = self.function(plain_key(key), values, *self.arguments)
            if pairs is None:
                raise TypeError("a mapper returns or yields (key, value) pairs; this one returned nothing")
            for pair in pairs:
                if type(pair) is not tuple or len(pair) != 2:
                    raise TypeError(f"a mapper yields (key, value) pairs, not {pair!r:.80}")
                out, value = pair
                kind = type(out)
                made.append(out if kind is int or kind is str else index_key(out))
                made.append(freeze(value))
        except Exception as error:  # an application's function may raise anything; it is listed as failed
            made = []
            self.fail(key, error)
        else:
            if self.failures:
                self.failures.pop(key, None)
        for lookup in lookups:
            lookup.commit(self, key)
        return tuple(made)

    def _replace(self, source: IndexKey, before: tuple[Any, ...], after: tuple[Any, ...], touched: _Touched) -> None:
        """Take back what `source` had made and put in what it made now."""
        if len(before) <= 2 and len(after) <= 2:  # at most one pair each, as nearly always
            if not before:
                self._move(after[0], source, (), after[1:], touched)
            elif not after:
                self._move(before[0], source, before[1:], (), touched)
            elif before[0] == after[0]:
                self._move(before[0], source, before[1:], after[1:], touched)
            else:
                self._move(before[0], source, before[1:], (), touched)
                self._move(after[0], source, (), after[1:], touched)
            return
        went, came = _by_key(before), _by_key(after)
        for key in {**went, **came}:
            old, new = went.get(key, ()), came.get(key, ())
            if old != new or not same(old, new):
                self._move(key, source, old, new, touched)

    def _move(self, key: IndexKey, source: IndexKey, went: tuple[Any, ...], came: tuple[Any, ...], touched: _Touched) -> None:
        """Let `source` contribute to `key` the values that `came` instead of those that `went`, and note it."""
        self._contribute(key, source, came)
        record = touched.get(key)
        if record is None:
            touched[key] = ([(source, went)] if went else [], [(source, came)] if came else [])
            return
        if went:
            record[0].append((source, went))
        if came:
            record[1].append((source, came))

    def _contribute(self, key: IndexKey, source: IndexKey, values: tuple[Any, ...]) -> None:
        """Set what `source` contributes to `key`; no values take it out."""
        current = self.entries.get(key)
        if current is None:
            if source != key:
                self.owners[key] = source
            self.put(key, Values(values))
        elif type(current) is Group:
            current.put(source, values)
            if len(current.parts) == 1:
                ((owner, rest),) = current.parts.items()
                if owner != key:
                    self.owners[key] = owner
                self.entries[key] = Values(rest)
        elif (owner := self.owners.get(key, key)) == source:
            if not values:
                self.owners.pop(key, None)
            self.put(key, Values(values))
        else:
            group = Group()
            group.put(owner, current)  # type: ignore[arg-type]
            group.put(source, values)
            self.owners.pop(key, None)
            self.entries[key] = group

    def _changes(self, touched: _Touched) -> dict[IndexKey, Change]:
        changes: dict[IndexKey, Change] = {}
        for key, (went, came) in touched.items():
            if len(went) <= 1 and len(came) <= 1 and (not went or not came or went[0][0] == came[0][0]):
                changes[key] = (went[0][1] if went else (), came[0][1] if came else ())
                continue
            old = tuple([value for _, values in went for value in values])
            new = tuple([value for _, values in came for value in values])
            if len(old) != len(new) or not self._is_as_before(key, went, came):
                changes[key] = (old, new)
        return changes or NOTHING

    def _is_as_before(self, key: IndexKey, went: list[_Part], came: list[_Part]) -> bool:
        """Whether other sources contribute now what others did before, so that the values are the same."""
        before = Group()
        for source, values in self.parts_of(key).items():
            before.put(source, values)
        for source, _ in came:
            before.put(source, ())
        for source, values in went:
            before.put(source, values)
        return same(before.values(), Values(self.values_of(key)))

    def parts_of(self, key: IndexKey) -> dict[IndexKey, tuple[Any, ...]]:
        """Return the values of a key by the source key that contributes them."""
        current = self.entries.get(key)
        if current is None:
            return {}
        if type(current) is Group:
            return current.parts
        return {self.owners.get(key, key): tuple(current)}


def _by_key(made: tuple[Any, ...]) -> dict[IndexKey, tuple[Any, ...]]:
    found: dict[IndexKey, list[Any]] = {}
    for index in range(0, len(made), 2):
        found.setdefault(made[index], []).append(made[index + 1])
    return {key: tuple(values) for key, values in found.items()}
