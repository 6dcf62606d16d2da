"""
A realm in this process, on a clock that the test turns: a real `Router` with its dealer, and clients that record what they are sent.

    realm = RecordedRealm()
    worker, caller = realm.join(), realm.join()
    worker.register("com.example.work", concurrency=1)
    caller.call("com.example.work", "x")
    worker.received()  # [("INVOCATION", 1, ["x"])]
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any, Final

from autobahn.wamp import message as wamp
from autobahn.wamp.exception import TransportLost
from autobahn.wamp.role import RoleCalleeFeatures, RoleCallerFeatures
from crossbar.router.role import RouterRoleStaticAuth
from crossbar.worker.types import RouterRealm
from twisted.internet.task import Clock

from deltamesh_router.calls.dealer import Dealer
from deltamesh_router.router import RouterFactory
from deltamesh_router.settings.settings import CallRule, Limits, Settings

EVERYTHING: Final = {"call": True, "register": True, "publish": True, "subscribe": True}

WORK: Final = "com.example.work"
"""What most tests register and call."""

CANCELED: Final = "wamp.error.canceled"

Message = tuple[Any, ...]


class RecordedRealm:
    """One realm; `rules` and `limits` are those of `router.toml`."""

    def __init__(self, *rules: CallRule, limits: Limits | None = None) -> None:
        self.clock = Clock()
        factory = RouterFactory("node", "worker", None)
        factory._reactor = self.clock
        self.realm = RouterRealm(None, "realm", {"name": "realm1"})
        factory.start_realm(self.realm)
        self.router = factory.get("realm1")
        self.dealer: Dealer = self.router._dealer
        self.dealer._now = self.clock.seconds
        self.set(*rules, limits=limits)
        permissions = [
            {"uri": "", "match": "prefix", "allow": EVERYTHING, "cache": True},
            {"uri": "com.shown.", "match": "prefix", "allow": EVERYTHING, "disclose": {"caller": True}},
            {"uri": "com.denied.", "match": "prefix", "allow": {}},
        ]
        for role in ("component", "other", "rlink"):
            self.router.add_role(RouterRoleStaticAuth(self.router, role, permissions))

    def set(self, *rules: CallRule, limits: Limits | None = None) -> None:
        """Put other settings in place."""
        self.router.settings.replace(Settings(calls=rules, limits=limits or Limits()))

    def join(self, **features: Any) -> RecordedClient:
        """Return a client that has joined; for its arguments see there."""
        return RecordedClient(self, **features)

    def due(self) -> list[float]:
        """When something is to be done next and after [s], queues that look for what waits too long included."""
        calls: list[Any] = [*self.clock.getDelayedCalls()]
        return sorted([call.getTime() for call in calls])

    def pass_time(self, seconds: float) -> None:
        """Turn the clock, not in one go: what is due is done when it is due."""
        end = self.clock.seconds() + seconds
        while (due := self.due()) and due[0] <= end:
            self.clock.advance(max(0.0, due[0] - self.clock.seconds()))
        self.clock.advance(end - self.clock.seconds())

    def is_idle(self) -> bool:
        """Whether nothing is left of any call: in no book, in no queue, on no clock but that a queue may look once more for what waits."""
        self.clock.advance(0)
        dealer = self.dealer
        peers = dealer._peers.values()
        books: list[Any] = [dealer._invocations, dealer._moves]
        for peer in peers:
            books += [peer.calls, peer.invocations, peer.abandoned, peer.drains]
        queues = [queue for _, queue in dealer.queues.values()]
        return (
            not any(books)
            and not any(peer.num_calls for peer in peers)
            and not any(queue.waiting or queue.in_flight for queue in queues)
            and all(call.func == dealer._expire for call in self.clock.getDelayedCalls())
        )


class Transport:
    """The connection of a client. `send` of a message may raise what `refuse` returns for it."""

    def __init__(self) -> None:
        self.messages: list[wamp.Message] = []
        self.refuse: Callable[[wamp.Message], Exception | None] = lambda _: None

    def send(self, message: wamp.Message) -> None:
        if (error := self.refuse(message)) is not None:
            raise error
        self.messages.append(message)


class RecordedClient:
    """
    A joined session, as a router's session object is: with what the router reads of it, and with what clients do.

    Args:
        role: `component`, `other` and `rlink`, links to other routers, may do everything but `com.denied.`; `trusted` are the router's own.
        cancels: as a callee, it understands INTERRUPT.
    """

    _sessions = itertools.count(1001)

    def __init__(self, realm: RecordedRealm, *, role: str = "component", cancels: bool = True) -> None:
        self._session_id = next(self._sessions)
        self._realm, self._authrole, self._authid = "realm1", role, f"name-{self._session_id}"
        self._authmethod = self._authprovider = self._authextra = self._session_details = None
        self._session_roles = {"caller": RoleCallerFeatures(), "callee": RoleCalleeFeatures(call_canceling=cancels)}
        self._transport: Transport | None = Transport()
        self._requests: Iterator[int] = itertools.count(1)
        self.transport: Transport = self._transport
        self.realm = realm
        self.dealer = realm.dealer
        realm.router.attach(self)

    # -- what it is sent

    def messages(self) -> list[Any]:
        """The messages since somebody last looked."""
        messages, self.transport.messages = self.transport.messages, []
        return messages

    def received(self) -> list[Message]:
        """These, in short: kind, number of the request or invocation, and what matters."""
        return [_short(message) for message in self.messages()]

    # -- what it does

    def register(self, uri: str, concurrency: int | None = None, invoke: str = "roundrobin", **options: Any) -> int:
        """Register; return the number of the registration. The answer must be the last message but invocations."""
        register = wamp.Register(next(self._requests), uri, invoke=invoke, concurrency=concurrency, **options)
        before = len(self.transport.messages)
        self.dealer.processRegister(self, register)
        answer = self.transport.messages.pop(before)
        if isinstance(answer, wamp.Unregistered):  # it replaces itself
            answer = self.transport.messages.pop(before)
        assert isinstance(answer, wamp.Registered), _short(answer)
        return int(answer.registration)

    def try_to_register(self, uri: str, invoke: str = "roundrobin", **options: Any) -> Message:
        """Register; return the answer."""
        self.dealer.processRegister(self, wamp.Register(next(self._requests), uri, invoke=invoke, **options))
        return _short(self.transport.messages.pop())

    def unregister(self, registration: int) -> None:
        self.dealer.processUnregister(self, wamp.Unregister(next(self._requests), registration))

    def call(self, uri: str, *args: Any, **options: Any) -> int:
        """Call; return the number of the request."""
        number = next(self._requests)
        self.dealer.processCall(self, wamp.Call(number, uri, list(args) or None, **options))
        return number

    def cancel(self, number: int, mode: str | None = None) -> None:
        self.dealer.processCancel(self, wamp.Cancel(number, mode))

    def answer(self, number: int, *args: Any, **options: Any) -> None:
        """Answer an invocation."""
        self.dealer.processYield(self, wamp.Yield(number, list(args) or None, **options))

    def fail(self, number: int, uri: str = "com.example.failed", *args: Any) -> None:
        """Answer an invocation with an error."""
        self.dealer.processInvocationError(self, wamp.Error(wamp.Invocation.MESSAGE_TYPE, number, uri, list(args) or None))

    def leave(self) -> None:
        """Lose the connection."""
        self._transport = None
        self.realm.router.detach(self)


class Closed(Transport):
    """A connection that is lost, while the session has not left yet."""

    def send(self, message: wamp.Message) -> None:
        raise TransportLost


def _short(message: Any) -> Message:
    kind = type(message).__name__.upper()
    match message:
        case wamp.Registered() | wamp.Unregistered():
            return kind, message.request, message.registration
        case wamp.Error():
            return kind, message.request, message.error
        case wamp.Interrupt():
            return kind, message.request, message.mode
        case wamp.Result() if message.progress:
            return kind, message.request, message.args, "progress"
    return kind, message.request, message.args


def worker(realm: RecordedRealm, concurrency: int | None = 1, invoke: str = "roundrobin", **features: Any) -> RecordedClient:
    """Return a client that has joined and registered `WORK`."""
    joined = realm.join(**features)
    joined.register(WORK, concurrency, invoke)
    return joined


def numbers(client: RecordedClient) -> list[int]:
    """The invocations that a client was sent since somebody last looked."""
    received = client.received()
    assert all(kind == "INVOCATION" for kind, *_ in received), received
    return [number for _, number, _ in received]
