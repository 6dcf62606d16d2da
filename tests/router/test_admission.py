"""A role has only so many sessions, and who has none does not stay for long, nor in any number."""

from __future__ import annotations

import http.client
import resource
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any, Final

import pytest
from twisted.internet.task import Clock

from deltamesh_router.sessions.admission import JOIN_TIMEOUT, TOO_MANY_SESSIONS, Arrival, Door
from tests.running_router import RunningRouter
from tests.wire_connection import CALL, HELLO, RESULT, ROLES, TIMEOUT, WELCOME, YIELD, WireConnection, error_of

FILES: Final = 400
"""Files that the router of these tests may open; a quarter of them may be connections to one transport without a session."""

BROWSERS: Final = 3
"""Sessions of the role browser at the same time."""

ABORT: Final = 3
GOODBYE: Final = 6


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    """A router that lets few in."""
    folder = tmp_path_factory.mktemp("admission")
    settings = folder / "router.toml"
    settings.write_text(f"[roles.browser]\nmax_sessions = {BROWSERS}\n")
    with limited_files(), RunningRouter(folder, arguments=("--settings", str(settings))) as router:
        yield router


@contextmanager
def limited_files() -> Iterator[None]:
    """Let this process, and those that it starts, open `FILES` files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


class Mute(WireConnection):
    """A connection whose handshake is complete, and that does not say HELLO."""

    def send(self, message: list[Any]) -> None:
        """Send anything but the first message."""
        if hasattr(self, "session"):
            super().send(message)

    def receive(self) -> list[Any]:
        """Receive anything but the answer to the first message."""
        return super().receive() if hasattr(self, "session") else [WELCOME, 0, {}]


def join(connection: WireConnection) -> list[Any]:
    """Say HELLO; return the answer."""
    connection.send([HELLO, "realm1", {"roles": ROLES}])
    return connection.receive()


def refusal(router: RunningRouter) -> list[Any]:
    """Join as a browser, which is refused; return the answer."""
    with Mute(router.ws_url) as browser:
        return join(browser)


def figures(connection: WireConnection) -> dict[str, Any]:
    """Return what the router counts."""
    counted: dict[str, Any] = connection.call("mesh.metrics")[3][0]
    return counted


def goodbye(connection: WireConnection) -> None:
    """Leave the realm and keep the connection."""
    connection.send([GOODBYE, {}, "wamp.close.close_realm"])
    assert connection.receive()[0] == GOODBYE


@pytest.mark.mesh
def test_a_session_too_many_is_refused_and_told_why(small: RunningRouter, stack: ExitStack) -> None:
    browsers = [stack.enter_context(WireConnection(small.ws_url)) for _ in range(BROWSERS)]
    components = [stack.enter_context(WireConnection(small.unix_path)) for _ in range(2 * BROWSERS)]
    before = figures(components[0])

    kind, details, reason = refusal(small)
    assert (kind, reason) == (ABORT, TOO_MANY_SESSIONS)
    assert f"has {BROWSERS} sessions already" in details["message"]
    assert [error_of(each.call("wamp.session.count")) for each in components] == [None] * len(components)
    assert [error_of(each.subscribe("com.example.hackernews.live.x")) for each in browsers] == [None] * len(browsers)
    after = figures(components[0])
    assert after["sessions"] == before["sessions"] == {"trusted": 0, "administrator": 0, "browser": BROWSERS, "component": 2 * BROWSERS}
    assert after["sessions_refused"] == before["sessions_refused"] + 1


@pytest.mark.mesh
@pytest.mark.parametrize("leave", [WireConnection.close, goodbye])
def test_there_is_a_place_again_when_a_session_has_left(
    small: RunningRouter, stack: ExitStack, leave: Callable[[WireConnection], None]
) -> None:
    watcher = stack.enter_context(WireConnection(small.unix_path))
    watcher.subscribe("wamp.session.on_leave")
    browsers = [stack.enter_context(WireConnection(small.ws_url)) for _ in range(BROWSERS)]
    assert refusal(small)[0] == ABORT
    leave(browsers[1])
    assert watcher.receive()[4] == [browsers[1].session]

    browsers[1] = stack.enter_context(WireConnection(small.ws_url))
    assert refusal(small)[0] == ABORT
    for browser in browsers:
        browser.close()
        assert watcher.receive()[4] == [browser.session]


@pytest.mark.mesh
def test_who_is_sent_away_gets_no_more_calls_and_has_to_go(router: RunningRouter, stack: ExitStack) -> None:
    stays, other, caller = [stack.enter_context(WireConnection(router.unix_path)) for _ in range(3)]
    for callee in (stays, other):
        callee.register("com.example.work", invoke="roundrobin", concurrency=1)

    assert error_of(caller.call("wamp.session.kill", stays.session)) is None
    assert stays.receive()[0] == GOODBYE
    for _ in range(3):
        caller.begin(CALL, {}, "com.example.work")
        other.send([YIELD, other.receive()[1], {}])
        assert caller.receive()[0] == RESULT

    assert rest(stays) == []


@pytest.mark.mesh
def test_who_is_leaving_already_can_be_sent_away_again(small: RunningRouter, stack: ExitStack) -> None:
    leaves, killer = [stack.enter_context(WireConnection(small.unix_path)) for _ in range(2)]
    num_errors = len(small.stderr)
    answers = [killer.call("wamp.session.kill", leaves.session) for _ in range(2)]

    assert [answer[0] for answer in answers] == [RESULT, RESULT]
    assert [message[0] for message in rest(leaves)] == [GOODBYE]
    assert small.stderr[num_errors:] == []


def rest(connection: WireConnection) -> list[list[Any]]:
    """Return what still comes until the router closes the connection. Nothing is answered."""
    messages = []
    with suppress(ConnectionError, EOFError):
        while True:
            messages.append(connection.receive())
    return messages


@pytest.mark.mesh
def test_who_is_sent_away_and_says_goodbye_keeps_the_connection(router: RunningRouter, stack: ExitStack) -> None:
    leaves, killer = [stack.enter_context(WireConnection(router.unix_path)) for _ in range(2)]
    killer.call("wamp.session.kill", leaves.session)

    assert leaves.receive()[0] == GOODBYE
    leaves.send([GOODBYE, {}, "wamp.close.goodbye_and_out"])

    assert join(leaves)[0] == WELCOME


def knock(router: RunningRouter, stack: ExitStack) -> socket.socket:
    """Connect and say nothing."""
    connection = stack.enter_context(socket.socket(socket.AF_UNIX))
    connection.connect(router.unix_path)
    connection.settimeout(TIMEOUT)
    return connection


def end(connection: socket.socket) -> None:
    """Return when the router has closed the connection."""
    with suppress(ConnectionResetError):
        while connection.recv(1 << 16):
            pass


def is_open(connection: socket.socket) -> bool:
    """Whether nothing has come from the router, not even the end."""
    return not select.select([connection], [], [], 0)[0]


@pytest.mark.mesh
def test_of_a_crowd_without_sessions_those_that_came_first_make_room(small: RunningRouter, stack: ExitStack) -> None:
    session = stack.enter_context(WireConnection(small.unix_path))
    crowd = [knock(small, stack)]
    for _ in range(FILES // 4):
        with knock(small, stack) as passer_by:  # who has gone does not count
            passer_by.shutdown(socket.SHUT_WR)
            end(passer_by)
    crowd += [knock(small, stack) for _ in range(FILES // 4 - 1)]
    session.call("wamp.session.count")
    assert all(map(is_open, crowd))

    more = [knock(small, stack) for _ in range(10)]
    assert [connection.recv(1) for connection in crowd[:10]] == [b""] * 10
    late = stack.enter_context(WireConnection(small.unix_path))
    assert crowd[10].recv(1) == b""
    assert all(map(is_open, [*crowd[11:], *more]))
    assert error_of(late.call("wamp.session.count")) is None
    assert error_of(session.call("wamp.session.count")) is None
    browser = stack.enter_context(WireConnection(small.ws_url))
    assert error_of(browser.subscribe("com.example.hackernews.live.x")) is None


@pytest.mark.mesh
@pytest.mark.slow
def test_who_does_not_join_in_time_is_sent_away(small: RunningRouter, stack: ExitStack) -> None:
    web = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", small.port, timeout=TIMEOUT)))
    web.request("GET", "/index.html")
    web.getresponse().read()
    left, rejoined = [stack.enter_context(WireConnection(small.unix_path)) for _ in range(2)]
    for each in (left, rejoined):
        goodbye(each)
    assert join(rejoined)[0] == WELCOME
    mutes = [stack.enter_context(Mute(address)).socket for address in (small.unix_path, small.ws_url)]
    half = knock(small, stack)
    half.sendall(b"\x7f")

    for connection in (left.socket, *mutes, half):
        end(connection)
    assert error_of(rejoined.call("wamp.session.count")) is None
    web.request("GET", "/index.html")
    assert web.getresponse().status == 200


class Fake(Arrival):
    """A connection of a stranger, or of a web server."""

    def __init__(self, door: Door, *, is_for_wamp: bool = True) -> None:
        self.door = door
        self.wrappedProtocol = None
        self.is_aborted = False
        self.transport = self
        self._is_for_wamp = is_for_wamp

    @property
    def is_for_wamp(self) -> bool:
        return self._is_for_wamp

    def abortConnection(self) -> None:
        self.is_aborted = True


def test_each_stranger_has_its_own_time_and_a_web_server_that_of_twisted() -> None:
    clock = Clock()
    door = Door(clock, 10)
    web = Fake(door, is_for_wamp=False)
    strangers = [Fake(door), web, Fake(door)]
    for stranger in strangers:
        door.receive(stranger)
        clock.advance(1)
    clock.advance(JOIN_TIMEOUT - 3)
    door.sweep()
    assert [stranger.is_aborted for stranger in strangers] == [True, False, False]

    door.receive(web)  # handed over to WebSocket: its time begins
    web._is_for_wamp = True
    clock.advance(2)
    door.sweep()
    assert [stranger.is_aborted for stranger in strangers] == [True, False, True]
    clock.advance(JOIN_TIMEOUT)
    door.sweep()
    assert web.is_aborted
    assert (door.num_timed_out, door.num_crowded_out, door.strangers) == (3, 0, {})
