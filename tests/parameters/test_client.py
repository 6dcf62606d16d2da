"""The client of parameters at a real router, with a real leader and followers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from deltamesh.connection import Connection
from deltamesh.parameters import Parameter, Parameters, State
from deltamesh.parameters.client import holding as holding_module
from deltamesh.parameters.reader.census import Census
from tests.mesh.mesh import Inside, until
from tests.parameters.source import World, is_so
from tests.running_router import RunningRouter

pytestmark = pytest.mark.mesh

MakeInside = Callable[..., Inside]


def seen(parameter: Parameter[Any]) -> list[State[Any]]:
    """Return a list that gets all states of a parameter, the present one first."""
    states = [parameter.state]
    parameter.on_change(lambda changed: states.append(changed.state))
    return states


@pytest.fixture
def forgiving(errors: list[str]) -> Any:
    """Lets a test log errors."""
    yield
    errors.clear()


async def test_a_default_at_once_the_current_value_next_and_every_change_after_that(inside: MakeInside) -> None:
    world = World(inside, "com.example.first")
    connection = Connection(world.inside.url)
    parameters = Parameters(connection, world.uri)
    limit = parameters.get("payment.limit", 5, type=int)
    states = seen(limit)
    connection.start()
    try:
        source = await world.start(payment__limit=6)
        await is_so(limit, 6, "live")
        commits = []
        for value in range(7, 17):
            commits.append(await source.commit(payment__limit=value, other=value))
            await is_so(limit, value, "live")
        await source.commit(payment__limit=...)
        await is_so(limit, 5, "default")
        ended = list(states)
        await parameters.stop()
    finally:
        source.stop()
        await connection.stop()

    assert states.pop() == State(5, "default")  # it was stopped, and nobody knows any longer
    assert states == ended
    live = [state for state in states if state.source == "live"]
    assert [state.value for state in live] == [*range(6, 17)]
    assert [state.commit for state in live[1:]] == commits
    assert states[0] == State(5, "default")
    assert states[1:-1] in (live, [State(6, "stale", live[0].commit), *live])  # before the reader was heard
    assert states[-1] == State(5, "default", is_current=True)
    assert parameters.problem == "it was stopped"


async def test_a_burst_of_changes_is_seen_in_order_and_its_end_is_seen(inside: MakeInside) -> None:
    world = World(inside, "com.example.burst")
    source = await world.start(a=0, b=0)
    parameters = await world.client()
    a, b = parameters.get("a", -1), parameters.get("b", -1)
    await parameters.when_ready()
    histories = {name: seen(parameter) for name, parameter in (("a", a), ("b", b))}
    await Deferred.fromCoroutine(_write_all(source, 50))
    await is_so(a, 50, "live")
    await is_so(b, 50, "live")
    await parameters.stop()
    source.stop()

    for states in histories.values():
        values = [state.value for state in states if state.source == "live"]
        assert values == sorted(values)
        assert values[-1] == 50


async def test_a_callback_sees_all_that_has_changed_with_its_parameter(inside: MakeInside) -> None:
    world = World(inside, "com.example.together")
    source = await world.start(a=0, b=0)
    parameters = await world.client()
    both = [parameters.get("a", -1), parameters.get("b", -1)]
    await parameters.when_ready()
    pairs = []
    for each in both:
        each.on_change(lambda _: pairs.append(tuple([parameter.value for parameter in both])))
    for value in range(1, 4):
        await source.commit(a=value, b=value)
        await is_so(both[1], value, "live")
    told = list(pairs)
    await parameters.stop()
    source.stop()

    assert told == [(1, 1)] * 2 + [(2, 2)] * 2 + [(3, 3)] * 2


async def _write_all(source: Any, number: int) -> None:
    for value in range(1, number + 1):
        await source.commit(a=value, b=value)


async def test_it_is_stale_without_a_follower_and_live_with_the_next_one(inside: MakeInside) -> None:
    world = World(inside, "com.example.follower")
    source = await world.start(a=1)
    parameters = await world.client()
    a = parameters.get("a", 0)
    await is_so(a, 1, "live")
    await world.follower.stop()
    await is_so(a, 1, "stale")
    await source.commit(a=2)
    await world.inside.follow()
    await is_so(a, 2, "live")
    await parameters.stop()
    source.stop()


async def test_without_a_reader_it_is_ready_and_stale(inside: MakeInside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding_module, "SILENCE", 1.0)
    world = World(inside, "com.example.unread")
    source = await world.start(a=1)
    source.stop()
    parameters = await world.client()
    a = parameters.get("a", 0)
    states = seen(a)
    await parameters.when_ready()
    problem = parameters.problem
    await parameters.stop()

    assert states == [State(0, "default"), State(1, "stale", f"{1:040x}")]
    assert problem == "nothing was heard of the reader for 1 s"


async def test_it_is_stale_when_the_reader_is_behind_or_silent(inside: MakeInside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding_module, "SILENCE", 2.0)
    world = World(inside, "com.example.reading")
    source = await world.start(a=1)
    parameters = await world.client()
    a = parameters.get("a", 0)
    await is_so(a, 1, "live")
    source.is_current = False
    await is_so(a, 1, "stale")
    assert parameters.problem == "the disk is full"
    source.is_current = True
    await is_so(a, 1, "live")
    source.stop()
    await is_so(a, 1, "stale")
    await source.commit(a=2)
    await is_so(a, 2, "stale")  # it is what the service has, but who knows what is in the repository
    source.start()
    await is_so(a, 2, "live")
    await parameters.stop()
    source.stop()


async def test_a_service_that_has_lost_its_journal_takes_nothing_away(inside: MakeInside) -> None:
    world = World(inside, "com.example.empty")
    source = await world.start(a=1)
    parameters = await world.client()
    a = parameters.get("a", 0)
    await is_so(a, 1, "live")
    states = seen(a)
    source.is_current = False
    source.speak()
    await is_so(a, 1, "stale")
    (live,) = parameters._following._lives.values()
    epoch = live.position.epoch if live.position is not None else ""
    await world.leader.stop()
    await world.inside.lead()  # which has nothing
    await until(lambda: live.position is not None and live.position.epoch != epoch)
    assert live.entries() == []
    await source.commit(a=2)
    source.is_current = True
    await is_so(a, 2, "live")
    await parameters.stop()
    source.stop()

    assert [state.value for state in states] == sorted([state.value for state in states])
    assert "default" not in {state.source for state in states}


async def test_a_value_of_the_wrong_type_keeps_the_last_good_one_and_is_told_once(inside: MakeInside, errors: list[str]) -> None:
    world = World(inside, "com.example.types")
    source = await world.start(a=1)
    parameters = await world.client()
    a: Parameter[int] = parameters.get("a", 0, type=Annotated[int, Meta(ge=0)])
    anything = parameters.get("a", None)
    await is_so(a, 1, "live")
    await source.commit(a=-1)
    await is_so(anything, -1, "live")
    await is_so(a, 1, "stale")
    assert a.error == "a: the value of commit 000000000000 is not used: Expected `int` >= 0"
    source.is_current = False
    await is_so(anything, -1, "stale")
    source.is_current = True
    await is_so(anything, -1, "live")
    await source.commit(a=3)
    await is_so(a, 3, "live")
    await parameters.stop()
    source.stop()

    told, errors[:] = list(errors), []
    assert a.error is None
    assert [line.strip() for line in told] == ["a: the value of commit 000000000000 is not used: Expected `int` >= 0"]


@pytest.mark.usefixtures("forgiving")
async def test_a_restart_begins_with_the_cache(inside: MakeInside, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    world = World(inside, "com.example.restarts")
    source = await world.start(a=1, b=[1, {"c": None}], gone=1)
    parameters = await world.client(cache=cache)
    first = [parameters.get(name, None) for name in ("a", "b", "gone")]
    await parameters.when_ready()
    await until(cache.exists)  # it is written while the program runs
    commit = await source.commit(gone=..., a=2)
    await is_so(first[0], 2, "live")
    await parameters.stop()
    source.stop()
    alone = Parameters(Connection("unix:/nowhere"), world.uri, cache=cache)
    a, b, gone = alone.get("a", 0), alone.get("b", []), alone.get("gone", 7)
    wrong = alone.get("a", "text")

    assert (a.value, a.source, a.commit) == (2, "cache", commit)
    assert (b.value, b.source) == ([1, {"c": None}], "cache")
    assert (gone.value, gone.source) == (7, "default")
    assert (wrong.value, wrong.source) == ("text", "default")
    assert wrong.error is not None
    assert sorted(json.loads(cache.read_text())["parameters"]) == ["a", "b"]


@pytest.mark.usefixtures("forgiving")
async def test_a_restricted_name_is_at_its_default_for_others(inside: MakeInside, router: RunningRouter) -> None:
    world = World(inside, "com.example.parameters", restricted=[("payment.key", ["auditor"])])
    source = await world.start(payment__key="hunter2", payment__limit=3)
    stranger = await world.client(router.ws_url)
    key, limit = stranger.get("payment.key", "none"), stranger.get("payment.limit", 0)
    trusted = await world.client()
    own = trusted.get("payment.key", "none")
    await is_so(limit, 3, "live")
    await is_so(own, "hunter2", "live")
    await stranger.when_ready()
    for each in (stranger, trusted):
        await each.stop()
    source.stop()

    assert (key.value, key.source) == ("none", "default")
    assert key.error == "payment.key: it is restricted, and this role may not have it"


@pytest.mark.usefixtures("forgiving")
async def test_names_that_come_later_leave_the_others_alone(inside: MakeInside) -> None:
    world = World(inside, "com.example.later")
    source = await world.start(**{f"n{number}": number for number in range(450)})
    parameters = await world.client()
    first = parameters.get("n0", -1)
    await is_so(first, 0, "live")
    states = seen(first)
    others = []
    for number in range(1, 450):
        others.append(parameters.get(f"n{number}", -1))
        if number % 50 == 0:
            await is_so(others[-1], number, "live")
    await parameters.when_ready()
    await until(lambda: len(parameters._following._lives) == 2)
    await source.commit(n0="end")
    for each in others[200:]:
        each.close()
    await is_so(first, 0, "stale")  # it wants an integer
    await parameters.stop()
    source.stop()

    assert [each.value for each in others] == list(range(1, 450))
    assert [state.source for state in states] == ["live", "stale"] or [state.source for state in states] == ["live", "stale", "stale"]


async def test_it_says_what_it_holds(inside: MakeInside) -> None:
    world = World(inside, "com.example.holds")
    source = await world.start(a=1, b=2)
    listener = await world.inside.connect()
    events: list[dict[str, Any]] = []
    await listener.session.subscribe(lambda **said: events.append(said), f"{world.uri}.on_holding")
    parameters = await world.client(client="payment")
    a, _ = parameters.get("a", 0), parameters.get("b", 0)
    await is_so(a, 1, "live")
    await until(lambda: events)
    commit = await source.commit(a=2)
    await until(lambda: len(events) == 2)
    await parameters.stop()
    source.stop()

    assert {"client": "payment", "kind": "python", "names": ["a", "b"], "commit": f"{1:040x}", "number": 1}.items() <= events[0].items()
    assert {"commit": commit, "number": 2}.items() <= events[1].items()
    assert "names" not in events[1]


async def test_the_census_knows_it_for_as_long_as_it_is_there(inside: MakeInside) -> None:
    world = World(inside, "com.example.parameters")  # whose holders the router tells
    source = await world.start(a=1)
    counting = Census(await world.inside.connect(), world.uri)
    counting.start()
    parameters = await world.client(client="payment")
    a = parameters.get("a", 0)
    holders = await source.mesh.live("census", {"name": "a"})
    await until(lambda: [values.one()["is_current"] for _, values in holders.entries()] == [True])
    ((session, values),) = holders.entries()
    await source.commit(a=2)
    await is_so(a, 2, "live")
    await until(lambda: [values.one()["number"] for _, values in holders.entries()] == [2])
    await parameters.stop()
    await until(lambda: not holders.entries())
    holders.close()
    await counting.stop()
    source.stop()

    assert session == values.one()["session"]
    assert {"client": "payment", "kind": "python", "size": 1, "number": 1}.items() <= values.one().items()


async def test_a_service_without_parameters_is_told_and_asked_again(inside: MakeInside, errors: list[str]) -> None:
    place = inside()
    await place.lead()
    await place.follow()
    parameters = Parameters(await place.connect(), place.service.uris.prefix)
    a = parameters.get("a", 1)
    await until(lambda: "chosen" in (parameters.problem or ""))
    await parameters.stop()

    told, errors[:] = list(errors), []
    assert a.state == State(1, "default")
    assert len(told) == 1


async def test_equal_names_share_and_the_last_one_closes(inside: MakeInside) -> None:
    world = World(inside, "com.example.shares")
    source = await world.start(a=1)
    parameters = await world.client()
    one, same, other = parameters.get("a", 0), parameters.get("a", 0), parameters.get("a", 0.5)
    assert one is same
    assert other is not one
    await is_so(one, 1, "live")
    assert type(other.value) is float
    one.close()
    await source.commit(a=2)
    await is_so(same, 2, "live")
    same.close()
    assert (same.value, same.source) == (2, "stale")
    await source.commit(a=3)
    await is_so(other, 3.0, "live")
    other.close()
    await until(lambda: not parameters._following._lives)
    await parameters.stop()
    source.stop()

    assert same.value == 2


async def test_one_callback_that_fails_does_not_keep_others_from_their_news(inside: MakeInside, errors: list[str]) -> None:
    world = World(inside, "com.example.failing")
    source = await world.start(a=1)
    parameters = await world.client()
    a = parameters.get("a", 0)
    a.on_change(lambda _: 1 // 0)
    a.on_change(lambda _: sys.exit("callback"))
    states = seen(a)
    await is_so(a, 1, "live")
    await source.commit(a=2)
    await is_so(a, 2, "live")
    await parameters.stop()
    source.stop()

    told, errors[:] = list(errors), []
    assert [state.value for state in states if state.source == "live"] == [1, 2]
    assert "ZeroDivisionError" in told[0]
    assert "SystemExit" in told[1]
    assert {state.source for state in states} == {"default", "stale", "live"}


@pytest.mark.usefixtures("forgiving")
async def test_a_callback_that_stops_all_is_told_of_once_and_in_order(inside: MakeInside) -> None:
    world = World(inside, "com.example.stopped_inside")
    source = await world.start(a=1, b=1)
    parameters = await world.client()
    a, b = parameters.get("a", 0), parameters.get("b", 0)
    await parameters.when_ready()
    ends: list[Any] = []
    a.on_change(lambda _: ends.append(parameters.stop()) if not ends else None)
    histories = [seen(a), seen(b)]
    await source.commit(a=2, b=2)
    await until(lambda: ends)
    await ends[0]
    source.stop()

    for states in histories:
        assert [(state.value, state.source) for state in states] == [(1, "live"), (2, "live"), (2, "stale")]
    assert (a.state, b.state) == (histories[0][-1], histories[1][-1])


async def test_who_waits_is_told_that_it_was_stopped(inside: MakeInside) -> None:
    world = World(inside, "com.example.waits")  # which does not exist
    parameters = await world.client()
    parameters.get("a", 0)
    waiting = parameters.when_ready()
    await parameters.stop()
    for each in (waiting, parameters.when_ready()):
        with pytest.raises(RuntimeError, match="it was stopped"):
            await each
    with pytest.raises(RuntimeError, match="it was stopped"):
        await deferToThread(parameters.ready)


async def test_to_block_in_the_reactor_is_refused(inside: MakeInside) -> None:
    world = World(inside, "com.example.blocks")
    parameters = await world.client()
    with pytest.raises(RuntimeError, match="await when_ready"):
        parameters.ready()
    with pytest.raises(RuntimeError, match="await stop"):
        parameters.close()
    await parameters.stop()


def test_what_cannot_be_is_a_fault_of_the_program(router: RunningRouter) -> None:
    parameters = Parameters(Connection(f"unix:{router.unix_path}"), "com.example.faults")

    with pytest.raises(TypeError, match="the default is not of the type"):
        parameters.get("a", "3", type=int)
    for name in ("", "a..b", ".a", "a b", "a\n", "a" * 201):
        with pytest.raises(ValueError, match="cannot be the name of a parameter"):
            parameters.get(name, 1)
    with pytest.raises(ValueError, match="client is what people call"):
        Parameters(Connection(f"unix:{router.unix_path}"), "com.example.faults", client="\n")
