"""The garbage collector's time does not grow with what a component keeps."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from deltamesh.operation.collector import INTERVAL, tend


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """Leave the collector as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_what_stays_is_taken_out_of_the_collectors_sight() -> None:
    clock = Clock()
    call = tend(clock)
    kept = [{"number": [number]} for number in range(10_000)]
    assert any(each is kept for each in gc.get_objects())

    clock.advance(INTERVAL)

    assert not any(each is kept for each in gc.get_objects())
    call.stop()
    assert clock.getDelayedCalls() == []
