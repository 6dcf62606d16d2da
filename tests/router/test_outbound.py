"""A reader that does not read is closed, and told why; nobody else notices, whatever the connection and whatever is sent to it."""

from __future__ import annotations

import base64
import os
import select
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from deltamesh_router.sessions.outbound import SLOW_READER
from tests.router.reading_room import CLOSE, CLOSED, GOODBYE, KINDS, LIMIT, MOST, PART, Node, Room, ending
from tests.wire_connection import CALL, ERROR, EVENT, INVOCATION, RESULT, TIMEOUT, YIELD

pytestmark = pytest.mark.mesh


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("outbound"))
    with node.router:
        yield node


@pytest.fixture
def room(node: Node) -> Iterator[Room]:
    with ExitStack() as stack:
        yield Room(node, stack)


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_that_stops_is_closed_and_finds_out_why(room: Room, kind: str) -> None:
    slow = room.reader(kind)
    room.publish_until_gone(slow.session)

    messages, close = ending(slow)
    numbers = [message[4][0] for message in messages[:-1]]
    assert messages[-1][0] == GOODBYE
    assert messages[-1][2] == SLOW_READER
    assert numbers == list(range(len(numbers)))
    assert LIMIT < len(numbers) * len(PART) < MOST
    assert close == (f"closed by the router: {CLOSED!r}" if slow.is_websocket else "the router closed the connection")
    assert room.heard == list(range(room.number))
    assert room.gone.count(slow.session) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_larger_than_the_limit_passes_and_as_much_behind_it_as_may_wait(room: Room, kind: str) -> None:
    reader = room.reader(kind)
    room.publish("y" * 5 * LIMIT)
    for _ in range(LIMIT // len(PART) * 9 // 10):
        room.publish()

    assert [reader.receive()[4][0] for _ in range(room.number)] == list(range(room.number))
    assert room.gone == []
    room.publish("y" * 5 * LIMIT)
    room.publish_until_gone(reader.session)
    assert ending(reader)[0][-1][2] == SLOW_READER


def test_what_waits_and_who_was_closed_is_counted(room: Room) -> None:
    reader = room.reader("unix")
    before = room.figures()
    while room.number < LIMIT // len(PART) // 2:
        room.publish()
    half = room.figures()
    room.publish_until_gone(reader.session)
    closed = room.figures()
    messages, _ = ending(reader)
    after = room.figures()

    assert before["pending_bytes"] == after["pending_bytes"] == 0
    assert 0 < half["pending_bytes"] < LIMIT // 2 < closed["pending_bytes"] < 2 * LIMIT
    assert half["slow_readers_closed"] == before["slow_readers_closed"]
    assert closed["slow_readers_closed"] == after["slow_readers_closed"] == before["slow_readers_closed"] + 1
    assert messages[-1][2] == SLOW_READER


def test_a_reader_that_catches_up_in_time_may_lag_again(room: Room) -> None:
    reader = room.reader("unix")
    for _ in range(5):
        first = room.number
        for _ in range(LIMIT // len(PART) * 9 // 10):
            room.publish()
        assert [reader.receive()[4][0] for _ in range(room.number - first)] == list(range(first, room.number))
    first = room.number
    room.publish("y" * 5 * LIMIT)
    for _ in range(LIMIT // len(PART) * 9 // 10):
        room.publish()

    assert [reader.receive()[4][0] for _ in range(room.number - first)] == list(range(first, room.number))
    assert room.gone == []


def test_of_a_large_message_only_what_still_waits_is_allowed_for(room: Room) -> None:
    reader = room.reader("unix")
    room.publish("y" * 6 * LIMIT)
    read = 0
    while read < 5 * LIMIT:
        read += len(reader.socket.recv(LIMIT))
    room.publish_until_gone(reader.session)

    assert LIMIT < room.number * len(PART) < 3 * LIMIT


def until(room: Room, session: int, step: Callable[[int], None]) -> int:
    """Do `step(number)` until `session` has left; return how many it were."""
    number = 0
    while session not in room.gone:
        assert number < 2000, "it is not closed"
        step(number)
        number += 1
        room.publish("so that what it did is known")
    return number


@pytest.mark.parametrize("kind", ["unix", "wss"])
def test_a_caller_that_does_not_read_its_results_is_closed(room: Room, kind: str) -> None:
    callee, slow, caller = room.join("unix"), room.join(kind), room.join("unix")
    callee.register("com.example.outbound.large")

    def call(number: int) -> None:
        slow.send([CALL, number + 1, {}, "com.example.outbound.large"])
        callee.send([YIELD, callee.receive()[1], {}, [PART]])
        callee.call("wamp.session.count")  # answered after that

    number = until(room, slow.session, call)

    messages, _ = ending(slow)
    assert {message[0] for message in messages[:-1]} == {RESULT}
    assert [message[1] for message in messages[:-1]] == list(range(1, len(messages)))
    assert messages[-1][2] == SLOW_READER
    assert len(messages) - 1 <= number < MOST / len(PART)
    caller.send([CALL, 1, {}, "com.example.outbound.large"])
    callee.send([YIELD, callee.receive()[1], {}, ["for another one"]])
    assert caller.receive()[3] == ["for another one"]


@pytest.mark.parametrize("kind", ["unix", "wss"])
def test_a_callee_that_does_not_read_its_calls_is_closed_and_each_caller_is_answered(room: Room, kind: str) -> None:
    slow, caller = room.join(kind), room.join("unix")
    slow.register("com.example.outbound.swallow")
    number = until(room, slow.session, lambda number: caller.send([CALL, number + 1, {}, "com.example.outbound.swallow", [PART]]))

    assert number < MOST / len(PART)
    answers = [caller.receive() for _ in range(number)]
    assert {answer[0] for answer in answers} == {ERROR}
    assert sorted([answer[2] for answer in answers]) == list(range(1, number + 1))
    messages, _ = ending(slow)
    assert {message[0] for message in messages[:-1]} == {INVOCATION}
    assert messages[-1][2] == SLOW_READER


def test_a_reader_that_says_goodbye_to_websocket_and_does_not_read_keeps_no_event_from_others(room: Room) -> None:
    leaving = [room.reader("web") for _ in range(5)]
    for _ in range(60):
        room.publish("z" * 100_000 if room.number < 50 else PART)
    for reader in leaving:
        reader.socket.sendall(CLOSE)
    for _ in range(50):
        room.publish()

    assert room.heard == list(range(room.number))


@pytest.mark.parametrize("kind", ["unix", "wss"])
def test_a_session_that_was_closed_cannot_go_on(room: Room, kind: str) -> None:
    slow = room.reader(kind)
    room.publish_until_gone(slow.session)
    slow.send([CALL, 1, {}, "wamp.session.count"])
    slow.send([1, "realm1", {"roles": {"subscriber": {}}}])

    messages, _ = ending(slow)
    assert {message[0] for message in messages[:-1]} == {EVENT}
    assert messages[-1][2] == SLOW_READER


def test_a_tls_reader_that_leaves_while_much_waits_gets_it_all_and_then_the_end(room: Room) -> None:
    reader = room.reader("rss")
    room.publish("z" * 5 * LIMIT)
    secure = reader.socket
    assert isinstance(secure, ssl.SSLSocket)
    secure.setblocking(False)
    with pytest.raises(ssl.SSLError):  # it has sent its part, and finds no answer to that but the event
        secure.unwrap()
    with socket.socket(fileno=os.dup(secure.fileno())) as plain:
        plain.settimeout(TIMEOUT)
        size = 0
        while data := plain.recv(LIMIT):
            size += len(data)

    assert size > 4 * LIMIT
    assert room.gone == []


@pytest.mark.slow
def test_who_reads_nothing_at_all_is_cut_off_after_a_while(room: Room) -> None:
    leaving = room.reader("web")
    for _ in range(50):
        room.publish("z" * 100_000)
    leaving.socket.sendall(CLOSE)
    silent = [room.reader(kind) for kind in KINDS]
    for reader in silent:
        room.publish_until_gone(reader.session)

    for reader in [leaving, *silent]:
        poll = select.poll()
        poll.register(reader.socket, select.POLLHUP)
        assert poll.poll(TIMEOUT * 1000) != []


def test_answers_to_pings_are_bounded_as_well_before_anybody_has_joined(node: Node) -> None:
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["Host: x", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: wamp.2.json"]
    head = "\r\n".join(["GET / HTTP/1.1", *lines, f"Sec-WebSocket-Key: {key}", "", ""])
    ping = struct.pack("!BBI", 0x89, 0x80 | 125, 0) + b"p" * 125
    with socket.socket(socket.AF_UNIX) as stranger:  # which the operating system lets wait less than over TCP
        stranger.settimeout(TIMEOUT)
        stranger.connect(str(node.router.node_directory / "web.sock"))
        stranger.sendall(head.encode())
        for _ in range(120):
            stranger.sendall(ping * 100)
        received = bytearray()
        while data := stranger.recv(1 << 20):
            received += data
            if CLOSED in received:
                break

    assert received.count(b"p" * 125) < 12_000
    assert f'"{SLOW_READER}"]'.encode() in received


@pytest.mark.slow
def test_memory_stays_and_comes_back_under_200_megabytes_of_events_for_readers_that_stopped(node: Node, room: Room) -> None:
    before = peak = node.resident
    slow = [room.reader(kind) for kind in ("unix", "web")]
    for _ in range(2000):
        room.publish(PART * 10)
        peak = max(peak, node.resident)

    assert {reader.session for reader in slow} <= set(room.gone)
    assert room.heard == list(range(2000))
    assert peak - before < 30_000_000
    while node.resident - before > 15_000_000:
        assert room.number < 20_000, "the memory does not come back"
        room.publish()
