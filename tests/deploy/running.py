"""Processes of a deployment, and the secrets that they are given."""

from __future__ import annotations

import os
import queue
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.cli.running_command import RunningCommand
from tests.running_router import ROOT

SERVICE = "com.example.hackernews"


class Running(RunningCommand):
    """Any command, with just the environment that is given; as another user if that is said."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: dict[str, str], user: int | None = None) -> None:
        self.lines = []
        self._new = queue.Queue()
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=env,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def printed(self) -> list[str]:
        """Return all that it has printed so far."""
        while not self._new.empty():
            line = self._new.get()
            if line is not None:
                self.lines.append(line)
        return self.lines


def make_secrets(folder: Path, *names: str) -> Path:
    """Let `deploy/make-secrets` fill `folder` and return it; `names` are more names of the router, as DNS:… or IP:…."""
    subprocess.run([ROOT / "deploy/make-secrets", *names], env={**os.environ, "SECRETS": str(folder)}, check=True, capture_output=True)
    return folder
