"""
What a program knows of its parameters: a state machine for all of its names together.

default ──▶ cache ──▶ live ◀──▶ stale        a parameter that the service does not have is at its default again

In come what the program wants, what the cache had, the content of pages (see `pages`), whether they are live, what the reader says of
itself, and the time [s]; out come the changes of parameters, in order, and pages to open and close. It does nothing itself.

*Promises.* A parameter has a value from the first moment on, and always: its default, what the cache had, or what the service had at
some position; after the service has spoken, it never goes back to an earlier position. A value that is not of the type which was asked
for is never shown: the last good one stays. A service that has nothing because nobody has written it yet takes no value away: that a name
is gone counts when the reader says that all is written. Nothing is live before the reader has been heard, in this run, to be current.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final

from deltamesh.parameters.client.handle import Handle
from deltamesh.parameters.client.news import Entry, News
from deltamesh.parameters.client.news import is_same as is_same_news
from deltamesh.parameters.client.pages import Output, Pages
from deltamesh.parameters.client.state import State, uncertain
from deltamesh.parameters.client.state import is_same as is_same_state
from deltamesh.parameters.client.typed import Check
from deltamesh.stream import Position

DOUBT: Final = 0.5
"""How long a page may be without its stream before its names are stale [s]: a resume takes less."""

SILENCE: Final = 5.0
"""How long the reader may say nothing before all is stale [s]: it speaks each second."""

UNHEARD: Final = "the reader has not been heard yet"
"""What is wrong with the reader at first: it has not spoken, but may still do so in time."""

LOOK: Final = 0.5
"""Pause between two looks at pages that wait for each other, or are without their stream [s]."""


@dataclass(frozen=True, slots=True)
class Change:
    """The parameter `handle` is `state` from now on."""

    handle: int
    state: State[Any]


@dataclass(slots=True, eq=False)
class _Name:
    handles: dict[int, Handle] = field(default_factory=dict)
    is_heard: bool = False
    """Whether the service has spoken of it."""
    news: News = None
    """What it said last."""
    kept: Entry | None = None
    """The newest entry that all handles could use, for the cache."""


class Holding:
    """See the module. `cached` is what the cache had."""

    def __init__(self, cached: Mapping[str, Entry] | None = None) -> None:
        self.reading: str | None = UNHEARD
        """What is wrong with the reader, as far as is known; None: nothing."""
        self.version = 0
        """Changes with what belongs into the cache."""
        self._cached = dict(cached or {})
        self._left: dict[str, Entry] = {}  # what was known of names that are wanted no longer
        self._names: dict[str, _Name] = {}
        self._handles: dict[int, str] = {}
        self._last = 0  # handle
        self._are_names_new = False  # since the last turn
        self._pages = Pages()
        self._contents: dict[int, dict[str, News]] = {}  # of pages
        self._lost: dict[int, float] = {}  # page -> since when it is without its stream
        self._doubtful: set[int] = set()  # pages that are so for too long
        self._deadline: float | None = None  # of the next word of the reader
        self._is_deaf = True  # it could not be heard
        self._is_granted = False  # it has been given time because of that, since its last word
        self._epoch: str | None = None  # of the content that was shown last
        self._is_written = False  # the reader has said in this session, of this epoch, that all is written
        self._doubted: set[str] = set()  # names that are gone, if it is so

    # What the program wants

    def want(self, name: str, default: Any, check: Check) -> tuple[int, State[Any]]:
        """Return a new handle for `name`, and its state: `default`, which is of the right type, or the best that is known."""
        known = self._names.get(name)
        if known is None:
            known = self._names[name] = _Name(kept=self._left.pop(name, None) or self._cached.get(name))
            self._are_names_new = True
            self._serve(name, known)
        self._last += 1
        handle = Handle(self._last, name, default, check, deepcopy(default))
        if known.kept is not None:
            handle.take(known.kept, is_heard=False)
        if known.is_heard:
            handle.hear(known.news)
        handle.state = handle.present(is_certain=known.is_heard and self._is_certain(name))
        known.handles[handle.number] = handle
        self._handles[handle.number] = name
        return handle.number, handle.state

    def unwant(self, number: int) -> State[Any]:
        """Forget a handle; return the state that it is left in."""
        name = self._handles.pop(number)
        known = self._names[name]
        handle = known.handles.pop(number)
        if not known.handles:
            del self._names[name]
            self._are_names_new = True
            self._doubted.discard(name)
            self._cached.pop(name, None)
            if known.kept is not None:
                self._left[name] = known.kept
        return uncertain(handle.state)

    @property
    def names(self) -> list[str]:
        """The names that are wanted, sorted."""
        return sorted(self._names)

    @property
    def newest(self) -> Entry | None:
        """The entry with the newest commit of all that the service has said; None: it has said nothing. Cost: linear in the names."""
        entries = [known.news for known in self._names.values() if isinstance(known.news, Entry)]
        return max(entries, key=lambda entry: entry.number, default=None)

    @property
    def is_ready(self) -> bool:
        """Whether the service has spoken of all names, and the reader of the service, or the latter was silent for too long."""
        return self.reading != UNHEARD and all([self._is_answered(name) for name in self._names])

    def to_cache(self) -> dict[str, Entry]:
        """Return what belongs into the cache: the last good entries of names that are or were wanted in this run."""
        kept = {name: known.kept for name, known in self._names.items()}
        return {name: entry for name, entry in (self._left | kept).items() if entry is not None}

    @property
    def gone(self) -> set[str]:
        """Wanted names of which the service says that there is none, or not for this program: no cache should have them."""
        return {name for name, known in self._names.items() if known.is_heard and not isinstance(known.news, Entry)}

    # Pages

    def needs_turn(self, now: float) -> bool:
        """Whether `turn` is to be called soon."""
        return self._are_names_new or self._pages.needs_turn(now)

    def turn(self, now: float) -> list[Output]:
        """Return which pages are to be opened and closed."""
        self._are_names_new = False
        outputs = self._pages.turn(self._names.keys(), now)
        for number in [number for number in self._contents if not self._pages.has(number)]:
            self._forget(number)
        return outputs

    def shown(self, page: int, position: Position, news: Mapping[str, News], *, is_live: bool = True) -> list[Change]:
        """A page shows this of some names, at first of all, at `position`. If it was not live, but is now, that is news of all of them."""
        if not self._pages.has(page):
            return []
        content = self._contents.setdefault(page, {})
        content.update(news)
        if self._epoch != position.epoch:
            self._is_written = self._is_written and self._epoch is None
            self._epoch = position.epoch
        moved = self._pages.shown(page, position)
        if is_live:
            self._lost.pop(page, None)
            if page in self._doubtful:
                self._doubtful.remove(page)
                news = content
        mine = [name for name in news if self._pages.server(name) == page]
        return self._refresh(dict.fromkeys([*mine, *moved]))

    def status(self, page: int, is_live: bool, now: float) -> list[Change]:
        """Changes of a page that was shown begin to arrive, or arrive no longer."""
        if page not in self._contents:
            return []
        if not is_live:
            self._lost.setdefault(page, now)
            return []
        self._lost.pop(page, None)
        if page not in self._doubtful:
            return []
        self._doubtful.remove(page)
        return self._refresh(self._contents[page])

    def failed(self, page: int, now: float) -> list[Change]:
        """A page cannot be opened, or is gone, and that will not change by itself soon."""
        served = self._pages.failed(page, now)
        self._forget(page)
        return self._refresh(served)

    @property
    def waiting(self) -> list[int]:
        """Pages of which `shown` is to be called with their present position at each look, also if nothing has changed."""
        return self._pages.waiting

    # The reader

    def listening(self, now: float) -> None:
        """From now on the reader can be heard. It is given time to speak, once: a connection that comes and goes hides nothing."""
        self._is_deaf = False
        self._is_written = False
        if self.reading in (None, UNHEARD) and not self._is_granted:
            self._is_granted = True
            self._deadline = now + SILENCE

    def deaf(self) -> None:
        """From now on it cannot: the connection is lost, and pages tell that."""
        self._is_deaf = True

    def heard(self, is_current: bool, problem: str | None, now: float) -> list[Change]:
        """The reader has said whether the service has what the repository has."""
        self._deadline = now + SILENCE
        self._is_granted = False
        self._is_written = self._is_written or is_current  # a reader that is behind now has still written what was before
        changes = self._judge(None if is_current else problem or "the reader is behind the repository")
        return changes + self._refresh(self._doubted.copy()) if is_current and self._doubted else changes

    # Time

    def look(self, now: float) -> list[Change]:
        """Nothing may have happened: take notice of that."""
        changes: list[Change] = []
        for page, since in self._lost.items():
            if page not in self._doubtful and now >= since + DOUBT:
                self._doubtful.add(page)
                changes += self._refresh(self._contents[page])
        if self._deadline is not None and now >= self._deadline and not self._is_deaf:
            self._deadline = None
            changes += self._judge(f"nothing was heard of the reader for {SILENCE:g} s")
        return changes

    def next_look(self, now: float) -> float | None:
        """Return when to call `look` and `turn`, if nothing happens before."""
        times = [since + DOUBT for page, since in self._lost.items() if page not in self._doubtful]
        if self._doubtful or self.waiting:
            times.append(now + LOOK)
        deadline = None if self._is_deaf else self._deadline
        return min([time for time in (*times, deadline, self._pages.next_look) if time is not None], default=None)

    # Inside

    def _judge(self, problem: str | None) -> list[Change]:
        was, self.reading = self.reading, problem
        return [] if (was is None) == (problem is None) else self._refresh(self._names)

    def _is_certain(self, name: str) -> bool:
        return self.reading is None and self._is_answered(name)

    def _is_answered(self, name: str) -> bool:
        """Whether a page that is live has it; if it may be gone, the reader is waited for, unless that is of no use."""
        page = self._pages.server(name)
        return page is not None and page not in self._doubtful and (name not in self._doubted or self.reading is not None)

    def _serve(self, name: str, known: _Name) -> bool:
        """Take over what its page says of a name; return whether that is something else than before."""
        page = self._pages.server(name)
        if page is None:
            return False
        news = self._contents[page].get(name)
        if news is None and not self._is_written and (known.kept is not None or isinstance(known.news, Entry)):
            self._doubted.add(name)
            return False
        self._doubted.discard(name)
        if known.is_heard and is_same_news(known.news, news):
            return False
        known.is_heard, known.news = True, news
        return True

    def _refresh(self, names: Iterable[str]) -> list[Change]:
        """Return the changes of parameters of these names, of which anything may be new."""
        changes: list[Change] = []
        for name in names:
            known = self._names.get(name)
            if known is None:
                continue
            is_new = self._serve(name, known)
            is_certain = known.is_heard and self._is_certain(name)
            for handle in known.handles.values():
                if is_new:
                    handle.hear(known.news)
                state = handle.present(is_certain=is_certain)
                if not is_same_state(state, handle.state):
                    handle.state = state
                    changes.append(Change(handle.number, state))
            if is_new:
                self._keep(known)
        return changes

    def _keep(self, known: _Name) -> None:
        """Remember for the cache what the service has said, unless a handle cannot use it."""
        news = known.news
        if isinstance(news, Entry) and any([handle.entry is not news for handle in known.handles.values()]):
            return
        kept = news if isinstance(news, Entry) else None
        if kept is not known.kept:
            known.kept = kept
            self.version += 1

    def _forget(self, page: int) -> None:
        self._contents.pop(page, None)
        self._lost.pop(page, None)
        self._doubtful.discard(page)
