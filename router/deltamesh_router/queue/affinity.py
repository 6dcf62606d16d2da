"""
Calls with equal keys go to the same callee, in order, as long as it takes calls; and no two callees work on one key at once.

- A key belongs to the callee that its first call is given to, and before that to nobody.
- Its calls wait for this callee alone, even if others have a free slot. They go in the order in which they came; a callee with several
  slots may have several of them at once.
- It belongs to nobody again when its callee has left; when its callee is draining or unregistered, as soon as that has answered all calls
  of the key; and perhaps, beyond `MAX_IDLE_KEYS`, when none of its calls waits or is worked on.
- Keys that wait for the same callee take turns, one call each, so a key with many calls does not hold up the others.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Final

from deltamesh_router.queue.callee import Callee, QueuedCall
from deltamesh_router.queue.line import Line

MAX_IDLE_KEYS: Final = 10_000
"""Keys of a queue that are remembered while they have no call. Keys come from callers, who can make up any number of them."""


class Lane:
    """The calls of one key."""

    __slots__ = ("callee", "in_flight", "key", "number", "waiting")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.callee: Callee | None = None
        """Whom the key belongs to."""
        self.in_flight = 0
        """Calls that `callee` works on."""
        self.waiting: OrderedDict[QueuedCall, None] | None = None
        """Calls that wait, the first one first; None if there are none."""
        self.number = 0
        """Its place among the lanes that wait: lower goes first."""


class _Share:
    """What belongs to one callee, beside the lanes that it works on and that have nothing waiting."""

    __slots__ = ("idle", "waiting")

    def __init__(self) -> None:
        self.idle: OrderedDict[Lane, None] = OrderedDict()
        """Lanes without a call, the one that had none for longest first."""
        self.waiting: OrderedDict[Lane, None] = OrderedDict()
        """Lanes with calls that wait, the one whose turn it is first."""


class Lanes:
    """
    All calls with a key: who waits, and whom it may be given to. It gives nothing to anybody; it is told of each gift, answer and end.

    Args:
        draw: gives a higher number each time.
    """

    def __init__(self, draw: Callable[[], int]) -> None:
        self._draw = draw
        self._lanes: dict[Hashable, Lane] = {}
        self._shares: dict[Callee, _Share] = {}
        self._unowned: OrderedDict[Lane, None] = OrderedDict()
        """Lanes that belong to nobody. Each has calls that wait. The one whose turn it is first."""
        self._num_idle = 0
        self.line = Line(draw)
        """All calls that wait, by age."""

    @property
    def num_keys(self) -> int:
        """Keys that are remembered: those with calls, and up to `MAX_IDLE_KEYS` without."""
        return len(self._lanes)

    def callee_for(self, key: Hashable, pick: Callable[[], Callee | None]) -> Callee | None:
        """Return who may take a new call with this key at once, or None; `pick` is asked if the key belongs to nobody."""
        lane = self._lanes.get(key)
        if lane is None:
            return pick()
        callee = lane.callee
        return callee if callee is not None and len(callee.calls) < callee.limit else None

    def given(self, call: QueuedCall, callee: Callee) -> None:
        """`callee_for` has returned `callee` for this call, and it was given to it."""
        lane = self._lanes.get(call.key)
        if lane is None:
            lane = self._lanes[call.key] = Lane(call.key)
            lane.callee = callee
        elif not lane.in_flight:
            self._end_idleness(lane)
        lane.in_flight += 1

    def append(self, call: QueuedCall) -> None:
        """`callee_for` has returned None for this call: it waits."""
        self.line.append(call)
        lane = self._lanes.get(call.key)
        if lane is None:
            lane = self._lanes[call.key] = Lane(call.key)
        if lane.waiting is None:
            lane.waiting = OrderedDict()
            if lane.callee is not None and not lane.in_flight:
                self._end_idleness(lane)
            self._queue_up(lane)
        lane.waiting[call] = None

    def first_of(self, callee: Callee) -> Lane | None:
        """The lane whose turn it is of those that wait for `callee` alone."""
        share = self._shares.get(callee)
        return None if share is None else next(iter(share.waiting), None)

    def first_for(self, callee: Callee) -> Lane | None:
        """The lane whose turn it is of those that wait for `callee` or for nobody in particular."""
        own, unowned = self.first_of(callee), next(iter(self._unowned), None)
        return unowned if own is None or (unowned is not None and unowned.number < own.number) else own

    def take(self, lane: Lane, callee: Callee) -> QueuedCall:
        """The first call of `lane` is given to `callee`: return it."""
        assert lane.waiting is not None
        call, _ = lane.waiting.popitem(last=False)
        self.line.remove(call)
        self._step_out(lane)
        lane.callee = callee
        lane.in_flight += 1
        if lane.waiting:
            self._queue_up(lane)
        else:
            lane.waiting = None
        return call

    def answered(self, call: QueuedCall) -> None:
        """The callee has answered `call`."""
        lane = self._lanes[call.key]
        lane.in_flight -= 1
        if not lane.in_flight:
            self._settle(lane)

    def remove(self, call: QueuedCall) -> None:
        """`call`, which waits, has ended."""
        self.line.remove(call)
        lane = self._lanes[call.key]
        assert lane.waiting is not None
        del lane.waiting[call]
        if not lane.waiting:
            lane.waiting = None
            self._step_out(lane)
            if not lane.in_flight:
                self._settle(lane)

    def retired(self, callee: Callee) -> None:
        """`callee` gets no new calls: what it does not work on belongs to nobody."""
        share = self._shares.get(callee)
        if share is not None:
            self._forget_idle(share)
            for lane in reversed([lane for lane in share.waiting if not lane.in_flight]):
                self._step_out(lane)
                self._disown(lane)

    def left(self, callee: Callee, given_back: Sequence[QueuedCall] = ()) -> None:
        """`callee` has gone with `callee.calls`, of which `given_back`, in this order, are to be tried again: before all others."""
        lanes: dict[Lane, None] = {}
        for call in callee.calls:
            if call.key is not None:
                lane = self._lanes[call.key]
                lane.in_flight = 0
                lanes[lane] = None
        self.line.give_back(given_back)
        for call in reversed(given_back):
            lane = self._lanes[call.key]
            if lane.waiting is None:
                lane.waiting = OrderedDict()
            lane.waiting[call] = None
            lane.waiting.move_to_end(call, last=False)
        share = self._shares.pop(callee, None)
        if share is not None:
            self._forget_idle(share)
            lanes.update(share.waiting)
        for lane in reversed(lanes):
            if lane.waiting is None:
                del self._lanes[lane.key]
            else:
                self._disown(lane)

    def _share(self, callee: Callee) -> _Share:
        share = self._shares.get(callee)
        if share is None:
            share = self._shares[callee] = _Share()
        return share

    def _queue_up(self, lane: Lane) -> None:
        """Put a lane with calls that wait behind the others with the same callee, or with none."""
        lane.number = self._draw()
        (self._unowned if lane.callee is None else self._share(lane.callee).waiting)[lane] = None

    def _step_out(self, lane: Lane) -> None:
        """Undo `_queue_up`."""
        del (self._unowned if lane.callee is None else self._share(lane.callee).waiting)[lane]

    def _disown(self, lane: Lane) -> None:
        """Put a lane with calls that wait at the head of those that belong to nobody."""
        lane.callee = None
        lane.number = -self._draw()
        self._unowned[lane] = None
        self._unowned.move_to_end(lane, last=False)

    def _settle(self, lane: Lane) -> None:
        """Look at a lane of which nothing is worked on any more."""
        callee = lane.callee
        takes_calls = callee is not None and callee.limit > 0
        if lane.waiting is not None:
            if callee is not None and not takes_calls:
                self._step_out(lane)
                self._disown(lane)
        elif callee is None or not takes_calls:
            del self._lanes[lane.key]
        else:
            idle = self._share(callee).idle
            idle[lane] = None
            self._num_idle += 1
            if self._num_idle > MAX_IDLE_KEYS:
                forgotten, _ = idle.popitem(last=False)
                del self._lanes[forgotten.key]
                self._num_idle -= 1

    def _end_idleness(self, lane: Lane) -> None:
        assert lane.callee is not None
        del self._shares[lane.callee].idle[lane]
        self._num_idle -= 1

    def _forget_idle(self, share: _Share) -> None:
        for lane in share.idle:
            del self._lanes[lane.key]
        self._num_idle -= len(share.idle)
        share.idle.clear()
