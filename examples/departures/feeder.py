"""
Feeds the departure boards: replays 2013, as fast as it is told to.

It goes on where the clock of the service stands, or begins on New Year's morning. What the service has kept of a former run is not
written again: at the beginning the two are reconciled. If the leader is started again with an empty memory, everything that is known
at the simulated time is written again.
"""

from __future__ import annotations

from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from examples import feeding
from examples.departures.replay import BATCH, Pace, Rate, Replay, Speed, Unpaced, batches, changes
from examples.departures.service import app
from examples.departures.timeline import Event, Timeline, instant, local, reference
from examples.feeding import Feed

BEGINNING: Final = "2013-01-01T05:00"
LAST_EVENING: Final = "2013-12-31T18:00"

TICK: Final = 0.05
"""What falls due within so much time is one transaction [s]."""

HEARTBEAT: Final = 1.0
"""Pause after which the clock is written even if it shows the same, to learn whether the leader is still the same [s]."""

REPORT: Final = 10.0
"""Pause between two lines about what was done [s]."""


@dataclass(frozen=True)
class Shown:
    """What the clock of the service says of a former run."""

    now: int
    is_complete: bool
    """Whether everything is there that was known then. Nothing is there that became known later."""

    @classmethod
    def of(cls, clock: Mapping[str, Any]) -> Shown:
        return cls(instant(clock["now"]), not clock.get("loading", False))


class Feeder:
    """Writes a timeline to the service."""

    def __init__(self, feed: Feed, timeline: Timeline, start: int) -> None:
        self.feed = feed
        self.timeline = timeline
        self.now = start
        """The simulated instant."""
        self.speed: float | None = None
        """How fast it goes on; None if that has nothing to do with real time."""
        self.num_written = 0

    async def load(self, shown: Shown | None = None) -> None:
        """
        Let the service know what is known now, and nothing else, given what its clock shows. Begins again when the leader is replaced.

        Until all of it is there the clock says so: whoever comes after an interruption then relies on nothing.
        """
        while await self._is_forgotten_while_loading(shown):
            shown = None

    async def _is_forgotten_while_loading(self, shown: Shown | None) -> bool:
        there = self.now if shown is None else shown.now
        if shown is not None and shown.is_complete and there == self.now:
            return False
        news = self.timeline.as_of(self.now)
        if shown is not None and shown.is_complete and there < self.now:
            self.feed.log.info("writing what became known from {there} to {now}", there=local(there), now=local(self.now))
            news = (event for event in news if event.at > there)
        else:
            self.feed.log.info("writing what is known at {now}", now=local(self.now))
            news = chain(reference(), self.timeline.undone(self.now, there), news)
        for events in batches(chain([self.clock(loading=max(there, self.now))], news, [self.clock()])):
            if await self.write(events):
                return True
        return False

    async def play(self, pace: Pace, until: int) -> None:
        """Write events at a pace, until simulated time has reached `until`."""
        feed = self.feed
        self.speed = pace.factor if isinstance(pace, Speed) else None
        replay = Replay(self.timeline.events(after=self.now), pace, self.now, until)
        began = reported = written = feed.now()
        num_reported = self.num_written
        shown = None
        while not replay.is_over:
            now = feed.now()
            events = replay.due(now - began)
            self.now = int(replay.now)
            clock = self.clock()
            if events or clock != shown or now - written >= HEARTBEAT:
                shown, written = clock, now
                if await self.write([*events, clock]):
                    await self.load()
            if now - reported >= REPORT:
                rate = (self.num_written - num_reported) / (now - reported)
                feed.log.info("{clock}: {rate:.0f} events a second", clock=local(self.now), rate=rate)
                reported, num_reported = now, self.num_written
            if len(events) < BATCH:
                await feed.wait(TICK)

    def clock(self, *, loading: int | None = None) -> Event:
        """Return the clock, or, while not everything is there, a mark that nothing later than `loading` is."""
        if loading is not None:
            return Event(loading, "clock", None, [{"now": local(loading), "speed": None, "loading": True}])
        return Event(self.now, "clock", None, [{"now": local(self.now), "speed": self.speed}])

    async def stay(self) -> None:
        """Write no news, only everything again should the leader forget it, for ever."""
        while True:
            if await self.write([self.clock()]):
                await self.load()
            await self.feed.wait(HEARTBEAT)

    async def write(self, events: list[Event]) -> bool:
        """Write events as one transaction; return whether the leader has forgotten all others."""
        forgotten = await self.feed.write(changes(events))
        self.num_written += len(events)
        return forgotten


async def main(feed: Feed, options: Namespace, timeline: Timeline) -> None:
    [*entries] = await feed.patiently(lambda: feed.mesh.read("clock", at_least=feed.position))
    shown = Shown.of(entries[0][1].one()) if entries else None
    start = timeline.begin if options.all else options.start or (shown.now if shown else instant(BEGINNING))
    stop = options.stop or timeline.end
    feeder = Feeder(feed, timeline, start)
    await feeder.load(shown)
    if options.all:
        began = feed.now()
        await feeder.play(Unpaced(), min(instant(LAST_EVENING), stop))
        feed.log.info("{num} events in {seconds:.0f} s", num=feeder.num_written, seconds=feed.now() - began)
    await feeder.play(Rate(options.rate) if options.rate else Speed(feeder.now, options.speed), stop)
    feed.log.info("{num} events written, until {clock}", num=feeder.num_written, clock=local(feeder.now))
    if options.stop is None:
        await feeder.stay()


def moment(text: str) -> int:
    try:
        return instant(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r}: write 2013-07-10 or 2013-07-10T15:00") from error


if __name__ == "__main__":
    parser = feeding.arguments(__doc__)
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--speed", type=feeding.positive, default=60.0, metavar="N", help="simulated seconds in a second (60)")
    pace.add_argument("--rate", type=feeding.positive, metavar="N", help="events in a second, however long they took in 2013")
    parser.add_argument("--all", action="store_true", help=f"first everything until {LAST_EVENING}, as fast as it can be written")
    parser.add_argument("--start", type=moment, metavar="TIME", help="begin here, as in 2013-07-10T15:00, on the clocks of New York")
    parser.add_argument("--stop", type=moment, metavar="TIME", help="end here, instead of staying until interrupted")
    options = parser.parse_args()
    timeline = Timeline.read()
    feeding.run(app.uris.prefix, options, lambda feed: main(feed, options, timeline))
