"""
Seeded histories of a leader, two followers and their clients on a network that loses, repeats, reorders and delays.

The leader publishes the shared stream; each follower mirrors it and publishes an instance, a view of it, on its own topic;
clients open the instance at any follower and move between them. Meanwhile everybody is killed, restarted and cut off.
Time is counted in ticks, the only randomness is the seed's. The parts under test are given to `World` as classes, so
that broken ones can be tried: a simulator that does not find them proves nothing.

Checked at every moment: what a subscriber shows is what the leader had at that position, and within an epoch it never goes
back. Checked when the faults have stopped: everybody shows what the leader has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from typing import Any

from deltamesh.stream import Answer, Apply, Ask, Delta, Mirror, Output, Position, Publisher, Replace, State, Subscriber, Track, encode
from deltamesh.values import ABSENT, Values

FAULTS = 160  # ticks with faults
QUIET = 400  # ticks without, after which everybody must agree
PAUSE = 8  # before asking again
TIMEOUT = 60  # of a call: longer than a pause, the way there and back; shorter while there are faults, so that answers are late
ANNOUNCE = 12  # between two announcements
SILENCE = 50  # after which a client gives up its follower

SHARED = "shared"

Content = dict[Any, Values]


class Violation(AssertionError):
    """A promise of the protocol was broken."""


@dataclass(frozen=True)
class Parts:
    """The classes under test."""

    subscriber: type[Subscriber] = Subscriber
    publisher: type[Publisher] = Publisher
    mirror: type[Mirror] = Mirror
    track: type[Track] = Track


def view(content: Content) -> Content:
    """What the instance shows of the shared content: not every change of that is a change of this."""
    return {key: Values((values[0] // 2,)) for key, values in content.items() if values[0] % 4 != 3}


def difference(before: Content, after: Content) -> Content:
    """Return the entries that lead from one content to another, those that are gone without values."""
    return {key: after.get(key, ABSENT) for key in before | after if before.get(key) != after.get(key)}


class World:
    """The network, the time, and what the leader really had at each position."""

    def __init__(self, seed: int, parts: Parts) -> None:
        self.random = Random(seed)
        self.parts = parts
        self.now = 0
        self.seen: Counter[str] = Counter()
        self.truth: dict[Position, Content] = {}
        self._queue: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0
        self.drop, self.repeat = self.random.choice([(0.0, 0.0), (0.05, 0.05), (0.2, 0.1), (0.4, 0.3)])
        self.delay = self.random.choice([2, 6, 20])
        self.cut_until = 0
        self.leader = Leader(self)
        self.followers = [Follower(self, name, self.leader) for name in ("A", "B")]
        self.clients = [Client(self, name, self.followers) for name in ("1", "2", "3")]

    @property
    def faulty(self) -> bool:
        return self.now < FAULTS

    def after(self, ticks: int, do: Callable[..., None], *arguments: Any) -> None:
        self._count += 1
        heappush(self._queue, (self.now + ticks, self._count, do, arguments))

    def send(self, do: Callable[..., None], *arguments: Any) -> None:
        """Deliver a message: once and in order when there are no faults."""
        if not self.faulty:
            self.after(self.delay, do, *arguments)
            return
        if self.now < self.cut_until or self.random.random() < self.drop:
            self.seen["dropped"] += 1
            return
        for _ in range(2 if self.random.random() < self.repeat else 1):
            self.after(self.random.randint(1, self.delay), do, *arguments)

    def every(self, ticks: int, do: Callable[[], None]) -> None:
        def again() -> None:
            do()
            self.after(ticks, again)

        self.after(self.random.randint(1, ticks), again)

    def run(self) -> None:
        for _ in range(self.random.randint(0, 7)):
            self.after(self.random.randrange(FAULTS), self._fault)
        while self._queue[0][0] < FAULTS + QUIET:
            self.now, _, do, arguments = heappop(self._queue)
            do(*arguments)
        for follower in self.followers:
            follower.check_agreement(self.leader.content)
        for client in self.clients:
            client.check_agreement(view(self.leader.content))

    def _fault(self) -> None:
        match self.random.randrange(9):
            case 0:
                self.leader.restart(same_epoch=True)
            case 1 | 2:
                self.leader.restart(same_epoch=False)
            case 3 | 4:
                self.random.choice(self.followers).kill()
            case 5:
                self.random.choice(self.followers).lose_session()
            case 6:
                self.random.choice(self.clients).lose_session()
            case 7:
                self.random.choice(self.clients).restart()
            case 8:
                self.cut_until = self.now + self.random.randint(5, 60)


class Leader:
    """Writes at random, publishes the shared stream, answers snapshots."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.up = True
        self.epoch = 0
        self.content: Content = {("posts", n): Values((n,)) for n in range(3)}
        self.receivers: dict[Follower, None] = {}  # in the order of joining, so that a seed is a history
        self._begin(0)
        world.every(3, self.write)
        world.every(ANNOUNCE, self.announce)

    def _begin(self, revision: int) -> None:
        self.revision = revision
        self.track = Track(f"E{self.epoch}", revision)
        self.publisher = self.world.parts.publisher(self.track, max_deltas=6)
        self.pending: Content = {}
        self._record()

    def _record(self) -> None:
        self.world.truth[Position(f"E{self.epoch}", self.revision)] = dict(self.content)

    def write(self) -> None:
        if not self.up or not self.world.faulty:
            return
        random, before = self.world.random, dict(self.content)
        for _ in range(random.randint(1, 2)):
            key = ("posts", random.randrange(5))
            if random.random() < 0.2:
                self.content.pop(key, None)
            else:
                self.content[key] = Values((random.randrange(8),))
        self.revision += 1
        self.track.move(self.revision)
        self._record()
        self.pending |= difference(before, self.content)
        if random.random() < 0.7:  # else what comes next leaves together with it
            self.flush()

    def flush(self) -> None:
        if self.publisher.position != self.track.position and (self.pending or self.world.random.random() < 0.5):
            pending, self.pending = self.pending, {}
            self._publish(self.publisher.publish(encode(pending.items())))

    def announce(self) -> None:
        self.flush()
        self._publish(self.publisher.announce())

    def _publish(self, delta: Delta) -> None:
        if self.up:
            for follower in self.receivers:
                self.world.send(follower.receive, SHARED, delta)

    def snapshot(self, position: Position | None, reply: Callable[[str, Answer], None]) -> None:
        if not self.up:
            return
        self.flush()
        text = None if position is None else self.publisher.since(position)
        if text is not None and position is not None:
            self.world.send(reply, SHARED, Answer(f"E{self.epoch}", position.revision, self.revision, text))
        else:
            self.world.send(reply, SHARED, Answer(f"E{self.epoch}", None, self.revision, encode(self.content.items())))

    def restart(self, *, same_epoch: bool) -> None:
        """Die, and come back with everything (the same epoch) or as of some time ago (a new one)."""
        self.up = False
        random = self.world.random
        if not same_epoch:
            self.epoch += 1
            self.content = dict(random.choice(list(self.world.truth.values())))
        self._begin(self.revision if same_epoch else random.choice([0, self.revision]))
        self.world.after(random.randint(0, 20), setattr, self, "up", True)


