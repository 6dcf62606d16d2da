"""Fixtures that more than one part of the tests uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.running_router import RunningRouter


@pytest.fixture(scope="session")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRouter]:
    """One real router for the whole run, as `python -m deltamesh_router` starts it. Do not stop it."""
    with RunningRouter(tmp_path_factory.mktemp("router")) as running:
        yield running
