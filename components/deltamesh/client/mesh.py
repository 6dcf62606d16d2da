"""
The client of a service, for Python on Twisted: reading, writing, calling, and live collections that recover by themselves.

    mesh = Mesh(connection, "com.example.hackernews")
    top = await mesh.live("top", {"limit": 10})
    top.on_change(lambda changed: print(top.entries()))
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from deltamesh.application.transaction import MAX_CHANGES
from deltamesh.client.backoff import pause
from deltamesh.client.live import Live
from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError, InvalidTransaction, MalformedMessage, TooLarge
from deltamesh.stream import Position, decode, join
from deltamesh.uris import ServiceURIs
from deltamesh.values import JSON, MAX_DEPTH, NotJSON, Values, freeze, plain_key

_Result = TypeVar("_Result")

PATIENCE: Final = 30.0
"""How long writes and calls of actions are tried again [s]: longer than it takes to replace a leader, or a router."""

LAST_PAUSE: Final = 3
"""Tries of these after which pauses grow no longer: a leader that takes over is found within a second."""


@dataclass(frozen=True, slots=True)
class Done:
    """The answer to an action or a write."""

    result: JSON
    position: Position
    """Give it as `at_least` to read what was written."""


class Mesh:
    """
    The service `service` as seen through `connection`.

    `patience` is how long writes and calls of actions are tried again [s], see `PATIENCE`.
    """

    def __init__(self, connection: Connection, service: str, *, patience: float = PATIENCE) -> None:
        self.connection = connection
        self.patience = patience
        self.uris = ServiceURIs(service)

    async def live(self, resource: str, parameters: Mapping[str, Any] | None = None, *, at_least: Position | None = None) -> Live:
        """
        Return the live collection, once it has its first content.

        Waits as long as nobody can answer.

        Raises:
            DeltameshError: the request is wrong; trying again cannot help.
        """
        live = Live(self.connection, self.uris, resource, dict(parameters or {}), at_least)
        try:
            await live.opened()
        except BaseException:  # which includes that nobody waits any longer
            live.close()
            raise
        return live

    async def read(
        self, resource: str, parameters: Mapping[str, Any] | None = None, *, at_least: Position | None = None, **key: Any
    ) -> list[tuple[JSON, Values]]:
        """
        Return the entries of a resource, in order, once. `key=…` asks for one key only, which has no values if absent.

        Raises:
            DeltameshError: as the follower answers, with errors that can be retried after some tries.
        """
        options = {} if at_least is None else {"at_least": at_least.to_wire()}
        if unknown := key.keys() - {"key"}:
            raise TypeError(f"read() has no argument {', '.join(unknown)}")

        async def once() -> Any:
            texts: list[str] = []
            wire = await self.connection.call(
                self.uris.read, resource, dict(parameters or {}), on_progress=lambda part: texts.append(part["entries"]), **options, **key
            )
            return join([*texts, wire["entries"]])

        entries = decode(await self.retry(once))
        return [(plain_key(each), values) for each, values in entries.items()]

    async def write(self, changes: Mapping[str, Any], *, idempotency_key: str | None = None) -> Done:
        """
        Write `{input: [(key, [value, …]), …], …}` as one transaction. Only trusted roles may.

        It is tried again until its answer is known or patience is over, and done once, under its idempotency key. Give one of your own to
        go on trying later.

        Raises:
            DeltameshError: as the leader answers. With `retry` nobody knows whether it happened.
            InvalidTransaction: `changes` are not JSON.
            TooLarge: `changes` has more than `MAX_CHANGES` bytes as JSON text.
        """
        listed = [[name, list(entries)] for name, entries in changes.items()]
        try:
            text = msgspec.json.encode(freeze(listed, MAX_DEPTH + 8))  # which refuses what the encoder would make null
        except NotJSON as error:
            raise InvalidTransaction(str(error)) from error
        if len(text) > MAX_CHANGES:
            raise TooLarge("bytes of one transaction", len(text), MAX_CHANGES, "split the transaction")
        key = _new_key() if idempotency_key is None else idempotency_key
        return _done(await self.persist(lambda: self.connection.call(self.uris.write, text.decode(), idempotency_key=key)))

    async def call(self, action: str, /, *args: Any, **kwargs: Any) -> Done:
        """
        Call an action of the application. It is tried again and done once, as `write`; `idempotency_key=…` gives a key of your own.

        Raises:
            DeltameshError: as the leader answers. With `retry` nobody knows whether it happened.
        """
        if kwargs.get("idempotency_key") is None:
            kwargs["idempotency_key"] = _new_key()
        return _done(await self.persist(lambda: self.connection.call(self.uris.action(action), *args, **kwargs)))

    async def persist(self, attempt: Callable[[], Awaitable[_Result]]) -> _Result:
        """Return what `attempt()` returns, trying again while its error says that this can help, and patience lasts."""
        seconds = self.connection.reactor.seconds
        end = seconds() + self.patience
        number = 0
        while True:
            try:
                return await attempt()
            except DeltameshError as error:
                if not error.retry or seconds() >= end:
                    raise
            await pause(self.connection.reactor, min(number, LAST_PAUSE))
            number += 1

    async def retry(self, attempt: Callable[[], Awaitable[_Result]], *, tries: int = 8) -> _Result:
        """Return what `attempt()` returns, trying again while its error says that this can help, at most `tries` times."""
        for number in range(tries - 1):
            try:
                return await attempt()
            except DeltameshError as error:
                if not error.retry:
                    raise
            await pause(self.connection.reactor, number)
        return await attempt()


def _new_key() -> str:
    return secrets.token_hex(16)


def _done(wire: Any) -> Done:
    if not isinstance(wire, Mapping):
        raise MalformedMessage("answer", f"not an object: {wire!r:.80}")
    return Done(wire.get("result"), Position.from_wire([wire.get("epoch"), wire.get("revision")]))
