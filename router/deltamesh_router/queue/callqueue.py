"""
The calls of one registration: which of them wait, which are at which callee, and which slots are taken.

Pure: no Crossbar.io, no clock, no chance. Times are passed in, in seconds, and must not go back; what has to be done is returned, as
*moves*, in the order in which to do it. By then the queue has done its part. If carrying out a move leads to another call of a method,
because a session turns out to be gone for instance, a `Dispatch` not yet carried out is outdated if `move.call.callee is not move.callee`.

The rules:

- A callee has as many slots as it said (`concurrency`), or any number. A call takes a slot from when it is given to the callee until the
  callee has answered or left. That nobody wants it any longer frees nothing.
- A call waits only while no callee has a free slot. Who came first goes first. With affinity this holds for each key: calls with
  equal keys go to the callee that the key belongs to, and wait for it alone (see `affinity`).
- A callee that leaves gives back what it had. Calls with a try left go to the head of the line in their order, and may wait for
  `max_wait` once more. They are never refused for want of room. The others are lost.
- A callee is *registered* from `join` to `unregister` or `leave`. While one is registered, even if all are draining, calls wait for a
  callee to come or to be free. When the last one goes, all that waits is refused (`NoCallee`), and so is what is offered after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from deltamesh_router.queue.affinity import Lanes
from deltamesh_router.queue.callee import UNBOUNDED, Callee, QueuedCall
from deltamesh_router.queue.choice import choice
from deltamesh_router.queue.line import Line
from deltamesh_router.queue.moves import NOTHING, Dispatch, Drained, Emptied, Lost, Move, NoCallee, QueueFull, Refusal, WaitedTooLong
from deltamesh_router.settings.settings import CallRule


class CallQueue:
    """
    The calls of one registration.

    Args:
        rule: bounds and, unless `choose` is "as_registered", the policy.
        invoke: the policy that the callees registered with: "single", "first", "last", "roundrobin", "random".
        below: `below(n)` is a random number from 0 to n - 1.

    Cost: of a call and of a move, logarithmic in the callees at most, however many calls wait and callees are full. Of a callee that goes,
    linear in the callees that have a free slot, the calls that it has, and the keys that belong to it.
    """

    def __init__(self, rule: CallRule, invoke: str, below: Callable[[int], int]) -> None:
        self.rule = rule
        self.callees: dict[Any, Callee] = {}
        """Session -> callee, as long as it is registered or has calls. Empty: there is nothing in this queue, and it can be thrown away."""
        self.waiting = 0
        """Calls that wait."""
        self.num_offered = 0
        """Calls that were offered, refused ones included."""
        self.num_waited = 0
        """Calls that had to wait when they were offered."""
        self.num_queue_full = 0
        """Calls that were refused, by reason: this one and the next two."""
        self.num_waited_too_long = 0
        self.num_no_callee = 0
        self.num_given_back = 0
        """Times that a call was put back in line because its callee had left."""
        self.num_lost = 0
        """Calls that somebody waited for and whose callee left with their last try."""
        self._invoke = invoke
        self._below = below
        self._draw = count(1).__next__
        self._num_registered = 0
        self._is_overrun = False
        """A call was refused because the queue was full, and that is not over yet."""
        self._line = Line(self._draw)
        """Calls without a key that wait. While there is one, no callee has a free slot."""
        self._lanes = Lanes(self._draw)
        """Calls with a key."""
        self._choice = choice(self._policy, (), below)

    @property
    def in_flight(self) -> int:
        """Calls that are at callees: slots taken."""
        return sum(len(callee.calls) for callee in self.callees.values())

    @property
    def capacity(self) -> int | None:
        """Slots of the callees that take new calls, or None if one of them has any number."""
        limits = [callee.limit for callee in self.callees.values()]
        return None if UNBOUNDED in limits else sum(limits)

    @property
    def next_expiry(self) -> float | None:
        """
        When `expire` has something to do [s]; None if nothing waits.

        Arm a timer when a call begins to wait and none is armed, and again after `expire` and `change_rule`: nothing else makes it earlier.
        """
        oldest = [call.since for call in (self._line.oldest, self._lanes.line.oldest) if call is not None]
        return min(oldest) + self.rule.max_wait if oldest else None

    # -- callees

    def join(self, session: Any, concurrency: int | None, now: float) -> Sequence[Move]:
        """
        `session` takes calls from now on, `concurrency` at a time, or any number if None.

        Also for one that is draining, or was unregistered, or says another number now: the calls that it has still count.
        To replace callees let the new one join before the others are unregistered, and what waits goes on waiting.
        """
        callee = self.callees.get(session)
        if callee is None:
            callee = self.callees[session] = Callee(session)
        if not callee.is_registered:
            callee.is_registered = True
            callee.number = callee.turn = self._draw()
            self._num_registered += 1
        callee.limit = UNBOUNDED if concurrency is None else concurrency
        self._choice.changed(callee)
        return self._end(self._serve(callee, now))

    def drain(self, session: Any, now: float) -> Sequence[Move]:
        """`session` gets no new calls and works off what it has. It is still registered: calls wait for another one. `join` ends it."""
        callee = self.callees.get(session)
        return NOTHING if callee is None else self._end(self._retire(callee, now))

    def unregister(self, session: Any, now: float) -> Sequence[Move]:
        """`session` gets no new calls, works off what it has, and is not registered any more."""
        callee = self.callees.get(session)
        if callee is None or not callee.is_registered:
            return NOTHING
        callee.is_registered = False
        self._num_registered -= 1
        return self._end(self._retire(callee, now))

    def leave(self, session: Any, now: float) -> Sequence[Move]:
        """`session` has gone, and what it had is given back: tried again, refused, or lost. No `Emptied`. Nothing if it was no callee."""
        callee = self.callees.pop(session, None)
        if callee is None:
            return NOTHING
        self._num_registered -= callee.is_registered
        callee.limit = 0
        self._choice.changed(callee)
        moves: list[Move] = []
        given_back = []
        for call in callee.calls:
            call.callee = None
            if call.is_wanted and call.tries < self.rule.tries:
                call.since = now
                given_back.append(call)
            else:
                self.num_lost += call.is_wanted
                moves.append(Lost(call))
        self.num_given_back += len(given_back)
        self.waiting += len(given_back)
        self._line.give_back([call for call in given_back if call.key is None])
        self._lanes.left(callee, [call for call in given_back if call.key is not None])
        callee.calls.clear()
        return self._end(moves + self._spread(now))

    # -- calls

    def offer(self, call: QueuedCall, now: float) -> Callee | None:
        """
        Take a new call.

        Returns:
            The callee to send it to, which is `call.callee` as well, or None: the call waits. Nothing else moves.

        Raises:
            QueueFull, NoCallee: the call is refused, and the queue knows nothing of it.
        """
        self.num_offered += 1
        call.since = now
        pick = self._choice.pick
        callee = pick() if call.key is None else self._lanes.callee_for(call.key, pick)
        if callee is None:
            self._wait(call)
            return None
        if call.key is not None:
            self._lanes.given(call, callee)
        # as in `_give`; written out because this is what every call goes through
        call.callee = callee
        call.started = now
        call.tries += 1
        callee.calls[call] = None
        callee.turn = self._draw()
        self._choice.changed(callee)
        return callee

    def answered(self, call: QueuedCall, now: float) -> Sequence[Move]:
        """`call.callee` has answered for good, by YIELD or ERROR: its slot is free. Also for a call that nobody wants any longer."""
        callee = call.callee
        assert callee is not None
        del callee.calls[call]
        call.callee = None
        if call.key is not None:
            self._lanes.answered(call)
        if callee.limit == 0:
            return self._end(self._go_on_leaving(callee, now))
        self._choice.changed(callee)
        if self.waiting or self._is_overrun:
            return self._end(self._serve(callee, now))
        return NOTHING

    def withdraw(self, call: QueuedCall, now: float) -> Sequence[Move]:
        """
        Nobody wants `call`, which has not ended, any longer: it was cancelled, it timed out, or the caller has gone.

        A call that waits has ended; no move will tell of it. One at a callee keeps its slot until `answered`, or ends as `Lost` when
        the callee leaves; it gets no second chance. To withdraw it again does nothing.
        """
        if call.is_wanted:
            call.is_wanted = False
            if call.callee is None:
                self._remove(call)
        return self._end([])

    # -- time and settings

    def expire(self, now: float) -> Sequence[Move]:
        """Refuse what has waited for `rule.max_wait`. When it is called late, calls wait longer; nothing else depends on it."""
        max_wait = self.rule.max_wait
        moves: list[Move] = []
        for line in (self._line, self._lanes.line):
            while (call := line.oldest) is not None and call.since + max_wait <= now:
                self._remove(call)
                self.num_waited_too_long += 1
                moves.append(Refusal(call, WaitedTooLong(now - call.since)))
        return self._end(moves)

    def change_rule(self, rule: CallRule) -> None:
        """Go on with other settings. They hold for what waits as well, except that a lower `max_waiting` refuses only new calls."""
        self.rule = rule
        self._choice = choice(self._policy, self.callees.values(), self._below)

    # -- inside

    @property
    def _policy(self) -> str:
        return self._invoke if self.rule.choose == "as_registered" else "least_loaded"

    def _wait(self, call: QueuedCall) -> None:
        """Put a new call in line."""
        if not self._num_registered:
            self.num_no_callee += 1
            raise NoCallee
        if self.waiting >= self.rule.max_waiting:
            self.num_queue_full += 1
            is_first, self._is_overrun = not self._is_overrun, True
            raise QueueFull(self.waiting, is_first=is_first)
        self.num_waited += 1
        self.waiting += 1
        (self._line if call.key is None else self._lanes).append(call)

    def _remove(self, call: QueuedCall) -> None:
        """Take a call out of the line."""
        (self._line if call.key is None else self._lanes).remove(call)
        self.waiting -= 1

    def _take_for(self, callee: Callee) -> QueuedCall | None:
        """Take out of the line what `callee`, which has a free slot, is to be given next."""
        call = self._line.first
        lane = self._lanes.first_for(callee)
        if lane is not None and (call is None or lane.number < call.number):
            return self._lanes.take(lane, callee)
        if call is not None:
            self._line.remove(call)
        return call

    def _give(self, call: QueuedCall, callee: Callee, now: float) -> Move:
        """Give a call that has waited, and is out of the line, to `callee`."""
        self.waiting -= 1
        call.callee = callee
        call.started = now
        call.tries += 1
        callee.calls[call] = None
        callee.turn = self._draw()
        self._choice.changed(callee)
        return Dispatch(call, callee)

    def _serve(self, callee: Callee, now: float) -> list[Move]:
        """Give `callee` what it may have of what waits."""
        moves: list[Move] = []
        while self.waiting and len(callee.calls) < callee.limit and (call := self._take_for(callee)) is not None:
            moves.append(self._give(call, callee, now))
        return moves

    def _spread(self, now: float) -> list[Move]:
        """Give what waits for no callee in particular to those that have free slots, or refuse it if none can come."""
        moves: list[Move] = []
        while self.waiting and (callee := self._choice.pick()) is not None and (call := self._take_for(callee)) is not None:
            moves.append(self._give(call, callee, now))
            # its key belongs to the callee now, and the other calls of the key as well
            while len(callee.calls) < callee.limit and (lane := self._lanes.first_of(callee)) is not None:
                moves.append(self._give(self._lanes.take(lane, callee), callee, now))
        if not self._num_registered:
            for line in (self._line, self._lanes.line):
                while (call := line.first) is not None:
                    self._remove(call)
                    self.num_no_callee += 1
                    moves.append(Refusal(call, NoCallee()))
        return moves

    def _retire(self, callee: Callee, now: float) -> list[Move]:
        """`callee` gets no new calls from now on."""
        callee.limit = 0
        self._choice.changed(callee)
        self._lanes.retired(callee)
        return self._go_on_leaving(callee, now)

    def _go_on_leaving(self, callee: Callee, now: float) -> list[Move]:
        """`callee`, which gets no new calls, has fewer of them or keys that are free now."""
        moves = self._spread(now)
        if not callee.calls:
            moves.append(Emptied(callee))
            if not callee.is_registered:
                del self.callees[callee.session]
                self._lanes.left(callee)
        return moves

    def _end(self, moves: list[Move]) -> Sequence[Move]:
        """What every event ends with."""
        if self._is_overrun and not self.waiting:
            self._is_overrun = False
            moves.append(Drained())
        return moves
