"""The node of `reduce`: one value per key, kept up to date by adding and removing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deltamesh.graph.node import NOTHING, Change, Node, StoredNode
from deltamesh.values import ABSENT, IndexKey, Values, freeze, same

if TYPE_CHECKING:
    from deltamesh.graph.collection import Reduce
    from deltamesh.graph.graph import Graph


class ReduceNode(StoredNode):
    """Keeps the reducer's state for each key. A key without state is folded from all its values."""

    __slots__ = ("reducer", "source", "states")

    def __init__(self, graph: Graph, number: int, description: Reduce, sources: list[Node]) -> None:
        super().__init__(graph, number, description, sources, sources)
        self.source = sources[0]
        self.reducer = description.reducer
        self.states: dict[IndexKey, Any] = {}

    def build(self) -> None:
        for key in self.source.keys():
            self.put(key, self._fold(key, ((), (), None)))

    def settle(self) -> None:
        changes: dict[IndexKey, Change] = {}
        for key, change in self.source.changes.items():
            before: Values = self.entries.get(key, ABSENT)  # type: ignore[assignment]
            after = self._fold(key, change)
            if same(before, after):
                self.num_unchanged += 1
                continue
            self.put(key, after)
            changes[key] = (before, after, None)
        self.changes = changes or NOTHING

    def _fold(self, key: IndexKey, change: Change) -> Values:
        """Return the new values of a key: one, or none if the source has none or the reducer raises."""
        if key not in self.source:
            self.states.pop(key, None)
            self.failures.pop(key, None)
            return ABSENT
        self.num_recomputed += 1
        try:
            state = self.states[key] = self._state(key, change)
            result = Values((freeze(self.reducer.result(state)),))
        except Exception as error:  # an application's reducer may raise anything; it is listed as failed
            self.fail(key, error)
            return ABSENT
        if self.failures:
            self.failures.pop(key, None)
        return result

    def _state(self, key: IndexKey, change: Change) -> Any:
        """Return the state for the values of a key: the former one with a change, else one made from all values."""
        state = self.states.pop(key, None)
        if state is not None:
            try:
                state = self._changed(state, change)
            except Exception:  # what matters is whether the values as they are can be folded: that is seen below
                state = None
        if state is None:
            state = self.reducer.initial()
            for value in self.source.values_of(key):
                state = self.reducer.add(state, value)
        return state

    def _changed(self, state: Any, change: Change) -> Any:
        went, came, _ = change
        for value in went:
            state = self.reducer.remove(state, value)
            if state is None:
                return None
        for value in came:
            state = self.reducer.add(state, value)
        return state
