"""The node of `map`: pairs from each key of the source, with tracked look-ups."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

from deltamesh.graph.computed import ComputedNode
from deltamesh.graph.group import Group
from deltamesh.graph.made import NOT_MADE, Made, Several, keys_made
from deltamesh.graph.node import NOTHING, Change, Node
from deltamesh.graph.reader import Reader
from deltamesh.values import ABSENT, ATOMS, JSON, PLAIN_KEYS, IndexKey, Values, WrappedKey, freeze, index_key, order_of, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Map, Mapper
    from deltamesh.graph.graph import Graph

Result: TypeAlias = tuple[Any, ...]
"""What the mapper has made of one source key: key, values, key, values, …, each key once."""


class MapNode(ComputedNode):
    """
    Keeps to which keys each source key has contributed, so that it can be taken back.

    The values of a key are a `Group` while several source keys contribute to it.
    """

    __slots__ = ("contested", "made", "owners", "run", "source")

    def __init__(self, graph: Graph, number: int, description: Map, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, sources[:1], sources[1:])
        self.source = sources[0]
        self.run = _bound(self.function, self.arguments)
        self.made: dict[IndexKey, Made] = {}
        """By source key, if there are no look-ups; else see `Reader.made`."""
        self.owners: dict[IndexKey, IndexKey] | None = None
        """By key with one contributor: that source key, left out where both are equal. Known only once somebody had to ask."""
        self.contested: dict[IndexKey, list[Change]] | None = None
        """During a visit: changes of keys to which several source keys contribute something else than before."""

    def build(self) -> None:
        self._update(self.source.keys(), {})
        self.changes = NOTHING

    def settle(self) -> None:
        reread, changed = self.reread, self.source.changes
        if reread:
            self.reread = {}
            self._update({**reread, **changed} if changed else reread, reread)
        else:
            self._update(changed, reread)

    def _update(self, keys: Iterable[IndexKey], reread: dict[IndexKey, Reader]) -> None:
        get, made, reading, lookups = self.source.get, self.made, self.reading, self.lookups
        moves: dict[IndexKey, Change] = {}
        for key in keys:
            reader: Reader | None = None
            if lookups:
                reader = reread.get(key) or reading.get(key)
                if reader is None:
                    reader = reading[key] = Reader(self, key)
                before = reader.made
            else:
                before = made.get(key, NOT_MADE)
            values = get(key)
            if values is not None:
                self.num_recomputed += 1
                after = self._compute(key, values, reader)
            else:
                self.forget(key)
                after = ()
            if len(after) == 2 and type(before) is not Several:
                out, came = after
                if before != out:
                    if reader is None:
                        made[key] = out
                    else:
                        reader.made = out
                    if before is not NOT_MADE:
                        self._leave(before, key, moves)
                    self._enter(out, key, came, moves)
                elif not self._exchange(out, key, came, moves):
                    self.num_unchanged += 1
            elif not self._replace(key, reader, before, after, moves) and values is not None:
                self.num_unchanged += 1
        if self.contested is not None:
            self._judge(moves)
        if self.order is not None:
            self.order.trim()
        self.changes = moves or NOTHING

    def _compute(self, key: IndexKey, values: Any, reader: Reader | None) -> Result:
        """Return what a source key makes; nothing if the mapper raises. `reader` tracks what was read."""
        made: Result = ()
        more: list[tuple[IndexKey, JSON]] | None = None
        try:
            run = self.run
            pairs = run(key if type(key) is not WrappedKey else key.plain, values)
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
            made, more, pairs = (), None, ()  # a generator ends here: what it reads at its end belongs to this key
            self.fail(key, error)
        else:
            if self.failures:
                self.failures.pop(key, None)
        if reader is not None:
            seen = self.seen
            if reader.reads != tuple(seen):
                reader.track(seen)
            seen.clear()
        return made if more is None else _joined(made, more)

    def _replace(self, source: IndexKey, reader: Reader | None, before: Made, after: Result, moves: dict[IndexKey, Change]) -> bool:
        """Take back what `source` had made and put in what it has made now. Returns whether there is a difference."""
        new = dict(zip(after[::2], after[1::2], strict=True))
        old = dict.fromkeys(keys_made(before))
        made = NOT_MADE if not new else after[0] if len(new) == 1 else Several(new)
        if reader is not None:
            reader.made = made
        elif made is not NOT_MADE:
            self.made[source] = made
        else:
            self.made.pop(source, None)
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
            current.add(source, came)
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

    def made_by(self) -> dict[IndexKey, Made]:
        """Return what each source key has made."""
        return {source: reader.made for source, reader in self.reading.items()} if self.lookups else self.made

    def _known_owners(self, latest: IndexKey) -> dict[IndexKey, IndexKey]:
        """
        Return `owners`, found by going through all source keys when it matters for the first time: in most collections it never does.

        What `latest` makes may not be in its place yet, so others go before it.
        """
        if self.owners is None:
            found = {key: source for source, made in {latest: NOT_MADE, **self.made_by()}.items() for key in keys_made(made)}
            self.owners = {key: source for key, source in found.items() if source != key and type(self.entries.get(key)) is Values}
        return self.owners


def _bound(mapper: Mapper, arguments: list[Any]) -> Mapper:
    """Return a function of a key and its values. Calls that are written out take a third of the time of `*arguments`."""
    match arguments:
        case []:
            return mapper
        case [first]:
            return lambda key, values: mapper(key, values, first)
        case [first, second]:
            return lambda key, values: mapper(key, values, first, second)
    return lambda key, values: mapper(key, values, *arguments)


def _joined(made: Result, more: list[tuple[IndexKey, JSON]]) -> Result:
    """Return the first pair and more of them, each key once."""
    found = {made[0]: list(made[1])}
    for key, value in more:
        found.setdefault(key, []).append(value)
    return tuple([item for key, values in found.items() for item in (key, Values(values))])
