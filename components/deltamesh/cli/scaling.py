"""`deltamesh run --autoscale`: looks how busy followers are, and lets the rule decide how many there are. See `operation.autoscale`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import click
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from deltamesh.cli.formation import LIMITS, Formation
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from deltamesh.operation.autoscale import METRICS, Autoscale, slot_load
from deltamesh.operation.status import Status, listen
from deltamesh.uris import ServiceURIs

LOOK: Final = 2.0
"""Pause between two looks [s]."""

STALE: Final = 3.0
"""A status counts for so many of its intervals."""


def range_of(text: str) -> tuple[int, int]:
    """Return the numbers of `MIN..MAX`."""
    found = re.fullmatch(r"(\d{1,4})\.\.(\d{1,4})", text, re.ASCII)
    least, most = LIMITS["follower"]
    if found is None or not least <= int(found[1]) <= int(found[2]) <= most:
        raise click.BadParameter(f"{text!r}: write MIN..MAX, from {least} to {most}, as in 1..8")
    return int(found[1]), int(found[2])


class Scaler:
    """
    Scales the followers of each service of `formation`, as long as there is a connection.

    A service is as busy as the busier of two: the slots of its followers at the router, and their processors, which deltas need as well.
    """

    def __init__(self, connection: Connection, formation: Formation, bounds: tuple[int, int], say: Callable[[str], None]) -> None:
        self._connection = connection
        self._formation = formation
        self._say = say
        self._uris = {service: ServiceURIs(service) for service in formation.services}
        self._rules = {service: Autoscale(*bounds) for service in formation.services}
        self._used: dict[str, dict[str, tuple[float, float]]] = {service: {} for service in formation.services}
        self._before: tuple[float, Any] | None = None  # the last look at the router's figures: when, what
        self._has_complained = False
        self._looking = LoopingCall(lambda: Deferred.fromCoroutine(self._look()))
        self._looking.clock = connection.reactor
        connection.on_join(self._joined)
        connection.on_lost(self._forget)

    def start(self) -> None:
        """Begin to look."""
        self._looking.start(LOOK, now=False).addErrback(self._failed)

    def stop(self) -> None:
        """Leave everything as it is from now on."""
        if self._looking.running:
            self._looking.stop()

    async def _joined(self, connection: Connection) -> None:
        for service, uris in self._uris.items():
            await listen(connection, uris, self._hears(service))

    def _hears(self, service: str) -> Callable[[Status], None]:
        def hear(status: Status) -> None:
            if status.kind == "follower":
                until = self._connection.reactor.seconds() + STALE * status.interval
                self._used[service][f"{status.host} {status.pid}"] = status.cpu, until

        return hear

    def _forget(self) -> None:
        self._before = None

    async def _look(self) -> None:
        if self._connection.session is None:
            return
        try:
            figures = await self._connection.call(METRICS)
        except DeltameshError as error:
            if not self._has_complained and not error.retry:
                self._has_complained = True
                self._say(f"warning: the router does not say how busy followers are, only their processors count: {error}")
            figures = None
        now = self._connection.reactor.seconds()
        for service, rule in self._rules.items():
            load = self._load(service, figures, now)
            number = self._formation.size(service, "follower")
            wanted = rule.decide(number, load, now)
            if wanted != number:
                self._say(f"{service}: follower {number} → {wanted}, load {'unknown' if load is None else f'{load:.2f}'}")
                self._formation.scale(service, {"follower": wanted})
        self._before = None if figures is None else (now, figures)

    def _load(self, service: str, figures: Any, now: float) -> float | None:
        self._used[service] = {who: used for who, used in self._used[service].items() if now < used[1]}
        shares = [cpu for cpu, _ in self._used[service].values()]
        loads = [sum(shares) / len(shares)] if shares else []
        if figures is not None and self._before is not None:
            uris = self._uris[service]
            slots = slot_load(self._before[1], figures, (uris.open, uris.read), now - self._before[0])
            loads += [] if slots is None else [slots]
        return max(loads, default=None)

    def _failed(self, failure: Any) -> None:
        self._say(f"error: scaling has stopped: {failure.getErrorMessage()}")
