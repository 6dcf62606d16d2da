"""
What a graph must show, worked out as naively as can be: from the inputs alone, all of it, again for every question.

A plan is a tuple: ("input", name), ("map", plan, function, extras), ("lazy", function, extras), ("reduce", plan, name),
("slices", plan, ranges), ("take", plan, limit), ("merge", plan, plan, …), ("size", plan). Extras are ("read", plan) or
("constant", value). Bounds of ranges are keys; TOP stands for the greatest.

Of the package only `values` is used: how JSON is frozen and ordered.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from deltamesh.values import Values, freeze, order_of
from tests.graph.functions import OWN_REDUCERS

Plan = tuple[Any, ...]
Table = dict[Any, tuple[Any, list[Any]]]
"""By the order of the key: the key and its values."""

TOP = ("the", "greatest")


def place(key: Any) -> Any:
    """Return the identity and order of a key."""
    return order_of(freeze(key))


def bound(key: Any) -> Any:
    if key is TOP:
        return (99,)
    if isinstance(key, list) and TOP in key:
        return (5, (*[order_of(freeze(part)) for part in key if part is not TOP], (99,)))
    return place(key)


class Cycle(BaseException):
    """Not an `Exception`, because the functions of an application cannot catch it."""

    def __init__(self, at: Any) -> None:
        super().__init__(at)
        self.at = at


class Reading:
    """A look-up for the functions of the application."""

    def __init__(self, oracle: Oracle, plan: Plan) -> None:
        self.oracle = oracle
        self.plan = plan

    def all(self, key: Any) -> Values:
        return self.oracle.values_of(self.plan, key)

    def one(self, key: Any, default: Any = Ellipsis) -> Any:
        values = self.all(key)
        if len(values) == 1:
            return values[0]
        if values or default is Ellipsis:
            raise LookupError(f"{len(values)} values")
        return default

    def __contains__(self, key: Any) -> bool:
        return len(self.all(key)) > 0

    def size(self) -> int:
        return len(self.oracle.table(self.plan))


class Oracle:
    """Answers for one state of the inputs."""

    def __init__(self, inputs: dict[str, Table]) -> None:
        self.inputs = inputs
        self.computing: list[Any] = []  # keys of lazy collections, the innermost last
        self.failed: set[tuple[int, Any]] = set()  # what raised: identity of the plan, and place of the key
        self.tables: dict[int, Table] = {}  # by identity of the plan

    def entries(self, plan: Plan) -> list[tuple[Any, Values]]:
        """Return all entries in order."""
        table = self.table(plan)
        return [(table[at][0], Values(table[at][1])) for at in sorted(table)]

    def values_of(self, plan: Plan, key: Any) -> Values:
        if plan[0] == "lazy":
            return self.lazy(plan, key)
        return Values(self.table(plan).get(place(key), (key, []))[1])

    def table(self, plan: Plan) -> Table:
        """Return all entries. Kept, because nothing changes while an oracle lives."""
        if id(plan) not in self.tables:  # plans with 1 and true in one place are equal in Python
            self.tables[id(plan)] = {at: entry for at, entry in getattr(self, plan[0])(plan, *plan[1:]).items() if entry[1]}
        return self.tables[id(plan)]

    def arguments(self, extras: Iterable[Plan]) -> list[Any]:
        return [Reading(self, extra[1]) if extra[0] == "read" else freeze(extra[1]) for extra in extras]

    def input(self, plan: Plan, name: str) -> Table:
        return self.inputs[name]

    def map(self, plan: Plan, source: Plan, function: Any, extras: tuple[Plan, ...]) -> Table:
        made: Table = {}
        table = self.table(source)
        for at in sorted(table):
            key, values = table[at]
            try:
                pairs = [
                    (freeze(out), freeze(value)) for out, value in self.checked(function(key, Values(values), *self.arguments(extras)))
                ]
            except Exception:
                self.failed.add((id(plan), at))
                continue
            for out, value in pairs:
                made.setdefault(place(out), (out, []))[1].append(value)
        return made

    @staticmethod
    def checked(pairs: Any) -> Any:
        for pair in pairs:
            if not isinstance(pair, tuple):
                raise TypeError("not a pair")
            yield pair

    def lazy(self, plan: Plan, key: Any) -> Values:
        _, function, extras = plan
        key = freeze(key)
        at = (id(plan), place(key))
        if at in self.computing:
            raise Cycle(at)
        self.computing.append(at)
        try:
            return Values([freeze(value) for value in function(key, Reading(self, plan), *self.arguments(extras))])
        except Exception:
            self.failed.add(at)
            return Values()
        except Cycle as cycle:
            self.failed.add(at)
            if cycle.at != at:
                raise
            return Values()
        finally:
            self.computing.pop()

    def reduce(self, plan: Plan, source: Plan, name: str) -> Table:
        made: Table = {}
        for at, (key, values) in self.table(source).items():
            try:
                made[at] = (key, [freeze(self.folded(name, values))])
            except Exception:
                self.failed.add((id(plan), at))
        return made

    @staticmethod
    def folded(name: str, values: list[Any]) -> Any:
        if name == "count":
            return len(values)
        if name == "min":
            return min(values, key=order_of)
        if name == "max":
            return max(values, key=order_of)
        if name == "sum":
            if any(type(value) not in {int, float} for value in values):
                raise TypeError("not a number")
            total = sum(map(Fraction, values), Fraction())
            return int(total) if all(type(value) is int for value in values) else float(total)
        reducer = OWN_REDUCERS[name]
        state = reducer.initial()
        for value in values:
            state = reducer.add(state, value)
        return reducer.result(state)

    def slices(self, plan: Plan, source: Plan, ranges: tuple[tuple[Any, Any], ...]) -> Table:
        return {at: entry for at, entry in self.table(source).items() if any(bound(low) <= at <= bound(high) for low, high in ranges)}

    def take(self, plan: Plan, source: Plan, limit: int) -> Table:
        table = self.table(source)
        return {at: table[at] for at in sorted(table)[:limit]}

    def merge(self, plan: Plan, *sources: Plan) -> Table:
        made: Table = {}
        for source in sources:
            for at, (key, values) in self.table(source).items():
                made.setdefault(at, (key, []))[1].extend(values)
        return made

    def size(self, plan: Plan, source: Plan) -> Table:
        return {place(None): (None, [len(self.table(source))])}
