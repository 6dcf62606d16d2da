"""The node of `map`: pairs from each key of the source, with tracked look-ups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from deltamesh.graph.computed import ComputedNode
from deltamesh.graph.group import Group
from deltamesh.graph.node import NOTHING, Change, Node
from deltamesh.values import ABSENT, ATOMS, JSON, PLAIN_KEYS, IndexKey, Values, WrappedKey, freeze, index_key, order_of, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Map
    from deltamesh.graph.graph import Graph

Made: TypeAlias = tuple[Any, ...]
"""What one source key makes: key, values, key, values, …, each key once."""


class MapNode(ComputedNode):
    """
    Keeps what each source key has made, so that it can be taken back.

    The values of a key are a `Group` while several source keys contribute to it, and otherwise the very object that
    its one contributor has in `made`.
    """

    __slots__ = ("contested", "made", "owners", "source")

    def __init__(self, graph: Graph, number: int, description: Map, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, sources[:1], sources[1:])
        self.source = sources[0]
        self.made: dict[IndexKey, Made] = {}
        self.owners: dict[IndexKey, IndexKey] = {}
        """By key with one contributor: that source key, left out where both are equal."""
        self.contested: dict[IndexKey, list[Change]] | None = None
        """During a visit: changes of keys to which several source keys contribute something else than before."""

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
        moves: dict[IndexKey, Change] = {}
        for key in keys:
            before = made.get(key, ())
            values = get(key)
            if values is not None:
                self.num_recomputed += 1
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
            else:
                continue
            if not before and len(after) == 2:
                self._enter(after[0], key, after[1], moves)
            elif len(before) > 2 or len(after) > 2 or (after and before[0] == after[0]):
                self._replace(key, before, after, moves)
            else:
                self._leave(before[0], key, before[1], moves)
                if after:
                    self._enter(after[0], key, after[1], moves)
        if self.contested is not None:
            self._judge(moves)
        self.changes = moves or NOTHING

    def _compute(self, key: IndexKey, values: Any) -> Made:
        """Return what a source key makes; nothing if the mapper raises."""
        made: Made = ()
        more: list[tuple[IndexKey, JSON]] | None = None
        try:
            pairs = self.function(key if type(key) is not WrappedKey else key.plain, values, *self.arguments)
            if pairs is None:
                raise TypeError("a mapper returns or yields (key, value) pairs; this one returned nothing")
            for pair in pairs:
                if type(pair) is not tuple or len(pair) != 2:
                    raise TypeError(f"a mapper yields (key, value) pairs, not {pair!r:.80}")
                out, value = pair
                if type(out) not in PLAIN_KEYS:
                    out = index_key(out)
                if type(value) not in ATOMS:
                    value = freeze(value)
                if not made:
                    made = (out, Values((value,)))
                elif more is None:
                    more = [(out, value)]
                else:
                    more.append((out, value))
        except Exception as error:  # an application's function may raise anything; it is listed as failed
            made, more = (), None
            self.fail(key, error)
        else:
            if self.failures:
                self.failures.pop(key, None)
        for lookup in self.lookups:
            lookup.commit(self, key)
        return made if more is None else _joined(made, more)

    def _replace(self, source: IndexKey, before: Made, after: Made, moves: dict[IndexKey, Change]) -> None:
        """Take back what `source` had made and put in what it has made now."""
        old = dict(zip(before[::2], before[1::2], strict=True))
        new = dict(zip(after[::2], after[1::2], strict=True))
        for key in {**old, **new}:
            if key not in new:
                self._leave(key, source, old[key], moves)
            elif key not in old:
                self._enter(key, source, new[key], moves)
            else:
                self._exchange(key, source, old[key], new[key], moves)

    def _enter(self, key: IndexKey, source: IndexKey, came: Values, moves: dict[IndexKey, Change]) -> None:
        """Let `source`, which has contributed nothing to `key`, contribute `came`, and note it in `moves`."""
        current = self.entries.setdefault(key, came)
        if current is came:  # nobody else contributes to it
            if source != key:
                self.owners[key] = source
            if self.order is not None:
                self.order.add(key)
        elif type(current) is Group:
            current.put(source, came)
        else:
            self.entries[key] = Group({self.owners.pop(key, key): current, source: came})  # type: ignore[dict-item]
        change: Change = (ABSENT, came, source)
        if moves.setdefault(key, change) is not change:
            self._contest(key, change, moves)

    def _leave(self, key: IndexKey, source: IndexKey, went: Values, moves: dict[IndexKey, Change]) -> None:
        """Let `source` contribute nothing to `key` any more, where it has contributed `went`, and note it in `moves`."""
        current = self.entries[key]
        if current is went:
            del self.entries[key]
            self.owners.pop(key, None)
            if self.order is not None:
                self.order.remove(key)
        else:
            assert type(current) is Group
            current.put(source, ABSENT)
            if len(current.parts) == 1:
                ((owner, rest),) = current.parts.items()
                self.entries[key] = rest
                if owner != key:
                    self.owners[key] = owner
        change: Change = (went, ABSENT, source)
        if moves.setdefault(key, change) is not change:
            self._contest(key, change, moves)

    def _exchange(self, key: IndexKey, source: IndexKey, went: Values, came: Values, moves: dict[IndexKey, Change]) -> None:
        """Let `source` contribute `came` to `key` instead of `went`, and note it in `moves` unless they are equal."""
        current = self.entries[key]
        if type(current) is Group:
            current.put(source, came)
        else:
            self.entries[key] = came
        if key in moves:
            self._contest(key, (went, came, source), moves)
        elif not same(went, came):  # else another object, which is in its place now
            moves[key] = (went, came, source)

    def _contest(self, key: IndexKey, change: Change, moves: dict[IndexKey, Change]) -> None:
        """Note that one more source key contributes something else to `key`."""
        if self.contested is None:
            self.contested = {}
        if key not in self.contested:
            self.contested[key] = [moves[key]]
        self.contested[key].append(change)

    def _judge(self, moves: dict[IndexKey, Change]) -> None:
        """Join what several source keys have changed of one key; it may be nothing, as a whole."""
        assert self.contested is not None
        for key, changes in self.contested.items():
            went = tuple([value for change in changes for value in change[0]])
            came = tuple([value for change in changes for value in change[1]])
            moves[key] = (went, came, None)
            # only what consists of the same values can be the same as a whole, which is costly to find out
            if sorted(map(order_of, went)) == sorted(map(order_of, came)) and same(self._before(key, changes), Values(self.values_of(key))):
                del moves[key]
        self.contested = None

    def _before(self, key: IndexKey, changes: list[Change]) -> Values:
        """Return the values of a key before some changes, in order."""
        before = Group(dict(self.parts_of(key)))
        for went, _, source in changes:
            before.put(source, went)  # type: ignore[arg-type]
        return before.values()

    def parts_of(self, key: IndexKey) -> dict[IndexKey, Values]:
        """Return the values of a key by the source key that contributes them."""
        current = self.entries.get(key)
        if current is None:
            return {}
        if type(current) is Group:
            return current.parts
        return {self.owners.get(key, key): current}  # type: ignore[dict-item]


def _joined(made: Made, more: list[tuple[IndexKey, JSON]]) -> Made:
    """Return the first pair and more of them, each key once."""
    found = {made[0]: list(made[1])}
    for key, value in more:
        found.setdefault(key, []).append(value)
    return tuple([item for key, values in found.items() for item in (key, Values(values))])