class Receiver:
    """Drives a subscriber and its mirror, and checks every state that it shows."""

    _at: Position | None = None

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self._begin()
        world.after(1, self.connect)

    def _begin(self) -> None:
        self.subscriber = self.world.parts.subscriber(max_deltas=self.world.random.choice([2, 1000]))
        self.mirror = self.world.parts.mirror()
        self._at = None
        self._newest: dict[str, int] = {}

    @property
    def content(self) -> Content:
        return dict(self.mirror.entries())

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.name}"

    def expected(self, position: Position) -> Content:
        raise NotImplementedError

    def call(self, ask: Ask) -> None:
        raise NotImplementedError

    def shown(self, before: Position | None, position: Position, former: Content) -> None:
        """Called after each change of what is shown."""

    def connect(self) -> None:
        if self.subscriber.state is State.DISCONNECTED:
            self.do(self.subscriber.connected())

    def do(self, outputs: list[Output]) -> None:
        subscriber = self.subscriber
        for output in outputs:
            if isinstance(output, Ask):
                self.world.after(PAUSE if output.pause else 0, self.call, output)
                timeout = self.world.random.randint(10, TIMEOUT) if self.world.faulty else TIMEOUT
                self.world.after(timeout, self._timed_out, subscriber, output.number)
                self.world.seen["pause" if output.pause else "ask"] += 1
            else:
                self._show(output)

    def _timed_out(self, subscriber: Subscriber, number: int) -> None:
        if subscriber is self.subscriber and subscriber.state is State.ASKING and subscriber._number == number:
            self.world.seen["timeout"] += 1
            self.do(subscriber.ask())

    def _show(self, output: Apply | Replace) -> None:
        former = self.content
        if isinstance(output, Replace):
            self.mirror.replace(output.entries)
        else:
            self.mirror.apply(output.entries)
        self.world.seen[type(output).__name__] += 1
        position, expected = output.position, self.expected(output.position)
        if self.content != expected:
            raise Violation(f"{self} shows {self.content} at {position}, where it was {expected}")
        if position.revision < self._newest.get(position.epoch, 0):
            raise Violation(f"{self} moved back to {position} from revision {self._newest[position.epoch]}")
        before, self._at = self._at, position
        self._newest[position.epoch] = position.revision
        self.shown(before, position, former)

    def receive(self, source: str, delta: Delta) -> None:
        self.do(self.subscriber.receive(source, Delta.from_wire(*delta.to_wire())))

    def answered(self, subscriber: Subscriber, number: int, source: str, answer: Answer) -> None:
        if subscriber is self.subscriber:
            self.do(subscriber.answer(number, source, Answer.from_wire(answer.to_wire())))

    def check_agreement(self, content: Content) -> None:
        if self.subscriber.state is not State.LIVE or self.content != content:
            raise Violation(f"{self} is {self.subscriber.state} and shows {self.content} in the end, where it is {content}")


