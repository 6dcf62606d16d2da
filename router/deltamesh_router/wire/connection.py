"""
Connections that send once a turn of the reactor: one system call for each, however much is written to it, by whomever.

For what is written to a connection Twisted asks the kernel to tell when the socket is writable, waits for that, sends, and asks it to
stop telling: three system calls. Nearly always the socket is writable. Here the first thing that the next turn does is to send
what was written in this one; only if the socket does not take everything, the kernel is asked. Nobody waits longer for it.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet import tcp, unix

MAX_COLLECTED: Final = 64 * 1024
"""Bytes that are collected for one connection; they are sent at once, so that no reader seems slow only because a turn is long."""


class Collector:
    """The connections of a process that were written to in this turn of `reactor`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._written: list[SendingOnce] = []

    def add(self, connection: SendingOnce) -> None:
        """Have `connection` send when this turn is over."""
        if not self._written:
            self._reactor.callLater(0, self.flush)
        self._written.append(connection)

    def flush(self) -> None:
        """Send what was written. Called by itself, when the turn is over."""
        written, self._written = self._written[::-1], []
        try:
            while written:
                connection = written.pop()
                connection.is_collected = False
                connection.send_waiting()
        finally:
            for connection in written:  # a producer of one has failed, which does not concern the others
                self.add(connection)


_collectors: Final[dict[Any, Collector]] = {}
"""Reactor -> its collector: in a process there is one, in tests there may be more."""


class SendingOnce(tcp.Server):
    """A connection of a listening port. `startWriting` is what Twisted's other methods call when there is something to send."""

    is_collected = False

    def startWriting(self) -> None:
        """There is something to send, or the connection is to be closed when everything is sent."""
        if self.is_collected:
            if self._tempDataLen > MAX_COLLECTED:
                self.send_waiting()
        else:
            self.is_collected = True
            reactor = self.reactor
            (_collectors.get(reactor) or _collectors.setdefault(reactor, Collector(reactor))).add(self)

    def _watch(self) -> None:
        super().startWriting()  # type: ignore[no-untyped-call]

    def send_waiting(self) -> None:
        """Send what waits, as far as the socket takes it; the rest is left to Twisted, and so is a connection that is lost or closed."""
        if self.disconnected or self._aborting:
            return
        buffer = self._tempDataBuffer
        if self.dataBuffer or self.disconnecting or self._writeDisconnecting:
            self._watch()
            return
        if not buffer:
            return
        data = buffer[0] if len(buffer) == 1 else b"".join(buffer)
        try:
            sent = self.socket.send(data)
        except OSError:  # it takes nothing now, or is lost: Twisted finds out, and says so
            sent = 0
        buffer.clear()
        self._tempDataLen = 0
        if sent < len(data):
            self.dataBuffer = data[sent:]
            self.offset = 0
            self._watch()
        elif self.producer is not None and (not self.streamingProducer or self.producerPaused):
            self.producerPaused = False
            self.producer.resumeProducing()


class UnixSendingOnce(SendingOnce, unix.Server):
    """
    A connection of a Unix socket.

    It reads as any other: Twisted looks for file descriptors that come with the bytes, which nobody here has a use for.
    """

    doRead = tcp.Server.doRead  # type: ignore[assignment]  # noqa: N815


def send_once(port: Any) -> None:
    """
    Have the connections that the listening `port` accepts from now on send once a turn.

    Raises:
        TypeError: the port makes connections of a kind that is not known here.
    """
    kinds: dict[Any, type[SendingOnce]] = {tcp.Server: SendingOnce, unix.Server: UnixSendingOnce}
    if port.transport not in kinds:
        raise TypeError(f"{port} makes {port.transport}, so Twisted is not the release that deltamesh_router was made for")
    port.transport = kinds[port.transport]
