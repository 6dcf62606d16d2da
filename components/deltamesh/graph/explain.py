"""Where a value comes from: the tree of entries that were read to make it, down to the inputs."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from deltamesh.graph.collection import Lazy, Map, Reduce, Size, function_name
from deltamesh.graph.computed import ComputedNode
from deltamesh.graph.lazy_node import LazyNode
from deltamesh.graph.map import MapNode
from deltamesh.graph.merge import MergeNode
from deltamesh.graph.order import in_order
from deltamesh.graph.reader import SIZE
from deltamesh.values import JSON, IndexKey, plain_key

if TYPE_CHECKING:
    from deltamesh.graph.node import Node

MAX_PARTS: Final = 200
"""Entries in one explanation; what is further away is left out and counted."""

MAX_VALUES: Final = 20
"""Values shown of one entry."""


@dataclass(slots=True)
class Explanation:
    """One entry, and those that it was made from."""

    node: str
    """The label of the collection."""
    operator: str
    """"input", "map", "reduce", "slices", "take", "merge", "size" or "lazy"."""
    function: str | None
    """The name of the application's function or of the reducer."""
    role: str
    """How the entry above uses this one: "source", "look-up" or "size" (only the number of keys); "" at the top."""
    key: JSON
    values: list[JSON]
    """The first `MAX_VALUES` values."""
    num_values: int
    failure: str | None = None
    """Why there are no values, if a function raised."""
    is_repeated: bool = False
    """Whether the parts are told elsewhere in the tree."""
    parts: list[Explanation] = field(default_factory=list)
    num_left_out: int = 0
    """Parts that are not told, because there are too many."""

    def to_json(self) -> dict[str, JSON]:
        """Return all this as JSON, fields by their names."""
        told = {name: getattr(self, name) for name in ("node", "operator", "function", "role", "key", "values", "num_values", "failure")}
        return {
            **told,
            "is_repeated": self.is_repeated,
            "parts": [part.to_json() for part in self.parts],
            "num_left_out": self.num_left_out,
        }

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, indent: str = "") -> Iterator[str]:
        """Iterate over the lines of the text, which begin with `indent`."""
        shown = ", ".join(map(_text, self.values[:3])) + (f", … ({self.num_values} values)" if self.num_values > 3 else "")
        outcome = f"failed: {self.failure}" if self.failure else shown or "nothing"
        role = f"{self.role} " if self.role else ""
        yield f"{indent}{role}{self.node} {_text(self.key)}: {outcome}{' (see above)' if self.is_repeated else ''}"
        for part in self.parts:
            yield from part.lines(indent + "  ")
        if self.num_left_out:
            yield f"{indent}  … {self.num_left_out} more"


def _text(value: JSON) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 100 else text[:99] + "…"


def explain(node: Node, key: IndexKey) -> Explanation:
    """Explain an entry of a node, or why it is not there. The nearest `MAX_PARTS` entries are told."""
    top = _entry(node, key, "")
    waiting = deque([(top, node, key)])
    told = {(node, key)}
    left = MAX_PARTS
    while waiting:
        entry, node, key = waiting.popleft()
        for role, source, read in _parts(node, key):
            if left == 0:
                entry.num_left_out += 1
                continue
            left -= 1
            part = _entry(source, read, role)
            entry.parts.append(part)
            if read is SIZE:
                continue
            if (source, read) in told:
                part.is_repeated = True
            else:
                told.add((source, read))
                waiting.append((part, source, read))
    return top


def _parts(node: Node, key: IndexKey) -> Iterator[tuple[str, Node, Any]]:
    """Iterate over what an entry was made from: role, node and key."""
    if isinstance(node, MapNode):
        contributors = in_order(node.parts_of(key))
        for source in contributors or ([key] if key in node.failures else []):
            yield "source", node.source, source
            yield from _reads(node, source)
    elif isinstance(node, LazyNode):
        yield from _reads(node, key)
    elif isinstance(node, MergeNode):
        yield from [("source", source, key) for source in dict.fromkeys(node.sources) if key in source]
    elif isinstance(node.description, Size):
        yield "size", node.sources[0], SIZE
    elif node.sources and (key in node or key in node.failures):
        yield "source", node.sources[0], key


def _reads(node: ComputedNode, entry: IndexKey) -> Iterator[tuple[str, Node, Any]]:
    reader = node.reading.get(entry)
    for lookup, key in reader.pairs() if reader else ():
        yield "size" if key is SIZE else "look-up", lookup.node, key


def _entry(node: Node, key: Any, role: str) -> Explanation:
    description = node.description
    function = None
    if isinstance(description, Map | Lazy):
        function = function_name(description.function)
    elif isinstance(description, Reduce):
        function = type(description.reducer).__name__
    if key is SIZE:
        return Explanation(description.label(), description.operator(), function, role, None, [len(node)], 1)
    values = node.entries.get(key, ()) if isinstance(node, LazyNode) else node.values_of(key)
    failure = node.failures.get(key)
    return Explanation(
        node=description.label(),
        operator=description.operator(),
        function=function,
        role=role,
        key=plain_key(key),
        values=list(values[:MAX_VALUES]),
        num_values=len(values),
        failure=failure.error if failure and not values else None,
    )
