"""One frame for all: an event that goes to many receivers is encoded and framed once for each kind of connection and each format."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from autobahn.exception import PayloadExceededError
from autobahn.wamp.exception import SerializationError
from autobahn.wamp.message import Event, Publish
from autobahn.websocket.protocol import WebSocketProtocol
from txaio import make_logger

from deltamesh_router.wire import rawsocket, websocket
from deltamesh_router.wire.formats import Format, count_sent
from deltamesh_router.wire.rawsocket import WampRawSocketServerProtocol
from deltamesh_router.wire.websocket import WampWebSocketServerProtocol

_OPEN: Final = WebSocketProtocol.STATE_OPEN

UNREADABLE: Final = (SerializationError, ValueError)
"""What is raised when the values of an event are none of a format: of the receiver's, or of the publisher's, which are read late."""

_UNSENDABLE: Final = b"no frame"
"""In the place of a frame: the event has no form in this format."""


class Outgoing:
    """
    An event on its way. It is the EVENT of one subscription after another, as its broker says.

    Args:
        topic: where it was published.
        args: positional values, or None.
        kwargs: values by name, or None.
        publish: the PUBLISH that it comes from, if there is one. Then the values are that message's.
    """

    __slots__ = ("_args", "_kwargs", "_publication", "_subscription", "details", "format", "publish", "topic", "verbatim")

    def __init__(self, topic: str, args: Any = None, kwargs: Any = None, publish: Publish | None = None) -> None:
        self.topic = topic
        self.publish: Any = publish
        if publish is None:
            self._args = args
            self._kwargs = kwargs
            self.format = self.verbatim = None
        else:
            self._kwargs = publish._kwargs
            self.format = getattr(publish, "format", None)  # of a message that we have read
            self.verbatim = getattr(publish, "verbatim", None)

    @property
    def args(self) -> Any:
        """Positional values, or None."""
        return self._args if self.publish is None else self.publish.args

    @property
    def kwargs(self) -> Any:
        """Values by name, or None."""
        return self._kwargs if self.publish is None else self.publish.kwargs

    def address(self, subscription: int, publication: int, details: dict[str, Any]) -> None:
        """Make it the EVENT of a subscription; the details tell publisher and topic, as far as they are told."""
        self._subscription = subscription
        self._publication = publication
        self.details = details

    def message(self, publisher: Any) -> Event:
        """Return it as a message of Autobahn. `publisher` is the session that it comes from."""
        made = Event(self._subscription, self._publication, args=self.args, kwargs=self.kwargs, **self.details)
        made._router_internal = (publisher._session_id, publisher._authid, publisher._authrole)  # for sessions of this process
        return made


class Fanout:
    """Sends events to the sessions of `router`. Its WebSocket frames are not masked, so all receivers of a format get the same bytes."""

    log = make_logger()

    def __init__(self, router: Any) -> None:
        self._router = router
        self._lagging = router.outbound.lagging
        self.num_sent = 0
        """Events that were sent here, one for each receiver; those that were left to Autobahn are not among them."""

    def send(self, event: Outgoing, receivers: Iterable[Any], publisher: Any) -> None:
        """
        Send `event` to those of `receivers` that are still there, `publisher` being the session that it comes from.

        It is left to Autobahn for whoever has not a connection of ours, in one of our formats, that can take a plain message now.
        """
        lagging = self._lagging
        websocket_frames: dict[Format, bytes] = {}
        rawsocket_frames: dict[Format, bytes] = {}
        message = None
        for receiver in receivers:
            transport = receiver._transport
            if not transport or not receiver._session_id or (lagging and receiver in lagging and not lagging[receiver].admits()):
                continue
            kind = type(transport)
            form = None
            if kind is WampWebSocketServerProtocol:
                if transport.state == _OPEN and transport._session is not None and not transport.send_queue:
                    form, frames, limit = transport._format, websocket_frames, transport.max_sent
            elif kind is WampRawSocketServerProtocol and transport._session is not None:
                form, frames, limit = transport._format, rawsocket_frames, transport._max_len_send
            if form is not None:
                frame = frames.get(form)
                if frame is None:
                    frame = frames[form] = self._frame(event, form, frames is websocket_frames)
                if frame is _UNSENDABLE:
                    continue
                size = len(frame)
                if not 0 < limit < size:  # else Autobahn looks more closely
                    transport.transport.write(frame)
                    count_sent(transport._serializer, size)
                    self.num_sent += 1
                    continue
            try:
                if message is None:
                    message = event.message(publisher)
                self._router.send(receiver, message)
            except (PayloadExceededError, *UNREADABLE) as error:
                self.log.warn("an event was not sent to session {session}: {error}", session=receiver._session_id, error=error)

    def _frame(self, event: Outgoing, form: Format, is_websocket: bool) -> bytes:
        """Return the bytes to send, or `_UNSENDABLE`: values of one format can be none of another."""
        try:
            payload = form.event(event, event.details)
        except UNREADABLE as error:
            self.log.warn("an event was not sent to some of its receivers: {error}", error=error)
            return _UNSENDABLE
        if is_websocket:
            return websocket.frame(payload, websocket.first_byte(form))
        return rawsocket.frame(payload)
