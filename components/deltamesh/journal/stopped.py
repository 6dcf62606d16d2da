"""
Ending a process that was stopped (SIGSTOP) in the middle of a commit to an SQLite file, and so holds its lock for ever.

Only for who takes the file over. A process that runs gets done with its commit, and is fenced; one that was killed holds no lock. Linux
tells who holds a lock in /proc/locks; elsewhere, and for a process of another container, nothing can be done here.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

WRITE_LOCK: Final = 120
"""The byte of the file NAME-shm that a writer locks (SQLite, "WAL-mode File Format", 2.3.1)."""


def end_stopped_writer(path: Path) -> list[int]:
    """Kill the processes that hold the write lock of the SQLite file `path` and are stopped, and return their numbers."""
    shared = path.with_name(f"{path.name}-shm")
    ended = []
    for process in set(_holders(shared)):
        try:
            handle = os.pidfd_open(process)  # from here on the number cannot become that of another process
        except ProcessLookupError:
            continue
        try:
            if process != os.getpid() and _is_stopped(process) and process in _holders(shared) and _has_open(process, shared):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                ended.append(process)
        except (ProcessLookupError, PermissionError):
            continue  # it has ended by itself, or is not ours
        finally:
            os.close(handle)
    return ended


def _holders(file: Path) -> Iterator[int]:
    """Yield the processes that hold the write lock."""
    try:
        inode = file.stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:  # nobody has the file open, or this is not Linux
        return
    for line in lines:  # 1: POSIX  ADVISORY  WRITE 4242 fe:00:1234567 120 120
        fields = line.split()
        if fields[1:2] != ["POSIX"] or fields[3] != "WRITE" or int(fields[5].rpartition(":")[2]) != inode:
            continue
        first, last = int(fields[6]), WRITE_LOCK if fields[7] == "EOF" else int(fields[7])
        if first <= WRITE_LOCK <= last and int(fields[4]) > 0:
            yield int(fields[4])


def _is_stopped(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _has_open(process: int, file: Path) -> bool:
    """Whether a process really has this file open: the number of an inode is unique in one file system only."""
    for each in Path(f"/proc/{process}/fd").iterdir():
        try:
            if each.samefile(file):
                return True
        except OSError:  # closed meanwhile, or no file
            continue
    return False
