"""
`kill -9` of followers, again and again, under writers and readers: readers are live again at once, and show nothing that never was.

    python -m tests.reliability.follower --seed 1 --rounds 100

In each round the follower with a reader that chance chooses is killed, and a new one started in its place. A reader is live again when it
follows another follower and has its position.
"""

from __future__ import annotations

import time

from tests.reliability.readers import Reader, at
from tests.reliability.run import Run, main, parser
from tests.reliability.waiting import pause, until

WRITERS = 8
READERS = 40
LIMIT = 1.0
"""Within which a reader is live again, p99 [s]."""


async def follower(run: Run) -> None:
    """Kill followers."""
    again: list[float] = []
    async with run.mesh(leaders=1, followers=2) as mesh:
        running = {each.name: each for each in mesh.followers}
        await mesh.write(WRITERS)
        await mesh.read(READERS)
        for number in run.rounds():
            await pause(run.random.uniform(0.0, 0.5))
            victim = run.random.choice(mesh.readers).live.follower
            assert victim is not None, "a live view has a follower"
            waiting = at(mesh.readers, victim)
            killed = time.monotonic()
            running.pop(victim).kill()
            while waiting:
                await until(lambda: any([_is_elsewhere(each, victim) for each in waiting]), f"readers of {victim} are live again")
                now = time.monotonic()
                again += [now - killed for each in waiting if _is_elsewhere(each, victim)]
                waiting = [each for each in waiting if not _is_elsewhere(each, victim)]
            new = mesh.add(mesh.follower(f"again{number}"))
            running[new.name] = new
            await until(lambda: new.is_ready, f"{new.name} is ready")
        await mesh.settle()
    run.took("live_again", again, limit=LIMIT)
    run.conclude(mesh)


def _is_elsewhere(reader: Reader, victim: str) -> bool:
    return reader.live.is_live and reader.live.follower != victim


if __name__ == "__main__":
    main(follower, parser(__doc__, rounds=100).parse_args())
