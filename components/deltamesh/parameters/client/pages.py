"""
Which names are asked for together. A *page* is one instance of the resource `chosen`, with the names that it was opened with.

A page cannot be given more names: another one is opened in its place, and the first one goes on until the other one has reached it, so
that no name is ever without a page, and none goes back to what was before. Positions tell that. Since that of a page moves with its content
only, it may be behind for ever and show the same nevertheless; then a third one is opened, of a follower that is far enough.

A state machine: it knows pages by number, does nothing itself, and says what is to be opened and closed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from deltamesh.stream import Position

MAX_NAMES: Final = 400
MAX_SIZE: Final = 12_000
"""Names of a page, and the bytes that they have as JSON text: both less than what the service allows."""

PATIENCE: Final = 5.0
"""How long a page may be behind until it is replaced [s]; followers are behind each other for less."""

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Pauses before anything is opened again after a page has failed for good [s]: they double."""


@dataclass(frozen=True, slots=True)
class Open:
    """Open a page with these names, in order, of a follower that has reached `at_least`."""

    page: int
    names: tuple[str, ...]
    at_least: Position | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """Close a page, or do not open it any more."""

    page: int


Output: TypeAlias = Open | Close


@dataclass(slots=True, eq=False)
class _Page:
    number: int
    names: tuple[str, ...]
    former: _Page | None = None
    """The one that it replaces, until it has reached that; which may replace another one."""
    successor: _Page | None = None
    at_least: Position | None = None
    position: Position | None = None
    """None: it has no content yet."""
    behind_since: float | None = None
    """When it was seen to be behind [s]."""
    is_loose: bool = False
    """Whether its instance has names that it has no longer: a successor has taken them over."""

    @property
    def is_settled(self) -> bool:
        return self.position is not None and self.former is None and self.successor is None


