"""
Many clients with many names each, as a program; each has its own choice, and counts what reaches it.

    python -m tests.parameters.proof.crowdclients --router URL --first 0 --count 250 --names 1000 --of 5000 --seed 1

Prints `crowd: n of N live` as clients become so, `crowd: ready` when all are, and then a JSON line for what changes reach any of them, half
a second after the first one: `{"changed": {name: value}, "told": {client: calls of its function}, "events": {client: events on its wire}}`.
Events are counted where messages come in, before anything looks at them; those that have no entries, and only say that nothing was missed,
do not count.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections import Counter
from random import Random
from typing import Any, Final

from autobahn.wamp.message import Event
from twisted.internet.defer import CancelledError, Deferred

from deltamesh.cli import log, loop
from deltamesh.connection import Connection
from deltamesh.parameters import Parameters
from deltamesh.stream.entries import NONE
from tests.parameters.proof.application import SERVICE
from tests.reliability.waiting import pause

AT_A_TIME: Final = 10
"""Clients that become live at the same time."""
GROUPS: Final = 50
"""Files that the names are in."""
SETTLED: Final = 0.5
"""How long after the first client that a change reaches it is told who they were [s]."""


def all_names(of: int) -> list[str]:
    """Return the names that there are."""
    return [f"g{number % GROUPS}.n{number}" for number in range(of)]


def choice(client: int, names: int, of: int, seed: int) -> list[str]:
    """Return the names of a client."""
    return Random(f"{seed}-{client}").sample(all_names(of), names)


class Crowd:
    """The clients of this program."""

    def __init__(self, options: Namespace) -> None:
        self._options = options
        self._told: Counter[int] = Counter()
        self._events: Counter[int] = Counter()
        self._changed: dict[str, Any] = {}
        self._is_due = False
        self._is_ready = False
        self._num_live = 0

    async def begin(self, number: int) -> None:
        """Start a client, and return when it is live."""
        options = self._options
        connection = Connection(options.router)
        connection.on_join(lambda connection: self._watch(connection, number))
        parameters = Parameters(connection, SERVICE, client=f"crowd {number}")
        for name in choice(number, options.names, options.of, options.seed):
            parameters.get(name, -1, int).on_change(lambda parameter: self._heard(number, parameter))
        connection.start()
        await parameters.when_ready()
        self._num_live += 1

    async def run(self) -> None:
        """Start all."""
        options = self._options
        numbers = list(range(options.first, options.first + options.count))
        for start in range(0, len(numbers), AT_A_TIME):
            for each in [Deferred.fromCoroutine(self.begin(number)) for number in numbers[start : start + AT_A_TIME]]:
                await each
            print(f"crowd: {self._num_live} of {len(numbers)} live", flush=True)
        self._is_ready = True
        print("crowd: ready", flush=True)
        await Deferred()

    async def _watch(self, connection: Connection, number: int) -> None:
        """Count the events of a session."""
        session = connection.session
        plain = session.onMessage

        def counted(message: Any) -> Any:
            if self._is_ready and isinstance(message, Event) and message.args and message.args[-1] != NONE:
                self._events[number] += 1
                self._tell_soon()
            return plain(message)

        session.onMessage = counted

    def _heard(self, number: int, parameter: Any) -> None:
        if self._is_ready and parameter.source == "live":
            self._told[number] += 1
            self._changed[parameter.name] = parameter.value
            self._tell_soon()

    def _tell_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            Deferred.fromCoroutine(self._tell())

    async def _tell(self) -> None:
        await pause(SETTLED)
        self._is_due = False
        told, events, changed = self._told, self._events, self._changed
        self._told, self._events, self._changed = Counter(), Counter(), {}
        print(json.dumps({"changed": changed, "told": dict(told), "events": dict(events)}), flush=True)


async def work(options: Namespace) -> None:
    try:
        await Crowd(options).run()
    except CancelledError:  # SIGTERM
        return


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("--router", required=True)
    for name, value in (("first", 0), ("count", 250), ("names", 1000), ("of", 5000), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    log.begin("crowd", only_errors=True)
    loop.run(lambda: work(options))
