"""
The call queue, as the Crossbar.io talk shows it: twenty calls of two seconds on five slots take 8 s instead of 40, with one worker more 6.

    make run                              # in another terminal: the router
    python -m examples.talk.queue
"""

from __future__ import annotations

import secrets
from argparse import Namespace
from typing import Any, Final

from twisted.internet.defer import Deferred, FirstError, gatherResults
from twisted.internet.task import deferLater

from deltamesh.connection import Connection
from deltamesh.errors import DeltameshError
from examples import feeding
from examples.talk import session

PROCEDURE: Final = f"com.example.talk.work_{secrets.token_hex(3)}"
"""Of this run: two at the same time do not share their workers."""

NUM_CALLS: Final = 20
MAX_WAITING: Final = 20
"""As router/router.toml says: so many calls may wait, one more is refused."""
TOO_MANY: Final = 5


class Worker:
    """A component that works on at most `slots` calls at a time. It counts them, for the picture; the router keeps to the number."""

    def __init__(self, connection: Connection, slots: int, picture: Picture) -> None:
        self.connection = connection
        self.slots = slots
        self.busy = 0
        self._picture = picture

    async def register(self) -> None:
        """Take calls from now on."""
        await self.connection.register(PROCEDURE, self.work, invoke="roundrobin", concurrency=self.slots)
        self._picture.workers.append(self)

    async def work(self, _details: Any, seconds: float) -> None:
        """Answer after so many seconds."""
        self.busy += 1
        self._picture.changed()
        await deferLater(self.connection.reactor, seconds, lambda: None)
        self.busy -= 1
        self._picture.changed()


class Picture:
    """A line for each moment at which something changed: who works on how many calls, how many wait, and how many are done."""

    def __init__(self, reactor: Any) -> None:
        self.workers: list[Worker] = []
        self.called = self.done = 0
        self.begun = 0.0
        self._reactor = reactor
        self._drawing: Any = None

    def begin(self, calls: int) -> None:
        """So many calls are made now."""
        self.called, self.done, self.begun = calls, 0, self._reactor.seconds()

    def seconds(self) -> float:
        """Return how long ago they were made [s]."""
        return float(self._reactor.seconds() - self.begun)

    def changed(self) -> None:
        """Draw soon: what happens at one moment is one line."""
        if self._drawing is None:
            self._drawing = self._reactor.callLater(0.02, self._draw)

    def _draw(self) -> None:
        self._drawing = None
        slots = "  ".join([f"[{'#' * each.busy}{' ' * (each.slots - each.busy)}]" for each in self.workers])
        waiting = self.called - self.done - sum([each.busy for each in self.workers])
        session.say(f"  {self.seconds():5.1f} s   slots {slots}   waiting {'.' * waiting or '-'}   done {self.done}")


async def call_all(caller: Connection, picture: Picture, number: int, seconds: float) -> tuple[float, list[DeltameshError]]:
    """Make so many calls at once. Return how long it took until all were answered [s], and the errors among the answers."""
    refused: list[DeltameshError] = []

    async def one() -> None:
        try:
            await caller.call(PROCEDURE, seconds)
        except DeltameshError as error:
            refused.append(error)
            picture.called -= 1
        else:
            picture.done += 1
        picture.changed()

    picture.begin(number)
    try:
        await gatherResults([Deferred.fromCoroutine(one()) for _ in range(number)], consumeErrors=True)
    except FirstError as error:  # Ctrl-C has cancelled them
        raise error.subFailure.value from None
    took = picture.seconds()
    await deferLater(caller.reactor, 0.05, lambda: None)  # for the last line of the picture
    return took, refused


async def main(options: Namespace) -> None:
    seconds = options.seconds
    caller = await session.connected(options)
    picture = Picture(caller.reactor)
    two, three, five = [Worker(await session.connected(options), slots, picture) for slots in (2, 3, 5)]
    await two.register()
    await three.register()

    session.say(
        f"{NUM_CALLS} calls of {seconds:g} s. One worker takes 2 calls at a time, as it says, another one 3. The router queues the rest.\n"
    )
    took, _ = await call_all(caller, picture, NUM_CALLS, seconds)
    session.say(f"\nAll answered after {took:.1f} s; one after the other they take {NUM_CALLS * seconds:g} s.")

    session.say(f"\nThe same again; after {seconds:g} s a third worker joins, with 5 slots. Nobody tells the caller.\n")
    caller.reactor.callLater(seconds, lambda: Deferred.fromCoroutine(five.register()))
    took, _ = await call_all(caller, picture, NUM_CALLS, seconds)
    session.say(f"\nAll answered after {took:.1f} s.")

    slots = sum([each.slots for each in picture.workers])
    number, short = slots + MAX_WAITING + TOO_MANY, seconds / 4
    session.say(f"\n{number} short calls at once: {slots} go to workers, {MAX_WAITING} may wait (max_waiting in router/router.toml).\n")
    _, refused = await call_all(caller, picture, number, short)
    if refused:
        session.say(
            f"\n{len(refused)} of {number} were refused at once, with {refused[0].facts.get('error', refused[0].uri)}: {refused[0]}"
        )
    else:
        session.say("\nNone was refused: this router lets more calls wait, its settings are not those of router/router.toml.")
    for connection in (caller, *[each.connection for each in (two, three, five)]):
        await connection.stop()


if __name__ == "__main__":
    parser = feeding.arguments(__doc__)
    parser.add_argument("--seconds", type=feeding.positive, default=2.0, metavar="S", help="how long a call takes (2)")
    options = parser.parse_args()
    session.run("queue", lambda: main(options))
