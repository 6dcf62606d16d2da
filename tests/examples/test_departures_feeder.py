"""What the feeder of departures makes of what a former run has left, however that ended."""

from __future__ import annotations

from itertools import chain
from random import Random

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from examples.departures import replay
from examples.departures.feeder import Feeder, Shown
from examples.departures.timeline import Timeline, instant, reference

DAY = "2013-01-01"
TIMES = [f"{DAY}T{hour:02}:{minute:02}" for hour in (5, 6, 9, 13) for minute in (0, 30)]


class Interrupted(Exception):
    """The feeder was ended here."""


class Kept:
    """What a service keeps, and a feed that writes to it. `left`: writes until the next interruption."""

    log = Logger()

    def __init__(self) -> None:
        self.entries = {}
        self.left = 1_000_000
        self.num_written = 0

    async def write(self, changes):
        if self.left == 0:
            raise Interrupted
        self.left -= 1
        for name, entries in changes.items():
            for key, values in entries:
                self.num_written += 1
                if values:
                    self.entries[name, key] = values
                else:
                    self.entries.pop((name, key), None)
        return False

    def shown(self):
        clock = self.entries.get(("clock", None))
        return Shown.of(clock[0]) if clock else None


@pytest.fixture(scope="module")
def timeline():
    return Timeline.read(DAY, DAY)


def content(timeline, at):
    """Return what is known at an instant, and nothing else."""
    found = {}
    for event in chain(reference(), reversed(list(timeline.as_of(at)))):
        found[event.input, event.key] = event.values
    return found


def load(kept, timeline, at):
    feeder = Feeder(kept, timeline, at)
    outcome = []
    Deferred.fromCoroutine(feeder.load(kept.shown())).addBoth(outcome.append)
    if outcome[0] is not None:
        outcome[0].trap(Interrupted)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_came_before_only_what_is_known_is_there(timeline, seed, monkeypatch):
    monkeypatch.setattr(replay, "BATCH", 400)
    random, kept = Random(seed), Kept()
    for _ in range(4):
        kept.left = random.randrange(30)
        load(kept, timeline, instant(random.choice(TIMES)))
    kept.left = 1_000_000
    now = instant(random.choice(TIMES))

    load(kept, timeline, now)

    del kept.entries["clock", None]
    assert kept.entries == content(timeline, now)


def test_what_is_there_already_is_not_written_again(timeline):
    kept = Kept()
    load(kept, timeline, instant(f"{DAY}T09:00"))
    kept.num_written = 0

    load(kept, timeline, instant(f"{DAY}T09:00"))
    assert kept.num_written == 0

    load(kept, timeline, instant(f"{DAY}T09:10"))
    assert 0 < kept.num_written < 200
