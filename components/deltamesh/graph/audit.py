"""
Is what a graph shows what its inputs say? Everything is worked out again from the inputs, one collection after the other.

This is written as plainly as can be and shares nothing with the incremental code that it checks. A kept key of a lazy
collection is worked out from the kept values of the others; as none depends on itself, all are right if each is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deltamesh.graph.collection import Description, Input, Lazy, Map, Merge, Reduce, Size, Slices, Take
from deltamesh.graph.group import plain_values
from deltamesh.graph.lazy_node import LazyNode
from deltamesh.graph.lookup import Lookup
from deltamesh.graph.order import in_order, is_before
from deltamesh.values import ABSENT, JSON, IndexKey, Values, freeze, index_key, plain_key, same

if TYPE_CHECKING:
    from deltamesh.graph.graph import Graph
    from deltamesh.graph.node import Node


@dataclass(frozen=True, slots=True)
class Difference:
    """A key of a collection that has other values than its inputs say."""

    node: str
    """The label of the description."""
    key: JSON
    values: Values
    """What the graph shows."""
    expected: Values
    """What was worked out from the inputs."""

    def to_json(self) -> dict[str, JSON]:
        return {"node": self.node, "key": self.key, "values": list(self.values), "expected": list(self.expected)}


class Table:
    """The entries of a collection, in the shape that a `Lookup` reads."""

    def __init__(
        self, description: Description, entries: dict[IndexKey, Values], get: Callable[[IndexKey], Values | None] | None = None
    ) -> None:
        self.description = description
        self.entries = entries
        self.get = get or entries.get

    def __len__(self) -> int:
        if isinstance(self.description, Lazy):
            raise TypeError("a lazy collection has no size")
        return len(self.entries)


def audit(graph: Graph) -> list[Difference]:
    """Return all differences, in the order of nodes and keys. Costs as much as building the graph anew."""
    tables: dict[Description, Table] = {}
    differences = []
    for node in graph.nodes():
        table = tables[node.description] = _table(node, tables)
        shown = {key: plain_values(node.values_of(key)) for key in (node.entries if isinstance(node, LazyNode) else node.keys())}
        for key in in_order({**shown, **table.entries}):
            values, expected = shown.get(key, ABSENT), table.entries.get(key, ABSENT)
            if not same(values, expected):
                differences.append(Difference(node.description.label(), plain_key(key), values, expected))
    return differences


def _table(node: Node, tables: dict[Description, Table]) -> Table:
    description = node.description
    if isinstance(description, Input):
        return Table(description, {key: plain_values(node.values_of(key)) for key in node.keys()})
    if isinstance(description, Lazy):
        assert isinstance(node, LazyNode)
        return _kept(node, description, tables)
    sources = [tables[source].entries for source in description.sources]
    return Table(description, {key: values for key, values in _entries(description, sources, tables).items() if values})


def _entries(description: Description, sources: list[dict[IndexKey, Values]], tables: dict[Description, Table]) -> dict[IndexKey, Values]:
    source = sources[0]
    if isinstance(description, Map):
        return _mapped(description, source, tables)
    if isinstance(description, Reduce):
        return {key: _attempt(lambda values: [_folded(description, values)], values) for key, values in source.items()}
    if isinstance(description, Slices):
        return {
            key: source[key]
            for key in source
            if any([not is_before(key, low) and not is_before(high, key) for low, high in description.ranges])
        }
    if isinstance(description, Take):
        return {key: source[key] for key in in_order(source)[: description.limit]}
    if isinstance(description, Merge):
        return {key: Values([value for each in sources for value in each.get(key, ABSENT)]) for each in sources for key in each}
    assert isinstance(description, Size)
    return {None: Values([len(source)])}


def _mapped(description: Map, source: dict[IndexKey, Values], tables: dict[Description, Table]) -> dict[IndexKey, Values]:
    found: dict[IndexKey, list[JSON]] = {}
    for key in in_order(source):
        arguments = _arguments(description, tables)
        for out, value in _attempt(
            lambda key, arguments: _pairs(description.function(plain_key(key), source[key], *arguments)), key, arguments
        ):
            found.setdefault(out, []).append(value)
    return {key: Values(values) for key, values in found.items()}


def _pairs(pairs: Iterable[Any]) -> list[tuple[IndexKey, JSON]]:
    found = []
    for pair in pairs:
        if type(pair) is not tuple:
            raise TypeError("not a pair")
        out, value = pair
        found.append((index_key(out), freeze(value)))
    return found


def _folded(description: Reduce, values: Values) -> JSON:
    state = description.reducer.initial()
    for value in values:
        state = description.reducer.add(state, value)
    return freeze(description.reducer.result(state))


def _kept(node: LazyNode, description: Lazy, tables: dict[Description, Table]) -> Table:
    def value(key: IndexKey) -> Values:
        itself = Lookup(Table(description, {}, lambda asked: node.entries[asked] if asked in node.entries else value(asked)), [])  # type: ignore[arg-type, return-value]
        arguments = [itself, *_arguments(description, tables)]
        return _attempt(lambda: [freeze(each) for each in description.function(plain_key(key), *arguments)])

    entries = {key: ABSENT if key in node.circular and _is_circular(node, key) else value(key) for key in node.entries}
    return Table(description, entries, lambda key: entries[key] if key in entries else value(key))


def _is_circular(node: LazyNode, key: IndexKey) -> bool:
    """Whether a key depends on itself, by what was read."""
    found, waiting = set(), [key]
    while waiting:
        for read in node.reads_of(waiting.pop()):
            if read not in found:
                found.add(read)
                waiting.append(read)
    return key in found


def _arguments(description: Map | Lazy, tables: dict[Description, Table]) -> list[Any]:
    return [Lookup(tables[item], []) if isinstance(item, Description) else item for item in description.extra]  # type: ignore[arg-type]


def _attempt(function: Callable[..., list[Any]], *arguments: Any) -> Values:
    """Return what a function of the application returns; nothing if it raises, which `failures` tells."""
    try:
        return Values(function(*arguments))
    except Exception:  # noqa: BLE001 - an application's function may raise anything
        return ABSENT
