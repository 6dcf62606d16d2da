"""What components say of themselves, and who hears it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from deltamesh.client import Mesh
from deltamesh.operation.status import INTERVAL, Status, listen, read_status
from tests.mesh.mesh import Component, Inside, until
from tests.running_router import RunningRouter

GOOD: dict[str, Any] = {
    "kind": "follower", "name": "f", "state": "serves", "host": "h", "pid": 1, "uptime": 1.0, "interval": 2.0, "cpu": 0.1, "memory": 1,
}  # fmt: skip


async def test_who_asks_is_answered_at_once(
    router: RunningRouter, component: Callable[..., Component], inside: Callable[..., Inside]
) -> None:
    url = f"unix:{router.unix_path}"
    await component("leader", url).ready()
    await component("follower", url, name="first").ready()
    mesh = Mesh(await inside().connect(), "com.example.mesh")
    done = await mesh.write({"texts": [("a", [1])]})
    live = await mesh.live("words", {}, at_least=done.position)
    heard: list[Status] = []
    await listen(mesh.connection, mesh.uris, heard.append)
    mesh.connection.publish(mesh.uris.status_wanted)
    await until(lambda: {each.name for each in heard} >= {"leader", "first"})
    leader = next(each for each in heard if each.name == "leader")
    follower = next(each for each in heard if each.name == "first")

    assert (leader.kind, leader.state, leader.position) == ("leader", "leads", (done.position.epoch, done.position.revision))
    assert (follower.kind, follower.state, follower.takes, follower.instances, follower.sessions) == ("follower", "serves", True, 1, 1)
    assert follower.position == leader.position
    assert leader.pid != follower.pid
    assert min(leader.memory, follower.memory) > 1 << 20
    live.close()


async def test_a_follower_says_when_it_joins_and_when_it_leaves(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    connection = await place.connect()
    heard: list[Status] = []
    await listen(connection, place.service.uris, heard.append)
    follower = await place.follow(name="first")
    await until(lambda: any(each.state == "serves" for each in heard))
    await follower.stop()
    await until(lambda: heard[-1].state == "leaving")

    states = [each.state for each in heard]
    assert states == sorted(states, key=["catching up", "serves", "leaving"].index)
    assert not heard[-1].takes


async def test_a_status_that_cannot_be_read_is_ignored(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow(name="first")
    connection = await place.connect()
    topic = place.service.uris.status
    for wrong in ({}, None, [1], {**GOOD, "instances": -1}, {**GOOD, "interval": 0}, {**GOOD, "name": "x" * 300}, {**GOOD, "pid": "1"}):
        connection.publish(topic, wrong)
    connection.publish(topic)
    connection.publish(topic, {**GOOD, "takes": True, "more": "from a later release"})

    await until(lambda: follower._spreading.has_others)
    assert list(follower._spreading._others) == ["f"]


async def test_where_there_are_many_each_speaks_less_often(inside: Callable[..., Inside]) -> None:
    place = inside()
    await place.lead()
    follower = await place.follow(name="first")
    connection = await place.connect()
    assert follower._spreading.reporter.interval == INTERVAL
    for number in range(100):
        connection.publish(place.service.uris.status, {**GOOD, "name": f"f{number}", "takes": True, "interval": 60.0})

    await until(lambda: follower._spreading.reporter.interval == 10.0)


def test_what_is_no_status_is_told() -> None:
    assert read_status(GOOD).name == "f"
    with pytest.raises(msgspec.ValidationError):
        read_status({**GOOD, "cpu": -1.0})
