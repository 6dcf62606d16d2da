"""The autoscaler asks for a metric that there is, and has the number of followers for itself; KEDA would be asked the same."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy.cluster import Cluster
from tests.deploy.manifests import FOLDER, Object
from tests.deploy.node import SETTINGS
from tests.running_router import ROOT

GUIDE = (ROOT / "docs/deployment.md").read_text()


def test_the_number_of_followers_belongs_to_who_sets_it() -> None:
    assert Cluster("production").sets["follower"]["spec"]["replicas"] >= 2
    assert Cluster("production").all("HorizontalPodAutoscaler") == {}

    autoscaled = Cluster("autoscaled")
    (scaler,) = autoscaled.all("HorizontalPodAutoscaler").values()
    target = scaler["spec"]["scaleTargetRef"]

    assert target["name"] in autoscaled.all(target["kind"])
    assert "replicas" not in autoscaled.sets["follower"]["spec"]


def test_the_autoscaler_asks_for_a_metric_that_the_adapter_makes_of_what_the_router_tells() -> None:
    (scaler,) = Cluster("autoscaled").all("HorizontalPodAutoscaler").values()
    (metric,) = [each["external"]["metric"] for each in scaler["spec"]["metrics"]]
    (rule,) = yaml.safe_load((FOLDER / "autoscaling/adapter.yaml").read_text())["rules"]["external"]
    told = (ROOT / "docs/metrics.md").read_text()
    used = set(re.findall(r"deltamesh_router_(\w+)", rule["seriesQuery"] + rule["metricsQuery"]))

    assert metric["name"] == rule["name"]["as"]
    assert used == {"in_flight", "queue_waiting", "capacity"}
    assert [name for name in used if f"| `{name}` |" not in told] == []
    assert metric["selector"]["matchLabels"]["procedure"] in {each["uri"] for each in SETTINGS["calls"]}


def scaled_object() -> Object:
    """Return the object for KEDA that the guide shows."""
    (text,) = re.findall(r"```yaml\n(apiVersion: keda.*?)```", GUIDE, re.DOTALL)
    found: Object = yaml.safe_load(text)
    return found


def test_keda_asks_the_same_as_the_autoscaler() -> None:
    shown = scaled_object()["spec"]
    (scaler,) = Cluster("autoscaled").all("HorizontalPodAutoscaler").values()
    (metric,) = [each["external"] for each in scaler["spec"]["metrics"]]
    (rule,) = yaml.safe_load((FOLDER / "autoscaling/adapter.yaml").read_text())["rules"]["external"]
    (trigger,) = shown["triggers"]
    procedure = metric["metric"]["selector"]["matchLabels"]["procedure"]

    assert shown["scaleTargetRef"] == scaler["spec"]["scaleTargetRef"]
    assert (shown["minReplicaCount"], shown["maxReplicaCount"]) == (scaler["spec"]["minReplicas"], scaler["spec"]["maxReplicas"])
    assert trigger["metadata"]["query"] == rule["metricsQuery"].replace("<<.LabelMatchers>>", f'procedure="{procedure}"')
    assert f"{float(trigger['metadata']['threshold']) * 1000:.0f}m" == metric["target"]["value"]


def strict(schema: Any) -> Any:
    """Return a schema of a custom resource that also refuses words that it does not know."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inside = {name: strict(value) for name, value in schema.items()}
    is_closed = schema.get("type") == "object" and "x-kubernetes-preserve-unknown-fields" not in schema
    if is_closed and isinstance(schema.get("properties"), dict):
        inside.setdefault("additionalProperties", False)
    return inside


def test_the_object_for_keda_is_what_its_schema_says() -> None:
    modules = Path(os.environ.get("GOMODCACHE") or Path.home() / "go/pkg/mod")
    found = sorted(modules.glob("github.com/kedacore/keda/v2@*/config/crd/bases/keda.sh_scaledobjects.yaml"))
    if not found:
        pytest.skip("the schema of KEDA is not here: go mod download github.com/kedacore/keda/v2@latest")
    (version,) = yaml.safe_load(found[-1].read_text())["spec"]["versions"]
    schema = strict(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    jsonschema.validate(scaled_object(), schema)

    wrong = scaled_object()
    wrong["spec"]["maxReplicas"] = 3
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schema)
