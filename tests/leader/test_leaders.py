"""
Seeded histories of three leaders with one journal, in memory: real leaders, a router of thirty lines, a clock that a test moves.

Sessions are lost, leaders are cut off without knowing it and go on, appends take their time and fail, with and without being kept.
Meanwhile callers count: each call adds one, and is repeated under its key until it is answered. Whatever happens, what is published
or answered is in the journal by then, each call has counted once, and all leaders end where the journal does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater

from deltamesh import Service
from deltamesh.connection.wamp import WampError
from deltamesh.errors import DeltameshError, Fenced, JournalFull, JournalUnavailable, RemoteError
from deltamesh.journal import Record
from deltamesh.leader.leader import Leader, State
from deltamesh.stream import Delta, Position
from tests.shared_journal import SharedJournal, Store

SEEDS = range(60)
CALLERS = 4
CALLS = 12
STEP = 0.01  # [s]
LIMIT = 60_000  # steps

GONE = "com.example.count.leader.on_gone"
STRANGER = SimpleNamespace(caller=1, caller_authid="a", caller_authrole="b", progress=None)
CANCELED = RemoteError("wamp.error.canceled", "the callee left", retry=True)
NOBODY = RemoteError("wamp.error.no_such_procedure", "nobody", retry=True)


def counting() -> Service:
    app = Service("com.example.count")
    counts = app.input("counts")

    @app.action
    def add(tx: Any, caller: Any, name: str) -> int:
        count = tx.one(counts, name, 0) + 1
        tx.put(counts, name, count)
        return int(count)

    return app


class Router:
    """Procedures with one callee each, and the topic on which a leader is gone."""

    def __init__(self) -> None:
        self.procedures: dict[str, tuple[Session, Any]] = {}
        self.sessions: list[Session] = []
        self.published: list[Delta] = []

    def drop(self, session: Session) -> None:
        """End a session as seen from here; its owner may not know."""
        if session in self.sessions:
            self.sessions.remove(session)
            self.procedures = {uri: each for uri, each in self.procedures.items() if each[0] is not session}
            for call in session.calls:
                if not call.called:
                    call.errback(CANCELED)
            for other in list(self.sessions):
                other.event(GONE)

    async def call(self, uri: str, *args: Any, **kwargs: Any) -> Any:
        session, procedure = self.procedures.get(uri, (None, None))
        if session is None:
            raise NOBODY
        answer: Deferred[Any] = Deferred()
        session.calls.append(answer)

        def answered(outcome: Any) -> None:
            if not answer.called:  # who has lost its session is not heard
                answer.callback(outcome)

        Deferred.fromCoroutine(procedure(STRANGER, *args, **kwargs)).addBoth(answered)
        return await answer


class Session:
    def __init__(self, router: Router) -> None:
        self.calls: list[Deferred[Any]] = []
        self.handlers: dict[str, Callable[..., None]] = {}
        router.sessions.append(self)

    async def subscribe(self, handler: Callable[..., None], uri: str) -> None:
        self.handlers[uri] = handler

    def event(self, uri: str, *arguments: Any) -> None:
        if uri in self.handlers:
            self.handlers[uri](*arguments)


class Connection:
    """What a leader needs of one."""

    def __init__(self, router: Router, clock: Clock, random: Random) -> None:
        self.reactor = clock
        self.session: Session | None = None
        self._router = router
        self._random = random
        self.errors: list[Any] = []

    def on_join(self, setup: Any) -> None:
        self._set_up = setup

    def on_lost(self, lost: Any) -> None:
        self._lost = lost

    def start(self) -> None:
        assert self.session is None
        session = self.session = Session(self._router)
        Deferred.fromCoroutine(self._set_up(self)).addErrback(self._not_set_up, session)

    def _not_set_up(self, failure: Any, session: Session) -> None:
        failure.trap(DeltameshError, WampError)
        if self.session is session:
            self.reactor.callLater(0.2, self.leave, session)

    def leave(self, session: Session) -> None:
        """Lose the session and know it; another one follows."""
        assert session is not None
        if self.session is session:
            self.session = None
            self._lost()
            self._router.drop(session)
            self.reactor.callLater(self._random.uniform(0.05, 0.5), self.start)

    async def call(self, _uri: str, *_: Any) -> None:
        self._check()

    async def register(self, uri: str, procedure: Any) -> None:
        self._check()
        if uri in self._router.procedures:
            raise WampError("wamp.error.procedure_already_exists")
        assert self.session is not None
        self._router.procedures[uri] = (self.session, procedure)

    def _check(self) -> None:
        if self.session not in self._router.sessions:
            raise RemoteError("wamp.error.unavailable", "the connection was lost", retry=True)

    def publish_delta(self, topic: str, delta: Delta) -> None:
        if self.session in self._router.sessions:
            self._router.published.append(delta)
            for other in self._router.sessions:
                if other is not self.session:
                    other.event(topic, *delta.to_wire())


class Faulty(Store):
    """Appends take time and fail, as long as it is told."""

    def __init__(self, clock: Clock, random: Random) -> None:
        super().__init__()
        self.clock, self.random, self.is_faulty = clock, random, True

    def open(self) -> SlowJournal:
        return SlowJournal(self)


class SlowJournal(SharedJournal):
    store: Faulty

    async def append(self, records: Sequence[Record]) -> None:
        store, random = self.store, self.store.random
        await deferLater(store.clock, random.choice([0.0, 0.01, 0.1, 1.0]), lambda: None)
        if store.is_faulty and random.random() < 0.3:
            error, is_kept = random.choice([(JournalFull("x"), False), (JournalUnavailable("x"), False), (JournalUnavailable("x"), True)])
            store.failures.append((error, is_kept))
        try:
            await super().append(records)
        finally:
            store.failures.clear()
        await deferLater(store.clock, random.choice([0.0, 0.05]), lambda: None)  # it is durable, and the leader does not know yet


class World:
    def __init__(self, seed: int) -> None:
        self.random, self.clock, self.router = Random(seed), Clock(), Router()
        self.store = Faulty(self.clock, self.random)
        self.connections = [Connection(self.router, self.clock, self.random) for _ in range(3)]
        service = counting()
        self.leaders = [Leader(service, each, self.store.open()) for each in self.connections]  # type: ignore[arg-type]
        self.answers: dict[str, dict[str, Any]] = {}
        self.errors: Counter[str] = Counter()
        self.num_taken_over = 0

    def run(self) -> None:
        for leader in self.leaders:
            leader.start()
        callers = [Deferred.fromCoroutine(self.caller(number)) for number in range(CALLERS)]
        for step in range(LIMIT):
            self.store.is_faulty = step < LIMIT // 10
            if self.store.is_faulty and self.random.random() < 0.02:
                self.disturb(self.random.choice(self.connections))
            self.clock.advance(STEP)
            assert all(delta.to <= len(self.store.log) for delta in self.router.published)
            self.router.published.clear()
            if all(each.called for each in callers) and not self.store.is_faulty:
                break
        for each in callers:
            each.addErrback(lambda failure: failure.raiseException())
        for _ in range(500):
            self.clock.advance(STEP)

    def disturb(self, connection: Connection) -> None:
        session, what = connection.session, self.random.random()
        if what < 0.1:
            self.store.term += 1  # somebody takes the journal
        elif session is None:
            return
        elif what < 0.5:
            connection.leave(session)
        else:  # it learns of it later, and goes on until then
            self.router.drop(session)
            self.clock.callLater(self.random.uniform(0.1, 3.0), connection.leave, session)

    async def caller(self, number: int) -> None:
        for call in range(CALLS):
            key = f"{number} {call}"
            while key not in self.answers:
                try:
                    answer = await self.router.call("com.example.count.add", f"counter {call % 2}", idempotency_key=key)
                except DeltameshError as error:
                    if not error.retry:
                        raise
                    self.errors[error.uri] += 1
                    await deferLater(self.clock, self.random.uniform(0.01, 0.3), lambda: None)
                else:
                    assert answer["revision"] <= len(self.store.log)
                    self.answers[key] = answer


@pytest.fixture(scope="module")
def seen() -> Counter[str]:
    """What happened in all histories together."""
    return Counter()


@pytest.mark.parametrize("seed", SEEDS)
def test_each_call_counts_once_whatever_happens(seed: int, seen: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh.leader.standby.SLICE", 0.0)  # so that others have their turn after each record
    world = World(seed)
    world.run()
    log = world.store.log

    assert len(world.answers) == CALLERS * CALLS == len(log)
    assert [each.revision for each in log] == list(range(1, len(log) + 1))
    assert {each.idempotency_key: each.revision for each in log} == {key: each["revision"] for key, each in world.answers.items()}
    for name in ("counter 0", "counter 1"):
        results = [each["result"] for key, each in world.answers.items() if f"counter {int(key[-2:]) % 2}" == name]
        assert sorted(results) == list(range(1, len(results) + 1))
    states = Counter(leader.state for leader in world.leaders)
    assert states == {State.LEADING: 1, State.STANDBY: 2}
    for leader in world.leaders:
        assert leader.objection is None
        assert leader._claim.known == Position("kept", len(log))  # they have heard each other
        assert leader.position == Position("kept", len(log))
        assert leader._standby.shared.revision == len(log)
        assert leader._standby.shared.graph.audit() == []
    seen.update(world.errors)
    seen["terms"] += world.store.term


def test_the_histories_were_eventful(seen: Counter[str]) -> None:
    """Comes last: all that can go wrong did."""
    assert {Fenced.uri, JournalFull.uri, JournalUnavailable.uri, CANCELED.uri, NOBODY.uri} <= seen.keys()
    assert seen["terms"] > 3 * len(SEEDS)
