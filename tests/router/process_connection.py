"""A WAMP connection in a process of its own, which can be killed."""

from __future__ import annotations

import itertools
import json
import queue
import subprocess
import sys
import threading
from typing import Any, Final

from tests.running_router import ROOT
from tests.wire_connection import CANCELLING, TIMEOUT, WELCOME, WireConnection

PROGRAM: Final = "tests.router.workers.wire"


class ProcessConnection(WireConnection):
    """Like a `WireConnection`, but the connection is that of another process, and `kill` ends this at once."""

    def __init__(self, address: str, *, realm: str = "realm1", roles: dict[str, Any] = CANCELLING) -> None:
        self._requests = itertools.count(1)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        command = [sys.executable, "-m", PROGRAM, address, realm, json.dumps(roles)]
        self._process = subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read_lines, daemon=True)
        self._reader.start()
        kind, self.session, self.welcome = self.receive()
        assert kind == WELCOME

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._lines.put(line)
        self._lines.put("")

    def send(self, message: list[Any]) -> None:
        self.send_all([message])

    def send_all(self, messages: list[list[Any]]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("".join([json.dumps(message) + "\n" for message in messages]))
        self._process.stdin.flush()

    def receive(self) -> list[Any]:
        line = self._lines.get(timeout=TIMEOUT)
        if not line:
            raise EOFError("the process has ended")
        return list(json.loads(line))

    def kill(self) -> None:
        """End the process by SIGKILL."""
        self._process.kill()
        self._process.wait(TIMEOUT)

    def close(self) -> None:
        self.kill()
        self._reader.join(TIMEOUT)
        assert self._process.stdin is not None
        self._process.stdin.close()
