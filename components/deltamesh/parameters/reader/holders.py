"""
Who holds what, as clients say it, and what of that is still to be written. Pure: events and time are passed in, writes come out.

What a client says of itself is taken as it is, within bounds: strangers may be holders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from deltamesh.parameters.names import objection
from deltamesh.values import JSON

SILENCE: Final = 180.0
"""A holder that says nothing for so long holds nothing any more [s]: clients say something every 60 s."""

MAX_HOLDERS: Final = 5_000
MAX_NAMES: Final = 20_000
"""Names that one holder may say that it has."""

MAX_KEPT: Final = 5_000
"""Names of one holder that are kept, the first that it says, and counted: a program has a thousand, a stranger may say more."""

MAX_TEXT: Final = 64 << 20
"""Characters of the names of all holders: a thousand with a thousand names each have 30 million. Who comes later is shown without names."""

MAX_WRITTEN: Final = 256 << 10
"""Characters of names in one transaction, or one holder's: so that it reaches followers as a delta."""

MAX_EVENTS: Final = 10
"""Events of one session between two looks. What is more is not heard."""

MAX_WORD: Final = 100
"""Characters of what a holder calls itself and its host."""

KINDS: Final = frozenset({"python", "browser", "node"})

Writes: TypeAlias = dict[str, list[tuple[int, list[JSON]]]]
"""As `Mesh.write` takes them: by input, sessions with their value, or with none."""


class BadHolding(ValueError):
    """What a client says is not of the documented shape; the message says what is wrong."""


@dataclass(slots=True)
class Holder:
    """What is known of one session."""

    shown: dict[str, JSON]
    place: dict[str, JSON]
    text: str | None
    """Its names, as the input `holdings` has them; None: as they were written before this process."""
    heard: float
    """When it last said something [s]."""
    unwritten: set[str] = field(default_factory=set)
    """The inputs that do not have what is known here."""


class Holders:
    """All of them, by session."""

    def __init__(self) -> None:
        self._holders: dict[int, Holder] = {}
        self._waiting: dict[int, None] = {}  # sessions of which something is unwritten, those that have left included
        self._size = 0  # characters of all texts
        self._num_events: dict[int, int] = {}  # by session, since the last look

    def __len__(self) -> int:
        return len(self._holders)

    def restore(self, session: int, shown: Mapping[str, JSON], now: float) -> None:
        """Take in what the service has of a session since before this process: an entry of its `census`."""
        if session not in self._holders:
            known = dict(shown)
            place = {each: known.pop(each, None) for each in ("commit", "number")}
            known.pop("is_current", None)
            self._holders[session] = Holder(known, place, None, now)

    def hear(self, session: int, said: Mapping[str, Any], now: float, unix_time: float) -> None:
        """
        Take in what a session says: the keywords of an event.

        Raises:
            BadHolding: it cannot be; nothing has changed.
        """
        number = self._num_events[session] = self._num_events.get(session, 0) + 1
        if number > MAX_EVENTS:
            return
        holder = self._holders.get(session)
        if holder is None and len(self._holders) >= MAX_HOLDERS:
            raise BadHolding(f"there are {MAX_HOLDERS} holders already")
        kind = said.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise BadHolding(f"kind is one of {', '.join(sorted(KINDS))}")
        shown = {"session": session, "client": _word("client", said), "kind": kind, "host": _word("host", said)}
        place = {"commit": _commit(said), "number": _number(said)}
        text = None if said.get("names") is None else _text(said["names"])
        if text is not None and len(text) <= 1:
            self.left(session)
            return
        if holder is None:
            holder = self._holders[session] = Holder({**shown, "since": round(unix_time, 3), "size": 0}, place, "", now)
            holder.unwritten |= {"holders", "at"}
        holder.heard = now
        self._update(session, holder, shown, place, text)

    def _update(self, session: int, holder: Holder, shown: dict[str, JSON], place: dict[str, JSON], text: str | None) -> None:
        if text is not None:
            before = len(holder.text or "")
            if self._size - before + len(text) > MAX_TEXT:
                text = "\n"
            if text != holder.text:
                self._size += len(text) - before
                holder.text = text
                holder.unwritten.add("holdings")
            shown["size"] = text.count("\n") - 1
        if any([holder.shown.get(name) != value for name, value in shown.items()]):
            holder.shown = {**holder.shown, **shown}
            holder.unwritten.add("holders")
        if holder.place != place:
            holder.place = place
            holder.unwritten.add("at")
        if holder.unwritten:
            self._waiting[session] = None

    def left(self, session: int) -> None:
        """A session has ended, or holds nothing any more."""
        holder = self._holders.pop(session, None)
        if holder is not None:
            self._size -= len(holder.text or "")
            self._waiting[session] = None

    def keep(self, sessions: Iterable[int]) -> None:
        """Forget all sessions but these."""
        alive = set(sessions)
        for session in [each for each in self._holders if each not in alive]:
            self.left(session)

    def look(self, now: float) -> None:
        """Forget who has been silent for too long, and listen to everybody again. To be called once a second."""
        self._num_events.clear()
        for session, holder in list(self._holders.items()):
            if now - holder.heard > SILENCE:
                self.left(session)

    def take(self) -> Writes:
        """Return what is to be written next, of those first who have waited longest; nothing if all is written. See `refused`."""
        writes: Writes = {"holders": [], "holdings": [], "at": []}
        size = 0
        for session in list(self._waiting):
            holder = self._holders.get(session)
            if holder is None:
                for changes in writes.values():
                    changes.append((session, []))
            else:
                size += len(holder.text or "") if "holdings" in holder.unwritten else 0
                if size > MAX_WRITTEN and any(writes.values()):
                    break
                contents: dict[str, JSON] = {"holders": holder.shown, "holdings": holder.text, "at": holder.place}
                for name in holder.unwritten:
                    writes[name].append((session, [contents[name]]))
                holder.unwritten = set()
            del self._waiting[session]
        return {name: changes for name, changes in writes.items() if changes}

    def refused(self, writes: Writes) -> None:
        """Keep for another time what `take` has returned and nobody has written."""
        for name, changes in writes.items():
            for session, _ in changes:
                if session in self._holders:
                    self._holders[session].unwritten.add(name)
                self._waiting[session] = None


def _word(name: str, said: Mapping[str, Any]) -> str:
    value = said.get(name, "")
    if not isinstance(value, str) or len(value) > MAX_WORD or not value.isprintable():
        raise BadHolding(f"{name} is a text of at most {MAX_WORD} characters that can be printed")
    return value


def _commit(said: Mapping[str, Any]) -> str | None:
    commit = said.get("commit")
    if commit is not None and (not isinstance(commit, str) or len(commit) > MAX_WORD or not commit.isalnum()):
        raise BadHolding("commit is the name of one, or null")
    return commit


def _number(said: Mapping[str, Any]) -> int | None:
    number = said.get("number")
    if number is not None and (type(number) is not int or not 0 <= number < 1 << 53):
        raise BadHolding("number is that of a commit, or null")
    return number


def _text(names: Any) -> str:
    """Return names as the input `holdings` has them, the first ones if there are too many to keep."""
    if not isinstance(names, list | tuple) or len(names) > MAX_NAMES:
        raise BadHolding(f"names are an array of at most {MAX_NAMES}")
    kept = names[:MAX_KEPT]
    for name in kept:
        if not isinstance(name, str) or objection(name) is not None:
            raise BadHolding("a name cannot be one")
    return "".join(["\n", *[f"{name}\n" for name in sorted(set(kept))]])
