"""The property test finds what is broken: of each operator one rule, broken on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from deltamesh.graph import TOP, Min, Sum, order, reducer
from deltamesh.graph.computed import ComputedNode
from deltamesh.graph.graph import Graph
from deltamesh.graph.group import Group
from deltamesh.graph.input import InputNode
from deltamesh.graph.intervals import Intervals
from deltamesh.graph.lazy_node import LazyNode
from deltamesh.graph.lookup import Lookup
from deltamesh.graph.made import NOT_MADE, keys_made
from deltamesh.graph.map import MapNode
from deltamesh.graph.merge import MergeNode
from deltamesh.graph.node import NOTHING, Node
from deltamesh.graph.order import Order
from deltamesh.graph.ranges import Ranges
from deltamesh.graph.reader import Reader
from deltamesh.graph.recursion import Recursion
from deltamesh.graph.reduce import ReduceNode
from deltamesh.graph.size import SizeNode
from deltamesh.graph.slices import SlicesNode
from deltamesh.graph.take import TakeNode
from deltamesh.values import ABSENT, Values, WrappedKey
from tests.graph.world import run

HISTORIES = 120

FOCUS = {"take": "take", "slice": "slices", "ranges": "slices", "intervals": "slices", "lazy": "lazy", "cycle": "lazy"}
"""By the first word of a mutant's name: which worlds are worth running."""

Break = Callable[[pytest.MonkeyPatch], None]
MUTANTS: list[Any] = []


def mutant(function: Break) -> Break:
    MUTANTS.append(pytest.param(function, id=function.__name__))
    return function


def instead(owner: Any, name: str) -> Callable[[Callable[..., Any]], Break]:
    """Make a mutant of a function that takes the original, then what the original takes."""

    def decorate(function: Callable[..., Any]) -> Break:
        original = getattr(owner, name)

        def broken(monkeypatch: pytest.MonkeyPatch) -> None:
            monkeypatch.setattr(owner, name, lambda *args, **kwargs: function(original, *args, **kwargs))

        broken.__name__ = function.__name__
        return mutant(broken)

    return decorate


@instead(InputNode, "write")
def input_takes_true_for_one(original: Any, self: Any, entries: Any) -> None:
    original(self, {key: values for key, values in entries.items() if self.entries.get(key) != values})


@instead(InputNode, "write")
def input_ignores_removal(original: Any, self: Any, entries: Any) -> None:
    original(self, {key: values for key, values in entries.items() if values})


@instead(MapNode, "_leave")
def map_keeps_what_went_with_its_source(original: Any, self: Any, key: Any, source: Any, moves: Any) -> None:
    if source in self.source:
        original(self, key, source, moves)


@instead(MapNode, "_known_owners")
def map_takes_what_enters_for_the_owner(original: Any, self: Any, latest: Any) -> Any:
    if self.owners is None:
        found = {}
        for source in [*self.made_by(), latest]:
            found.update(dict.fromkeys(keys_made(self.made_by().get(source, NOT_MADE)), source))
        self.owners = {key: source for key, source in found.items() if key in self.entries and source != key}
    return self.owners


@instead(MapNode, "forget")
def map_keeps_failures_of_keys_that_are_gone(original: Any, self: Any, key: Any) -> None:
    if key in self.reading:
        self.reading.pop(key).track([])


@instead(Group, "values")
def group_in_order_of_arrival(original: Any, self: Any) -> Values:
    return Values([value for values in self.parts.values() for value in values])


@instead(Group, "put")
def group_keeps_stale_values(original: Any, self: Any, source: Any, values: Any) -> None:
    kept = self._values
    original(self, source, values)
    self._values = kept


@instead(Reader, "track")
def lookup_forgets_a_second_read(original: Any, self: Any, seen: list[Any]) -> None:
    original(self, seen[:2])


@instead(Lookup, "__contains__")
def lookup_does_not_track_contains(original: Any, self: Any, key: Any) -> bool:
    found = original(self, key)
    del self._seen[-2:]
    return bool(found)


@instead(Lookup, "size")
def lookup_does_not_track_size(original: Any, self: Any) -> int:
    found = original(self)
    del self._seen[-2:]
    return int(found)


@instead(ComputedNode, "forget")
def lookup_leaves_readers_behind(original: Any, self: Any, key: Any) -> None:
    self.reading.pop(key, None)
    original(self, key)


@instead(ReduceNode, "_changed")
def reduce_does_not_remove(original: Any, self: Any, state: Any, change: Any) -> Any:
    return original(self, state, ((), change[1], None))


