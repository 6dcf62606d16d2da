"""
Each scenario, short: so that it does what it says, and what it looks for is not there.

The figures are those of `bench.show_parameters`, which runs them in full; here nothing is held to a time. Scenarios wait more than they
compute, so all of them run at the same time.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from tests.reliability.short import found_in, scenario

SHORT: Final[dict[str, tuple[str, ...]]] = {
    "outage": ("--rounds", "1", "--kinds", "thread", "node", "--together"),
    "commits": ("--rounds", "25", "--kinds", "twisted", "node"),
    "first": ("--clients", "20", "--within", "2"),
    "crowd": ("--rounds", "2", "--clients", "20", "--names", "30", "--of", "200"),
    "push": ("--rounds", "3", "--only", "webhook"),
}
"""The arguments, by scenario, in the order in which they run."""

pytestmark = [pytest.mark.mesh, pytest.mark.slow]


@pytest.fixture(scope="module")
def runs(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[subprocess.CompletedProcess[str]]]]:
    """The runs of the scenarios that are asked for."""
    here = [item for item in request.session.items if item.path == Path(__file__) and isinstance(item, pytest.Function)]
    asked = [item.callspec.params["name"] for item in here]
    with ThreadPoolExecutor(len(SHORT)) as pool:
        yield {name: pool.submit(scenario, f"tests.parameters.proof.{name}", *SHORT[name]) for name in SHORT if name in asked}
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.browser] if name == "push" else []) for name in SHORT])
def test_nothing_is_violated(name: str, runs: dict[str, Future[subprocess.CompletedProcess[str]]]) -> None:
    found_in(runs[name].result(), name)
