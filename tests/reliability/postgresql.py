"""A PostgreSQL server of one's own, in a directory of its own, from the programs that the system has installed."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
from pathlib import Path
from typing import Final, Literal

import psutil

from tests.journal.running_postgres import USER, binaries
from tests.reliability.processes import Program
from tests.running_router import free_port

Fault = Literal["fast", "immediate", "kill", "freeze"]

_SIGNALS: Final = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_READY: Final = "database system is ready to accept connections"
_USER: Final = USER if os.getuid() == 0 else None
"""The server refuses to run as root."""


class PostgreSQL(Program):
    """
    One server, at `address`. `start` it, and wait until it `is_ready`; it syncs every commit, as is the default.

    Raises:
        FileNotFoundError: PostgreSQL is not installed.
    """

    def __init__(self, directory: Path, address: str = "127.0.0.1") -> None:
        data = directory / "postgresql"
        data.mkdir(parents=True, mode=0o700)
        if _USER is not None:
            for each in (directory, *directory.parents):
                if each.stat().st_uid == 0 and each.stat().st_mode & 0o001 == 0:
                    each.chmod(each.stat().st_mode | 0o011)  # so that the server may pass
            os.chown(data, pwd.getpwnam(_USER).pw_uid, -1)
        subprocess.run(
            [_program("initdb"), "--pgdata", data, "--username", "deltamesh", "--auth", "trust", "--no-sync", "--encoding", "UTF8"],
            check=True, capture_output=True, user=_USER, cwd=data,
        )  # fmt: skip
        self.port = free_port()
        self.url = f"postgresql://deltamesh@{address}:{self.port}/postgres"
        if address != "127.0.0.1":
            with (data / "pg_hba.conf").open("a") as file:
                file.write(f"host all all {address}/24 trust\n")
        settings = {"port": self.port, "listen_addresses": address, "unix_socket_directories": "", "max_connections": 40}
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        super().__init__("postgresql", [_program("postgres"), "-D", data, *words], cwd=data, user=_USER)

    @property
    def is_ready(self) -> bool:
        """Whether it accepts connections."""
        assert self.is_running, "\n".join(self.lines)
        return self.said(_READY) is not None

    def fail(self, how: Fault) -> None:
        """
        Let it go away: stopped in order, stopped without order, killed, or frozen.

        `recover` brings it back.
        """
        if how == "freeze":
            self.freeze()
        elif how == "kill":
            for process in [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]:
                process.kill()
        else:
            os.kill(self.pid, _SIGNALS[how])

    def recover(self, how: Fault) -> None:
        """Undo `fail`; returns as soon as it has been told to."""
        if how == "freeze":
            self.thaw()
            return
        self.ended()
        self.start()


def _program(name: str) -> str:
    """Return the path of a program of PostgreSQL."""
    place = binaries()
    if place is None:
        raise FileNotFoundError("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    return str(place / name)
