"""Scenarios that are run short, as commands, so that they do what they say, and what they look for is not there."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from tests.reliability.processes import environment
from tests.running_router import ROOT

LIMIT: Final = 150.0
"""How long a scenario may take [s]; most take some ten."""


def scenario(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one, and return when it has ended."""
    command = [sys.executable, "-m", module, "--seed", "1", "--untimed", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=LIMIT, check=False)


def found_in(done: subprocess.CompletedProcess[str], name: str) -> dict[str, Any]:
    """Return what the scenario `name` has found; nothing may have been violated."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(lines[-1])
    assert found["violations"] == [], done.stderr
    assert (done.returncode, found["scenario"], found["seed"], found["ok"]) == (0, name, 1, True)
    return found
