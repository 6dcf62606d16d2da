"""The latest deltas of a stream, kept so that a subscriber that missed some can resume."""

from __future__ import annotations

from collections import deque


class History:
    """A ring of the latest deltas, bounded by their number and by the characters of their entries."""

    __slots__ = ("_kept", "_max_deltas", "_max_size", "_size", "base")

    base: int
    """The oldest revision after which all deltas are here."""

    def __init__(self, base: int, max_deltas: int, max_size: int) -> None:
        self.base = base
        self._max_deltas = max_deltas
        self._max_size = max_size
        self._kept: deque[tuple[int, str]] | None = None  # made when needed: most instances of a follower never change
        self._size = 0

    def add(self, revision: int, entries: str) -> None:
        """Keep the delta that led to `revision`."""
        kept = self._kept
        if kept is None:
            kept = self._kept = deque()
        kept.append((revision, entries))
        self._size += len(entries)
        while kept and (len(kept) > self._max_deltas or self._size > self._max_size):
            self.base, oldest = kept.popleft()
            self._size -= len(oldest)

    def since(self, revision: int) -> list[str] | None:
        """
        Return the entries of all deltas after `revision`, the oldest first; None if some are no longer here.

        Cost: proportional to what is returned.
        """
        if revision < self.base:
            return None
        texts: list[str] = []
        for to, entries in reversed(self._kept or ()):
            if to <= revision:
                break
            texts.append(entries)
        texts.reverse()
        return texts
