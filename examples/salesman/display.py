"""Writes what is on the board to the service, at a bounded rate. Nobody waits for it: if the leader is away, it is written later."""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from deltamesh.cli import loop
from deltamesh.client import Mesh
from deltamesh.errors import DeltameshError
from deltamesh.stream import Position
from examples.salesman.board import Board
from examples.salesman.service import SHOWN

PAUSE: Final = 0.2
"""Least time between two transactions [s]."""

AGAIN: Final = 1.0
"""Pause after one that did not succeed [s]."""

HEARTBEAT: Final = 5.0
"""Pause after which an empty transaction asks whether the leader has forgotten what was written [s]."""

FAREWELL: Final = 1.0
"""How long the last one may take when the orchestrator ends [s]."""


class Display:
    """The board as the service shows it. What a former orchestrator has left there is taken over first: its searches have ended."""

    log = Logger(namespace="salesman")

    def __init__(self, mesh: Mesh, board: Board) -> None:
        self._mesh = mesh
        self._board = board
        self._position: Position | None = None
        self._is_taken_over = False
        self._written = 0.0
        self._one_at_a_time = DeferredLock()  # an earlier transaction that is tried again must not overtake a later one
        self._writing = LoopingCall(lambda: self._one_at_a_time.run(lambda: Deferred.fromCoroutine(self._write())))
        self._writing.clock = mesh.connection.reactor

    def begin(self) -> None:
        """There is a session: take over what is shown, then write."""
        self._is_taken_over = False
        if not self._writing.running:
            self._writing.start(PAUSE, now=False).addErrback(lambda failure: self.log.failure("nothing is shown any longer", failure))

    async def stop(self) -> None:
        """Write what is left, if that can be done soon. Does nothing if it has not begun: another one may be writing."""
        if not self._writing.running:
            return
        self._writing.stop()
        try:
            await loop.within(FAREWELL, self._last())
        except TimeoutError:
            self.log.warn("the last state of the searches could not be written")

    async def _last(self) -> None:
        await self._one_at_a_time.run(lambda: Deferred.fromCoroutine(self._write()))

    def retire(self) -> None:
        """Let the service forget the oldest searches, and problems that nobody needs."""
        board = self._board
        searches = sorted(board.entries("searches"), key=lambda entry: -entry[1]["number"])
        for id, search in searches[SHOWN:]:
            if search["state"] != "running":
                board.drop("searches", id)
                board.drop("routes", id)
                for number in range(search["points"]):
                    board.drop("progress", (id, number))
        needed = {search["problem"]["id"] for _, search in board.entries("searches")}
        for id, problem in list(board.entries("problems")):
            if id not in needed and not problem["is_known"]:
                board.drop("problems", id)

    async def _write(self) -> None:
        """Write what has changed as one transaction."""
        if self._mesh.connection.session is None:
            return
        try:
            if not self._is_taken_over:
                await self._take_over()
            changes = self._board.take()
            now = self._mesh.connection.reactor.seconds()
            if not changes and now - self._written < HEARTBEAT:
                return
            self._written = now
            try:
                done = await self._mesh.write(changes)
            except BaseException:
                self._board.restore(changes)
                raise
        except DeltameshError as error:
            say = self.log.debug if error.retry else self.log.error
            say("what is shown is not up to date: {error}", error=error)
            await deferLater(self._mesh.connection.reactor, AGAIN, lambda: None)
            return
        before, self._position = self._position, done.position
        if before is not None and before.epoch != done.position.epoch:
            self._board.forgotten()

    async def _take_over(self) -> None:
        for _, values in await self._mesh.read("searches"):
            search: Any = values.one()
            id = search["id"]
            if self._board.get("searches", id) is None:
                self._board.adopt("searches", id, search)
                if search["state"] == "running":
                    self._board.put("searches", id, {**search, "state": "lost"})
        for _, values in await self._mesh.read("problems"):
            problem: Any = values.one()
            self._board.adopt("problems", problem["id"], problem)
        for session, _ in await self._mesh.read("workers"):
            if self._board.get("workers", session) is None:
                self._board.drop("workers", session)
        self._is_taken_over = True
        self.retire()