class Follower(Receiver):
    """Mirrors the shared stream, publishes the instance on a topic of its own, answers `open`."""

    def __init__(self, world: World, name: str, leader: Leader) -> None:
        self.leader = leader
        super().__init__(world, name)
        world.every(ANNOUNCE, self.announce)

    def _begin(self) -> None:
        super()._begin()
        self.topic = f"live.{self.world.random.getrandbits(40)}"
        self.publisher: Publisher | None = None
        self.pending: Content = {}
        self.receivers: dict[Client, Position] = {}  # and the position of the latest answer to it

    def connect(self) -> None:
        self.leader.receivers[self] = None
        if self.subscriber.state is State.DISCONNECTED:
            self.do(self.subscriber.connected(SHARED))

    def call(self, ask: Ask) -> None:
        subscriber = self.subscriber
        self.world.send(self.leader.snapshot, ask.position, lambda source, answer: self.answered(subscriber, ask.number, source, answer))

    def expected(self, position: Position) -> Content:
        return self.world.truth[position]

    def shown(self, before: Position | None, position: Position, former: Content) -> None:
        if self.publisher is None or before is None or before.epoch != position.epoch:
            self.track = self.world.parts.track(position.epoch, position.revision)
            self.publisher = self.world.parts.publisher(self.track, max_deltas=5)
            self.pending = {}
            self.announce()
            return
        self.track.move(position.revision)
        self.pending |= difference(view(former), view(self.content))
        if self.world.random.random() < 0.7:
            self.flush()

    def flush(self) -> None:
        if self.pending and self.publisher is not None:
            pending, self.pending = self.pending, {}
            self._publish(self.publisher.publish(encode(pending.items())))

    def _publish(self, delta: Delta) -> None:
        for client in self.receivers:
            self.world.send(client.receive, self.topic, delta)

    def announce(self) -> None:
        if self.publisher is not None:
            self.flush()
            self._publish(self.publisher.announce())

    def open(self, position: Position | None, reply: Callable[[Follower, str, Answer], None]) -> None:
        if self.publisher is None or self._at is None:
            return
        self.flush()
        text = None if position is None else self.publisher.since(position)
        if text is not None and position is not None:
            self.world.seen["resumed"] += 1
            answer = Answer(position.epoch, position.revision, self._at.revision, text)
        else:
            answer = Answer(self._at.epoch, None, self._at.revision, encode(view(self.content).items()))
        self.world.send(reply, self, self.topic, answer)

    def join(self, client: Client, topic: str, position: Position) -> None:
        """The client has subscribed: tell it the position, or what it has missed."""
        if topic == self.topic and self.publisher is not None:
            self.flush()
            self.receivers[client] = position
            event = self.publisher.catch_up(position) if self.world.random.random() < 0.5 else self.publisher.announce()
            self.world.seen["caught up"] += event.since < event.to
            self.world.send(client.receive, topic, event)

    def leave(self, client: Client) -> None:
        self.receivers.pop(client, None)

    def kill(self) -> None:
        for client in self.receivers:
            self.world.after(self.world.random.randint(1, self.world.delay), client.gone, self.topic)
        self.leader.receivers.pop(self, None)
        self._begin()
        self.world.after(self.world.random.randint(1, 20), self.connect)

    def lose_session(self) -> None:
        self.leader.receivers.pop(self, None)
        self.subscriber.lost()
        self.world.after(self.world.random.randint(1, 20), self.connect)


