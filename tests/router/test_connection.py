"""What is written in one turn of the reactor leaves in one piece, on real sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, Final

import pytest
from twisted.internet import tcp, unix
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock

from deltamesh_router.wire import connection as module
from deltamesh_router.wire.connection import MAX_COLLECTED, SendingOnce, UnixSendingOnce, send_once


class Reactor(Clock):
    """A clock that remembers whom it would tell that a socket is writable."""

    def __init__(self) -> None:
        super().__init__()
        self.writers: list[Any] = []
        self.addReader = self.removeReader = lambda _: None

    def addWriter(self, writer: Any) -> None:
        if writer not in self.writers:
            self.writers.append(writer)

    def removeWriter(self, writer: Any) -> None:
        if writer in self.writers:
            self.writers.remove(writer)


class Ended(Protocol):
    """A protocol that learns only of the end."""

    reason: Any = None

    def connectionLost(self, reason: Any = None) -> None:
        self.reason = reason.type.__name__


class Pair:
    """A connection of ours, and the other end of it. Of the kind SOCK_SEQPACKET, what is sent in one system call comes as one packet."""

    def __init__(self, kind: int = socket.SOCK_SEQPACKET) -> None:
        self.here, self.there = socket.socketpair(socket.AF_UNIX, kind)
        self.there.setblocking(False)
        self.reactor = Reactor()
        self.protocol = Ended()
        self.connection: Any = UnixSendingOnce(self.here, self.protocol, "", None, 0, self.reactor)
        self.connection.connected = 1

    def close(self) -> None:
        self.there.close()
        self.here.close()
        module._collectors.pop(self.reactor, None)

    def packets(self) -> list[bytes]:
        found = []
        while True:
            try:
                found.append(self.there.recv(1 << 20))
            except BlockingIOError:
                return found


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


def test_what_is_written_in_a_turn_is_sent_once(pair: Pair) -> None:
    for data in (b"one ", b"two ", b"three"):
        pair.connection.write(data)
    before = pair.packets()
    pair.reactor.advance(0)

    assert (before, pair.packets(), pair.reactor.writers) == ([], [b"one two three"], [])
    pair.connection.write(b"next")
    pair.reactor.advance(0)
    assert pair.packets() == [b"next"]


def test_a_turn_serves_all_connections(pair: Pair) -> None:
    other = Pair()
    other.connection.reactor = pair.reactor
    for data in (b"a", b"b"):
        for each in (pair, other):
            each.connection.write(data)
    pair.reactor.advance(0)

    assert [pair.packets(), other.packets()] == [[b"ab"], [b"ab"]]
    assert len(pair.reactor.getDelayedCalls()) == 0
    other.close()


LARGE: Final = bytes(range(256)) * (MAX_COLLECTED // 512)


def test_a_long_turn_sends_meanwhile(pair: Pair) -> None:
    pair.there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    pair.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    for _ in range(4):
        pair.connection.write(LARGE)

    assert b"".join(pair.packets()) == 3 * LARGE
    pair.reactor.advance(0)
    assert b"".join(pair.packets()) == LARGE


@pytest.mark.parametrize(("kind", "size"), [(socket.SOCK_SEQPACKET, 10_007), (socket.SOCK_STREAM, 300_007)])
def test_what_the_socket_does_not_take_is_sent_by_twisted_and_in_order(kind: int, size: int) -> None:
    """It takes a packet or leaves it, and of a stream it takes a part."""
    pair = Pair(kind)
    sent = received = b""
    while not pair.reactor.writers:
        data = (10 * LARGE)[:size]
        sent += data
        pair.connection.write(data)
        pair.reactor.advance(0)
    for data in (b"behind", b"all"):
        sent += data
        pair.connection.write(data)
    pair.reactor.advance(0)
    while pair.reactor.writers:
        received += b"".join(pair.packets())
        pair.connection.doWrite()

    assert received + b"".join(pair.packets()) == sent
    pair.connection.write(b"again at once")
    pair.reactor.advance(0)
    assert pair.packets() == [b"again at once"]
    pair.close()


def test_a_connection_that_is_to_end_sends_first(pair: Pair) -> None:
    pair.connection.write(b"farewell")
    pair.connection.loseConnection()
    pair.reactor.advance(0)

    assert pair.reactor.writers == [pair.connection]
    assert pair.connection.doWrite() is not None
    assert pair.packets() == [b"farewell"]


def test_a_connection_that_is_aborted_sends_nothing(pair: Pair) -> None:
    pair.connection.write(b"too late")
    pair.connection.abortConnection()
    pair.reactor.advance(0)

    assert pair.protocol.reason == "ConnectionAborted"
    assert pair.there.recv(100) == b""
    assert pair.reactor.writers == []


def test_a_connection_that_is_lost_is_left_to_twisted(pair: Pair) -> None:
    pair.there.close()
    pair.connection.write(b"nobody is there")
    pair.reactor.advance(0)

    assert pair.reactor.writers == [pair.connection]
    assert isinstance(pair.connection.doWrite(), Exception)


class Producer:
    """Counts what Twisted tells a producer."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.pauseProducing = lambda: self.told.append("pause")
        self.resumeProducing = lambda: self.told.append("resume")
        self.stopProducing = lambda: self.told.append("stop")


def test_a_producer_is_paused_and_resumed(pair: Pair) -> None:
    producer = Producer()
    pair.connection.registerProducer(producer, True)
    pair.connection.write(b"small")
    pair.reactor.advance(0)
    assert producer.told == []

    pair.connection.bufferSize = 5
    pair.connection.write(b"larger")
    pair.reactor.advance(0)
    assert producer.told == ["pause", "resume"]


def test_a_producer_that_fails_does_not_concern_other_connections(pair: Pair) -> None:
    other = Pair()
    other.connection.reactor = pair.reactor
    producer = Producer()
    producer.resumeProducing = lambda: 1 / 0
    for each in (other, pair):
        each.connection.write(b"x")
    pair.connection.producer = producer
    with pytest.raises(ZeroDivisionError):
        pair.reactor.advance(0)
    pair.reactor.advance(0)

    assert [pair.packets(), other.packets()] == [[b"x"], [b"x"]]
    other.connection.write(b"y")
    pair.reactor.advance(0)
    assert other.packets() == [b"y"]
    other.close()


def test_a_producer_that_is_asked_each_time_is_asked(pair: Pair) -> None:
    producer = Producer()
    pair.connection.registerProducer(producer, False)
    pair.connection.write(b"x")
    pair.reactor.advance(0)

    assert producer.told == ["resume", "resume"]


class Port:
    """Says only what connections it makes."""

    def __init__(self, transport: type) -> None:
        self.transport = transport


def test_a_port_makes_such_connections() -> None:
    ports = [Port(tcp.Port.transport), Port(unix.Port.transport)]
    for port in ports:
        send_once(port)

    assert [port.transport for port in ports] == [SendingOnce, UnixSendingOnce]
    with pytest.raises(TypeError, match="not the release"):
        send_once(Port(object))
