"""The client of parameters when its router is killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deltamesh.parameters import State
from tests.mesh.mesh import Inside
from tests.parameters.source import World, is_so
from tests.running_router import RunningRouter

pytestmark = pytest.mark.mesh


async def test_it_outlives_its_router(inside: Callable[..., Inside], tmp_path: Path) -> None:
    with RunningRouter(tmp_path) as own:
        place = World(inside, "com.example.outlives")
        place.inside.url = f"unix:{own.unix_path}"
        source = await place.start(a=1)
        parameters = await place.client()
        a = parameters.get("a", 0)
        states: list[State[int]] = []
        a.on_change(lambda changed: states.append(changed.state))
        await is_so(a, 1, "live")
        own.kill()
        await is_so(a, 1, "stale")
        assert parameters.problem is not None
        own.start()
        await source.mesh.connection.joined()
        await source.commit(a=2)
        await is_so(a, 2, "live")
        await parameters.stop()
        source.stop()
        await place.inside.stop()

    assert {state.source for state in states} == {"live", "stale"}
    assert [state.value for state in states] == sorted([state.value for state in states])
