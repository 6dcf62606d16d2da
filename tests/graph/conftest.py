"""A small shop of mappers and a graph that checks itself, for the tests of behaviour."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deltamesh.graph import Commit, Graph


class CheckedGraph(Graph):
    """Checks its invariants around every write, and that nothing differs from what its inputs say."""

    def write(self, writes: Any, *, revision: int | None = None) -> Commit:
        self.check_invariants()
        try:
            return super().write(writes, revision=revision)
        finally:
            self.check_invariants()
            assert self.audit() == []

    def put(self, name: str, *entries: Any) -> Commit:
        """Write to one input."""
        return self.write({name: list(entries)})

    def work(self) -> Callable[[], dict[str, int]]:
        """Return a function that tells how many keys each node has recomputed since, without those that did nothing."""
        before = {node: node.num_recomputed for node in self.nodes()}

        def since() -> dict[str, int]:
            done = {node.description.label(): node.num_recomputed - before.get(node, 0) for node in self.nodes()}
            return {label: count for label, count in done.items() if count}

        return since


@pytest.fixture
def graph() -> CheckedGraph:
    return CheckedGraph(["users", "posts", "votes"])


@pytest.fixture
def strict() -> CheckedGraph:
    return CheckedGraph(["users", "posts", "votes"], on_error="reject")
