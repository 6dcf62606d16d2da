"""
Python's garbage collector and a process that keeps millions of small values.

A full collection looks at every object, which takes a second for a few million of them, and nothing else happens meanwhile. Values of
collections never form cycles, so looking at them again is of no use. `tend` therefore looks at what is new every few seconds, while that
is little, and takes what has stayed out of the collector's sight (`gc.freeze`).
"""

from __future__ import annotations

import gc
from typing import Any, Final

from twisted.internet.task import LoopingCall

INTERVAL: Final = 10.0
"""Pause between two looks [s]."""

YOUNG: Final = 50_000
"""New objects between two collections of the youngest; Python's own 700 is for programs that keep little."""


def tend(reactor: Any) -> LoopingCall:
    """Begin to look after the collector of this process; stop the returned call to end it."""
    gc.set_threshold(YOUNG, 20, 100)
    call = LoopingCall(_settle)
    call.clock = reactor
    call.start(INTERVAL, now=True)
    return call


def _settle() -> None:
    gc.collect()
    gc.freeze()
