"""A disk that is full when a test wants it: a small file system in memory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Final, Self

SIZE: Final = 24 << 20
"""Bytes of the whole disk."""

_PIECE: Final = 64 * 1024


class SmallDisk:
    """
    A file system of `SIZE` bytes at `path`, in `with`.

    Raises:
        PermissionError: only root may mount one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def __enter__(self) -> Self:
        if os.getuid() != 0:
            raise PermissionError("a small disk is a tmpfs, which only root can mount: run this as root, for instance in a container")
        self.path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.path)], check=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)

    def fill(self) -> None:
        """Leave no space on it."""
        with self._ballast.open("ab", buffering=0) as file:
            piece = b"x" * _PIECE
            while piece:
                try:
                    written = file.write(piece)
                except OSError:
                    piece = piece[: len(piece) // 2]
                else:
                    if written < len(piece):
                        piece = piece[:written]

    def free(self) -> None:
        """Give the space back."""
        self._ballast.unlink(missing_ok=True)
