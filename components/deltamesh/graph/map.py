"""The node of `map`: pairs from each key of the source, with tracked look-ups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from deltamesh.graph.computed import ComputedNode
from deltamesh.graph.group import Group
from deltamesh.graph.node import NOTHING, Change, Node
from deltamesh.values import ABSENT, ATOMS, JSON, PLAIN_KEYS, IndexKey, Values, WrappedKey, freeze, index_key, order_of, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Map
    from deltamesh.graph.graph import Graph

Made: TypeAlias = tuple[Any, ...]
"""What one source key makes: key, values, key, values, …, each key once."""


class Several(tuple[IndexKey, ...]):
    """Keys, where usually there is one."""

    __slots__ = ()


_NONE: Final = object()
"""What a source key has made that has made nothing."""


class MapNode(ComputedNode):
    """
    Keeps to which keys each source key has contributed, so that it can be taken back.

    The values of a key are a `Group` while several source keys contribute to it.
    """

    __slots__ = ("contested", "made", "owners", "source")

    def __init__(self, graph: Graph, number: int, description: Map, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, sources[:1], sources[1:])
        self.source = sources[0]
        self.made: dict[IndexKey, IndexKey | Several] = {}
        """By source key: the key that it contributes to, or `Several`; there are many, so the one is not put into anything."""
        self.owners: dict[IndexKey, IndexKey] | None = None
        """By key with one contributor: that source key, left out where both are equal. Known only once somebody had to ask."""
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
            values = get(key)
            if values is not None:
                self.num_recomputed += 1
                after = self._compute(key, values)
            else:
                self.forget(key)
                after = ()
            before = made.get(key, _NONE)
            if len(after) == 2 and type(before) is not Several:
                out, came = after
                if before is _NONE:
                    made[key] = out
                    self._enter(out, key, came, moves)
                elif before != out:
                    made[key] = out
                    self._leave(before, key, moves)
                    self._enter(out, key, came, moves)
                elif not self._exchange(out, key, came, moves):
                    self.num_unchanged += 1
            elif not self._replace(key, before, after, moves) and values is not None:
                self.num_unchanged += 1
        if self.contested is not None:
            self._judge(moves)
        if self.order is not None:
            self.order.trim()
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

    def _replace(self, source: IndexKey, before: IndexKey | Several, after: Made, moves: dict[IndexKey, Change]) -> bool:
        """Take back what `source` had made and put in what it has made now. Returns whether there is a difference."""
        new = dict(zip(after[::2], after[1::2], strict=True))
        old = dict.fromkeys(() if before is _NONE else before if type(before) is Several else (before,))
        if len(new) > 1:
            self.made[source] = Several(new)
        elif new:
            (self.made[source],) = new
        elif old:
            del self.made[source]
        is_changed = False
        for key in {**old, **new}:
            if key not in new:
                self._leave(key, source, moves)
            elif key not in old:
                self._enter(key, source, new[key], moves)
            elif not self._exchange(key, source, new[key], moves):
                continue
            is_changed = True
        return is_changed

    def _enter(self, key: IndexKey, source: IndexKey, came: Values, moves: dict[IndexKey, Change]) -> None:
        """Let `source`, which has contributed nothing to `key`, contribute `came`, and note it in `moves`."""
        current = self.entries.setdefault(key, came)
        if current is came:  # nobody else contributes to it
            if self.owners is not None and source != key:
                self.owners[key] = source
            if self.order is not None:
                note = self.order.note
                note(key)
        elif type(current) is Group:
            current.put(source, came)
        else:
            owners = self._known_owners(source)
            self.entries[key] = Group({owners.pop(key, key): current, source: came})  # type: ignore[dict-item]
        change: Change = (ABSENT, came, source)
        if moves.setdefault(key, change) is not change:
            self._contest(key, change, moves)

    def _leave(self, key: IndexKey, source: IndexKey, moves: dict[IndexKey, Change]) -> None:
        """Let `source` contribute nothing to `key` any more, and note it in `moves`."""
        went: Values
        current = self.entries[key]
        if type(current) is not Group:
            went = current  # type: ignore[assignment]
            del self.entries[key]
            if self.owners is not None:
                self.owners.pop(key, None)
            if self.order is not None:
                note = self.order.note
                note(key)
        else:
            went = current.parts[source]
            current.put(source, ABSENT)
            if len(current.parts) == 1:
                ((owner, rest),) = current.parts.items()
                self.entries[key] = rest
                if owner != key:
                    self._known_owners(source)[key] = owner
        change: Change = (went, ABSENT, source)
        if moves.setdefault(key, change) is not change:
            self._contest(key, change, moves)

    def _exchange(self, key: IndexKey, source: IndexKey, came: Values, moves: dict[IndexKey, Change]) -> bool:
        """Let `source`, which contributes to `key` already, contribute `came`, and note it in `moves`. Returns whether it differs."""
        current = self.entries[key]
        went: Values = current.parts[source] if type(current) is Group else current  # type: ignore[assignment]
        if same(went, came):
            return False
        if type(current) is Group:
            current.put(source, came)
        else:
            self.entries[key] = came
        if key in moves:
            self._contest(key, (went, came, source), moves)
        else:
            moves[key] = (went, came, source)
        return True

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
        return {self._known_owners(key).get(key, key): current}  # type: ignore[dict-item]

    def _known_owners(self, latest: IndexKey) -> dict[IndexKey, IndexKey]:
        """
        Return `owners`, found by going through `made` when it matters for the first time: in most collections it never does.

        What `latest` makes may not be in its place yet, so others go before it.
        """
        if self.owners is None:
            found = {}
            for source, made in {latest: Several(), **self.made}.items():
                found.update(dict.fromkeys(made if type(made) is Several else (made,), source))
            self.owners = {key: source for key, source in found.items() if source != key and type(self.entries.get(key)) is Values}
        return self.owners


def _joined(made: Made, more: list[tuple[IndexKey, JSON]]) -> Made:
    """Return the first pair and more of them, each key once."""
    found = {made[0]: list(made[1])}
    for key, value in more:
        found.setdefault(key, []).append(value)
    return tuple([item for key, values in found.items() for item in (key, Values(values))])
