"""The node of `map`: pairs from each key of the source, with tracked look-ups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from deltamesh.graph.computed import ComputedNode
from deltamesh.graph.group import Group
from deltamesh.graph.node import NOTHING, Change, Node
from deltamesh.values import ABSENT, IndexKey, Values, freeze, index_key, order_of, plain_key, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Map
    from deltamesh.graph.graph import Graph

Made: TypeAlias = tuple[Any, ...]
"""What one source key makes: key, values, key, values, …, each key once."""

_Moves: TypeAlias = dict[IndexKey, list[tuple[IndexKey, Values, Values]]]
"""By key: the source keys that contribute something else than before, what went and what came."""


class MapNode(ComputedNode):
    """
    Keeps what each source key has made, so that it can be taken back.

    The values of a key are a `Group` while several source keys contribute to it, and otherwise the very object that
    its one contributor has in `made`.
    """

    __slots__ = ("made", "owners", "source")

    def __init__(self, graph: Graph, number: int, description: Map, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, sources[:1], sources[1:])
        self.source = sources[0]
        self.made: dict[IndexKey, Made] = {}
        self.owners: dict[IndexKey, IndexKey] = {}
        """By key with one contributor: that source key, left out where both are equal."""

    def build(self) -> None:
        self._update(self.source.keys())
        self.changes = NOTHING

    def settle(self) -> None:
        reread, changed = self.reread, self.source.changes
        if reread:
            self.reread = {}
            self._update({**reread, **changed} if changed else reread)
        else:
            self._update(changed)

    def _update(self, keys: Iterable[IndexKey]) -> None:
        get, made = self.source.get, self.made
        moves: _Moves = {}
        for key in keys:
            before = made.get(key, ())
            values = get(key)
            if values:
                after = self._compute(key, values)
                if same(before, after):
                    self.num_unchanged += 1
                    continue
            else:
                self.forget(key)
                after = ()
            if after:
                made[key] = after
            elif before:
                del made[key]
            else:
                continue
            self._replace(key, before, after, moves)
        self.changes = self._changes(moves) if moves else NOTHING

    def _compute(self, key: IndexKey, values: Any) -> Made:
        """Return what a source key makes; nothing if the mapper raises."""
        self.num_recomputed += 1
        pairs: list[Any] = []
        try:
            found = self.function(plain_key(key), values, *self.arguments)
            if found is None:
                raise TypeError("a mapper returns or yields (key, value) pairs; this one returned nothing")
            for pair in found:
                if type(pair) is not tuple or len(pair) != 2:
                    raise TypeError(f"a mapper yields (key, value) pairs, not {pair!r:.80}")
                out, value = pair
                kind = type(out)
                pairs.append(out if kind is int or kind is str else index_key(out))
                pairs.append(freeze(value))
        except Exception as error:  # an application's function may raise anything; it is listed as failed
            pairs = []
            self.fail(key, error)
        else:
            if self.failures:
                self.failures.pop(key, None)
        for lookup in self.lookups:
            lookup.commit(self, key)
        if len(pairs) == 2:
            return (pairs[0], Values((pairs[1],)))
        return _by_key(pairs) if pairs else ()

    def _replace(self, source: IndexKey, before: Made, after: Made, moves: _Moves) -> None:
        """Take back what `source` had made and put in what it has made now."""
        if len(before) <= 2 and len(after) <= 2 and (not before or not after or before[0] != after[0]):
            if before:
                self._move(before[0], source, before[1], ABSENT, moves)
            if after:
                self._move(after[0], source, ABSENT, after[1], moves)
            return
        old = dict(zip(before[::2], before[1::2], strict=True))
        new = dict(zip(after[::2], after[1::2], strict=True))
        for key in {**old, **new}:
            self._move(key, source, old.get(key, ABSENT), new.get(key, ABSENT), moves)

    def _move(self, key: IndexKey, source: IndexKey, went: Values, came: Values, moves: _Moves) -> None:
        """Let `source` contribute `came` to `key` instead of `went`. One of these may be none."""
        entries = self.entries
        current = entries.get(key)
        if current is None:
            entries[key] = came
            if source != key:
                self.owners[key] = source
            if self.order is not None:
                self.order.add(key)
        elif current is went:
            if came:
                entries[key] = came
            else:
                del entries[key]
                self.owners.pop(key, None)
                if self.order is not None:
                    self.order.remove(key)
        elif type(current) is Group:
            current.put(source, came)
            if len(current.parts) == 1:
                ((owner, rest),) = current.parts.items()
                entries[key] = rest
                if owner != key:
                    self.owners[key] = owner
        else:
            entries[key] = group = Group()
            group.put(self.owners.pop(key, key), current)  # type: ignore[arg-type]
            group.put(source, came)
        if key in moves:
            moves[key].append((source, went, came))
        else:
            moves[key] = [(source, went, came)]

    def _changes(self, moves: _Moves) -> dict[IndexKey, Change]:
        changes: dict[IndexKey, Change] = {}
        for key, moved in moves.items():
            if len(moved) == 1:
                _, went, came = moved[0]
                if not same(went, came):
                    changes[key] = (went, came)
                continue
            old = tuple([value for _, went, _ in moved for value in went])
            new = tuple([value for _, _, came in moved for value in came])
            # only what consists of the same values can be the same as a whole, which is costly to find out
            if sorted(map(order_of, old)) != sorted(map(order_of, new)) or not same(self._before(key, moved), Values(self.values_of(key))):
                changes[key] = (old, new)
        return changes or NOTHING

    def _before(self, key: IndexKey, moved: list[tuple[IndexKey, Values, Values]]) -> Values:
        """Return the values of a key before some moves, in order."""
        before = Group()
        for source, values in self.parts_of(key).items():
            before.put(source, values)
        for source, went, _ in moved:
            before.put(source, went)
        return before.values()

    def parts_of(self, key: IndexKey) -> dict[IndexKey, Values]:
        """Return the values of a key by the source key that contributes them."""
        current = self.entries.get(key)
        if current is None:
            return {}
        if type(current) is Group:
            return current.parts
        return {self.owners.get(key, key): current}  # type: ignore[dict-item]


def _by_key(pairs: list[Any]) -> Made:
    found: dict[IndexKey, list[Any]] = {}
    for index in range(0, len(pairs), 2):
        found.setdefault(pairs[index], []).append(pairs[index + 1])
    return tuple([item for key, values in found.items() for item in (key, Values(values))])
