"""One parameter of the program: a name with a default and a type, and the newest value of that type."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from deltamesh.parameters.client.news import Entry, News
from deltamesh.parameters.client.state import Source, State
from deltamesh.parameters.client.typed import Check, Unfit


@dataclass(slots=True, eq=False)
class Handle:
    """What `Holding` knows of it. `good` begins as the default."""

    number: int
    name: str
    default: Any
    check: Check
    good: Any
    """The newest value of the type; the default if there is none."""
    entry: Entry | None = None
    """Where that comes from; None: it is the default."""
    is_heard: bool = False
    """Whether the service has said it, in this run."""
    error: str | None = None
    """Why what is newest is not used."""
    state: State[Any] = field(init=False)
    """What the program was told last."""

    def take(self, entry: Entry, *, is_heard: bool) -> None:
        """Use an entry, if its value is of the type."""
        try:
            good = self.check(entry.value)
        except Unfit as error:
            self.error = f"{self.name}: the value of commit {entry.commit:.12} is not used: {error}"
        else:
            self.good, self.entry, self.is_heard, self.error = good, entry, is_heard, None

    def hear(self, news: News) -> None:
        """Use what the service says."""
        if isinstance(news, Entry):
            self.take(news, is_heard=True)
        else:
            self.good, self.entry, self.is_heard = deepcopy(self.default), None, True
            self.error = None if news is None else f"{self.name}: {news.reason}"

    def present(self, *, is_certain: bool) -> State[Any]:
        """Return the state; `is_certain`: the service has spoken, and would say if anything had changed."""
        is_current = is_certain and self.error is None
        if self.entry is None:
            return State(self.good, Source.DEFAULT, None, self.error, is_current)
        heard = Source.LIVE if is_current else Source.STALE
        return State(self.good, heard if self.is_heard else Source.CACHE, self.entry.commit, self.error, is_current)
