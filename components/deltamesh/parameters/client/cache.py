"""The file that keeps what was last known of parameters, so that a program starts with it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Literal

import msgspec
from twisted.logger import Logger

from deltamesh.parameters.client.news import Entry

MAX_SIZE: Final = 256 << 20
"""Bytes of a file that is read: more than 20,000 names with the largest values that people write."""


class _Content(msgspec.Struct, frozen=True):
    format: Literal["deltamesh parameters 1"]
    service: str
    parameters: dict[str, Entry]


class Cache:
    """
    The file `path` of the parameters of `service`.

    It is replaced as a whole, by a file that is on the disk: a crash leaves the one or the other. Only this user can read it.
    """

    log = Logger()

    def __init__(self, path: Path, service: str) -> None:
        self.path = path
        self._service = service

    def load(self) -> dict[str, Entry]:
        """Return what the file has. One that cannot be used is the same as none, but that is logged."""
        try:
            with self.path.open("rb") as file:
                text = file.read(MAX_SIZE + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            return self._ignored(f"it cannot be read: {error.strerror}")
        if len(text) > MAX_SIZE:
            return self._ignored(f"it has more than {MAX_SIZE} bytes")
        try:
            content = msgspec.json.decode(text, type=_Content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._ignored("it is damaged, or something else")
        if content.service != self._service:
            return self._ignored(f"it is of {content.service!r:.100}")
        return content.parameters

    def save(self, entries: Mapping[str, Entry]) -> None:
        """
        Write the file. What prevents that is logged.

        Cost: waits for the disk.
        """
        content = msgspec.json.encode(_Content("deltamesh parameters 1", self._service, dict(entries)))
        try:
            self._replace(content)
        except OSError as error:
            self.log.error("the cache {path} cannot be written: {reason}", path=self.path, reason=error.strerror)

    def _replace(self, content: bytes) -> None:
        directory = self.path.parent
        descriptor, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=directory)  # which only this user can read
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            with suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        place = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)

    def _ignored(self, reason: str) -> dict[str, Entry]:
        self.log.warn("the cache {path} is not used: {reason}", path=self.path, reason=reason)
        return {}