class Client(Receiver):
    """Shows the instance, from whichever follower answers."""

    def __init__(self, world: World, name: str, followers: list[Follower]) -> None:
        self.followers = followers
        self._joined: tuple[Follower, str] | None = None
        self._heard = 0
        super().__init__(world, name)
        world.every(SILENCE, self._listen)

    def call(self, ask: Ask) -> None:
        subscriber, follower = self.subscriber, self.world.random.choice(self.followers)

        def reply(follower: Follower, source: str, answer: Answer) -> None:
            self.answered(subscriber, ask.number, source, answer)
            if subscriber is self.subscriber and subscriber.source == source and self._joined != (follower, source):
                self._leave()
                self._joined = (follower, source)
                self.world.send(follower.join, self, source, answer.position)

        self.world.send(follower.open, ask.position, reply)

    def expected(self, position: Position) -> Content:
        return view(self.world.truth[position])

    def receive(self, source: str, delta: Delta) -> None:
        if source == self.subscriber.source:
            self._heard = self.world.now
        super().receive(source, delta)

    def gone(self, topic: str) -> None:
        if topic == self.subscriber.source:
            self._move()

    def _listen(self) -> None:
        """Give up a follower that is silent, whatever it is that has happened to it, or to the subscription."""
        if self.subscriber.state is State.LIVE and self.world.now - self._heard > SILENCE:
            self.world.seen["silence"] += 1
            self._move()

    def _move(self) -> None:
        self.subscriber.lost()
        self._leave()
        self._heard = self.world.now
        self.connect()

    def _leave(self) -> None:
        if self._joined is not None:
            self.world.after(self.world.random.randint(0, self.world.delay), self._joined[0].leave, self)
            self._joined = None

    def lose_session(self) -> None:
        self.subscriber.lost()
        self._leave()
        self.world.after(self.world.random.randint(1, 20), self.connect)

    def restart(self) -> None:
        self._leave()
        self._begin()
        self.world.after(self.world.random.randint(1, 20), self.connect)


def simulate(seed: int, parts: Parts | None = None) -> Counter[str]:
    """
    Run the history of `seed`; return how often what happened in it.

    Raises:
        Violation: a promise was broken.
    """
    world = World(seed, parts or Parts())
    world.run()
    return world.seen
