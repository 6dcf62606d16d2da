"""
What is shown in talks: twenty calls of two seconds on callees with two and three slots; and what a third one with five changes.

    python -m bench.talk [--seconds 2] [--program ours]

Prints how long all calls took, and the ideal: with five slots 4 times two seconds; if five more come after two seconds, 5 calls are done
then, 10 more two seconds later, and the last 5 two seconds after that.
"""

from __future__ import annotations

import argparse
from typing import Final

from bench import measure
from bench.router import PROGRAMS, Routers
from bench.workers import Worker, Workplace
from tests.running_router import RunningRouter

PROCEDURE: Final = "com.example.hackernews.talk"
NUM_CALLS: Final = 20


def ideal(seconds: float, *, is_joined: bool) -> float:
    """Return how long it takes at best [s], when a call takes so long."""
    return (3 if is_joined else 4) * seconds


def talk(router: RunningRouter, seconds: float, *, is_joined: bool) -> float:
    """Return how long it took [s]; if `is_joined`, the third callee joins when the first calls are done."""
    with Workplace(router) as place:
        workers = [Worker(place, PROCEDURE, seconds, concurrency=slots, invoke="roundrobin") for slots in (2, 3)]
        place.run(lambda: all(worker.is_registered for worker in workers))
        if is_joined:
            place.after(seconds, lambda: workers.append(Worker(place, PROCEDURE, seconds, concurrency=5, invoke="roundrobin")))
        for _ in range(NUM_CALLS):
            place.call(PROCEDURE)
        took = place.run(lambda: len(place.took) == NUM_CALLS)
        if any(worker.most > slots for worker, slots in zip(workers, (2, 3, 5), strict=False)):
            raise RuntimeError("a callee was given more calls than it has slots")
        return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each call")
    parser.add_argument("--program", choices=list(PROGRAMS), default="ours")
    options = parser.parse_args()
    with Routers(options.program) as routers:
        for is_joined in (False, True):
            took = talk(routers.running[options.program], options.seconds, is_joined=is_joined)
            measure.emit(joined=is_joined, seconds=round(took, 3), ideal=ideal(options.seconds, is_joined=is_joined))


if __name__ == "__main__":
    main()
