"""A line to PostgreSQL that can be cut at the worst moment: when the commit was sent and its answer has not come."""

from __future__ import annotations

import select
import socket
import threading
from pathlib import Path
from typing import Literal, Self


class Wire:
    """Passes on what comes to a Unix socket in `directory`, to the server's socket `target`. Use it as a context manager."""

    def __init__(self, directory: Path, target: Path) -> None:
        self.cut_at_commit: Literal["before the server", "after the server"] | None = None
        """Cut the next connection that commits, once: before the server has the commit, or after it has answered."""
        self.was_cut = threading.Event()
        self.lets_in = threading.Event()
        """Clear it, and new connections wait."""
        self.lets_in.set()
        self._target = str(target)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / target.name))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            thread = threading.Thread(target=self._pass_on, args=(client,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            self.lets_in.wait()
            server.connect(self._target)
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    other = server if ready is client else client
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    if ready is client and self.cut_at_commit is not None and b"COMMIT" in data:
                        place, self.cut_at_commit = self.cut_at_commit, None
                        if place == "after the server":
                            server.sendall(data)
                            assert b"COMMIT" in server.recv(1 << 16)
                        self.was_cut.set()
                        return
                    other.sendall(data)
