"""The file that keeps what was last known of parameters, so that a program starts with it."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import msgspec
from twisted.logger import Logger

from deltamesh.parameters.client.news import Entry

MAX_SIZE: Final = 256 << 20
"""Bytes of a file that is read: more than 20,000 names with the largest values that people write."""

MAX_OTHERS: Final = 50_000
MAX_OTHERS_SIZE: Final = 16 << 20
"""Names that are kept for others, which this program did not want, and their bytes; the newest ones if there are more."""

TURNS: Final = 100
TURN: Final = 0.02
"""How often it is tried to be the only one who writes, and the pause between two times [s]; who writes takes milliseconds."""


class _Content(msgspec.Struct, frozen=True):
    format: Literal["deltamesh parameters 1"]
    service: str
    parameters: dict[str, Entry]


class Cache:
    """
    The file `path` of the parameters of `service`, which several processes may share.

    It is replaced as a whole, by a file that is on the disk: a crash leaves the one or the other. Only this user can read it. What is there
    and no regular file is neither opened nor replaced.
    """

    log = Logger()

    def __init__(self, path: Path, service: str) -> None:
        self.path = path
        self._service = service
        self._seen: dict[str, Entry] = {}  # what the file had when it was read or written last

    def load(self) -> dict[str, Entry]:
        """Return what the file has. One that cannot be used is the same as none, but that is logged."""
        self._seen = self._read() or {}
        return self._seen.copy()

    def save(self, entries: Mapping[str, Entry], gone: Collection[str] = ()) -> None:
        """
        Write these entries into the file, beside what others have written; names that are `gone` leave it. What prevents that is logged.

        Cost: waits for the disk, and for who writes at the same time.
        """
        try:
            place = self._place()
            directory = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                _wait_for_turn(directory)
                merged = self._merged(entries, gone)
                _replace(place, msgspec.json.encode(_Content("deltamesh parameters 1", self._service, merged)))
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            self.log.error("the cache {path} cannot be written: {reason}", path=self.path, reason=error.strerror)
        else:
            self._seen = merged

    def _place(self) -> Path:
        """Return where the file is or will be, behind symbolic links."""
        place = Path(os.path.realpath(self.path))
        with suppress(FileNotFoundError):
            if not stat.S_ISREG(place.lstat().st_mode):
                raise OSError(errno.EINVAL, "it is not a regular file")
        return place

    def _read(self) -> dict[str, Entry] | None:
        """Return what the file has; None: there is none that can be used."""
        try:
            with self._place().open("rb") as file:
                text = file.read(MAX_SIZE + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._ignore(f"it cannot be read: {error.strerror}")
            return None
        if len(text) > MAX_SIZE:
            self._ignore(f"it has more than {MAX_SIZE} bytes")
            return None
        try:
            content = msgspec.json.decode(text, type=_Content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._ignore("it is damaged, or something else")
            return None
        if content.service != self._service:
            self._ignore(f"it is of {content.service!r:.100}")
            return None
        return content.parameters

    def _merged(self, entries: Mapping[str, Entry], gone: Collection[str]) -> dict[str, Entry]:
        """
        Return what the file is to have.

        Of an entry that one side has changed since this side saw the file, that one counts: numbers may go down, if a branch was set back.
        If both have, the higher number does.
        """
        theirs = self._read()
        if theirs is None:
            return dict(entries)
        merged: dict[str, Entry] = {}
        for name, entry in entries.items():
            seen, other = self._seen.get(name), theirs.get(name)
            if entry == seen:
                if other is not None:  # it is theirs to say; they may have removed it, too
                    merged[name] = other
            elif other is None or other == seen or entry.number >= other.number:
                merged[name] = entry
            else:
                merged[name] = other
        size = 0
        others = [(name, entry) for name, entry in theirs.items() if name not in entries and name not in gone]
        for name, entry in sorted(others, key=lambda other: -other[1].number)[:MAX_OTHERS]:
            size += len(name) + len(msgspec.json.encode(entry))
            if size > MAX_OTHERS_SIZE:
                break
            merged[name] = entry
        return merged

    def _ignore(self, reason: str) -> None:
        self.log.warn("the cache {path} is not used: {reason}", path=self.path, reason=reason)


def _wait_for_turn(directory: int) -> None:
    """Let no other process write a cache in this directory until it is closed; if one does not come to an end, go on beside it."""
    for _ in range(TURNS):
        try:
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(TURN)
        except OSError:  # this file system has no locks
            return
        else:
            return


def _replace(place: Path, content: bytes) -> None:
    descriptor, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)  # which only this user can read
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
