"""
What a call queue has to do, said as simply as possible: lists, and a look at everything each time.

The model does not choose. It is told each move of the real queue, refuses what breaks a rule, and demands what is missing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from deltamesh_router.queue.callee import Callee, QueuedCall
from deltamesh_router.queue.moves import Dispatch, Drained, Emptied, Lost, Move, NoCallee, Refusal, WaitedTooLong
from deltamesh_router.settings.settings import CallRule


@dataclass(eq=False)
class ModelCallee:
    limit: float
    number: int
    turn: int
    is_registered: bool = True
    calls: list[QueuedCall] = field(default_factory=list)

    @property
    def has_room(self) -> bool:
        return len(self.calls) < self.limit


class Model:
    def __init__(self, rule: CallRule, invoke: str) -> None:
        self.rule = rule
        self.invoke = invoke
        self.callees: dict[Any, ModelCallee] = {}
        self.line: list[QueuedCall] = []
        """Who waits, in order."""
        self.since: dict[QueuedCall, float] = {}
        self.tries: dict[QueuedCall, int] = {}
        self.unwanted: set[QueuedCall] = set()
        self.ended: set[QueuedCall] = set()
        self.owners: dict[Any, Any] = {}
        """Key -> session that it belongs to."""
        self.is_overrun = False
        self.num_given_back = 0
        self._number = 0

    def draw(self) -> int:
        self._number += 1
        return self._number

    # -- what is true

    @property
    def policy(self) -> str:
        return self.invoke if self.rule.choose == "as_registered" else "least_loaded"

    @property
    def is_registered(self) -> bool:
        return any(callee.is_registered for callee in self.callees.values())

    @property
    def idle_keys(self) -> set[Any]:
        busy = {call.key for callee in self.callees.values() for call in callee.calls} | {call.key for call in self.line}
        return set(self.owners) - busy

    def eligible(self, call: QueuedCall) -> list[Any]:
        """Who may be given the call now."""
        if call.key in self.owners:
            owner = self.owners[call.key]
            return [owner] if self.callees[owner].has_room else []
        free = {session: callee for session, callee in self.callees.items() if callee.has_room}
        ranks = {
            "single": lambda callee: callee.number,
            "first": lambda callee: callee.number,
            "last": lambda callee: -callee.number,
            "roundrobin": lambda callee: callee.turn,
            "random": lambda callee: 0,
            "least_loaded": lambda callee: (len(callee.calls) / (1 if callee.limit == math.inf else callee.limit), callee.turn),
        }
        rank = ranks[self.policy]
        return [session for session in free if rank(free[session]) == min(map(rank, free.values()))]

    def disown(self) -> None:
        """Keys of callees that get no new calls and have none of the key belong to nobody."""
        for key, owner in list(self.owners.items()):
            callee = self.callees.get(owner)
            if callee is None or (callee.limit == 0 and key not in {call.key for call in callee.calls}):
                del self.owners[key]

    def end(self, call: QueuedCall) -> None:
        assert call not in self.ended, "it ended before"
        self.ended.add(call)

    # -- what happens

    def join(self, session: Any, concurrency: int | None) -> None:
        limit = math.inf if concurrency is None else concurrency
        callee = self.callees.get(session)
        if callee is None:
            number = self.draw()
            self.callees[session] = ModelCallee(limit, number, number)
        else:
            if not callee.is_registered:
                callee.number = callee.turn = self.draw()
            callee.is_registered, callee.limit = True, limit

    def leave(self, session: Any, now: float) -> list[QueuedCall]:
        """Returns the calls that are lost."""
        calls = self.callees.pop(session).calls
        again = [call for call in calls if call not in self.unwanted and self.tries[call] < self.rule.tries]
        for call in again:
            self.since[call] = now
        self.num_given_back += len(again)
        self.line = again + self.line
        self.disown()
        return [call for call in calls if call not in again]

    def answered(self, call: QueuedCall) -> ModelCallee:
        callee = next(callee for callee in self.callees.values() if call in callee.calls)
        callee.calls.remove(call)
        self.end(call)
        self.disown()
        return callee

    def withdraw(self, call: QueuedCall) -> None:
        self.unwanted.add(call)
        if call in self.line:
            self.line.remove(call)
            self.end(call)

    # -- what the queue does

    def give(self, call: QueuedCall, session: Any) -> None:
        """The call, which does not wait (any more), is given to a callee."""
        assert session in self.callees, "the callee is gone"
        assert self.callees[session].has_room, "the callee is full, or gets no new calls"
        assert session in self.eligible(call), "another callee should have it"
        assert call not in self.unwanted, "nobody wants it"
        workers = {worker for worker, callee in self.callees.items() if call.key in {other.key for other in callee.calls}}
        assert call.key is None or workers <= {session}, "two callees work on one key"
        self.callees[session].calls.append(call)
        self.callees[session].turn = self.draw()
        self.tries[call] = self.tries.get(call, 0) + 1
        if call.key is not None:
            self.owners[call.key] = session

    def check_moves(self, moves: Any, *, lost: list[QueuedCall], expired: list[QueuedCall], emptied: Any) -> None:
        """Carry out `moves`, which have to contain what is given."""
        refused_for_good = [] if self.is_registered else list(self.line)
        for move in moves:
            self._check_move(move, lost, expired, emptied, refused_for_good)
        assert not lost, "nobody was told of a loss"
        assert not expired, "nobody was told that it waited too long"
        assert not refused_for_good, "it waits though no callee is registered"
        told = [move.callee.session for move in moves if type(move) is Emptied]
        assert told == ([] if emptied is None else [emptied]), "who is empty?"
        is_drained = self.is_overrun and not self.line
        assert [type(move) for move in moves].count(Drained) == is_drained, "is it drained?"
        self.is_overrun = self.is_overrun and not is_drained

    def _check_move(self, move: Move, lost: list[Any], expired: list[Any], emptied: Any, refused_for_good: list[Any]) -> None:
        match move:
            case Dispatch(call, Callee(session=session)):
                assert call in self.line, "it does not wait"
                before = self.line[: self.line.index(call)]
                assert not [other for other in before if other.key == call.key], "another one comes first"
                self.line.remove(call)
                self.give(call, session)
            case Refusal(call, WaitedTooLong()):
                expired.remove(call)
                self.line.remove(call)
                self.end(call)
            case Refusal(call, NoCallee()):
                refused_for_good.remove(call)
                self.line.remove(call)
                self.end(call)
            case Lost(call):
                lost.remove(call)
                self.end(call)

    def nobody_waits_in_vain(self) -> None:
        for call in self.line:
            assert not self.eligible(call), f"{call} waits, and {self.eligible(call)} has a free slot"
