"""
Incremental collections: describe them with `Collection`, run them with `Graph`. Pure Python, no I/O, no clock.

A *collection* maps keys to non-empty sequences of values, all JSON. An `Input` is written to; the operators of
`Collection` describe others; `lazy` one that is computed when looked up. `Graph.write` applies a transaction and
tells what changed in the collections that are watched.
"""

from deltamesh.graph.audit import Difference
from deltamesh.graph.collection import Collection, Description, Input, Lazy, lazy
from deltamesh.graph.explain import Explanation
from deltamesh.graph.failure import CycleError, Failure
from deltamesh.graph.graph import Graph, OnError
from deltamesh.graph.order import TOP, in_order
from deltamesh.graph.reducer import Count, Max, Min, Reducer, Sum
from deltamesh.graph.watch import Entry, Watch
from deltamesh.graph.writes import Commit, Writes

__all__ = [
    "TOP",
    "Collection",
    "Commit",
    "Count",
    "CycleError",
    "Description",
    "Difference",
    "Entry",
    "Explanation",
    "Failure",
    "Graph",
    "Input",
    "Lazy",
    "Max",
    "Min",
    "OnError",
    "Reducer",
    "Sum",
    "Watch",
    "Writes",
    "in_order",
    "lazy",
]
