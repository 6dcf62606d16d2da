"""What was freed goes back to the operating system."""

from __future__ import annotations

import psutil
from twisted.internet.task import Clock

from deltamesh_router.memory import PAUSE, FreeMemory


def test_memory_that_is_free_between_what_is_in_use_is_given_back() -> None:
    clock = Clock()
    process = psutil.Process()
    blocks = [bytes(4000) for _ in range(20_000)]
    kept = blocks[::50]
    blocks.clear()
    before = process.memory_info().rss
    free = FreeMemory(clock)
    for _ in range(3):
        free.give_back()
    assert len(clock.getDelayedCalls()) == 1
    clock.advance(PAUSE)

    assert before - process.memory_info().rss > 40_000_000
    assert len(kept) == 400
    free.give_back()
    assert len(clock.getDelayedCalls()) == 1
