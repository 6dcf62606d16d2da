"""
`deltamesh run` as a part of the mesh that it runs: two procedures by which it is asked what runs, and told how much of it should.

They are there for whom the router lets call them: components and operators, never browsers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from deltamesh.cli.formation import Formation
from deltamesh.connection import Connection
from deltamesh.connection.wamp import WampError
from deltamesh.errors import ConfigurationError, DeltameshError, InvalidParameters
from deltamesh.operation.status import Status, listen
from deltamesh.uris import ServiceURIs

SCALE: Final = "deltamesh.run.scale"
STATUS: Final = "deltamesh.run.status"


class Control:
    """
    Registers the procedures whenever there is a session; calls them or not, the programs run on.

    Args:
        say: called with a line for people.
    """

    def __init__(self, connection: Connection, formation: Formation, say: Callable[[str], None]) -> None:
        self._formation = formation
        self._say = say
        self._has_complained = False
        self._leading: dict[str, int] = {}  # service -> process that leads it
        connection.on_join(self._joined)

    async def _joined(self, connection: Connection) -> None:
        try:
            await connection.register(SCALE, self._scale)
            await connection.register(STATUS, self._status)
        except WampError as error:
            if not self._has_complained:
                self._has_complained = True
                self._say(f"warning: `deltamesh scale` will not work, the router refuses its procedure: {error.error}")
        for service in self._formation.services:
            try:
                await listen(connection, ServiceURIs(service), self._hears(service))
            except DeltameshError as error:
                self._say(f"warning: it will not be known who leads {service}: {error}")

    def _hears(self, service: str) -> Callable[[Status], None]:
        def hear(status: Status) -> None:
            if status.state == "leads":
                self._leading[service] = status.pid

        return hear

    async def _scale(self, details: Any, /, service: Any = None, sizes: Any = None) -> dict[str, Any]:
        """Return {services: {URI: {before, after}}}, the sizes by kind: of one service, or of all if `service` is null."""
        if not isinstance(sizes, dict) or not (service is None or isinstance(service, str)):
            raise InvalidParameters(SCALE, "it takes the URI of a service, or null, and an object of numbers by kind")
        try:
            services = self._formation.check(service, sizes)
        except ConfigurationError as error:
            raise InvalidParameters(SCALE, error.message) from error
        answer: dict[str, Any] = {}
        for each in services:
            before = {kind: self._formation.size(each, kind) for kind in sizes}
            self._say(f"{each}: {', '.join(f'{kind} {before[kind]} → {number}' for kind, number in sizes.items())}")
            self._formation.scale(each, sizes, self._leading.get(each))
            answer[each] = {"before": before, "after": sizes}
        return {"services": answer}

    async def _status(self, _details: Any, /) -> dict[str, Any]:
        """Return {services, programs}, as `Formation.listed`."""
        return {"services": self._formation.services, "programs": self._formation.listed()}
