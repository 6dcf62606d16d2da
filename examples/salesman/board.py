"""What the service is to show, and what of it has not been written yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Key = Any
Changes = dict[str, list[tuple[Key, list[Any]]]]
"""Input -> [(key, [value]), …]; no value: the key is gone."""

MAX_ENTRIES: Final = 500
"""Entries of one transaction."""


class Board:
    """Entries of inputs as they are to be, one value a key. Keys are text, or tuples."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, Key], Any] = {}
        self._unwritten: dict[tuple[str, Key], None] = {}

    def put(self, input: str, key: Key, value: Any) -> None:
        """Let an entry be so. Nothing is to be written if it is so already."""
        if self._entries.get((input, key)) != value:
            self._entries[input, key] = value
            self._unwritten[input, key] = None

    def drop(self, input: str, key: Key) -> None:
        """Let an entry be gone, whether or not it is known here."""
        self._entries.pop((input, key), None)
        self._unwritten[input, key] = None

    def adopt(self, input: str, key: Key, value: Any) -> None:
        """An entry is there already, as `value`, unless more is known of it here."""
        if (input, key) not in self._unwritten:
            self._entries.setdefault((input, key), value)

    def get(self, input: str, key: Key) -> Any:
        """Return an entry; None if it is not there."""
        return self._entries.get((input, key))

    def entries(self, input: str) -> Iterator[tuple[Key, Any]]:
        """Return the entries of an input."""
        return iter([(key, value) for (name, key), value in self._entries.items() if name == input])

    def take(self) -> Changes:
        """Return what is to be written next: empty if nothing is. It counts as written, unless it is `restore`d."""
        changes: Changes = {}
        for name, key in list(self._unwritten)[:MAX_ENTRIES]:
            del self._unwritten[name, key]
            values = [self._entries[name, key]] if (name, key) in self._entries else []
            changes.setdefault(name, []).append((key, values))
        return changes

    def restore(self, changes: Changes) -> None:
        """`changes` could not be written: what they are about is to be written again, as it is then."""
        again = {(name, key): None for name, entries in changes.items() for key, _ in entries}
        self._unwritten = again | self._unwritten

    def forgotten(self) -> None:
        """The service has lost what was written: everything is to be written again."""
        self._unwritten = dict.fromkeys(self._entries) | self._unwritten
