"""Memory that is free goes back to the operating system."""

from __future__ import annotations

import ctypes
from typing import Any, Final

PAUSE: Final = 1.0
"""Time between something large having become free and giving it back [s]: one time for many."""

_malloc_trim: Final[Any] = getattr(ctypes.CDLL(None), "malloc_trim", None)


class FreeMemory:
    """
    What became free in this process.

    The C library keeps it, as a rule: what is still in use lies between the pieces. After a thousand messages for a reader that did
    not take them most of their memory would count as the router's for ever. Giving it back takes about a millisecond.

    Args:
        clock: the reactor.
    """

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._is_expected = False

    def give_back(self) -> None:
        """Give back what is free, soon. Does nothing where the C library has no function for it (musl, macOS)."""
        if _malloc_trim is not None and not self._is_expected:
            self._is_expected = True
            self._clock.callLater(PAUSE, self._trim)

    def _trim(self) -> None:
        self._is_expected = False
        _malloc_trim(0)
