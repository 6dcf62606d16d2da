"""A live collection: one instance of a resource, kept current across gaps, followers and connections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from deltamesh.client.backoff import pause
from deltamesh.connection import Connection
from deltamesh.connection.topics import Handler, Topics
from deltamesh.errors import DeltameshError, MalformedMessage
from deltamesh.stream import Answer, Apply, Ask, Delta, Mirror, Output, Position, State, Subscriber, join
from deltamesh.uris import ServiceURIs
from deltamesh.values import JSON, Values

GREETING: Final = 5.0
"""
How long a new subscription waits for the position, which a follower publishes to each new subscriber [s]. It doubles with each time
in a row that this was not enough: followers that are that busy would be kept busy by being asked again.
"""

LONG_SILENCE: Final = 75.0
"""How long a subscription waits for any event [s]: followers publish all positions every 30 s."""

OnChange = Callable[[list[JSON]], None]
"""Called with the keys that really changed, in order, after each change."""

OnStatus = Callable[[bool], None]
"""Called with `Live.is_live` when that has changed."""


class Live:
    """Made by `Mesh.live`. What it shows was the content of the resource at `position`, always."""

    log = Logger()

    def __init__(
        self, connection: Connection, uris: ServiceURIs, resource: str, parameters: dict[str, Any], at_least: Position | None
    ) -> None:
        self.resource = resource
        self.parameters = parameters
        self.follower: str | None = None
        """Who serves."""
        self.error: DeltameshError | None = None
        """Why it is closed, if it was not `close` that did it."""
        self._connection = connection
        self._uris = uris
        self._at_least = at_least
        self._mirror = Mirror()
        self._subscriber = Subscriber()
        self._callbacks: list[OnChange] = []
        self._status_callbacks: list[OnStatus] = []
        self._was_live = False  # as far as those have been told
        self._opened: Deferred[None] = Deferred()
        self._listening: list[tuple[Topics, str, Handler]] = []
        self._topic: str | None = None  # that is subscribed to
        self._latest = 0  # number of the last ask
        self._next: str | None = None  # procedure of the next ask, if a follower has named one
        self._tries = 0
        self._num_silent = 0  # times in a row that nothing came on a new subscription
        self._is_closed = False
        self._watchdog: DelayedCall | None = None
        connection.on_lost(self._lost)
        connection.on_join(self._joined)
        if connection.session is not None:
            self._do(self._subscriber.connected())

    async def opened(self) -> None:
        """Return once there is content; raise what makes that impossible."""
        await self._opened

    @property
    def position(self) -> Position | None:
        """The position of what is shown."""
        return self._subscriber.position

    @property
    def is_live(self) -> bool:
        """Whether changes arrive at present."""
        return self._subscriber.state is State.LIVE and not self._is_closed

    def entries(self) -> list[tuple[JSON, Values]]:
        """Return all entries, in the order of keys."""
        return self._mirror.entries()

    def values_of(self, key: Any) -> Values:
        """Return the values of a key, none if it is not there."""
        return self._mirror.get(key)

    def on_change(self, callback: OnChange) -> None:
        """Call `callback(changed)` after each change from now on."""
        self._callbacks.append(callback)

    def on_status(self, callback: OnStatus) -> None:
        """Call `callback(is_live)` whenever changes begin to arrive, or arrive no longer, as far as is known here."""
        self._status_callbacks.append(callback)

    def close(self) -> None:
        """Unsubscribe. What was shown stays readable."""
        if not self._is_closed:
            self._is_closed = True
            self._subscriber.lost()
            self._connection.forget(self._lost, self._joined)
            self._expect_event(0)
            self._leave(self._listening)
            self._listening = []
            self._tell_status()

    # The connection

    async def _joined(self, _connection: Connection) -> None:
        if not self._is_closed:
            self._do(self._subscriber.connected())

    def _lost(self) -> None:
        self._listening = []
        self._topic = None
        self._subscriber.lost()
        self._tell_status()

    def _gone(self, follower: str | None, topics: Any = None, procedure: Any = None) -> None:
        """The follower leaves. Or it only hands over the instances of `topics`, to whoever answers `procedure`, and goes on until then."""
        if follower != self.follower or not self.is_live:
            return
        if not isinstance(topics, list | tuple):
            self._subscriber.lost()
            self._do(self._subscriber.connected())
        elif self._topic in topics:
            self._next = procedure if isinstance(procedure, str) else None
            self._do(self._subscriber.ask())

    # The stream

    def _do(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Ask):
                self._latest = output.number
                ensureDeferred(self._ask(output)).addErrback(self._crashed)
                continue
            try:
                changed = self._mirror.apply(output.entries) if isinstance(output, Apply) else self._mirror.replace(output.entries)
            except MalformedMessage as error:
                self.log.error("{resource}: {error}", resource=self.resource, error=error)
                self._do(self._subscriber.ask(whole=True))
                return
            if not self._opened.called:
                self._tell_status()  # before whoever waits for it goes on, and wants to be told of what comes next
                self._opened.callback(None)
            elif changed:
                self._tell(self._callbacks, changed)
        self._tell_status()

    def _tell_status(self) -> None:
        if self.is_live != self._was_live:
            self._was_live = self.is_live
            self._tell(self._status_callbacks, self.is_live)

    def _tell(self, callbacks: Sequence[Callable[[Any], None]], news: Any) -> None:
        for callback in list(callbacks):
            try:
                callback(news)
            except Exception:  # noqa: BLE001 - the application's, which must not stop the stream
                self.log.failure("a callback of {resource} failed", resource=self.resource)

    async def _ask(self, ask: Ask) -> None:
        if ask.pause:
            await pause(self._connection.reactor, 0)
        options: dict[str, Any] = {} if ask.position is None else {"position": ask.position.to_wire()}
        if self._at_least is not None:
            options["at_least"] = self._at_least.to_wire()
        texts: list[str] = []
        named, self._next = self._next, None
        try:
            wire = await self._connection.call(
                named or self._uris.open, self.resource, self.parameters, on_progress=lambda part: texts.append(part["entries"]), **options
            )
            answer = Answer.from_wire({**wire, "entries": join([*texts, wire["entries"]])})
        except DeltameshError as error:
            if named is None:
                await self._try_again(ask, error)
            elif ask.number == self._latest:  # that follower cannot: then any
                self._do(self._subscriber.ask())
            return
        if ask.number != self._latest:
            return
        self._tries = 0
        self._at_least = None
        self.follower = wire["follower"]
        self._do(self._subscriber.answer(ask.number, wire["topic"], answer))
        if self._subscriber.source == wire["topic"]:  # the answer was of use, and nobody has closed this meanwhile
            self._listen(wire["topic"], wire["gone"])

    async def _try_again(self, ask: Ask, error: DeltameshError) -> None:
        if not error.retry:
            self._fail(error)
            return
        self._tries += 1
        await pause(self._connection.reactor, self._tries)
        if ask.number == self._latest:
            self._do(self._subscriber.ask())

    def _fail(self, error: DeltameshError) -> None:
        self.error = error
        self.close()
        if self._opened.called:
            self.log.error("{resource} is closed: {error}", resource=self.resource, error=error)
        else:
            self._opened.errback(error)

    def _crashed(self, failure: Any) -> None:
        self._fail(DeltameshError(f"{self.resource}: {failure.getErrorMessage()}"))

    def _listen(self, topic: str, gone: str) -> None:
        """Subscribe to the topics of an answer. First `gone`: so the first event on `topic` says that this will be heard of too."""
        topics = self._connection.topics
        assert topics is not None, "an answer comes through a session"
        if topic == self._topic:
            self._expect_event(LONG_SILENCE)
            return
        follower = self.follower

        def event(*arguments: Any) -> None:
            self._num_silent = 0
            self._expect_event(LONG_SILENCE)
            try:
                self._do(self._subscriber.receive(topic, Delta.from_wire(*arguments)))
            except MalformedMessage as error:
                self.log.error("{topic}: {error}", topic=topic, error=error)
                self._do(self._subscriber.ask())

        former, self._topic = self._listening, topic
        self._listening = [(topics, gone, lambda *arguments: self._gone(follower, *arguments[:2])), (topics, topic, event)]
        self._expect_event(LONG_SILENCE if topics.has(topic) else min(GREETING * 2.0 ** min(self._num_silent, 8), LONG_SILENCE))
        for _, uri, handler in self._listening:
            ensureDeferred(topics.add(uri, handler)).addErrback(self._not_subscribed)
        self._leave(former)

    def _not_subscribed(self, failure: Any) -> None:
        failure.trap(DeltameshError)
        if not failure.value.retry:  # otherwise the session is lost, and all begins anew
            self._fail(failure.value)

    @staticmethod
    def _leave(listening: list[tuple[Topics, str, Handler]]) -> None:
        for topics, uri, handler in listening:
            topics.remove(uri, handler)

    def _expect_event(self, within: float) -> None:
        """Ask anew if nothing arrives in time: the follower may have died before this subscribed to its end."""
        if self._watchdog is not None and self._watchdog.active():
            self._watchdog.cancel()
        reactor: Any = self._connection.reactor
        self._watchdog = None if self._is_closed else reactor.callLater(within, self._silent)

    def _silent(self) -> None:
        if self.is_live:
            self._num_silent += 1
            self._leave(self._listening)
            self._listening = []
            self._topic = None
            self._subscriber.lost()
            self._do(self._subscriber.connected())
