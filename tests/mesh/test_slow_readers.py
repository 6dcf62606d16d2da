"""A client that does not keep up is closed by the router; it comes back, and goes on where it was."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from deltamesh.client import Mesh
from deltamesh.connection import Connection
from tests.mesh.application import made
from tests.mesh.mesh import Inside, pause, run, until
from tests.mesh.test_plain_wampy import Node
from tests.running_router import RunningRouter

S: Final = "com.example.departures"  # a service that the repository's node lets browsers use
SLOW_READER: Final = "deltamesh.error.slow_reader"
SCRIPT: Final = Path(__file__).with_name("slow_reader.mjs")
TEXT: Final = "x" * 50_000
"""The value of each key that is written."""


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    """A router that lets 512 KiB wait for a session."""
    folder = tmp_path_factory.mktemp("strict")
    settings = folder / "router.toml"
    settings.write_text("[limits]\nmax_pending = 524288\n")
    with RunningRouter(folder, arguments=("--settings", str(settings))) as router:
        yield router


@pytest.fixture
def place(strict: RunningRouter) -> Iterator[Inside]:
    """Where a leader and a follower are."""
    place = Inside(made(S), f"unix:{strict.unix_path}")
    yield place
    run(place.stop())


class Writer:
    """Writes one key after the other."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.mesh = Mesh(connection, S)
        self.number = 0

    async def write(self) -> None:
        """Write one key; return when that is read by the follower."""
        self.number += 1
        done = await self.mesh.write({"texts": [(self.number, [TEXT])]})
        await self.mesh.read("words", {"first": self.number}, at_least=done.position)

    async def write_until_closed(self, role: str, num_left: int) -> None:
        """Write until the router has closed all sessions of a role but so many."""
        while await self.connection.call("wamp.session.count", [role]) > num_left:
            assert self.number < 500, "nobody is closed"
            await self.write()


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """What is logged."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)  # type: ignore[arg-type]
    yield lines
    globalLogPublisher.removeObserver(observe)  # type: ignore[arg-type]


async def test_a_python_client_that_was_closed_as_a_slow_reader_says_so_and_resumes(place: Inside, warnings: list[str]) -> None:
    await place.lead()
    await place.follow()
    writer = Writer(await place.connect())
    slow = await place.connect()
    answers = recorded(slow)
    live = await Mesh(slow, S).live("words")
    problems: list[str | None] = []
    slow.on_lost(lambda: problems.append(slow.problem))
    await writer.write()
    await until(lambda: len(live.entries()) == 1)

    wire = slow.session._transport.transport
    wire.pauseProducing()
    await writer.write_until_closed("component", 3)
    wire.resumeProducing()
    await until(lambda: len(live.entries()) == writer.number, "all is shown again")

    assert len(problems) == 1
    assert f"{problems[0]}".startswith(f"{SLOW_READER}: more than 524288 bytes")
    assert [line for line in warnings if SLOW_READER in line] == [f"the router closed the session: {problems[0]}"]
    assert len(answers) == 2
    assert answers[1]["from"] > 1
    assert answers[1]["revision"] == writer.number
    assert slow.problem is None


async def test_a_page_that_was_closed_as_a_slow_reader_resumes(place: Inside, strict: RunningRouter) -> None:
    await place.lead()
    await place.follow()
    writer = Writer(await place.connect())
    node = Node(str(SCRIPT), strict.ws_url, S)
    try:
        first = await node.line()
        await writer.write()
        while (await node.line()).get("keys") != 1:
            pass

        node._process.send_signal(signal.SIGSTOP)
        await writer.write_until_closed("browser", 0)
        node._process.send_signal(signal.SIGCONT)
        lines = [await node.line()]
        while lines[-1].get("keys") != writer.number:
            lines.append(await node.line())

        assert first == {"from": None, "to": 0}
        assert len([line for line in lines if "ended" in line]) == 1
        (resumed,) = [line for line in lines if "from" in line]
        assert resumed["from"] > 1
        assert resumed["to"] == writer.number
        keys = [line["keys"] for line in lines if "keys" in line]
        assert keys == sorted(keys)
    finally:
        node.end()


async def test_a_client_on_a_slow_line_gets_a_large_result_at_the_first_try(place: Inside, warnings: list[str]) -> None:
    await place.lead()
    await place.follow()
    writer = Writer(await place.connect())
    for _ in range(100):
        await writer.write()
    slow = await place.connect()
    answers = recorded(slow)
    line = slow.session._transport.transport

    async def trickle() -> None:
        while not answers:
            line.resumeProducing()
            await pause(0)
            line.pauseProducing()
            await pause()
        line.resumeProducing()

    trickling = Deferred.fromCoroutine(trickle())
    live = await Mesh(slow, S).live("words")
    await trickling

    assert len(live.entries()) == writer.number
    assert len(answers) == 1
    assert [line for line in warnings if "the router closed" in line] == []


def recorded(connection: Connection) -> list[dict[str, Any]]:
    """Return a list to which each answer of `open` will be added."""
    answers: list[dict[str, Any]] = []
    call = connection.call

    async def recording(uri: str, /, *args: Any, **kwargs: Any) -> Any:
        answer = await call(uri, *args, **kwargs)
        if uri == f"{S}.open":
            answers.append(answer)
        return answer

    connection.call = recording  # type: ignore[method-assign]
    return answers
