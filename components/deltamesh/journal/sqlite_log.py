"""
Whether SQLite's own log of a file (NAME-wal) is whole. SQLite reads it up to the first frame whose checksum is wrong, and says nothing.

The format is that of SQLite, "WAL-mode File Format", 1 to 4. What cannot be told: whether the last commit in it was damaged or was never
finished, and what was in a log that is gone. A loss of power can leave a commit behind a gap as well, that nobody was told of.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from deltamesh.errors import JournalDamaged

HEADER: Final = 32
"""Bytes before the first frame."""

FRAME: Final = 24
"""Bytes before the page of a frame."""

READINGS: Final = 3
"""So often the same damage has to be seen: a writer may be at work meanwhile."""

_MAGIC: Final = 0x377F0682  # + 1: checksums of big-endian words
_MASK: Final = 0xFFFFFFFF


def damages_of_log(path: Path) -> list[JournalDamaged]:
    """Return that commits in the log of an SQLite file are cut off by a frame that is not what was written, if they are."""
    seen: set[str] = set()
    for _ in range(READINGS):
        damage = _damage(path)
        if damage is None:
            return []
        seen.add(damage)
    return [JournalDamaged(path.name, seen.pop())] if len(seen) == 1 else []


def _damage(path: Path) -> str | None:
    try:
        data = memoryview(path.read_bytes())
    except FileNotFoundError:
        return None
    if len(data) < HEADER + FRAME:  # nothing was written, or all of it was cut off
        return None
    magic, _, page_size = struct.unpack_from(">3I", data)
    order = ">" if magic & 1 else "<"
    sums = _sums(data[:24], order, (0, 0))
    if magic & ~1 != _MAGIC or sums != struct.unpack_from(">2I", data, 24) or page_size < 512:
        return "its header is not what was written, so SQLite reads nothing of it"
    salts = bytes(data[16:24])
    broken = lost = 0
    for number, start in enumerate(range(HEADER, len(data) - FRAME - page_size + 1, FRAME + page_size), 1):
        is_of_now = bytes(data[start + 8 : start + 16]) == salts  # and not left behind by an earlier use of the file
        if broken:
            lost += is_of_now and bytes(data[start + 4 : start + 8]) != bytes(4)  # the frame ends a commit
            continue
        sums = _sums(data[start : start + 8], order, sums)
        sums = _sums(data[start + FRAME : start + FRAME + page_size], order, sums)
        if not is_of_now or sums != struct.unpack_from(">2I", data, start + 16):
            broken = number
    return f"frame {broken} is not what was written, so SQLite does not read the {lost} commits after it" if lost else None


def _sums(data: memoryview, order: str, sums: tuple[int, int]) -> tuple[int, int]:
    """Return the running checksum of SQLite's log after `data`."""
    first, second = sums
    for one, other in struct.iter_unpack(f"{order}2I", data):
        first = (first + one + second) & _MASK
        second = (second + other + first) & _MASK
    return first, second
