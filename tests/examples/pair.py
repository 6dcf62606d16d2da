"""A leader and a follower of a service in one process: the real graphs, with nothing between them but a loop."""

from __future__ import annotations

from typing import Any

from deltamesh.application.service import Service, Shared
from deltamesh.application.transaction import Caller
from deltamesh.graph import Graph, Watch

STRANGER = Caller()


class Pair:
    def __init__(self, app: Service) -> None:
        self.app = app
        self.leader = Graph(app.inputs, on_error=app.on_error)
        self.watches = {self.leader.watch(each): name for name, each in app.shared_collections().items()}
        self.follower = Graph(self.watches.values())

    def write(self, **inputs: list[tuple[Any, list[Any]]]) -> dict[str, Any]:
        """Write one transaction; return the deltas of the shared collections by name."""
        commit = self.leader.write(inputs)
        assert commit.failures == []
        deltas = {self.watches[watch]: delta for watch, delta in commit.deltas.items()}
        passed_on = self.follower.write(deltas)
        assert passed_on.failures == []
        return deltas

    def act(self, action: str, *args: Any, **kwargs: Any) -> Any:
        """Run an action as its own transaction; return its result."""
        result, transaction = self.app.act(action, self.leader, STRANGER, args, kwargs)
        self.write(**transaction.writes())
        return result

    def open(self, resource: str, **parameters: Any) -> Watch:
        _, describe = self.app.instantiate(resource, parameters, STRANGER)
        return self.follower.watch(describe(Shared(list(self.watches.values()))))

    def read(self, resource: str, **parameters: Any) -> dict[Any, Any]:
        """Return the entries of an instance in order, with their only values."""
        watch = self.open(resource, **parameters)
        entries = {key: values.one() for key, values in watch.entries()}
        watch.close()
        return entries

    def recomputed(self, label: str) -> int:
        """Return how often the leader computed a key of the node with this label."""
        return self.leader.counters()[label]["recomputed"]
