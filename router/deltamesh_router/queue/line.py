"""Calls in a line: who came first is first, and who has waited too long is found without a look at the others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from deltamesh_router.queue.callee import QueuedCall


class Line:
    """
    Calls that wait, in two parts: before all others those that were given back, the latest group of them first; then the rest as they came.

    So those that have waited longest are the last one that was given back and the first one of the rest. Every cost is constant per call.

    Args:
        draw: gives a higher number each time.
    """

    def __init__(self, draw: Callable[[], int]) -> None:
        self._draw = draw
        # ordered dictionaries: the first and the last can be taken, and any one removed, at a constant cost
        self._given_back: OrderedDict[QueuedCall, None] = OrderedDict()
        self._new: OrderedDict[QueuedCall, None] = OrderedDict()

    @property
    def first(self) -> QueuedCall | None:
        """Who goes first; the one with the lowest number."""
        return next(iter(self._given_back or self._new), None)

    def append(self, call: QueuedCall) -> None:
        """A new call goes to the end."""
        call.number = self._draw()
        self._new[call] = None

    def give_back(self, calls: Sequence[QueuedCall]) -> None:
        """`calls` go to the head, in their order."""
        for call in reversed(calls):
            call.number = -self._draw()
            self._given_back[call] = None
            self._given_back.move_to_end(call, last=False)

    def remove(self, call: QueuedCall) -> None:
        """Take out `call`, wherever it is."""
        part = self._new if call in self._new else self._given_back
        del part[call]

    @property
    def oldest(self) -> QueuedCall | None:
        """Who has waited longest."""
        given_back = next(reversed(self._given_back), None)
        new = next(iter(self._new), None)
        if given_back is None or (new is not None and new.since <= given_back.since):
            return new
        return given_back
