"""Somebody who commits all the time, and pushes as soon as that is possible."""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from tests.parameters.proof.gitserver import Clone, GitFailed
from tests.parameters.proof.oracle import Now, Oracle
from tests.reliability.waiting import pause, until

FILE: Final = "base/clock.yaml"
NAME: Final = "clock.n"


class Committer:
    """
    Commits to `clone` until it is stopped. Commit `n` makes the parameter `clock.n` n; `others` changes with it, so both are one change.

    Args:
        pace: between two commits [s].
    """

    def __init__(self, clone: Clone, oracle: Oracle, *, pace: float) -> None:
        self.number = 0
        """Of the newest commit."""
        self.pushed = 0
        """The newest one that the server has."""
        self.truth: list[Now] = []
        """What was true after each push."""
        self.num_failed = 0
        """Pushes that were not possible."""
        self._clone = clone
        self._oracle = oracle
        self._pace = pace
        self._is_stopping = False
        self._running: Deferred[None] | None = None

    async def begin(self, files: dict[str, str | bytes | None]) -> None:
        """Push the first commit, with these files as well."""
        self._clone.write(files)
        await self._step()

    def start(self) -> None:
        """Go on committing until `stop`."""
        self._is_stopping = False
        self._running = Deferred.fromCoroutine(self._run())

    async def stop(self) -> None:
        """Return when everything is pushed."""
        self._is_stopping = True
        if self._running is not None:
            await self._running
        while self.pushed < self.number:
            await self._push()

    async def progress(self, count: int) -> None:
        """Return when so many more commits are made."""
        target = self.number + count
        await until(lambda: self.number >= target, f"{count} more commits are made")

    async def _run(self) -> None:
        while not self._is_stopping:
            await self._step()
            await pause(self._pace)

    async def _step(self) -> None:
        number = self.number + 1
        text = f"n: {number}\nagain: {number}\n"
        await deferToThread(self._clone.commit, f"Set the clock to {number}", {FILE: text})
        self.number = number
        await self._push()

    async def _push(self) -> None:
        number = self.number
        head = await deferToThread(self._clone.head)
        self.truth.append(await deferToThread(self._oracle.at, head))  # before it is pushed, since then it may be shown at once
        try:
            await deferToThread(self._clone.push)
        except GitFailed:  # nobody finds the repository now
            self.num_failed += 1
            self.truth.pop()
            await pause(0.1)
        else:
            self.pushed = number
