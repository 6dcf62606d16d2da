"""
Many calls through workers that come, crash and go at random; what must hold is in `crowd.Crowd` and checked all the time.

DELTAMESH_CALLS says how many calls (5,000 if not given), DELTAMESH_SEED the seed. What came of it is printed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.router import crowd

pytestmark = [pytest.mark.mesh, pytest.mark.slow]

CALLS: Final = int(os.environ.get("DELTAMESH_CALLS", "5000"))
SEED: Final = int(os.environ.get("DELTAMESH_SEED", "1"))


def test_every_call_is_answered_once_whatever_becomes_of_the_workers(tmp_path: Path) -> None:
    sys.stdout.write(f"{CALLS} calls, seed {SEED}\n")
    report = crowd.run(CALLS, SEED, tmp_path)
    sys.stdout.write(f"{report}\n")

    assert report.num_calls == CALLS
    assert set(report.fates) == {"comes", "is killed", "leaves", "drains", "caller leaves"}
