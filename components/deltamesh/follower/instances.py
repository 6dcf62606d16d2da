"""
A follower's views, without any wiring: the mirror of the shared graph, and the instances that are computed from it.

Changes of instances are collected until `flush`, so that the revisions that arrive together leave as one delta each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from deltamesh.application.service import Identity, Service, Shared
from deltamesh.errors import MalformedMessage, TooManyInstances
from deltamesh.graph import Collection, Entry, Graph, Watch, in_order
from deltamesh.stream import Answer, Delta, Position, Publisher, Track, decode, encode
from deltamesh.values import ABSENT, IndexKey, Values, index_key, plain_key

MAX_INSTANCES: Final = 100_000
"""Instances that a follower holds at most."""

MAX_OPENED: Final = 1_000
"""Instances that one session may have asked for first: a page has some ten, and each may cost a follower hundreds of kB."""

HISTORY_DELTAS: Final = 100
HISTORY_SIZE: Final = 256 * 1024
"""Deltas, and characters of entries, that are kept for each instance so that clients can resume."""


@dataclass(slots=True, eq=False)
class Instance:
    """One view, with its topic."""

    identity: Identity
    topic: str
    watch: Watch
    publisher: Publisher
    changed: dict[IndexKey, Values] = field(default_factory=dict)
    """What is still to be published."""
    subscribers: set[int] = field(default_factory=set)
    """Sessions that are subscribed to the topic."""
    subscription: int | None = None
    """What the router calls the subscription to the topic; None as long as there was none."""
    answered: dict[int, Position] = field(default_factory=dict)
    """Where sessions were answered that have not subscribed yet."""
    text: str | None = None
    """The whole content as JSON text, while it is known and current."""
    unused_since: float | None = None
    """When the last subscriber left, or the instance was made without one [s]; None while there are subscribers."""
    opener: int | None = None
    """The session that asked for it first, if such are counted."""
    handed_over: float = float("-inf")
    """When its clients were last asked to open it elsewhere [s]; minus infinity if all of them have left since."""


class Instances:
    """Mirrors the shared graph of `service`, and holds instances of its resources. `make_topic` names the next instance's topic."""

    def __init__(self, service: Service, make_topic: Callable[[], str], *, limit: int = MAX_INSTANCES) -> None:
        self._names = list(service.shared_collections())
        self._shared = Shared(self._names)
        self._make_topic = make_topic
        self._limit = limit
        self._graph = Graph(self._names)
        self._track: Track | None = None
        self._by_identity: dict[Identity, Instance] = {}
        self._by_topic: dict[str, Instance] = {}
        self._by_watch: dict[Watch, Instance] = {}
        self._num_opened: Counter[int] = Counter()  # by opener
        self._touched: dict[Instance, None] = {}  # an ordered set of what is to be published

    def __len__(self) -> int:
        return len(self._by_identity)

    @property
    def position(self) -> Position | None:
        """Where the mirror is; None before there is any content."""
        return None if self._track is None else self._track.position

    # The mirror

    def apply(self, entries: str, position: Position) -> None:
        """
        Take in a delta of the shared graph, which leads from the present position to `position`.

        Raises:
            MalformedMessage: the entries are not of the documented shape; nothing has changed.
        """
        self._write(self._by_collection(decode(entries)), position)

    def replace(self, entries: str, position: Position) -> bool:
        """
        Take in the whole shared graph. Return whether an epoch begins: then clients are to be told, by announcements.

        Raises:
            MalformedMessage: the entries are not of the documented shape; nothing has changed.
        """
        writes = self._by_collection(decode(entries))
        for name in self._names:
            known = {index_key(key) for key, _ in writes.get(name, ())}
            gone = [key for key in self._graph.keys_of(name) if key not in known]
            writes.setdefault(name, []).extend([(plain_key(key), ABSENT) for key in gone])
        begins = self._track is None or position.epoch != self._track.epoch
        if begins:
            self._track = Track(position.epoch, position.revision)
        self._write(writes, position)
        if begins:  # deltas of one epoch never lead into another
            self._touched.clear()
            for instance in self._by_identity.values():
                instance.changed.clear()
                instance.publisher = self._publisher()
        return begins

    def _by_collection(self, entries: dict[IndexKey, Values]) -> dict[str, list[Entry]]:
        writes: dict[str, list[Entry]] = {}
        for index, values in entries.items():
            key = plain_key(index)
            if not isinstance(key, tuple) or len(key) != 2 or not isinstance(key[0], str):
                raise MalformedMessage("shared entries", f"a key is [collection, key], not {key!r:.80}")
            if key[0] in self._names:  # a leader of a newer release may share more
                writes.setdefault(key[0], []).append((key[1], values))
        return writes

    def _write(self, writes: dict[str, list[Entry]], position: Position) -> None:
        assert self._track is not None, "a delta continues some content"
        commit = self._graph.write(writes, revision=position.revision)
        self._track.move(position.revision)
        for watch, delta in commit.deltas.items():
            instance = self._by_watch[watch]
            if not instance.changed:
                self._touched[instance] = None
            instance.text = None
            for key, values in delta:
                instance.changed[index_key(key)] = values

    # Instances

    def open(self, identity: Identity, describe: Callable[[Shared], Collection], now: float, opener: int | None = None) -> Instance:
        """
        Return the instance of a request, making it if there is none. `opener` is the session that asks, if that is bounded.

        Raises:
            TooManyInstances: there is none, and no room for one, or none for this session.
            DeltameshError: the resource function raised.
        """
        instance = self._by_identity.get(identity)
        if instance is None:
            if len(self._by_identity) >= self._limit:
                raise TooManyInstances(self._limit)
            if opener is not None and self._num_opened[opener] >= MAX_OPENED:
                raise TooManyInstances(MAX_OPENED, is_of_session=True)
            watch = self._graph.watch(describe(self._shared))
            instance = Instance(identity, self._make_topic(), watch, self._publisher(), unused_since=now, opener=opener)
            if opener is not None:
                self._num_opened[opener] += 1
            self._by_identity[identity] = instance
            self._by_topic[instance.topic] = instance
            self._by_watch[watch] = instance
        elif instance.unused_since is not None:
            instance.unused_since = now
        return instance

    def _publisher(self) -> Publisher:
        assert self._track is not None, "instances are made when there is content"
        return Publisher(self._track, max_deltas=HISTORY_DELTAS, max_size=HISTORY_SIZE)

    def answer(self, instance: Instance, position: Position | None) -> Answer:
        """Return what leads a client from `position` to the present, or the whole. Requires: everything is flushed."""
        assert self._track is not None, "instances are made when there is content"
        here = self._track.position
        if position is not None and (resumed := instance.publisher.since(position)) is not None:
            return Answer(here.epoch, position.revision, here.revision, resumed)
        if instance.text is None:
            instance.text = encode(instance.watch.entries())
        return Answer(here.epoch, None, here.revision, instance.text)

    def one(self, instance: Instance, key: Any) -> str:
        """Return the JSON text of the entries with only `key` in it, with no values if it is not there."""
        return encode([(key, instance.watch.values_of(key))])

    def flush(self) -> Iterator[tuple[Instance, Delta]]:
        """Return the deltas that are to be published, each on the topic of its instance."""
        touched, self._touched = self._touched, {}
        for instance in touched:
            changed, instance.changed = instance.changed, {}
            if not instance.watch.is_closed:
                text = encode([(key, changed[key]) for key in in_order(changed)])
                yield instance, instance.publisher.publish(text)

    def move(self) -> None:
        """Give all instances new topics, and forget who was subscribed or answered."""
        self._by_topic = {}
        for instance in self._by_identity.values():
            instance.topic = self._make_topic()
            self._by_topic[instance.topic] = instance
            instance.subscription = None
            instance.subscribers.clear()
            instance.answered.clear()

    def at_topic(self, topic: str) -> Instance | None:
        """Return the instance whose topic this is."""
        return self._by_topic.get(topic)

    def all(self) -> list[Instance]:
        """Return all instances."""
        return list(self._by_identity.values())

    def free_unused(self, before: float) -> list[Instance]:
        """Free the instances without a subscriber since before `before`; return them."""
        unused = [each for each in self._by_identity.values() if each.unused_since is not None and each.unused_since < before]
        for instance in unused:
            instance.watch.close()
            del self._by_identity[instance.identity], self._by_topic[instance.topic], self._by_watch[instance.watch]
            if instance.opener is not None:
                self._num_opened[instance.opener] -= 1
                if not self._num_opened[instance.opener]:
                    del self._num_opened[instance.opener]
        return unused
