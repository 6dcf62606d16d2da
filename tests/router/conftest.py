"""Imports Crossbar.io once, before the tests do, and without the warnings that its own imports give; and a realm in this process."""

from __future__ import annotations

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import deltamesh_router.personality  # noqa: F401

from tests.router.recorded_realm import RecordedClient, RecordedRealm


@pytest.fixture
def realm() -> RecordedRealm:
    return RecordedRealm()


@pytest.fixture
def caller(realm: RecordedRealm) -> RecordedClient:
    return realm.join()
