"""What a browser may do on the repository's own node, and that the Python client works over WebSocket."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deltamesh.client import Mesh
from deltamesh.errors import DeltameshError
from tests.mesh.application import made
from tests.mesh.mesh import Inside, until
from tests.running_router import RunningRouter

S = "com.example.departures"


async def test_a_browser_watches_and_acts_but_does_not_write(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    place = inside(made(S))
    await place.lead()
    await place.follow()
    mesh = Mesh(await place.connect(router.ws_url), S)

    live = await mesh.live("words")
    done = await mesh.call("put", "a", 1)
    await until(lambda: live.position == done.position)

    assert live.values_of("a") == (1,)
    assert await mesh.read("words", at_least=done.position) == [("a", (1,))]
    assert done.result["details"] == "browser"
    for procedure, args in (("write", [[]]), ("shared.snapshot", [])):
        with pytest.raises(DeltameshError) as caught:
            await mesh.connection.call(f"{S}.{procedure}", *args)
        assert (caught.value.uri, caught.value.retry) == ("wamp.error.not_authorized", False)
    for topic in (f"{S}.shared", f"{S}.leader.on_gone"):
        with pytest.raises(DeltameshError) as caught:
            await mesh.connection.topics.add(topic, print)  # type: ignore[union-attr]
        assert caught.value.uri == "wamp.error.not_authorized"


async def test_large_content_reaches_a_browser(router: RunningRouter, inside: Callable[..., Inside]) -> None:
    place = inside(made(S))
    await place.lead()
    await place.follow()
    feeder = Mesh(await place.connect(), S)
    mesh = Mesh(await place.connect(router.ws_url), S)
    changes: dict[str, Any] = {"texts": [(index, ["x" * 100_000]) for index in range(30)]}

    done = await feeder.write(changes)
    live = await mesh.live("words", at_least=done.position)
    again = await feeder.write({"texts": [(index, ["y" * 100_000]) for index in range(30)]})
    await until(lambda: live.position == again.position)

    assert [values.one()[0] for _, values in live.entries()] == ["y"] * 30