class Pages:
    """See the module. `turn` is called whenever something was wanted or has happened."""

    def __init__(self) -> None:
        self._pages: dict[int, _Page] = {}
        self._servers: dict[str, _Page] = {}
        self._floors: dict[str, Position] = {}  # of names whose page has failed: where that was
        self._number = 0
        self._pause = FIRST_PAUSE
        self._not_before: float | None = None
        self._is_unsettled = False  # something has happened since the last turn

    def needs_turn(self, now: float) -> bool:
        """Whether `turn` has to do something, as far as that does not come from what is wanted."""
        return self._is_unsettled or ((look := self.next_look) is not None and now >= look)

    def server(self, name: str) -> int | None:
        """Return the page that says what a name is; None: there is none yet."""
        page = self._servers.get(name)
        return None if page is None else page.number

    def has(self, page: int) -> bool:
        """Whether a page is open or to be opened."""
        return page in self._pages

    @property
    def waiting(self) -> list[int]:
        """Pages that have content, and wait until another one has reached them, or to reach another one."""
        found: dict[int, None] = {}
        for page in self._pages.values():
            if self._is_behind(page):
                found[page.number] = None
                if page.former is not None:
                    found[page.former.number] = None
        return list(found)

    @property
    def next_look(self) -> float | None:
        """When `turn` is to be called again, if nothing else happens."""
        times = [page.behind_since + PATIENCE for page in self._pages.values() if page.behind_since is not None and page.successor is None]
        return min([*times, *([] if self._not_before is None else [self._not_before])], default=None)

    def turn(self, wanted: Collection[str], now: float) -> list[Output]:
        """Return what is to be done, in order, so that pages have the names `wanted`."""
        self._is_unsettled = False
        self._floors = {name: position for name, position in self._floors.items() if name in wanted}
        outputs: list[Output] = []
        for page in list(self._pages.values()):
            if not any([name in wanted for name in page.names]) or self._is_vain(page):
                self._remove(page)
                outputs.append(Close(page.number))
            elif not self._is_behind(page):
                page.behind_since = None
            elif page.behind_since is None:
                page.behind_since = now
        if self._not_before is not None:
            if now < self._not_before:
                return outputs
            self._not_before = None
        outputs += [
            self._open([name for name in page.names if name in wanted], page, self._needed(page))
            for page in list(self._pages.values())
            if page.behind_since is not None and now >= page.behind_since + PATIENCE and page.successor is None
        ]
        placed = {name for page in self._pages.values() for name in page.names}
        fresh = sorted([name for name in wanted if name not in placed])
        for page in [page for page in self._pages.values() if page.is_settled]:
            kept = [name for name in page.names if name in wanted]
            names, left = _filled(kept, fresh)
            if page.is_loose or len(kept) < len(page.names) or len(left) < len(fresh):
                fresh = left
                outputs.append(self._open(names, page))
        if not any([_has_room(page.names) for page in self._pages.values() if page.successor is None and not page.is_settled]):
            while fresh:
                names, fresh = _filled([], fresh)
                outputs.append(self._open(names, None))
        return outputs  # and what is left over goes into a page that is being opened, as soon as it is

    def shown(self, number: int, position: Position) -> list[str]:
        """A page has content, of `position`; return the names that have another server now."""
        page = self._pages.get(number)
        if page is None:
            return []
        before, page.position = page.position, position
        is_new = before is None
        moved: list[str] = []
        if before is None or before.epoch != position.epoch:
            self._is_unsettled = True
        if is_new:
            self._pause = FIRST_PAUSE
        if is_new or self._floors:
            moved = self._serve([name for name in page.names if name not in self._servers and self._is_above(name, position)], page)
        return moved + self._hand_over(page if page.former is not None else page.successor)

    def failed(self, number: int, now: float) -> list[str]:
        """A page is gone, and to open it at once again would be of no use; return the names that have another server now, or none."""
        page = self._pages.get(number)
        if page is None:
            return []
        served = [name for name, server in self._servers.items() if server is page]
        if page.position is not None:
            self._floors |= dict.fromkeys(served, page.position)
        successor = page.successor
        self._remove(page)
        self._not_before = now + self._pause
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)
        if successor is not None and successor.position is not None:
            names = set(successor.names)
            self._serve([name for name in served if name in names and self._is_above(name, successor.position)], successor)
        return served

    def _is_behind(self, page: _Page) -> bool:
        """Whether a page has content, but of a position before what was shown of some of its names."""
        if page.position is None:
            return False
        return page.former is not None or (bool(self._floors) and any([name in self._floors for name in page.names]))

    def _needed(self, page: _Page) -> Position | None:
        """Return the position that a page which is behind has not reached; None: there is none, or it is none that it could reach."""
        if page.former is not None:
            return page.former.position
        floors = [self._floors[name] for name in page.names if name in self._floors]
        return max(floors, key=lambda floor: floor.revision, default=None)

    def _is_vain(self, page: _Page) -> bool:
        """Whether a page is to be opened at a position that nobody waits for any longer; it may be of an epoch that is over."""
        if page.at_least is None or page.position is not None or page.former is None:
            return False
        needed = self._needed(page.former)
        return needed is None or needed.epoch != page.at_least.epoch

    def _open(self, names: Iterable[str], former: _Page | None, at_least: Position | None = None) -> Open:
        self._number += 1
        page = self._pages[self._number] = _Page(self._number, tuple(sorted(names)), former, at_least=at_least)
        if former is not None:
            former.successor = page
        return Open(page.number, page.names, at_least)

    def _hand_over(self, page: _Page | None) -> list[str]:
        """Let `page` take over from the one that it replaces, if it has reached that."""
        if page is None or page.former is None or not _has_reached(page.position, page.former.position):
            return []
        self._is_unsettled = True
        former = page.former
        self._unlink(former)
        served = [name for name, server in self._servers.items() if server is former]
        names = set(page.names)
        former.names = tuple([name for name in served if name not in names])  # which nobody wants, or somebody wants again
        former.is_loose = True
        moved = self._serve([name for name in served if name in names], page)
        return moved + self._hand_over(page)  # there may be another one behind that

    def _serve(self, names: list[str], page: _Page) -> list[str]:
        self._servers.update(dict.fromkeys(names, page))
        for name in names if self._floors else ():
            self._floors.pop(name, None)
        return names

    def _is_above(self, name: str, position: Position) -> bool:
        """Whether a page at `position` cannot show what is older than what a page that has failed has shown of a name."""
        floor = self._floors.get(name)
        return floor is None or floor.epoch != position.epoch or floor.revision <= position.revision

    def _remove(self, page: _Page) -> None:
        del self._pages[page.number]
        self._unlink(page)
        for name in [name for name, server in self._servers.items() if server is page]:
            del self._servers[name]

    @staticmethod
    def _unlink(page: _Page) -> None:
        """Let those before and behind it replace each other instead."""
        if page.former is not None:
            page.former.successor = page.successor
        if page.successor is not None:
            page.successor.former = page.former
        page.former = page.successor = None


def _has_reached(position: Position | None, other: Position | None) -> bool:
    """Whether what was shown at `other` cannot be newer than what is at `position`; revisions of different epochs cannot be compared."""
    if position is None or other is None:
        return other is None and position is not None
    return position.epoch == other.epoch and position.revision >= other.revision


def _size(name: str) -> int:
    """Return no less than the bytes that a name takes in JSON text: up to 6 for a character that is not plain."""
    return 3 + (len(name) if name.isascii() and name.isprintable() and not set(name) & {'"', "\\"} else 6 * len(name))


def _filled(names: list[str], more: list[str]) -> tuple[list[str], list[str]]:
    """Return `names` with as many of `more` as fit, in order, and the rest of those."""
    size = sum([_size(name) for name in names])
    number = 0
    for name in more:
        size += _size(name)
        if len(names) + number == MAX_NAMES or size > MAX_SIZE:
            break
        number += 1
    return names + more[:number], more[number:]


def _has_room(names: Collection[str]) -> bool:
    """Whether any name fits into a page beside `names`."""
    return len(names) < MAX_NAMES and sum([_size(name) for name in names]) + 6 * 200 <= MAX_SIZE
