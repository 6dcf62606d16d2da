"""
How parameters follow their service: pages that are opened and closed, what the reader says, what is said to the census, and the time.

Wiring only, in the reactor's thread: what is known stands in `holding`, which a lock guards, because programs ask from any thread.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from time import monotonic
from typing import Any, Final

from twisted.internet.base import DelayedCall
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.logger import Logger

from deltamesh.client import Mesh
from deltamesh.client.live import Live
from deltamesh.connection import Connection
from deltamesh.connection.topics import answered
from deltamesh.connection.wamp import TransportLost, WampError
from deltamesh.errors import DeltameshError, MalformedMessage
from deltamesh.parameters.client.holding import Change, Holding
from deltamesh.parameters.client.news import news_of
from deltamesh.parameters.client.pages import Open
from deltamesh.parameters.client.report import Report
from deltamesh.values import JSON

MAX_PROBLEM: Final = 500
"""Characters of what the reader says is wrong that are shown."""


class Following:
    """
    Keeps `holding` current. Calls `happened(changes)` after each thing that happens, outside of `lock`.

    To be made and used in the reactor's thread, or before it runs; `stop` is the end.
    """

    log = Logger()

    def __init__(
        self,
        mesh: Mesh,
        holding: Holding,
        lock: AbstractContextManager[object],
        report: Report,
        happened: Callable[[list[Change]], None],
    ) -> None:
        self.page_problem: str | None = None
        """Why a page cannot be opened."""
        self._mesh = mesh
        self._connection = mesh.connection
        self._reactor = mesh.connection.reactor
        self._holding = holding
        self._lock = lock
        self._report = report
        self._happened = happened
        self._opening: dict[int, Deferred[None]] = {}  # by page
        self._lives: dict[int, Live] = {}  # by page
        self._subscription: Any = None  # to what the reader says
        self._turning: DelayedCall | None = None
        self._looking: DelayedCall | None = None
        self._is_stopped = False
        self._connection.on_join(self._joined)
        self._connection.on_lost(self._left)
        if self._connection.session is not None:
            ensureDeferred(self._joined(self._connection)).addErrback(self._crashed)

    def wanted(self, pause: float) -> None:
        """Names are wanted, or no longer; what else is wanted within `pause` [s] goes together with them."""
        self._report.names_changed(monotonic())
        self._turn_after(pause)
        self._plan_look()

    def stop(self) -> None:
        """Let go of everything."""
        if self._is_stopped:
            return
        self._is_stopped = True
        self._connection.forget(self._left, self._joined)
        for call in (self._turning, self._looking):
            if call is not None and call.active():
                call.cancel()
        pages = [*self._opening, *self._lives]
        for page in pages:
            self._close(page)
        said = self._report.farewell()
        if said is not None:
            self._connection.publish(self._mesh.uris.action("on_holding"), **said)
        subscription = self._subscription
        if subscription is not None and subscription.active and subscription.session.is_attached():
            subscription.unsubscribe().addErrback(lambda failure: failure.trap(TransportLost))  # and it went with the session
        with self._lock:
            self._holding.deaf()
            changes = [change for page in pages for change in self._holding.failed(page, monotonic())]
        self._after(changes)

    # Pages

    def _turn_after(self, seconds: float) -> None:
        if self._turning is None and not self._is_stopped:
            self._turning = self._reactor.callLater(seconds, self._turn)

    def _turn(self) -> None:
        self._turning = None
        if self._connection.session is None:  # nothing can be opened, and what is wanted meanwhile goes together
            return
        with self._lock:
            outputs = self._holding.turn(monotonic())
        for output in outputs:
            if isinstance(output, Open):
                opening = Deferred.fromCoroutine(self._open(output))
                opening.addErrback(self._broke, output.page)
                if not opening.called:  # it could not even be asked for
                    self._opening[output.page] = opening
            else:
                self._close(output.page)
        self._plan_look()

    async def _open(self, page: Open) -> None:
        number = page.page
        try:
            live = await self._mesh.live("chosen", {"names": list(page.names)}, at_least=page.at_least)
        except DeltameshError as error:
            self._failed(number, error.message)
            return
        except CancelledError:
            return
        finally:
            self._opening.pop(number, None)
        self._lives[number] = live
        live.on_change(lambda names: self._show(number, live, names))
        live.on_status(lambda is_live: self._tell_status(number, is_live))
        self._show(number, live, page.names)
        if not live.is_live:  # its first content had a gap behind it
            self._tell_status(number, False)

    def _show(self, page: int, live: Live, names: Iterable[JSON]) -> None:
        assert live.position is not None, "it has content"
        try:
            news = {name: news_of(live.values_of(name)) for name in names}
        except MalformedMessage as error:
            self._failed(page, error.message)
            return
        with self._lock:
            changes = self._holding.shown(page, live.position, news, is_live=live.is_live)
        self.page_problem = None
        self._after(changes)

    def _tell_status(self, page: int, is_live: bool) -> None:
        with self._lock:
            changes = self._holding.status(page, is_live, monotonic())
        self._after(changes)

    def _failed(self, page: int, problem: str) -> None:
        if problem != self.page_problem:
            self.page_problem = problem
            self.log.error("parameters of {service}: {problem}", service=self._mesh.uris.prefix, problem=problem)
        self._close(page)
        with self._lock:
            changes = self._holding.failed(page, monotonic())
        self._after(changes)

    def _broke(self, failure: Any, page: int) -> None:
        self._crashed(failure)
        self._failed(page, failure.getErrorMessage())

    def _close(self, page: int) -> None:
        opening = self._opening.pop(page, None)
        if opening is not None:
            opening.cancel()
        live = self._lives.pop(page, None)
        if live is not None:
            live.close()

    # The connection, and the reader

    async def _joined(self, connection: Connection) -> None:
        session = connection.session
        if self._is_stopped or session is None:
            return
        self._report.joined(monotonic())
        self._turn_after(0)
        self._plan_look()
        try:
            self._subscription = await session.subscribe(self._hear, self._mesh.uris.action("on_reading"))
        except TransportLost:
            return
        except WampError as error:
            self.log.warn("the reader cannot be heard, so nothing is known to be current: {problem}", problem=answered(error))
        with self._lock:
            self._holding.listening(monotonic())
        self._plan_look()

    def _left(self) -> None:
        with self._lock:
            self._holding.deaf()
        self._report.left()

    def _hear(self, *_: Any, is_current: Any = None, problem: Any = None, **__: Any) -> None:
        if self._is_stopped or not isinstance(is_current, bool):
            return
        now = monotonic()
        self._report.heard(now, random.random())
        with self._lock:
            changes = self._holding.heard(is_current, problem[:MAX_PROBLEM] if isinstance(problem, str) else None, now)
        self._after(changes)

    # Time

    def _plan_look(self) -> None:
        now = monotonic()
        with self._lock:
            times = [self._holding.next_look(now), self._report.next]
        next_ = min([time for time in times if time is not None], default=None)
        if self._looking is not None and self._looking.active():
            self._looking.cancel()
        self._looking = None if next_ is None or self._is_stopped else self._reactor.callLater(max(0.0, next_ - now), self._look)

    def _look(self) -> None:
        for page, live in list(self._lives.items()):
            if live.error is not None:
                self._failed(page, live.error.message)
        now = monotonic()
        with self._lock:
            changes = self._holding.look(now)
            for page in self._holding.waiting:
                live = self._lives[page]
                assert live.position is not None, "it has been shown"
                changes += self._holding.shown(page, live.position, {}, is_live=live.is_live)
            said = self._report.due(self._holding.names, self._holding.newest, now) if self._is_due(now) else None
        if said is not None:
            self._connection.publish(self._mesh.uris.action("on_holding"), **said)
        self._after(changes)

    def _is_due(self, now: float) -> bool:
        return self._report.next is not None and now >= self._report.next

    # What follows upon anything

    def _after(self, changes: list[Change]) -> None:
        if changes:
            self._report.values_changed()
        with self._lock:
            needs_turn = self._holding.needs_turn(monotonic())
        if needs_turn:
            self._turn_after(0)
        self._plan_look()
        self._happened(changes)

    def _crashed(self, failure: Any) -> None:
        self.log.failure("a fault in the client of parameters", failure)
