"""
A follower's views against the leader's graph: whatever is written, lost or restarted, everybody shows the same.

The property test runs a leader's graph, two followers that take its deltas in at their own pace, and clients that move between them.
Each state that a client or a mirror shows at a position is what the leader's own graph had there.
"""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from deltamesh import TOP, Service, Sum
from deltamesh.application.service import Shared
from deltamesh.application.transaction import Caller
from deltamesh.errors import ComputationFailed, MalformedMessage, TooManyInstances
from deltamesh.follower.instances import Instance, Instances
from deltamesh.graph import Graph, Watch
from deltamesh.leader.shared import SharedGraph
from deltamesh.stream import Answer, Apply, Ask, Delta, Mirror, Position, State, Subscriber, join

CALLER = Caller(1, "ann", "user")


def halved(key, values, total):
    yield key // 2, [values.one(), total.one(None, default=0) % 3]


def odd(key, values):
    if values.one() % 2:
        yield key, values.one()


def in_one(key, values):
    yield None, values.one()


def declared() -> Service:
    app = Service("com.example.poll")
    cells = app.input("cells")
    app.shared(lambda: {"cells": cells, "total": cells.map_reduce(in_one, reducer=Sum), "odd": cells.map(odd)})

    @app.resource
    def window(shared, start: int, end: int):
        return shared.cells.slice(start, end)

    @app.resource
    def pairs(shared):
        return shared.cells.map(halved, shared.total)

    @app.resource
    def sums(shared):
        return shared.odd.map_reduce(in_one, reducer=Sum).merge(shared.cells.slice(5, TOP))

    @app.resource
    def failing(shared):
        raise ValueError("as always")

    return app


REQUESTS = [("window", {"start": 0, "end": 3}), ("window", {"start": 2, "end": 9}), ("pairs", {}), ("sums", {})]


class Leader:
    """The shared graph, all its deltas, and what each resource showed at each position, in one graph from the inputs to the resources."""

    def __init__(self, app: Service, number: int) -> None:
        self.app = app
        self.truth: dict[tuple[Position, int], Any] = {}
        self.deltas: list[Delta] = []
        self._epoch = number
        self.restart()

    def restart(self) -> None:
        self._epoch += 1
        self.shared = SharedGraph(self.app, Position(f"epoch {self._epoch}", 0))
        self.deltas = [self.shared.announce()]
        self._graph = Graph(self.app.inputs)
        self._watches = [self._watch(*request) for request in REQUESTS]
        self._note()

    def _watch(self, resource: str, parameters: dict[str, Any]) -> Watch:
        _, describe = self.app.instantiate(resource, parameters, CALLER)
        return self._graph.watch(describe(Alike(self.app)))

    def write(self, cells: list[tuple[int, list[int]]]) -> None:
        self.shared.commit({"cells": cells})
        self._graph.write({"cells": cells})
        self._note()

    def flush(self) -> None:
        delta = self.shared.flush()
        if delta is not None:
            self.deltas.append(delta)

    def _note(self) -> None:
        for index, watch in enumerate(self._watches):
            self.truth[Position(self.shared.position.epoch, self.shared.revision), index] = watch.entries()


class Alike(Shared):
    """The shared collections themselves, not mirrors of them."""

    def __init__(self, app: Service) -> None:
        self._collections = app.shared_collections()  # type: ignore[assignment]


class Follower:
    """Instances, and what they publish, by topic."""

    def __init__(self, app: Service, name: str) -> None:
        self.app = app
        self.number = 0
        self.published: dict[str, list[Delta]] = {}
        self.source = Subscriber()
        self.taken = 0  # deltas of the leader that have arrived
        self.leader: Leader | None = None

        def topic() -> str:
            self.number += 1
            return f"{name}.{self.number}"

        self.instances = Instances(app, topic)

    def receive(self, leader: Leader, count: int, *, lose: bool) -> None:
        """Take in the next deltas of the leader; `lose` skips one of them."""
        if self.leader is not leader or self.taken > len(leader.deltas):
            self.leader, self.taken = leader, 0
        for delta in leader.deltas[self.taken : self.taken + count]:
            self.taken += 1
            if not lose and self.source.state is not State.DISCONNECTED:
                self._do(leader, self.source.receive("shared", delta))
            lose = False

    def catch_up(self, leader: Leader) -> None:
        leader.flush()
        if self.source.state is State.DISCONNECTED:
            self._do(leader, self.source.connected("shared"))
        self.receive(leader, len(leader.deltas), lose=False)
        self._do(leader, self.source.receive("shared", leader.shared.announce()))
        self.publish()

    def _do(self, leader: Leader, outputs: list[Any]) -> None:
        for output in outputs:
            if isinstance(output, Ask):
                leader.flush()
                shared = leader.shared
                snapshot = (shared.resume(output.position, 64) if output.position else None) or shared.snapshot(64)
                answer = Answer(snapshot.position.epoch, snapshot.since, snapshot.position.revision, join(snapshot.texts))
                self._do(leader, self.source.answer(output.number, "shared", answer))
            elif isinstance(output, Apply):
                self.instances.apply(output.entries, output.position)
            elif self.instances.replace(output.entries, output.position):
                for instance in self.instances.all():
                    self.published.setdefault(instance.topic, []).append(instance.publisher.announce())

    def publish(self) -> None:
        for instance, delta in self.instances.flush():
            self.published.setdefault(instance.topic, []).append(delta)

    def open(self, index: int) -> Instance:
        identity, describe = self.app.instantiate(*REQUESTS[index], CALLER)
        return self.instances.open(identity, describe, 0.0)


