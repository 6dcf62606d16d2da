"""What becomes of a call: it is given to a callee, answered, refused, tried again, given up."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any, Final

from autobahn.exception import PayloadExceededError
from autobahn.wamp.exception import ApplicationError, SerializationError
from autobahn.wamp.message import Cancel, Error, Result

from deltamesh_router.calls import passing, refusal
from deltamesh_router.calls.announcement import ON_DRAINED, ON_FULL, announce
from deltamesh_router.calls.peer import Peer
from deltamesh_router.calls.registrar import ProcedureQueue, Registrar
from deltamesh_router.calls.routedcall import RoutedCall
from deltamesh_router.queue.moves import Dispatch, Drained, Emptied, Lost, Move, QueueFull, Refusal, Refused

UNSENDABLE: Final = (PayloadExceededError, SerializationError)
"""What is raised when a message cannot be sent to whom it is for: too large, or with values that its format has no form for."""


class Courier(Registrar):
    """
    The part of the dealer that carries calls to callees and answers to callers, as the queues say.

    A call is known as a `RoutedCall` from when it comes. Its caller is answered once, and its slot is free when its callee has answered or
    left; whichever comes first, the call is known until both have come.
    """

    def __init__(self, router: Any, reactor: Any, options: Any = None) -> None:
        super().__init__(router, reactor, options)
        self._ids = count(1)
        self._cancel_timers = SimpleNamespace(call_later=reactor.callLater)  # Crossbar.io's own are exact to a second
        self._moves: deque[tuple[ProcedureQueue, Move]] = deque()
        self._is_moving = False

    # -- what the queues say

    def _carry_out(self, queue: ProcedureQueue, moves: Sequence[Move]) -> None:
        """
        Do what a queue says, in its order, and see to the queue itself.

        A session inside the router answers while it is being asked, which gives more moves: they are done after those that came first.
        """
        self._moves.extend([(queue, move) for move in moves])
        if not self._is_moving:
            self._is_moving = True
            try:
                while self._moves:
                    self._move(*self._moves.popleft())
            finally:
                self._is_moving = False
        if queue.timer is None and (expiry := queue.next_expiry) is not None:
            queue.timer = self._reactor.callLater(max(0.0, expiry - self._now()), self._expire, queue)
        if not queue.callees:
            self._close(queue)

    def _move(self, queue: ProcedureQueue, move: Move) -> None:
        if type(move) is Dispatch:
            routed = move.call
            if routed.callee is not move.callee:
                return  # the callee has left meanwhile
            if not routed.is_wanted:  # its caller has gone meanwhile
                self._carry_out(queue, self._free(routed))
                return
            if routed.tries == 1:
                queue.counts.wait.observe(routed.started - routed.since)
            timer = routed.timer
            timeout = None if timer is None else max(1, round((timer.getTime() - self._reactor.seconds()) * 1000))
            self._invoke(routed, move.callee.session, timeout)
        elif type(move) is Refusal:
            self._refuse(move.call, move.reason)
        elif type(move) is Lost:
            self._lose(queue, move.call)
        elif type(move) is Emptied:
            for waiting in list(move.callee.session.drains):
                waiting.look()
        elif type(move) is Drained:
            announce(self._router, ON_DRAINED, queue.registration, queue.waiting, queue.rule.max_waiting)

    def _lose(self, queue: ProcedureQueue, routed: RoutedCall) -> None:
        """The callee of a call has left, and there is no other try."""
        request, uri = routed.request, queue.registration.uri
        routed.caller.num_calls -= 1
        if routed.is_wanted:
            self._answer(routed, refusal.callee_gone(uri).to_error(request))
        elif routed.is_killed:
            self._answer(routed, refusal.canceled(uri).to_error(request))

    def _expire(self, queue: ProcedureQueue) -> None:
        queue.timer = None
        self._carry_out(queue, queue.expire(self._now()))

    # -- at a callee

    def _invoke(self, routed: RoutedCall, peer: Peer, timeout: int | None) -> None:
        """Send a call to the callee that it was given to."""
        routed.id = number = next(self._ids)
        self._invocations[number] = peer.invocations[number] = routed
        try:
            self._router.send(peer.session, passing.invocation(routed, timeout))
        except UNSENDABLE as error:  # the callee knows nothing of it
            self._finish(routed, passing.unsendable(routed, "call of", error))

    def _progress(self, routed: RoutedCall, reply: Result | Error) -> None:
        """Pass on a part of an answer."""
        routed.tries = sys.maxsize  # what its caller has seen of it cannot be begun again
        if routed.is_killed:
            return
        if type(reply) is not Error:
            try:
                self._router.send(routed.caller.session, reply)
                return
            except UNSENDABLE as error:
                reply = passing.unsendable(routed, "call result from", error)
        self._interrupt(routed, Cancel.KILLNOWAIT)
        self._give_up(routed, reply)

    def _finish(self, routed: RoutedCall, reply: Result | Error) -> None:
        """The callee has answered for good: answer the caller, and give the slot to the next."""
        number = routed.id
        del self._invocations[number], routed.callee.session.invocations[number]  # type: ignore[union-attr]
        if routed.is_killed:
            reply = refusal.canceled(routed.message.procedure).to_error(routed.request)
        moves = self._free(routed)
        try:
            self._answer(routed, reply)
        finally:
            if moves:
                self._carry_out(routed.queue, moves)

    def _free(self, routed: RoutedCall) -> Sequence[Move]:
        """The callee of a call has answered: return who is given its slot."""
        queue, now = routed.queue, self._now()
        routed.id = 0
        routed.caller.num_calls -= 1
        queue.counts.run.observe(now - routed.started)
        moves: Sequence[Move] = queue.answered(routed, now)
        return moves

    # -- the end for the caller

    def _answer(self, routed: RoutedCall, reply: Result | Error) -> None:
        """Give the caller of a call its last answer."""
        caller, queue = routed.caller, routed.queue
        del caller.calls[routed.request]
        if routed.timer is not None:
            routed.timer.cancel()
            routed.timer = None
        try:
            self._router.send(caller.session, reply)
        except UNSENDABLE as error:
            reply = passing.unsendable(routed, "call result from", error)
            self._router.send(caller.session, reply)
        if queue is not None and type(reply) is Error:
            queue.counts.errors.add(reply.error)

    def _end(self, routed: RoutedCall, reply: Result | Error) -> None:
        """Answer a call that is at no callee, and forget it."""
        routed.caller.num_calls -= 1
        if routed.is_wanted:
            self._answer(routed, reply)

    def _refuse(self, routed: RoutedCall, reason: Refused) -> None:
        """The queue has refused a call."""
        queue = routed.queue
        if type(reason) is QueueFull and reason.is_first:
            announce(self._router, ON_FULL, queue.registration, queue.waiting, queue.rule.max_waiting)
        self._end(routed, refusal.of_queue(reason, queue.registration.uri).to_error(routed.request))

    def _time_out(self, routed: RoutedCall) -> None:
        """The timeout of a call is over."""
        routed.timer = None
        call = routed.message
        if routed.id and not routed.is_killed:
            self._interrupt(routed, Cancel.KILLNOWAIT, ApplicationError.TIMEOUT)
        self._give_up(routed, refusal.timed_out(call.procedure, call.timeout, is_waiting=not routed.id).to_error(call.request))

    def _interrupt(self, routed: RoutedCall, mode: str, reason: str | None = None, forward_for: Any = None) -> bool:
        """Tell the callee of a call to stop, if it can be told; return whether it was."""
        peer = routed.callee.session  # type: ignore[union-attr]
        if peer.takes_interrupts:
            self._router.send(peer.session, passing.interrupt(routed, mode, reason, forward_for))
            return True
        return False

    def _give_up(self, routed: RoutedCall, reply: Error | None) -> None:
        """Nobody waits for a call any longer: answer its caller, if that is still there. A callee that works on the call keeps its slot."""
        queue = routed.queue
        routed.is_killed = False
        moves: Sequence[Move] = ()
        if queue is None:
            routed.is_wanted = False
        else:
            if routed.id:
                peer = routed.callee.session  # type: ignore[union-attr]
                del self._invocations[routed.id], peer.invocations[routed.id]
                peer.abandoned[routed.id] = routed
            elif routed.callee is None:
                routed.caller.num_calls -= 1
            moves = queue.withdraw(routed, self._now())
        if reply is not None:
            self._answer(routed, reply)
        elif routed.timer is not None:
            routed.timer.cancel()
            routed.timer = None
        if moves:
            self._carry_out(queue, moves)
        elif routed.task is not None:
            routed.task.cancel()
        elif queue is None:
            if routed.authorization:  # known, but it is behind another one that the authorizer thinks about
                routed.caller.num_calls -= 1
            self._go_on(routed.caller)

    def _go_on(self, caller: Peer) -> None:
        """Place the calls of a session about which the authorizer has decided, up to the first one that it thinks about."""
        asked = caller.asked
        while asked and (asked[0].authorization or not asked[0].is_wanted):
            routed = asked.popleft()
            if routed.is_wanted:
                self._place(routed)

    def _place(self, routed: RoutedCall) -> None:
        raise NotImplementedError
