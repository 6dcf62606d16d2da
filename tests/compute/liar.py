"""Workers that lie: they register as everybody may, and answer what is not true, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater

from deltamesh.client import Mesh as Client
from deltamesh.connection import Connection
from tests.compute.solving import Cities, length

Answer = dict[str, Any]
Lie = Callable[[Answer], Any]
"""Makes what is answered from a right answer without any work: the tour as it came."""


def changed(change: Callable[[list[int]], object]) -> Lie:
    """Return the lie that changes the tour."""

    def lie(answer: Answer) -> Answer:
        tour = json.loads(answer["best"])
        change(tour)
        text = json.dumps(tour)
        return {**answer, "current": text, "best": text}

    return lie


LIES: Final[dict[str, Lie | None]] = {
    "nothing at all": None,
    "no work": lambda answer: answer,
    "slow by its own account": lambda answer: {**answer, "steps": 1, "seconds": 0.3},
    "garbage": lambda _: "garbage",
    "an empty answer": lambda _: {},
    "a list": lambda _: [1, 2, 3],
    "half an answer": lambda answer: {"best": answer["best"]},
    "a shorter length": lambda answer: {**answer, "length": answer["length"] // 2},
    "a length that is no number": lambda answer: {**answer, "length": float("nan")},
    "a length of minus infinity": lambda answer: {**answer, "length": float("-inf")},
    "more routes than there are": lambda answer: {**answer, "routes": 10**18},
    "more time than a number can hold": lambda answer: {**answer, "seconds": 10**400},
    "less than no time": lambda answer: {**answer, "seconds": -1.0},
    "more steps than it was to make": lambda answer: {**answer, "steps": 10**9},
    "a city twice": changed(lambda tour: tour.__setitem__(0, tour[1])),
    "a city less": changed(lambda tour: tour.pop()),
    "a city that is not there": changed(lambda tour: tour.__setitem__(0, -1)),
    "true for 1": changed(lambda tour: tour.__setitem__(tour.index(1), True)),
    "1.0 for 1": changed(lambda tour: tour.__setitem__(tour.index(1), 1.0)),
    "half a text": lambda answer: {**answer, "best": answer["best"][:-1]},
    "a deep text": lambda answer: {**answer, "best": "[" * 30_000},
    "a long text": lambda answer: {**answer, "best": "0," * 2_000_000},
    "numbers for texts": lambda answer: {**answer, "best": 7, "current": None},
}
"""What they answer."""

PAUSES: Final = {"slow by its own account": 0.3}
"""How long an answer takes [s]."""

LOAD: Final[dict[str, Any]] = {
    "name": "liar", "kind": "python", "host": "nowhere", "concurrency": 1, "busy": 0, "cpu": None, "routes": 0, "units": 0,
}  # fmt: skip

LOADS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"kind": "python"},
    {**LOAD, "name": "x" * 1_000_000},
    {**LOAD, "name": 7},
    {**LOAD, "kind": "toaster"},
    {**LOAD, "concurrency": 10**9},
    {**LOAD, "busy": -1, "routes": -1},
    {**LOAD, "cpu": 2.0},
    {**LOAD, "units": "many"},
    {**LOAD, "cpu": float("nan")},
    {**LOAD, "routes": float("inf")},
)
"""Loads that are none."""


class Liar:
    """
    One worker that lies, in one way of `LIES`.

    Args:
        places: the cities of the problem.
    """

    def __init__(self, client: Client, name: str, places: Cities) -> None:
        self.name = name
        self.asked = 0
        """Units that it was given."""
        self._client = client
        self._places = places
        self._reporting = LoopingCall(self._report)

    async def start(self) -> None:
        """Take units from now on, also after it was sent away, and tell a load, which is what makes a worker one of the farm."""
        self._client.connection.on_join(self._register)
        await self._register(self._client.connection)
        self._reporting.start(1.0)

    async def _register(self, connection: Connection) -> None:
        await connection.register(self._client.uris.action("anneal"), self._answer, invoke="roundrobin", concurrency=1)

    async def stop(self) -> None:
        """Leave."""
        if self._reporting.running:
            self._reporting.stop()
        await self._client.connection.stop()

    def report(self, load: dict[str, Any]) -> None:
        """Tell a load, if there is a session."""
        session = self._client.connection.session
        if session is not None:
            session.publish(self._client.uris.action("on_load"), **load)

    async def _answer(self, _details: Any, **unit: Any) -> Any:
        self.asked += 1
        lie = LIES[self.name]
        if lie is None:
            await Deferred()  # until it is cancelled, or the session ends
            return None
        await deferLater(self._client.connection.reactor, PAUSES.get(self.name, 0.0), lambda: None)
        tour = unit["tour"]
        right = {"current": tour, "best": tour, "length": length(json.loads(tour), self._places)}
        return lie({**right, "routes": 1000, "steps": unit["steps"], "seconds": 0.0, "worker": "liar"})

    def _report(self) -> None:
        self.report({**LOAD, "name": self.name.replace(" ", "-"), "units": self.asked})