@instead(ReduceNode, "_fold")
def reduce_shows_nothing_as_something(original: Any, self: Any, key: Any, change: Any) -> Values:
    if key not in self.source:
        return Values((self.reducer.result(self.reducer.initial()),)) if isinstance(self.reducer, Sum) else ABSENT
    return Values(original(self, key, change))


@mutant
def sum_in_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reducer, "_SCALE", 1)
    monkeypatch.setattr(reducer, "_scaled", lambda value: value + 0.0)


@mutant
def min_is_max(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Min, "result", lambda self, state: state[-1])


@instead(TakeNode, "_set_boundary")
def take_hears_of_its_first_key_only(original: Any, self: Any) -> None:
    original(self)
    if self.members and self.boundary is not TOP:
        self.boundary = next(self.window.between(None, TOP))


@instead(TakeNode, "_replaced")
def take_overlooks_what_left_in_a_large_change(original: Any, self: Any) -> Any:
    return {key: change for key, change in original(self).items() if key in self.members}


@instead(TakeNode, "_refill")
def take_does_not_fill_up(original: Any, self: Any) -> list[Any]:
    return [] if self.members else list(original(self))


@instead(Node, "values_before")
def take_forgets_what_left(original: Any, self: Any, key: Any) -> Values:
    return Values(self.values_of(key)[:1])


@instead(SlicesNode, "_covers")
def slice_leaves_out_its_end(original: Any, self: Any, key: Any) -> bool:
    return bool(original(self, key)) and not any(key == high != low for low, high in self.ranges)


@instead(Ranges, "owners_of")
def ranges_know_only_single_keys(original: Any, self: Any, key: Any) -> Iterator[Any]:
    return iter(self._single.get(key, ()))


@instead(Intervals, "containing")
def intervals_find_one_only(original: Any, self: Any, point: Any) -> Iterator[Any]:
    return iter(list(original(self, point))[:1])


@instead(MergeNode, "_joined")
def merge_knows_each_source_once(original: Any, self: Any, key: Any) -> Values:
    return Values([value for source in dict.fromkeys(self.sources) for value in source.values_of(key)])


@instead(MergeNode, "settle")
def merge_hears_its_first_source_only(original: Any, self: Any) -> None:
    if self.sources[0].changes:
        original(self)
    else:
        self.changes = NOTHING


@instead(SizeNode, "settle")
def size_never_shrinks(original: Any, self: Any) -> None:
    if len(self.sources[0]) > self.values_of(None)[0]:
        original(self)


@instead(LazyNode, "_take_out")
def lazy_updates_the_changed_key_only(original: Any, self: Any, changed: Any) -> None:
    for key in changed:
        if key in self.entries:
            self.stale[key] = (self.entries.pop(key), True)


@instead(LazyNode, "_stands")
def lazy_stands_when_its_own_keys_changed(original: Any, self: Any, key: Any, before: Any, has_changed: bool) -> bool:
    return not has_changed and key not in self.circular


@instead(LazyNode, "sweep")
def lazy_keeps_what_nobody_reads(original: Any, self: Any) -> None:
    self.unread.clear()


@instead(Recursion, "check_circular")
def cycle_fails_from_one_side_only(original: Any, self: Any, place: Any) -> None:
    """A key reads a member of the cycle that has failed already, and goes on."""


@instead(Order, "_take_note")
def order_does_not_remove(original: Any, self: Any) -> None:
    self._noted[:] = [key for key in self._noted if key in self._members]
    original(self)


@instead(order, "bound_order")
def order_puts_true_before_false(original: Any, bound: Any) -> Any:
    return (2 - bound.plain,) if type(bound) is WrappedKey and type(bound.plain) is bool else original(bound)


@instead(Graph, "_new_failures")
def rejection_overlooks_failures(original: Any, self: Any) -> list[Any]:
    return []


@instead(Graph, "_apply")
def rejection_restores_one_input_only(original: Any, self: Any, prepared: Any) -> Any:
    is_restoring = bool(self.failed)
    return original(self, prepared[:1] if is_restoring else prepared)


@pytest.mark.slow
@pytest.mark.parametrize("breaks", MUTANTS)
def test_a_broken_rule_is_found(breaks: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    breaks(monkeypatch)
    subject = breaks.__name__.split("_")[0]

    with pytest.raises(Exception) as caught:  # noqa: PT012 - the first history that finds it ends the search
        for seed in range(HISTORIES):
            run(seed, 40, focus=FOCUS.get(subject), on_error="reject" if subject == "rejection" else "skip")

    assert any("seed" in note for note in caught.value.__notes__)
