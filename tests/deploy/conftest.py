"""Fixtures of the tests of deployment."""

from __future__ import annotations

import pytest

from tests.deploy.cluster import Cluster
from tests.deploy.manifests import OVERLAYS


@pytest.fixture(params=OVERLAYS, scope="module")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    return Cluster(request.param)
