"""
How long to wait before trying again.

The wait doubles up to a limit; half of it is random, so that the many clients of a thing that came back do not all arrive at once.
"""

from __future__ import annotations

import random
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 5.0
"""The first pause and the longest one [s]."""


def pause(reactor: Any, number: int) -> Deferred[None]:
    """Return after the pause that follows try `number`, counted from 0."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(number, 20))
    return deferLater(reactor, longest * random.uniform(0.5, 1.0), lambda: None)
