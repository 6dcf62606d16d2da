"""What is called at a leader: writes and actions, which wait in line, and snapshots of the shared graph."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any, Final

import msgspec

from deltamesh.application.service import Service
from deltamesh.application.transaction import Caller
from deltamesh.connection import Connection
from deltamesh.errors import InvalidIdempotencyKey, TooLarge, UnknownName
from deltamesh.graph import Writes
from deltamesh.leader.line import Line
from deltamesh.leader.shared import decode_changes, parse_writes
from deltamesh.leader.standby import Standby
from deltamesh.stream import Position
from deltamesh.values import JSON

PART_SIZE: Final = 256 * 1024
"""Characters of one part of a snapshot."""

MAX_RESULT: Final = 3 << 20
"""Characters of the result of an action: of up to 4 bytes each, they fit into one message."""


class Procedures:
    """Of the leader of `service` on `connection`: its shared graph is that of `standby`, and its calls wait in `line`."""

    def __init__(self, service: Service, connection: Connection, standby: Standby, line: Line) -> None:
        self._service = service
        self._connection = connection
        self._standby = standby
        self._line = line

    async def write(self, _details: Any, /, changes: Any = None, idempotency_key: Any = None) -> dict[str, Any]:
        """`S.write`."""
        writes = parse_writes(decode_changes(changes))
        for name in writes:
            if name not in self._service.inputs:
                raise UnknownName("input", name, list(self._service.inputs))
        answered = await self._line.take(self._service.uris.write, lambda: (writes, None), _checked(idempotency_key))
        return {"epoch": self._epoch, "revision": answered.revision}

    def action(self, name: str) -> Callable[..., Awaitable[dict[str, Any]]]:
        """Return the procedure of the action `name`."""
        uri = self._service.uris.action(name)

        async def act(details: Any, /, *args: Any, idempotency_key: Any = None, **kwargs: Any) -> dict[str, Any]:
            caller = Caller(details.caller, details.caller_authid, details.caller_authrole)

            def work() -> tuple[Writes, JSON]:
                result, transaction = self._service.act(name, self._standby.shared.graph, caller, args, kwargs)
                size = len(msgspec.json.encode(result))
                if size > MAX_RESULT:
                    raise TooLarge(f"result of {name}", size, MAX_RESULT)
                return transaction.writes(), result

            answered = await self._line.take(uri, work, _checked(idempotency_key))
            return {"result": answered.result, "epoch": self._epoch, "revision": answered.revision}

        return act

    async def snapshot(self, details: Any, /, position: Any = None) -> dict[str, Any]:
        """`S.shared.snapshot`: the content of the shared graph, or what has changed since `position`."""
        since = None if position is None else Position.from_wire(position)
        snapshot = None if since is None else self._standby.shared.resume(since, PART_SIZE)
        if snapshot is None:
            await self._line.between()
            snapshot = self._standby.shared.snapshot(PART_SIZE)
        texts = snapshot.texts
        if details.progress is None:
            listed = list(islice(texts, 2))
            if len(listed) > 1:
                raise TooLarge("snapshot", sum(map(len, listed)), PART_SIZE, "call with receive_progress")
            texts = iter(listed)
        wire = {"epoch": snapshot.position.epoch, "from": snapshot.since, "revision": snapshot.position.revision}
        return {**wire, "entries": await self._connection.in_parts(details, texts)}

    @property
    def _epoch(self) -> str:
        return self._standby.shared.position.epoch


def _checked(idempotency_key: Any) -> str | None:
    if idempotency_key is None or (isinstance(idempotency_key, str) and 0 < len(idempotency_key) <= 128):
        return idempotency_key
    raise InvalidIdempotencyKey
