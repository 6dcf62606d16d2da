"""What arrives together is taken in together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deltamesh.client import Mesh
from tests.mesh.application import made
from tests.mesh.mesh import Inside, until

SERVICE = "com.example.inside"


def delta_of(number: int) -> str:
    return f'[[["texts","a"],[{number}]],[["texts","b{number}"],[{number}]]]'


async def test_events_of_one_turn_cause_one_write_of_the_graph(inside: Callable[..., Inside]) -> None:
    """And one delta of each view that they change, for whoever has subscribed to it."""
    place = inside(made(SERVICE))
    await place.lead()
    follower = await place.follow()
    connection = await place.connect()
    live = await Mesh(connection, SERVICE).live("words")
    (instance,) = follower._instances.all()
    await until(lambda: instance.subscribers)
    position = follower.position
    assert position is not None
    epoch, start = position.epoch, position.revision
    writes: list[int] = []
    events: list[Any] = []
    write = follower._instances._graph.write

    def counted(changes: Any, *, revision: int) -> Any:
        writes.append(revision)
        return write(changes, revision=revision)

    follower._instances._graph.write = counted  # type: ignore[method-assign]
    assert connection.topics is not None
    await connection.topics.add(instance.topic, lambda *event: events.append(event))

    for number in (1, 2, 3):
        follower._mirroring._event(epoch, start + number - 1, start + number, delta_of(number))
    assert (writes, follower.position) == ([], position)

    await until(lambda: live.position is not None and live.position.revision == start + 3)
    assert writes == [start + 3]
    assert [event[:3] for event in events if event[1] != event[2]] == [(epoch, start, start + 3)]
    assert live.entries() == [("a", (3,)), ("b1", (1,)), ("b2", (2,)), ("b3", (3,))]
