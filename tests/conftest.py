"""Fixtures that more than one part of the tests uses."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest

from tests.running_router import RunningRouter


@pytest.fixture(scope="session", autouse=True)
def recursion() -> None:
    """Components run with Python's own limit. Importing Crossbar.io, as some tests do, raises it until recursion ends the process."""
    sys.setrecursionlimit(1000)


@pytest.fixture(scope="session", autouse=True)
def hangup() -> None:
    """Programs inherit which signals are ignored: under nohup they would not hear the SIGHUP that tests send them."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    """One real router for the whole run, as `python -m deltamesh_router` starts it. Do not stop it."""
    with RunningRouter(tmp_path_factory.mktemp("router")) as running:
        yield running
