"""Writes and calls of actions: done once, tried again while that can help, not for ever. The connection is a list of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from deltamesh.client.mesh import PATIENCE, Done, Mesh
from deltamesh.errors import DeltameshError, Fenced, InvalidTransaction, NotTaken, RemoteError
from deltamesh.stream import Position

DONE = {"result": 7, "epoch": "e", "revision": 3}
LOST = RemoteError("wamp.error.unavailable", "the connection was lost", retry=True)
NOBODY = NotTaken("wamp.error.no_such_procedure", "no callee", retry=True)


class Connection:
    """Answers calls with what it is given, the last of it for ever."""

    def __init__(self, *answers: Any) -> None:
        self.reactor = Clock()
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._answers = list(answers)

    async def call(self, uri: str, *args: Any, **kwargs: Any) -> Any:
        self.calls.append((uri, args, kwargs))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, DeltameshError):
            raise answer
        return answer

    @property
    def keys(self) -> list[str]:
        return [kwargs["idempotency_key"] for _, _, kwargs in self.calls]


Ask = Callable[[Mesh], Any]


def write(mesh: Mesh) -> Any:
    return mesh.write({"texts": [("a", [1])]})


def call(mesh: Mesh) -> Any:
    return mesh.call("put", key="a")


def outcome(connection: Connection, ask: Ask, seconds: float = 0.0) -> Any:
    """Ask, let time pass, and return what came of it: a result, an error, or None."""
    outcomes: list[Any] = []
    mesh: Any = Mesh(connection, "com.example.client")  # type: ignore[arg-type]
    Deferred.fromCoroutine(ask(mesh)).addBoth(outcomes.append)
    while connection.reactor.seconds() < seconds and not outcomes:
        connection.reactor.advance(0.05)
    return getattr(outcomes[0], "value", outcomes[0]) if outcomes else None


@pytest.mark.parametrize("ask", [write, call])
@pytest.mark.parametrize("error", [Fenced(), LOST, NOBODY])
def test_it_is_tried_again_under_one_key(ask: Ask, error: DeltameshError) -> None:
    connection = Connection(error, error, error, DONE)

    assert outcome(connection, ask, 10) == Done(7, Position("e", 3))
    assert len(connection.calls) == 4
    assert len(set(connection.keys)) == 1
    assert len(connection.keys[0]) == 32


@pytest.mark.parametrize("ask", [write, call])
def test_what_was_refused_for_good_is_not_tried_again(ask: Ask) -> None:
    connection = Connection(InvalidTransaction("no"), DONE)

    assert isinstance(outcome(connection, ask), InvalidTransaction)


@pytest.mark.parametrize("ask", [write, call])
def test_patience_ends(ask: Ask) -> None:
    connection = Connection(LOST)

    assert outcome(connection, ask, PATIENCE - 1) is None
    assert outcome(Connection(LOST), ask, PATIENCE + 1) is LOST
    assert len(connection.calls) >= PATIENCE  # a leader that takes over is found within a second


def test_two_writes_have_two_keys_and_one_may_have_its_own() -> None:
    connection = Connection(DONE)
    outcome(connection, write)
    outcome(connection, write)
    outcome(connection, lambda mesh: mesh.write({}, idempotency_key="mine"))
    outcome(connection, lambda mesh: mesh.call("put", idempotency_key="mine too"))

    assert connection.keys[0] != connection.keys[1]
    assert connection.keys[2:] == ["mine", "mine too"]
