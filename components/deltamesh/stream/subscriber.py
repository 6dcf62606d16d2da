"""
The receiving end of a stream: a state machine. Followers mirror the shared collections with it, clients an instance.

disconnected ── connected ──▶ asking ── answer ──▶ live        any state ── lost ──▶ disconnected
                                 ◀── gap ──────────

It sends and keeps no content: what it returns is to be done, in order. `tests/cases/README.md` states the same machine for
other languages.

*Sources.* A topic names one publisher. Positions of different publishers of the same stream agree, deltas need not (see
`track`), so only deltas of the source that answered count.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from deltamesh.stream.delta import Answer, Delta
from deltamesh.stream.entries import NONE, join
from deltamesh.stream.position import Position

MAX_DELTAS: Final = 1000
"""Deltas that are kept while an answer is awaited."""

MAX_SIZE: Final = 16 << 20
"""Characters of entries that are kept while an answer is awaited."""

MAX_EPOCHS: Final = 8
"""Former epochs whose last revision is remembered. More restarts than that while a follower lags are not expected."""


@dataclass(frozen=True, slots=True)
class Ask:
    """
    Call for an answer, and give it to `Subscriber.answer` with this number.

    `position` is to be sent along (None: ask for the whole). `pause`: wait a moment before, the last answer was of no use.
    """

    number: int
    position: Position | None
    pause: bool = False


@dataclass(frozen=True, slots=True)
class Replace:
    """Show `entries` as the whole content. A key may be named twice (its last values count) and without values."""

    entries: str
    position: Position


@dataclass(frozen=True, slots=True)
class Apply:
    """Set each key of `entries` to its values, the last ones if it is named twice; remove the key if there are none."""

    entries: str
    position: Position


Output: TypeAlias = Ask | Replace | Apply


class State(Enum):
    """What a subscriber is doing."""

    DISCONNECTED = "disconnected"
    ASKING = "asking"
    LIVE = "live"


class Verdict(Enum):
    """What a delta is to a position."""

    OLD = "old"
    NEXT = "next"
    GAP = "gap"


class Subscriber:
    """
    The state machine of one stream. See the module.

    Driver: call `connected` when there is a session, give every event to `receive` and every result to `answer`, and do
    what is returned. If a call fails, wait and call `ask`. If what was returned cannot be used, call `ask(whole=True)`.
    On the loss of the session, or of the follower that is the source, call `lost`.
    """

    def __init__(self, *, max_deltas: int = MAX_DELTAS, max_size: int = MAX_SIZE) -> None:
        self.state = State.DISCONNECTED
        self.position: Position | None = None
        """Of what was last given out to be shown."""
        self.source: str | None = None
        """The topic whose deltas count: after an answer, the one to be subscribed to."""
        self._max_deltas = max_deltas
        self._max_size = max_size
        self._number = 0
        self._asked: Position | None = None
        self._kept: list[Delta] = []
        self._size = 0
        self._left: dict[str, int] = {}  # former epoch -> revision last shown of it

    def connected(self, source: str | None = None) -> list[Output]:
        """Begin to ask. `source` is the topic that is subscribed to already, if any: its deltas are kept from now on."""
        self.source = source
        return [self._ask(self.position)]

    def lost(self) -> None:
        """Take in nothing until `connected`. What is shown stays shown."""
        self.state = State.DISCONNECTED
        self.source = None
        self._forget()

    def ask(self, *, whole: bool = False) -> list[Output]:
        """Ask anew, without the position if `whole`; an answer that is still under way will be ignored."""
        return [] if self.state is State.DISCONNECTED else [self._ask(None if whole else self.position)]

    def receive(self, source: str, delta: Delta) -> list[Output]:
        """Take in an event that came on the topic `source`."""
        if source != self.source or self.state is State.DISCONNECTED:
            return []
        if self.state is State.ASKING or self.position is None:  # there is no position before the first answer
            self._keep(delta)
            return []
        match self.judge(self.position, delta):
            case Verdict.OLD:
                return []
            case Verdict.NEXT:
                self.position = delta.position
                return [Apply(delta.entries, delta.position)]
            case Verdict.GAP:
                return [self._ask(self.position)]

    def answer(self, number: int, source: str, answer: Answer) -> list[Output]:
        """Take in the answer to the ask `number`; deltas on the topic `source` continue it."""
        if self.state is not State.ASKING or number != self._number:
            return []
        if answer.revision < self._shown(answer.epoch):
            return [self._ask(self._asked, pause=True)]
        if answer.since is not None and self._asked != Position(answer.epoch, answer.since):
            return [self._ask(None, pause=True)]
        position, texts, gap = answer.position, [answer.entries], False
        for delta in self._kept if source == self.source else ():
            verdict = self.judge(position, delta)
            if verdict is Verdict.GAP:
                gap = True
                break
            if verdict is Verdict.NEXT:
                position = delta.position
                texts.append(delta.entries)
        self._move(position)
        self.source = source
        self.state = State.LIVE
        self._forget()
        shown = Replace(join(texts), position) if answer.since is None else Apply(join(texts), position)
        return [shown, self._ask(position)] if gap else [shown]

    @staticmethod
    def judge(position: Position, delta: Delta) -> Verdict:
        """Return what `delta` is to who stands at `position`: the four rules of the protocol."""
        if delta.epoch != position.epoch:
            return Verdict.GAP
        if delta.to <= position.revision:
            return Verdict.OLD
        return Verdict.NEXT if delta.since <= position.revision else Verdict.GAP

    def _ask(self, position: Position | None, *, pause: bool = False) -> Ask:
        self.state = State.ASKING
        self._number += 1
        self._asked = position
        self._forget()  # what has arrived was published before the answer is made, and is in it
        return Ask(self._number, position, pause)

    def _keep(self, delta: Delta) -> None:
        self._kept.append(delta)
        self._size += len(delta.entries)
        if len(self._kept) > self._max_deltas or self._size > self._max_size:
            self._kept = [Delta(delta.epoch, delta.to, delta.to, NONE)]  # enough to see whether the answer is up to date
            self._size = 0

    def _forget(self) -> None:
        self._kept = []
        self._size = 0

    def _shown(self, epoch: str) -> int:
        """Return the revision of `epoch` that was last shown."""
        if self.position is not None and self.position.epoch == epoch:
            return self.position.revision
        return self._left.get(epoch, 0)

    def _move(self, position: Position) -> None:
        if self.position is not None and self.position.epoch != position.epoch:
            self._left[self.position.epoch] = self.position.revision
            self._left.pop(position.epoch, None)
            if len(self._left) > MAX_EPOCHS:
                del self._left[next(iter(self._left))]
        self.position = position
