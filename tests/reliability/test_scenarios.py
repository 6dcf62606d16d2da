"""
Each scenario, short: so that it does what it says, and what it looks for is not there.

The figures are those of `bench.show_reliability`, which runs them in full; here nothing is held to a time. Scenarios wait more than they
compute, so three of them run at a time.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from tests.journal.running_postgres import binaries
from tests.reliability.short import found_in, scenario

AT_A_TIME: Final = 3

SHORT: Final[dict[str, tuple[str, ...]]] = {
    "frozen": ("--rounds", "1", "--kinds", "leader"),
    "split_brain": ("--rounds", "1", "--kinds", "two-routers"),
    "year": ("--minutes", "0.15", "--every", "2"),
    "postgres": ("--rounds", "2"),
    "scale": ("--clients", "20", "--writers", "4"),
    "router": ("--rounds", "1"),
    "full_disk": ("--rounds", "2"),
    "leader": ("--rounds", "2"),
    "follower": ("--rounds", "2"),
    "verify": ("--rounds", "5"),
    "restart": ("--rounds", "1", "--entries", "20000"),
    "writes": ("--rounds", "1", "--seconds", "0.5"),
}
"""The arguments, by scenario, in the order in which they run."""

NEEDS_ROOT: Final = ("full_disk", "split_brain")

pytestmark = [pytest.mark.mesh, pytest.mark.slow]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """The runs of the scenarios that are asked for."""
    here = [item for item in request.session.items if item.path == Path(__file__) and isinstance(item, pytest.Function)]
    asked = [item.callspec.params["name"] for item in here]
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        yield {
            name: pool.submit(scenario, f"tests.reliability.{name}", *SHORT[name]) for name in SHORT if name in asked and not problem(name)
        }
        pool.shutdown(cancel_futures=True)


def problem(name: str) -> str:
    """Why a scenario cannot run here."""
    if name in NEEDS_ROOT and os.getuid() != 0:
        return "only root can mount a small disk, or make network namespaces"
    if name == "postgres" and binaries() is None:
        return "PostgreSQL is not installed"
    return ""


@pytest.mark.parametrize("name", SHORT)
def test_nothing_is_violated(name: str, runs: dict[str, Future[subprocess.CompletedProcess[str]]]) -> None:
    if reason := problem(name):
        pytest.skip(reason)
    found = found_in(runs[name].result(), name)
    if "acknowledged" in found:
        assert found["acknowledged"] > 0
