"""Fixtures of the tests of deployment."""

from __future__ import annotations

import pytest

from tests.deploy.cluster import Cluster
from tests.deploy.manifests import OVERLAYS, with_parameters

EXTENDED = ["production", "single-node"]
"""Overlays that parameters are added to."""


@pytest.fixture(params=[*OVERLAYS, *[f"{overlay} with parameters" for overlay in EXTENDED]], scope="module")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    overlay, separator, _ = request.param.partition(" with ")
    return Cluster(with_parameters(tmp_path_factory.mktemp("cluster"), overlay) if separator else overlay)