class Client:
    """One resource, from whichever follower."""

    def __init__(self, index: int, leaders: list[Leader]) -> None:
        self.index = index
        self.leaders = leaders
        self.follower: Follower | None = None
        self.mirror = Mirror()
        self.subscriber = Subscriber()
        self.read = 0  # events of the topic that have arrived

    def move(self, follower: Follower) -> None:
        self.follower = follower
        self.subscriber.lost()
        self._do(self.subscriber.connected())

    def receive(self, count: int) -> None:
        if self.follower is None or self.subscriber.source is None:
            return
        events = self.follower.published.get(self.subscriber.source, [])
        for delta in events[self.read : self.read + count]:
            self.read += 1
            self._do(self.subscriber.receive(self.subscriber.source or "", delta))

    def _do(self, outputs: list[Any]) -> None:
        assert self.follower is not None
        for output in outputs:
            if isinstance(output, Ask):
                if output.pause:  # the follower lags: as a client does, wait and ask again
                    self.follower.catch_up(self.leaders[0])
                self.follower.publish()
                instance = self.follower.open(self.index)
                answer = self.follower.instances.answer(instance, output.position)
                self.read = len(self.follower.published.get(instance.topic, []))
                self._do(self.subscriber.answer(output.number, instance.topic, answer))
                continue
            if isinstance(output, Apply):
                self.mirror.apply(output.entries)
            else:
                self.mirror.replace(output.entries)
            assert self.mirror.entries() == self.leaders[0].truth[output.position, self.index], f"never was so at {output.position}"


@pytest.mark.parametrize("seed", range(150))
def test_whatever_happens_all_show_what_the_leader_has(seed: int) -> None:
    random = Random(seed)
    app = declared()
    leader = Leader(app, 0)
    followers = [Follower(app, name) for name in ("A", "B")]
    for follower in followers:
        follower.catch_up(leader)
    clients = [Client(random.randrange(len(REQUESTS)), [leader]) for _ in range(6)]
    for client in clients:
        client.move(random.choice(followers))

    for _ in range(80):
        follower = random.choice(followers)
        match random.randrange(20):
            case 0 | 1 | 2 | 3 | 4 | 5 | 6:
                leader.write([(random.randrange(10), random.choice([[], [random.randrange(6)]])) for _ in range(random.randrange(4))])
            case 7 | 8 | 9:
                leader.flush()
            case 10 | 11 | 12:
                follower.receive(leader, random.randrange(4), lose=random.random() < 0.3)
            case 13 | 14:
                follower.publish()
            case 15 | 16 | 17:
                random.choice(clients).receive(random.randrange(4))
            case 18:
                random.choice(clients).move(follower)
            case 19:
                match random.randrange(4):
                    case 0:
                        leader.restart()
                        for each in followers:
                            each.taken = 0
                    case 1:
                        follower.source.lost()
                        follower.instances.move()
                        follower.published.clear()
                        follower.catch_up(leader)
                        for client in clients:
                            if client.follower is follower:
                                client.move(random.choice(followers))
                    case _:
                        follower.instances.free_unused(-1.0 if random.random() < 0.5 else 0.0)

    for follower in followers:
        follower.catch_up(leader)
    for client in clients:
        client.receive(1000)
        client.move(client.follower or followers[0])
        assert client.mirror.entries() == leader.truth[leader.shared.position, client.index]


# Instances by themselves


@pytest.fixture
def instances() -> Instances:
    numbers = iter(range(1000))
    made = Instances(declared(), lambda: f"topic {next(numbers)}", limit=2)
    made.replace('[[["cells",1],[1]],[["cells",2],[2]],[["total",null],[3]]]', Position("epoch", 5))
    return made


def opened(instances: Instances, index: int = 0, now: float = 0.0) -> Instance:
    identity, describe = declared_once.instantiate(*REQUESTS[index], CALLER)
    return instances.open(identity, describe, now)


declared_once = declared()


def test_an_instance_is_made_once_and_answers_with_its_content(instances: Instances) -> None:
    instance = opened(instances)

    assert opened(instances) is instance
    assert instances.at_topic("topic 0") is instance
    assert instances.answer(instance, None).to_wire() == {"epoch": "epoch", "from": None, "revision": 5, "entries": "[[1,[1]],[2,[2]]]"}
    assert instances.one(instance, 2) == "[[2,[2]]]"
    assert instances.one(instance, [7]) == "[[[7],[]]]"


