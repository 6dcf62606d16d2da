"""Tests that are coroutines run in the reactor, as those of the mesh do, with its fixtures."""

from __future__ import annotations

from tests.mesh.conftest import component, errors, faulty, inside, pytest_pyfunc_call

__all__ = ["component", "errors", "faulty", "inside", "pytest_pyfunc_call"]
