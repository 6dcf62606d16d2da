"""A call queue and its model, under a random history of everything that can happen. The same seed is the same history."""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from deltamesh_router.queue import affinity
from deltamesh_router.queue.callee import QueuedCall
from deltamesh_router.queue.callqueue import CallQueue
from deltamesh_router.queue.moves import Dispatch, Lost, Move, NoCallee, QueueFull, Refusal
from deltamesh_router.settings.settings import CallRule
from tests.router.queue_model import Model

POLICIES = ["single", "first", "last", "roundrobin", "random", "least_loaded", "affinity"]


class Session:
    """A callee's session; the queue knows it only as something."""

    def __init__(self, name: int) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"session {self.name}"


class Call(QueuedCall):
    """A call with a name, for messages, and without `__slots__`, so that the test can see that nobody holds it any longer."""

    def __init__(self, name: int, key: Any) -> None:
        super().__init__(key)
        self.name = name

    def __repr__(self) -> str:
        return f"call {self.name}" + ("" if self.key is None else f" of key {self.key}")


class World:
    def __init__(self, seed: int, policy: str) -> None:
        self.random = Random(seed)
        self.policy = policy
        self.now = 0.0
        self.num_steps = 0
        self.seen: Counter[str] = Counter()
        self.max_callees = 0
        # each history has its own ways, so that rare situations are frequent in some
        draw = self.random
        self.max_concurrency = draw.choice([1, 1, 2, 5])
        self.may_be_unbounded = draw.random() < 0.2
        self.num_sessions = draw.choice([1, 2, 3, 6, 12])
        self.num_keys = draw.choice([1, 2, 5, 50])
        self.crash = draw.choice([0.0, 1.0, 3.0])
        self.pace = draw.choice([0.01, 0.1, 0.5])
        self.rule = self.any_rule()
        invoke = policy if policy in POLICIES[:5] else "roundrobin"
        self.queue = CallQueue(self.rule, invoke, draw.randrange)
        self.model = Model(self.rule, invoke)
        self.gone: weakref.WeakSet[Any] = weakref.WeakSet()
        """All calls and sessions there were, as far as somebody holds them still."""
        self.sessions: list[Session] = []
        self.num_calls = 0
        for _ in range(draw.randint(0, self.num_sessions)):
            self.join()

    def any_rule(self) -> CallRule:
        draw = self.random
        chosen: Any = self.policy if self.policy in POLICIES[5:] else "as_registered"
        return CallRule(
            max_waiting=draw.choice([0, 1, 3, 10, 1000]),
            max_wait=draw.choice([0.5, 2.0, 1000.0]),
            tries=draw.choice([1, 2, 2, 3]),
            choose=draw.choice(["as_registered", "least_loaded", "affinity", chosen, chosen]) if self.num_steps else chosen,
        )

    # -- events

    def step(self) -> None:
        """Let one thing happen, and check everything."""
        self.num_steps += 1
        self.now += self.random.random() * self.pace
        # a call is offered and answered far more often than anything else happens
        weights = {
            self.offer: 10.0,
            self.answer: 6.0,
            self.withdraw: 1.5,
            self.expire: 1.0,
            self.join: 1.0 if self.model.is_registered else 5.0,
            self.leave: 0.3 * self.crash,
            self.drain: 0.2,
            self.unregister: 0.2,
            self.change_rule: 0.05,
        }
        event = self.random.choices(list(weights), list(weights.values()))[0]
        self.seen[event.__name__] += 1
        event()
        self.check()

    def offer(self) -> None:
        self.num_calls += 1
        has_key = self.rule.choose == "affinity" and self.random.random() < 0.9
        call = Call(self.num_calls, self.random.randrange(self.num_keys) if has_key else None)
        self.gone.add(call)
        model = self.model
        model.since[call] = self.now
        has_to_wait = not model.eligible(call)
        is_full = len(model.line) >= model.rule.max_waiting
        try:
            callee = self.queue.offer(call, self.now)
        except NoCallee:
            assert not model.is_registered, "there is a callee"
            model.end(call)
            self.seen["no_callee"] += 1
        except QueueFull as refusal:
            assert has_to_wait, "there is a free slot"
            assert is_full, "there is room"
            assert model.is_registered, "there is no callee"
            told = (refusal.waiting, refusal.is_first)
            assert told == (len(model.line), not model.is_overrun), "what is the caller told?"
            model.is_overrun = True
            model.end(call)
            self.seen["full"] += 1
        else:
            if callee is None:
                assert has_to_wait, "there is a free slot"
                assert not is_full, "there is no room"
                assert model.is_registered, "there is no callee"
                model.line.append(call)
                self.seen["waits"] += 1
            else:
                assert callee is call.callee
                model.give(call, callee.session)

    def answer(self) -> None:
        calls = [call for callee in self.model.callees.values() for call in callee.calls]
        if calls:
            self.answer_call(self.random.choice(calls))

    def answer_call(self, call: QueuedCall) -> None:
        self.seen["unwanted answer"] += call in self.model.unwanted
        callee = self.model.answered(call)
        session = next(session for session, each in self.model.callees.items() if each is callee)
        moves = self.queue.answered(call, self.now)
        self.moved(moves, emptied=session if callee.limit == 0 and not callee.calls else None)

    def withdraw(self) -> None:
        calls = [*self.model.line, *(call for callee in self.model.callees.values() for call in callee.calls)]
        if calls:
            call = self.random.choice(calls)
            self.model.withdraw(call)
            self.moved(self.queue.withdraw(call, self.now))

    def expire(self) -> None:
        if self.queue.next_expiry is not None and self.random.random() < 0.3:
            self.now = max(self.now, self.queue.next_expiry)
        expired = [call for call in self.model.line if self.model.since[call] + self.model.rule.max_wait <= self.now]
        self.seen["expired"] += len(expired)
        self.moved(self.queue.expire(self.now), expired=expired)

    def join(self) -> None:
        known = list(self.model.callees)
        if known and (len(known) >= self.num_sessions or self.random.random() < 0.2):
            session = self.random.choice(known)
            self.seen["join again"] += 1
        else:
            session = Session(len(self.sessions))
            self.sessions.append(session)
            self.gone.add(session)
        unbounded = self.may_be_unbounded and self.random.random() < 0.3
        concurrency = None if unbounded else self.random.randint(1, self.max_concurrency)
        self.model.join(session, concurrency)
        self.max_callees = max(self.max_callees, len(self.model.callees))
        self.moved(self.queue.join(session, concurrency, self.now))

    def leave(self) -> None:
        if self.model.callees:
            self.leave_session(self.random.choice(list(self.model.callees)))

    def leave_session(self, session: Any) -> None:
        lost = self.model.leave(session, self.now)
        self.moved(self.queue.leave(session, self.now), lost=lost)

    def drain(self) -> None:
        if self.model.callees:
            session = self.random.choice(list(self.model.callees))
            self.model.callees[session].limit = 0
            self.model.disown()
            empty = not self.model.callees[session].calls
            self.moved(self.queue.drain(session, self.now), emptied=session if empty else None)

    def unregister(self) -> None:
        sessions = [session for session, callee in self.model.callees.items() if callee.is_registered]
        if sessions:
            session = self.random.choice(sessions)
            callee = self.model.callees[session]
            callee.is_registered, callee.limit = False, 0
            self.model.disown()
            self.moved(self.queue.unregister(session, self.now), emptied=None if callee.calls else session)

    def change_rule(self) -> None:
        self.model.rule = self.rule = self.any_rule()
        self.queue.change_rule(self.rule)

    # -- checks

    def moved(self, moves: Sequence[Move], *, lost: Any = (), expired: Any = (), emptied: Any = None) -> None:
        for move in moves:
            self.seen[type(move).__name__] += 1
            self.seen["tried again"] += type(move) is Dispatch and move.call.tries > 1
            self.seen["no callee left"] += type(move) is Refusal and type(move.reason) is NoCallee
            self.seen["unwanted lost"] += type(move) is Lost and not move.call.is_wanted
        self.model.check_moves(moves, lost=list(lost), expired=list(expired), emptied=emptied)
        for session in [session for session, callee in self.model.callees.items() if not callee.is_registered and not callee.calls]:
            del self.model.callees[session]

    def check(self) -> None:
        """Compare all that can be seen of the queue with the model, and that it keeps nothing that it need not."""
        queue, model = self.queue, self.model
        self.forget_keys()
        model.nobody_waits_in_vain()
        assert queue.waiting == len(model.line)
        assert list(queue.callees) == list(model.callees)
        for session, callee in model.callees.items():
            real = queue.callees[session]
            assert list(real.calls) == callee.calls
            assert all(call.callee is real and call.tries == model.tries[call] for call in callee.calls)
            assert (real.limit if real.concurrency is not None else math.inf) == callee.limit
            assert real.is_registered == callee.is_registered
        assert all(call.callee is None for call in model.line)
        assert queue.in_flight == sum(len(callee.calls) for callee in model.callees.values())
        capacity = sum(callee.limit for callee in model.callees.values())
        assert (math.inf if queue.capacity is None else queue.capacity) == capacity
        expiry = min((model.since[call] for call in model.line), default=None)
        assert queue.next_expiry == (None if expiry is None else expiry + model.rule.max_wait)
        assert (queue.num_offered, queue.num_waited, queue.num_queue_full) == (self.num_calls, self.seen["waits"], self.seen["full"])
        assert queue.num_waited_too_long == self.seen["expired"]
        assert queue.num_no_callee == self.seen["no_callee"] + self.seen["no callee left"]
        assert queue.num_given_back == model.num_given_back
        assert queue.num_lost == self.seen["Lost"] - self.seen["unwanted lost"]
        self.check_size()

    def forget_keys(self) -> None:
        """The queue may forget whom an idle key belongs to, if there are more than it has to remember, and only then."""
        idle = self.model.idle_keys
        forgotten = idle - set(self.queue._lanes._lanes)
        self.seen["forgotten"] += len(forgotten)
        assert not forgotten or len(idle - forgotten) == affinity.MAX_IDLE_KEYS
        for key in forgotten:
            del self.model.owners[key]
        assert len(idle - forgotten) <= affinity.MAX_IDLE_KEYS

    def check_size(self) -> None:
        lanes, chosen = self.queue._lanes, self.queue._choice
        keys = {call.key for call in [*self.model.line, *(call for callee in self.model.callees.values() for call in callee.calls)]}
        assert set(lanes._lanes) == {*self.model.owners, *keys} - {None}
        assert set(lanes._shares) <= set(self.queue.callees.values())
        assert len(getattr(chosen, "_entries", ())) <= 2 * self.max_callees + 8

    def finish(self) -> None:
        """Whatever happened, in the end every call ends, and nothing is left."""
        calls: list[QueuedCall] = []
        while self.model.callees or self.model.line:
            calls = [call for callee in self.model.callees.values() for call in callee.calls]
            if calls and self.random.random() < 0.7:
                self.answer_call(self.random.choice(calls))
            elif self.model.callees:
                self.leave()
            self.check()
        assert len(self.model.ended) == self.num_calls
        assert (self.queue.waiting, self.queue.in_flight, self.queue.callees) == (0, 0, {})
        calls.clear()
        self.sessions.clear()
        self.model = Model(self.rule, "single")
        assert not list(self.gone), "somebody holds what has ended"


def run(seed: int, policy: str, steps: int = 150) -> World:
    """Run the history with this seed."""
    try:
        world = World(seed, policy)
        for _ in range(steps):
            world.step()
        world.finish()
    except Exception as error:
        error.add_note(f"policy {policy}, seed {seed}")
        raise
    return world
