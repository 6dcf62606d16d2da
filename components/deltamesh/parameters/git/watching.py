"""
Hearing at once, from the kernel, that a branch of a repository on this machine may have moved: inotify on the files that say where it is.

A branch is one file in `refs/heads`, or a line of `packed-refs` after a clean-up; which one is followed may depend on `HEAD`. git replaces
each of them by renaming another one. What this misses, because a folder is just being made, or the system does not do it (other than
Linux, or a file system of another machine), is seen by looking now and then.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from twisted.logger import Logger

HEADS: Final = Path("refs", "heads")


class Where(NamedTuple):
    """Where something happens when a branch moves, or another one is followed."""

    folders: list[tuple[Path, int, int]]
    """Those that there are: path, device, inode."""
    names: frozenset[bytes]
    """What is made or replaced in them; folders as well, since one that is made for the branch has to be watched, too."""


def where(path: Path, branch: str | None) -> Where:
    """Return where the repository `path`, with a working tree or without, has its branch. It asks the disk, so it belongs into a thread."""
    parts = [] if branch is None else branch.split("/")
    names = frozenset(os.fsencode(each) for each in ("HEAD", "packed-refs", "refs", "heads", *parts))
    own = git_directory(path)
    if own is None:
        return Where([], names)
    shared = common_directory(own)
    heads = shared / HEADS
    folders = [own, shared, shared / "refs", heads, *[heads.joinpath(*parts[:number]) for number in range(1, len(parts))]]
    there = [(folder, found.st_dev, found.st_ino) for folder in dict.fromkeys(folders) if (found := _status(folder)) is not None]
    return Where(there, names)


class Watching:
    """Calls `moved()` when the branch may have moved. It does nothing before `arm`."""

    log = Logger()

    def __init__(self, moved: Callable[[], None], reactor: Any) -> None:
        self._moved = moved
        self._reactor = reactor
        self._notifier: Any = None
        self._armed = Where([], frozenset())
        self._is_possible = True

    @property
    def is_armed(self) -> bool:
        """Whether something is watched."""
        return self._notifier is not None

    def arm(self, there: Where) -> bool:
        """
        Watch there. Does nothing if that is watched already.

        Returns whether something is watched that was not before: what happened before that was not heard.
        """
        # it ends by itself when one of the folders is deleted, and a new folder may have the number of the old one
        has_ended = self._notifier is not None and not self._notifier.connected
        if (there == self._armed and not has_ended) or not self._is_possible:
            return False
        self.stop()
        self._armed = there
        if there.folders:
            self._watch([folder for folder, _, _ in there.folders])
        return self._notifier is not None

    def stop(self) -> None:
        """Watch nothing any more."""
        notifier, self._notifier = self._notifier, None
        self._armed = Where([], frozenset())
        if notifier is not None:
            notifier.loseConnection()

    def _watch(self, folders: list[Path]) -> None:
        try:
            # not at the top: it needs a system that has it
            from twisted.internet import inotify as module
            from twisted.python.filepath import FilePath
        except ImportError:
            self._is_possible = False
            self.log.info("this system does not tell when files change: looking now and then instead")
            return

        inotify: Any = module  # not annotated

        mask = inotify.IN_MOVED_TO | inotify.IN_CREATE | inotify.IN_DELETE | inotify.IN_CLOSE_WRITE | inotify.IN_MOVE_SELF
        try:
            notifier = inotify.INotify(self._reactor)
        except inotify.INotifyError as error:
            self._is_possible = False
            self.log.warn("the kernel does not tell of changes: {error}; looking now and then instead", error=error)
            return
        self._notifier = notifier
        notifier.startReading()
        for folder in folders:
            try:
                notifier.watch(FilePath(os.fsencode(folder)), mask, callbacks=[self._happened])
            except inotify.INotifyError as error:  # it has just gone, or there are as many watches as may be
                self.log.debug("{folder} is not watched: {error}", folder=folder, error=error)

    def _happened(self, _: object, path: Any, mask: int) -> None:
        """Something has happened; locks and objects are nobody's news."""
        if self._notifier is None:
            return
        if path.basename() in self._armed.names or path.path in [os.fsencode(folder) for folder, _, _ in self._armed.folders]:
            self._moved()


def git_directory(path: Path) -> Path | None:
    """Return the folder that git has for the repository `path`, None if there is none."""
    dot_git = path / ".git"
    try:
        if dot_git.is_file():  # a further working tree
            return (path / dot_git.read_text().strip().removeprefix("gitdir: ")).resolve()
        found = dot_git if dot_git.is_dir() else path
        return found.resolve() if (found / "HEAD").exists() else None
    except (OSError, UnicodeDecodeError):
        return None


def common_directory(own: Path) -> Path:
    """Return the folder that has the branches, which is another one for a further working tree."""
    try:
        return (own / (own / "commondir").read_text().strip()).resolve()
    except (OSError, UnicodeDecodeError):
        return own


def _status(folder: Path) -> os.stat_result | None:
    try:
        return folder.stat()
    except OSError:
        return None
