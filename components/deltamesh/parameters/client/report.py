"""
When a client says on `S.on_holding` what it holds, for the census: a state machine that is told the time [s].

It says its names soon after they have changed, its newest commit soon after that has changed, and from time to time that it is still there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from deltamesh.parameters.client.news import Entry

SOON: Final = 1.0
"""Pause between two reports at least, and how long names must stay the same before they are told, unless that takes too long [s]."""

LATEST: Final = 5.0
"""How long names may change before they are told anyway [s]."""

ABSENCE: Final = 5.0
"""If the reader has said nothing for so long [s], the census beside it may be a new one, and is told the names again."""

INTERVAL: Final = 60.0
"""Pause between two reports if nothing changes [s]; varied by a tenth, so that many clients do not speak at once."""

MAX_NAMES: Final = 20_000
MAX_SIZE: Final = 500_000
"""Names of one report, and characters of these: what the census takes, and what a message to a router may have. It has no others."""


class Report:
    """
    See the module. The client is `client`, at `host`; `chance` is a random number from 0 to 1.

    Call `joined` and `left` for each session, `changed` after changes, and publish what `due` returns.
    """

    def __init__(self, client: str, host: str, chance: float) -> None:
        self._who = {"client": client, "kind": "python", "host": host}
        self._interval = INTERVAL * (0.9 + 0.2 * chance)
        self._is_joined = False
        self._told: list[str] | None = None  # names, in this session
        self._newest: tuple[str, int] | None = None  # as it was told
        self._last = 0.0  # when something was told
        self._untold_since: float | None = None  # names that have changed
        self._changed = 0.0  # when they did last
        self._is_newer = False
        self._heard: float | None = None  # the reader, last in this session

    def joined(self, now: float) -> None:
        """A session begins, which has been told nothing."""
        self._is_joined = True
        self._told, self._newest, self._is_newer = None, None, False
        self._heard = None
        self._last = now - SOON
        self._untold_since = self._changed = now

    def left(self) -> None:
        """It has ended."""
        self._is_joined = False

    def names_changed(self, now: float) -> None:
        """Names are wanted that were not, or the reverse."""
        if self._untold_since is None:
            self._untold_since = now
        self._changed = now

    def farewell(self) -> dict[str, Any] | None:
        """Return the keyword arguments of an event that says that nothing is held any more, if anything was told in this session."""
        if not self._is_joined or not self._told:
            return None
        return {**self._who, "names": [], "commit": None, "number": None}

    def heard(self, now: float, chance: float) -> None:
        """The reader has spoken. `chance` is another random number, so that not all clients tell a new census their names at once."""
        if self._heard is None or now >= self._heard + ABSENCE:
            self._told = None
            self._untold_since = now
            self._changed = now - SOON + chance
        self._heard = now

    def values_changed(self) -> None:
        """`Holding.newest` may be another one now."""
        self._is_newer = True

    @property
    def next(self) -> float | None:
        """When to call `due`; None: not before something changes."""
        if not self._is_joined:
            return None
        times = [self._last + self._interval]
        if self._untold_since is not None:
            times.append(min(self._changed + SOON, self._untold_since + LATEST))
        elif self._is_newer:
            times.append(self._last + SOON)
        return max(self._last + SOON, min(times))

    def due(self, names: Sequence[str], newest: Entry | None, now: float) -> dict[str, Any] | None:
        """Return the keyword arguments of the event that is due, if one is; `names` are sorted."""
        if self.next is None or now < self.next:
            return None
        told: dict[str, Any] = {}
        if self._untold_since is not None:
            bounded = _bounded(names)
            if bounded != (self._told or []):
                told = {"names": bounded}
                self._told = bounded
        is_time = now >= self._last + self._interval
        self._untold_since, self._is_newer = None, False
        is_newer, self._newest = self._newest != _place(newest), _place(newest)
        is_told = bool(told) or (bool(self._told) and (is_newer or is_time))
        if is_told or is_time:
            self._last = now
        if not is_told:
            return None
        commit, number = self._newest or (None, None)
        return {**self._who, **told, "commit": commit, "number": number}


def _place(newest: Entry | None) -> tuple[str, int] | None:
    return None if newest is None else (newest.commit, newest.number)


def _bounded(names: Sequence[str]) -> list[str]:
    size = 0
    for number, name in enumerate(names[:MAX_NAMES]):
        size += len(name)
        if size > MAX_SIZE:
            return list(names[:number])
    return list(names[:MAX_NAMES])