def test_a_revision_that_changes_nothing_of_an_instance_publishes_nothing(instances: Instances) -> None:
    instance = opened(instances)

    instances.apply('[[["cells",9],[9]]]', Position("epoch", 6))
    assert list(instances.flush()) == []
    instances.apply('[[["cells",3],[3]]]', Position("epoch", 7))
    [(changed, delta)] = instances.flush()

    assert changed is instance
    assert delta.to_wire() == ["epoch", 5, 7, "[[3,[3]]]"]
    assert instances.answer(instance, Position("epoch", 6)).to_wire()["entries"] == "[[3,[3]]]"


def test_revisions_that_arrive_together_leave_together(instances: Instances) -> None:
    opened(instances)

    instances.apply('[[["cells",1],[]],[["cells",3],[3]]]', Position("epoch", 6))
    instances.apply('[[["cells",1],[10]]]', Position("epoch", 7))
    [(_, delta)] = instances.flush()

    assert delta.to_wire() == ["epoch", 5, 7, "[[1,[10]],[3,[3]]]"]


def test_a_new_epoch_continues_nothing(instances: Instances) -> None:
    instance = opened(instances)
    instances.apply('[[["cells",1],[7]]]', Position("epoch", 6))

    begins = instances.replace('[[["cells",2],[2]]]', Position("other", 0))

    assert begins
    assert list(instances.flush()) == []
    assert instance.publisher.announce().to_wire() == ["other", 0, 0, "[]"]
    answer = instances.answer(instance, Position("epoch", 5)).to_wire()
    assert answer == {"epoch": "other", "from": None, "revision": 0, "entries": "[[2,[2]]]"}


def test_whole_content_of_the_same_epoch_is_a_change_like_any_other(instances: Instances) -> None:
    opened(instances)

    begins = instances.replace('[[["cells",2],[2]],[["cells",3],[3]]]', Position("epoch", 9))
    [(_, delta)] = instances.flush()

    assert not begins
    assert delta.to_wire() == ["epoch", 5, 9, "[[1,[]],[3,[3]]]"]


@pytest.mark.parametrize(
    "entries", ["", "{}", "[1]", "[[1,[1]]]", '[["cells",[1]]]', '[[["cells"],[1]]]', "[[[1,2],[1]]]", '[[["cells",1],1]]']
)
def test_unreadable_content_changes_nothing(instances: Instances, entries: str) -> None:
    instance = opened(instances)

    with pytest.raises(MalformedMessage):
        instances.apply(entries, Position("epoch", 6))
    with pytest.raises(MalformedMessage):
        instances.replace(entries, Position("other", 6))

    assert instances.position == Position("epoch", 5)
    assert instances.answer(instance, None).entries == "[[1,[1]],[2,[2]]]"


def test_a_collection_that_is_not_known_here_is_left_out(instances: Instances) -> None:
    instance = opened(instances)

    instances.apply('[[["cells",3],[3]],[["of a newer release",1],[1]]]', Position("epoch", 6))

    assert instances.answer(instance, None).entries == "[[1,[1]],[2,[2]],[3,[3]]]"


def test_what_nobody_uses_is_freed_and_nothing_else(instances: Instances) -> None:
    used, unused = opened(instances, 0), opened(instances, 1, now=10.0)
    used.subscribers.add(1)
    used.unused_since = None

    assert instances.free_unused(10.0) == []
    assert instances.free_unused(10.5) == [unused]

    assert unused.watch.is_closed
    assert (len(instances), instances.all()) == (1, [used])
    assert instances.at_topic(unused.topic) is None
    instances.apply('[[["cells",2],[5]]]', Position("epoch", 6))
    assert [each for each, _ in instances.flush()] == [used]


def test_opening_again_keeps_an_instance(instances: Instances) -> None:
    instance = opened(instances, now=1.0)

    opened(instances, now=5.0)

    assert instances.free_unused(4.0) == []
    assert instance.unused_since == 5.0


def test_an_instance_that_changed_and_was_freed_publishes_nothing(instances: Instances) -> None:
    opened(instances)
    instances.apply('[[["cells",1],[5]]]', Position("epoch", 6))

    instances.free_unused(1.0)

    assert list(instances.flush()) == []


def test_the_number_of_instances_is_limited(instances: Instances) -> None:
    opened(instances, 0)
    opened(instances, 1)

    with pytest.raises(TooManyInstances):
        opened(instances, 2)
    opened(instances, 1)
    assert len(instances) == 2


def test_a_resource_that_raises_leaves_nothing_behind(instances: Instances) -> None:
    identity, describe = declared_once.instantiate("failing", {}, CALLER)

    with pytest.raises(ComputationFailed, match="failing raised ValueError: as always"):
        instances.open(identity, describe, 0.0)

    assert len(instances) == 0


def test_instances_that_move_have_new_topics_and_keep_their_content(instances: Instances) -> None:
    instance = opened(instances)
    instance.subscribers.add(1)
    before = instance.topic

    instances.move()

    assert instance.topic != before
    assert (instances.at_topic(before), instances.at_topic(instance.topic)) == (None, instance)
    assert not instance.subscribers
    assert instances.answer(instance, Position("epoch", 5)).since == 5
